// What a model ends in: cross-entropy of float logits, and means.
import type { Tensor } from '../../../shared/objectives/engine.js';
import type { Tf, Value } from './device.js';
import { fault, list, type Scope, type TensorflowTensor, type TokenIndices } from './scope.js';

/** A reduction in two stages: the rounding of a long chain of float32 sums grows with its length. */
const STAGE = 256;

export function crossEntropy(
  scope: Scope,
  logits: Tensor,
  targets: Tensor,
): { readonly loss: TensorflowTensor; readonly correct: TensorflowTensor } {
  const scores = scope.operand('crossEntropy', logits, 'float32', 3);
  const [, rows = 1, classes = 1] = scores.shape;
  const labels = scope.indices('crossEntropy', targets, 2, classes);
  const members = targetMembers('crossEntropy', scores, labels);
  const { tf } = scope;
  const greatest = (): Value => tf.max(scores.value, 2, true);
  const loss = scope.make('crossEntropy', 'float32', [members, rows], () => {
    const top = greatest();
    const total = tf.sum(tf.exp(tf.sub(scores.value, top)), 2);
    const short = tf.sub(tf.reshape(top, [-1, rows]), picked(tf, scores, labels));
    return tf.add(tf.log(total), short);
  });
  const correct = scope.make('crossEntropy', 'float32', [members, rows], () => {
    // The first of the greatest: backends' argMax may give another on ties.
    const best = tf.equal(scores.value, greatest());
    const columns = tf.reshape(tf.range(0, classes, 1, 'float32'), [1, 1, classes]);
    const first = tf.min(tf.where(best, columns, tf.scalar(classes)), 2);
    const wanted = tf.tensor(Float32Array.from(labels.host), [labels.copies, rows], 'float32');
    return tf.cast(tf.equal(first, wanted), 'float32');
  });
  return { loss, correct };
}

/** First axis of a result for logits [P|1, R, ...] and targets [P|1, R]. */
export function targetMembers(operation: string, logits: TensorflowTensor, targets: TokenIndices): number {
  if (logits.shape[1] !== targets.shape[1])
    throw fault(operation, `logits ${list(logits.shape)} and targets ${list(targets.shape)} differ in rows`);
  return Math.max(logits.shape[0] ?? 1, targets.shape[0] ?? 1);
}

/** The targets' elements of the last axis of [copies, R, C], [max(copies, targets' copies), R]. */
export function picked(tf: Tf, { value, copies }: TensorflowTensor, targets: TokenIndices): Value {
  const [, rows = 1, classes = 1] = value.shape;
  const result = Math.max(copies, targets.copies);
  const places = new Int32Array(result * rows);
  for (let i = 0; i < places.length; i++) {
    const row = i % rows;
    const member = copies === 1 ? 0 : Math.floor(i / rows);
    const target = targets.host[targets.copies === 1 ? row : i] as number;
    places[i] = (member * rows + row) * classes + target;
  }
  const flat = tf.reshape(value, [copies * rows * classes]);
  return tf.reshape(tf.gather(flat, tf.tensor1d(places, 'int32')), [result, rows]);
}

export function mean(scope: Scope, x: Tensor): TensorflowTensor {
  const input = scope.operand('mean', x, 'float32', { from: 2 });
  const count = input.shape.slice(1).reduce((product, length) => product * length, 1);
  const { tf } = scope;
  return scope.make('mean', 'float32', [input.shape[0] ?? 1], () => {
    const flat = tf.reshape(input.value, [input.copies, count]);
    return tf.mul(sumOfRows(tf, flat), 1 / count);
  });
}

/** [copies, n] → [copies]. */
function sumOfRows(tf: Tf, x: Value): Value {
  const [copies = 1, count = 1] = x.shape;
  if (count <= STAGE) return tf.sum(x, 1);
  const stages = Math.ceil(count / STAGE);
  const padded = tf.pad(x, [
    [0, 0],
    [0, stages * STAGE - count],
  ]);
  return sumOfRows(tf, tf.reshape(tf.sum(tf.reshape(padded, [copies, stages, STAGE]), 2), [copies, stages]));
}
