// What a model ends in: cross-entropy of float logits, and means. Sums in float64 in ascending order, rounded once.
import { exp, log } from '../../../shared/arithmetic/polynomials.js';
import type { Tensor } from '../../../shared/objectives/engine.js';
import { checkTokens } from './products.js';
import { axis, fault, type ReferenceTensor, type Scope } from './tensors.js';

/** First axis of a result for logits [P|1, R, ...] and targets [P|1, R]; SC_INTERNAL where R differs. */
export function targetMembers(operation: string, logits: ReferenceTensor, targets: ReferenceTensor): number {
  if (axis(logits.shape, 1) !== axis(targets.shape, 1))
    throw fault(
      operation,
      `logits [${logits.shape.join(', ')}] and targets [${targets.shape.join(', ')}] differ in rows`,
    );
  return Math.max(axis(logits.shape, 0), axis(targets.shape, 0));
}

export function crossEntropy(
  scope: Scope,
  logits: Tensor,
  targets: Tensor,
): { readonly loss: ReferenceTensor; readonly correct: ReferenceTensor } {
  const scores = scope.operand('crossEntropy', logits, 'float32', 3);
  const labels = scope.operand('crossEntropy', targets, 'int32', 2);
  const members = targetMembers('crossEntropy', scores, labels);
  const [, rows = 1, classes = 1] = scores.shape;
  checkTokens('crossEntropy', labels.data, classes);
  const loss = new Float32Array(members * rows);
  const correct = new Float32Array(members * rows);
  for (let member = 0; member < members; member++) {
    const values = scores.of(member);
    labels.of(member).forEach((label, row) => {
      const from = row * classes;
      let best = 0;
      for (let c = 1; c < classes; c++)
        if ((values[from + c] as number) > (values[from + best] as number)) best = c;
      const greatest = values[from + best] as number;
      let total = 0;
      for (let c = 0; c < classes; c++) total += exp((values[from + c] as number) - greatest);
      loss[member * rows + row] = log(total) + (greatest - (values[from + label] as number));
      correct[member * rows + row] = best === label ? 1 : 0;
    });
  }
  return {
    loss: scope.make('crossEntropy', [members, rows], loss),
    correct: scope.make('crossEntropy', [members, rows], correct),
  };
}

export function mean(scope: Scope, x: Tensor): ReferenceTensor {
  const input = scope.operand('mean', x, 'float32', { from: 2 });
  const members = axis(input.shape, 0);
  const result = new Float32Array(members);
  for (let member = 0; member < members; member++) {
    const values = input.of(member);
    let sum = 0;
    for (const value of values) sum += value;
    result[member] = sum / values.length;
  }
  return scope.make('mean', [members], result);
}
