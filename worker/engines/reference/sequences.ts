// What runs over time: the gated recurrent unit and scaled dot-product attention, both over [P, B, T, ...].
import { exp, sigmoid, tanh } from '../../../shared/arithmetic/polynomials.js';
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { ReferenceWeight } from './population.js';
import { finish, product } from './products.js';
import { axis, fault, type ReferenceTensor, type Scope } from './tensors.js';

/** Checked operands of `gru`: `input` [P|1, batch, times, 3 width], `matrix` [3 width, width]. */
export function gruOperands(
  scope: Scope,
  projections: Tensor,
  recurrent: Weight,
  bias: Weight | null,
): {
  readonly input: ReferenceTensor<Float32Array>;
  readonly matrix: ReferenceWeight;
  readonly added: ReferenceWeight | null;
  readonly batch: number;
  readonly times: number;
  readonly width: number;
} {
  const input = scope.operand('gru', projections, 'float32', 4);
  const matrix = scope.weight('gru', recurrent, 'float32');
  const [, batch = 1, times = 1, gates = 1] = input.shape;
  const width = matrix.columns;
  if (matrix.shape.length !== 2 || matrix.rows !== 3 * width || gates !== 3 * width)
    throw fault(
      'gru',
      `projections [${input.shape.join(', ')}] need a recurrent weight [3 H, H] with 3 H = ${gates}; ${matrix.name} is [${matrix.shape.join(', ')}]`,
    );
  const added = bias === null ? null : scope.vector('gru', bias, 'float32', 3 * width);
  return { input, matrix, added, batch, times, width };
}

export function gru(
  scope: Scope,
  projections: Tensor,
  recurrent: Weight,
  bias: Weight | null,
): ReferenceTensor {
  const { input, matrix, added, batch, times, width } = gruOperands(scope, projections, recurrent, bias);
  const result = new Float32Array(scope.members * batch * times * width);
  const inner = new Float32Array(batch * 3 * width);
  for (let member = 0; member < scope.members; member++) {
    const x = input.of(member);
    const factors = matrix.factors(member);
    const u = factors === null ? matrix.formed(member) : (matrix.base as Float32Array);
    const c = added?.formed(member) ?? null;
    const h = new Float32Array(batch * width);
    for (let t = 0; t < times; t++) {
      finish(product(h, batch, width, u, 3 * width), h, batch, width, factors, c, inner);
      for (let b = 0; b < batch; b++) {
        const from = (b * times + t) * 3 * width;
        const at = ((member * batch + b) * times + t) * width;
        for (let j = 0; j < width; j++) {
          const gate = (index: number): number => x[from + index * width + j] as number;
          const state = (index: number): number => inner[(b * 3 + index) * width + j] as number;
          const r = sigmoid(gate(0) + state(0));
          const z = sigmoid(gate(1) + state(1));
          const n = tanh(gate(2) + r * state(2));
          const next = Math.fround((1 - z) * n + z * (h[b * width + j] as number));
          h[b * width + j] = next;
          result[at + j] = next;
        }
      }
    }
  }
  return scope.make('gru', [scope.members, batch, times, width], result);
}

/** Checked operands of `attention`, q, k and v, with the first axis of the result. */
export function attentionOperands(
  scope: Scope,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  heads: number,
): {
  readonly operands: readonly [
    ReferenceTensor<Float32Array>,
    ReferenceTensor<Float32Array>,
    ReferenceTensor<Float32Array>,
  ];
  readonly members: number;
  readonly batch: number;
  readonly times: number;
  readonly width: number;
} {
  const [queries, keys, values] = [q, k, v].map((x) => scope.operand('attention', x, 'float32', 4)) as [
    ReferenceTensor<Float32Array>,
    ReferenceTensor<Float32Array>,
    ReferenceTensor<Float32Array>,
  ];
  const [, batch = 1, times = 1, width = 1] = queries.shape;
  for (const { shape } of [keys, values])
    if (shape.some((length, i) => i > 0 && length !== queries.shape[i]))
      throw fault('attention', `shapes [${queries.shape.join(', ')}] and [${shape.join(', ')}] differ`);
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0)
    throw fault('attention', `a width of ${width} is not divisible by ${heads} heads`);
  const members = Math.max(...[queries, keys, values].map(({ shape }) => axis(shape, 0)));
  return { operands: [queries, keys, values], members, batch, times, width };
}

export function attention(
  scope: Scope,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, causal }: { readonly heads: number; readonly causal: boolean },
): ReferenceTensor {
  const { operands, members, batch, times, width } = attentionOperands(scope, q, k, v, heads);
  const [queries, keys, values] = operands;
  const depth = width / heads;
  const size = batch * times * width;
  const result = new Float32Array(members * size);
  const weights = new Float64Array(times);
  const sum = new Float64Array(depth);
  for (let member = 0; member < members; member++) {
    const [mq, mk, mv] = [queries.of(member), keys.of(member), values.of(member)];
    for (let b = 0; b < batch; b++)
      for (let head = 0; head < heads; head++) {
        const place = (t: number): number => (b * times + t) * width + head * depth;
        for (let t = 0; t < times; t++) {
          const seen = causal ? t + 1 : times;
          let greatest = -Infinity;
          for (let s = 0; s < seen; s++) {
            let score = 0;
            for (let j = 0; j < depth; j++)
              score += (mq[place(t) + j] as number) * (mk[place(s) + j] as number);
            weights[s] = score / Math.sqrt(depth);
            greatest = Math.max(greatest, weights[s] as number);
          }
          let total = 0;
          sum.fill(0);
          for (let s = 0; s < seen; s++) {
            const weight = exp((weights[s] as number) - greatest);
            total += weight;
            for (let j = 0; j < depth; j++)
              sum[j] = (sum[j] as number) + weight * (mv[place(s) + j] as number);
          }
          for (let j = 0; j < depth; j++) result[member * size + place(t) + j] = (sum[j] as number) / total;
        }
      }
  }
  return scope.make('attention', [members, batch, times, width], result);
}
