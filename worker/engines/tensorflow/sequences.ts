// What runs over time: the gated recurrent unit, one step of tensor operations after another, and scaled dot-product attention.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { Value } from './device.js';
import { pairedMembers, tanh } from './elementwise.js';
import { broadcast, inBlocks, product, slice } from './products.js';
import { fault, list, type Scope, type TensorflowTensor } from './scope.js';

export function gru(
  scope: Scope,
  projections: Tensor,
  recurrent: Weight,
  bias: Weight | null,
): TensorflowTensor {
  const input = scope.operand('gru', projections, 'float32', 4);
  const matrix = scope.weight('gru', recurrent, 'float32');
  const [, batch = 1, times = 1, gates = 1] = input.shape;
  const width = matrix.columns;
  if (matrix.shape.length !== 2 || matrix.rows !== 3 * width || gates !== 3 * width)
    throw fault(
      'gru',
      `projections ${list(input.shape)} need a recurrent weight [3 H, H] with 3 H = ${gates}; ${matrix.name} is ${list(matrix.shape)}`,
    );
  const added = bias === null ? null : scope.vector('gru', bias, 'float32', 3 * width);
  const { tf } = scope;
  const recurrence = (from: number, to: number): Value => {
    const view = matrix.view(from, to);
    const vector = added?.view(from, to) ?? null;
    // Asked for here, so that they outlive the `tidy` of a step.
    view.factors();
    if (matrix.formedBytes() > 0) view.formed();
    vector?.formed();
    const x = slice(tf, input.value, from, to);
    const [copies = 1] = x.shape;
    const at = (t: number): Value =>
      tf.reshape(tf.slice(x, [0, 0, t, 0], [copies, batch, 1, gates]), [copies, batch, 3, width]);
    let h: Value = tf.zeros([1, batch, width]);
    const states: Value[] = [];
    for (let t = 0; t < times; t++) {
      const previous = h;
      h = tf.tidy(() => {
        const inner = product(tf, previous, view, vector);
        const [r, z, n] = [0, 1, 2].map((gate) => [
          gateOf(tf, at(t), gate),
          gateOf(tf, tf.reshape(inner, [-1, batch, 3, width]), gate),
        ]) as [[Value, Value], [Value, Value], [Value, Value]];
        const reset = tf.sigmoid(tf.add(...r));
        const update = tf.sigmoid(tf.add(...z));
        const candidate = tanh(tf, tf.add(n[0], tf.mul(reset, n[1])));
        return tf.add(tf.mul(tf.sub(1, update), candidate), tf.mul(update, previous));
      });
      states.push(h);
    }
    return tf.stack(states, 2);
  };
  return scope.make('gru', 'float32', [scope.members, batch, times, width], () =>
    inBlocks(scope, matrix.formedBytes(), recurrence),
  );
}

/** [copies, B, H] of [copies, B, 3, H]. */
function gateOf(tf: Scope['tf'], x: Value, gate: number): Value {
  const [copies = 1, batch = 1, , width = 1] = x.shape;
  return tf.reshape(tf.slice(x, [0, 0, gate, 0], [copies, batch, 1, width]), [copies, batch, width]);
}

export function attention(
  scope: Scope,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, causal }: { readonly heads: number; readonly causal: boolean },
): TensorflowTensor {
  const queries = scope.operand('attention', q, 'float32', 4);
  const keys = scope.operand('attention', k, 'float32', 4);
  const values = scope.operand('attention', v, 'float32', 4);
  const members = pairedMembers('attention', queries, keys, values);
  const [, batch = 1, times = 1, width = 1] = queries.shape;
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0)
    throw fault('attention', `a width of ${width} is not divisible by ${heads} heads`);
  const depth = width / heads;
  const { tf } = scope;
  const copies = Math.max(queries.copies, keys.copies, values.copies);
  const split = ({ value }: TensorflowTensor): Value => {
    const all = tf.reshape(broadcast(tf, value, copies), [copies * batch, times, heads, depth]);
    return tf.reshape(tf.transpose(all, [0, 2, 1, 3]), [copies * batch * heads, times, depth]);
  };
  return scope.make('attention', 'float32', [members, batch, times, width], () => {
    const scores = tf.mul(tf.matMul(split(queries), split(keys), false, true), 1 / Math.sqrt(depth));
    const seen = causal ? tf.add(scores, later(tf, times)) : scores;
    const result = tf.matMul(tf.softmax(seen), split(values));
    const joined = tf.transpose(tf.reshape(result, [copies * batch, heads, times, depth]), [0, 2, 1, 3]);
    return tf.reshape(joined, [copies, batch, times, width]);
  });
}

/** Added to scores: far below any of them where the position is later, so that its exponential is 0. */
function later(tf: Scope['tf'], times: number): Value {
  const mask = new Float32Array(times * times);
  for (let t = 0; t < times; t++) mask.fill(-1e30, t * times + t + 1, (t + 1) * times);
  return tf.tensor(mask, [1, times, times], 'float32');
}
