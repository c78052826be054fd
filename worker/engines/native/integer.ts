// The integer operations on the addon's kernels: the bits of the reference engine, whose checks of operands they share.
// Every function makes a tensor of the run's scope and touches nothing else.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import * as kernels from '../../native/integer.js';
import { pairedMembers } from '../reference/elementwise.js';
import { integerMatrix, refuseProduct } from '../reference/integers.js';
import { targetMembers } from '../reference/losses.js';
import type { ReferenceWeight } from '../reference/population.js';
import { checkTokens } from '../reference/products.js';
import { axis, fault, type ReferenceTensor, sizeOf } from '../reference/tensors.js';
import type { NativeRun } from './run.js';

const perMember = <D extends Int8Array | Int32Array>({
  data,
  shape,
}: ReferenceTensor<D>): kernels.PerMember<D> => ({ data, members: axis(shape, 0) });

/** One slab a member, repeated where all share one. */
function repeated(run: NativeRun, tensor: ReferenceTensor<Int8Array>, members: number): Int8Array {
  const { data } = tensor;
  if (axis(tensor.shape, 0) === members) return data;
  const all = run.buffers.int8(members * data.length);
  for (let member = 0; member < members; member++) all.set(data, member * data.length);
  return all;
}

export function integerEmbedding(run: NativeRun, tokens: Tensor, weight: Weight): ReferenceTensor {
  const operation = 'integerEmbedding';
  const { scope, native } = run;
  const indices = scope.operand(operation, tokens, 'int32', 2);
  const table = scope.weight(operation, weight, 'int8');
  refuseProduct(operation, table);
  checkTokens(operation, indices.data, table.rows);
  const { members } = scope;
  const count = axis(indices.shape, 1);
  const result = run.buffers.int8(members * count * table.columns);
  kernels.integerEmbedding(
    native,
    perMember(indices),
    members,
    count,
    [table.rows, table.columns],
    table.base as Int8Array,
    run.integerNoise(table),
    run.rows,
    result,
  );
  return scope.make(operation, [members, count, table.columns], result);
}

export function integerLinear(run: NativeRun, x: Tensor, weight: Weight, shift: number): ReferenceTensor {
  const operation = 'integerLinear';
  const { scope, native } = run;
  const input = scope.operand(operation, x, 'int8', 3);
  const matrix = integerMatrix(operation, scope.weight(operation, weight, 'int8'), shift);
  const [, count = 1, inner = 1] = input.shape;
  if (inner !== matrix.columns)
    throw fault(
      operation,
      `x [${input.shape.join(', ')}] does not fit weight ${matrix.name} [${matrix.shape.join(', ')}]`,
    );
  const { members } = scope;
  const result = run.buffers.int8(members * count * matrix.rows);
  kernels.integerLinear(
    native,
    perMember(input),
    members,
    count,
    inner,
    run.packedInt8(matrix),
    matrix.rows,
    shift,
    run.integerNoise(matrix),
    run.rows,
    result,
  );
  return scope.make(operation, [members, count, matrix.rows], result);
}

export function integerAdd(run: NativeRun, x: Tensor, y: Tensor): ReferenceTensor {
  const operation = 'integerAdd';
  const { scope, native } = run;
  const left = scope.operand(operation, x, 'int8', { from: 1 });
  const right = scope.operand(operation, y, 'int8', { from: 1 });
  const members = pairedMembers(operation, left, right);
  const shape = left.shape.slice(1);
  const result = run.buffers.int8(members * sizeOf(shape));
  kernels.integerAdd(native, perMember(left), perMember(right), members, sizeOf(shape), result);
  return scope.make(operation, [members, ...shape], result);
}

export function integerNorm(run: NativeRun, x: Tensor, gain: Weight): ReferenceTensor {
  const operation = 'integerNorm';
  const { scope, native } = run;
  const input = scope.operand(operation, x, 'int8', { from: 2 });
  const width = axis(input.shape, -1);
  const gains = run.integerVector(scope.vector(operation, gain, 'int8', width));
  const { members } = scope;
  const shape = input.shape.slice(1);
  const result = run.buffers.int8(members * sizeOf(shape));
  kernels.integerNorm(native, perMember(input), members, sizeOf(shape) / width, width, gains, result);
  return scope.make(operation, [members, ...shape], result);
}

export function integerGru(
  run: NativeRun,
  xf: Tensor,
  xh: Tensor,
  recurrent: { readonly uf: Weight; readonly bf: Weight; readonly uh: Weight; readonly bh: Weight },
  resets: Tensor,
  shift: number,
): ReferenceTensor {
  const operation = 'integerGru';
  const { scope, native } = run;
  const gates = scope.operand(operation, xf, 'int8', 4);
  const candidates = scope.operand(operation, xh, 'int8', 4);
  const starts = scope.operand(operation, resets, 'int32', 3);
  pairedMembers(operation, gates, candidates);
  const [, batch = 1, times = 1, width = 1] = gates.shape;
  if (axis(starts.shape, 1) !== batch || axis(starts.shape, 2) !== times)
    throw fault(operation, `resets [${starts.shape.join(', ')}] do not fit xf [${gates.shape.join(', ')}]`);
  const gate = (u: Weight, b: Weight): kernels.IntegerGate => {
    const own = squareMatrix(run, u, width, shift);
    const bias = run.integerVector(scope.vector(operation, b, 'int8', width));
    return { packed: run.packedInt8(own), bias, noise: run.integerNoise(own) };
  };
  const { members } = scope;
  const result = run.buffers.int8(members * batch * times * width);
  kernels.integerGru(
    native,
    repeated(run, gates, members),
    repeated(run, candidates, members),
    [members, batch, times, width],
    gate(recurrent.uf, recurrent.bf),
    gate(recurrent.uh, recurrent.bh),
    shift,
    perMember(starts),
    run.rows,
    result,
  );
  return scope.make(operation, [members, batch, times, width], result);
}

function squareMatrix(run: NativeRun, weight: Weight, width: number, shift: number): ReferenceWeight {
  const own = integerMatrix('integerGru', run.scope.weight('integerGru', weight, 'int8'), shift);
  if (own.shape.length !== 2 || own.rows !== width || own.columns !== width)
    throw fault(
      'integerGru',
      `weight ${own.name} has shape [${own.shape.join(', ')}], not [${width}, ${width}]`,
    );
  return own;
}

export function integerLogLikelihood(run: NativeRun, logits: Tensor, targets: Tensor): ReferenceTensor {
  const operation = 'integerLogLikelihood';
  const { scope, native } = run;
  const scores = scope.operand(operation, logits, 'int8', 3);
  const labels = scope.operand(operation, targets, 'int32', 2);
  const members = targetMembers(operation, scores, labels);
  const [, count = 1, classes = 1] = scores.shape;
  if (classes !== 256) throw fault(operation, `logits have ${classes} classes, not 256`);
  checkTokens(operation, labels.data, 256);
  const result = run.buffers.int32(members * count);
  kernels.integerLogLikelihood(
    native,
    repeated(run, scores, members),
    members,
    count,
    perMember(labels),
    result,
  );
  return scope.make(operation, [members, count], result);
}
