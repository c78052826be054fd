// The float operations on the addon's kernels; checks of operands are the reference engine's. One float32 chain an element in a
// fixed order, so results depend on neither SIMD level, threads nor the other members of a call. Every function makes a
// tensor of the run's scope and touches nothing else.
import type { Activation, Tensor, Weight } from '../../../shared/objectives/engine.js';
import { PURPOSE } from '../../../shared/random/purposes.js';
import * as kernels from '../../native/elementwise.js';
import { denseLinear, linear as plainLinear, perturbedLinear } from '../../native/linear.js';
import { pairedMembers } from '../reference/elementwise.js';
import { convolution, pooling } from '../reference/images.js';
import { targetMembers } from '../reference/losses.js';
import type { ReferenceWeight } from '../reference/population.js';
import { checkTokens, embedding as formedEmbedding } from '../reference/products.js';
import { attentionOperands, gruOperands } from '../reference/sequences.js';
import { axis, fault, type ReferenceTensor, sizeOf } from '../reference/tensors.js';
import type { NativeRun } from './run.js';

/** Elements of image windows held at one time: members are convolved in groups of this size. */
const WINDOW_ELEMENTS = 4_000_000;
const EPSILON = 1e-5;

const slabs = ({ data, shape }: ReferenceTensor<Float32Array>): kernels.Slabs => ({
  data,
  members: axis(shape, 0),
});

/** Members [first, first + count) of a call, for products in groups. */
interface Group {
  readonly first: number;
  readonly count: number;
}

/** y [count, rows, W rows] = x Wᵀ + b for a group of members; x [xMembers, rows, W columns], xMembers 1 or the group's count. */
function product(
  run: NativeRun,
  x: Float32Array,
  xMembers: number,
  rows: number,
  weight: ReferenceWeight,
  bias: ReferenceWeight | null,
  { first, count }: Group,
  y: Float32Array,
): void {
  const { native } = run;
  const packed = run.packedFloat(weight);
  const call = { x, xMembers, members: count, rows, y };
  const offset = bias === null ? null : (bias.base as Float32Array);
  const biasNoise = bias?.perturbation.kind === 'full' && run.perturbed ? bias.perturbation : null;
  const direction = run.places.subarray(first, first + count);
  const sign = run.rows.signs.subarray(first, first + count);
  const { perturbation } = weight;
  if (!run.perturbed || (perturbation.kind === 'none' && biasNoise === null)) {
    plainLinear(native, call, packed, offset);
    return;
  }
  const e = biasNoise === null ? null : run.factors(biasNoise.a, weight.rows, biasNoise.noise);
  const biasScale = biasNoise?.scale ?? 0;
  if (perturbation.kind === 'full') {
    // Noise of the bias by member, since whole noise is made a member at a time.
    const own = e === null ? null : run.buffers.int8(count * weight.rows);
    if (e !== null && own !== null)
      direction.forEach((place, member) => {
        own.set(e.subarray(place * weight.rows, (place + 1) * weight.rows), member * weight.rows);
      });
    const { key, noiseStep: step } = run.source;
    const members = {
      key,
      purpose: PURPOSE.perturbation,
      tensor: perturbation.a,
      step,
      noise: perturbation.noise,
      direction: direction.map((place) => run.directions[place] ?? 0),
      sign,
      scale: perturbation.scale,
      biasNoise: own,
      biasScale,
    };
    denseLinear(native, call, packed, members, offset);
    return;
  }
  const low = perturbation.kind === 'low-rank' ? perturbation : { rank: 0, scale: 0, a: 0, b: 0 };
  const members = {
    direction,
    sign,
    directions: run.directions.length,
    rank: low.rank,
    scale: low.scale,
    a: low.rank === 0 ? NO_NOISE : run.factors(low.a, low.rank * weight.rows),
    b: low.rank === 0 ? NO_NOISE : run.factors(low.b, low.rank * weight.columns),
    biasNoise: e,
    biasScale,
  };
  perturbedLinear(native, call, packed, members, offset);
}
const NO_NOISE = new Int8Array();

export function linear(run: NativeRun, x: Tensor, weight: Weight, bias: Weight | null): ReferenceTensor {
  const { scope } = run;
  const input = scope.operand('linear', x, 'float32', 3);
  const matrix = scope.weight('linear', weight, 'float32');
  const rows = axis(input.shape, 1);
  if (axis(input.shape, 2) !== matrix.columns)
    throw fault(
      'linear',
      `x [${input.shape.join(', ')}] does not fit weight ${matrix.name} [${matrix.shape.join(', ')}]`,
    );
  const added = bias === null ? null : scope.vector('linear', bias, 'float32', matrix.rows);
  const { members } = scope;
  const result = run.buffers.float32(members * rows * matrix.rows);
  product(run, input.data, axis(input.shape, 0), rows, matrix, added, { first: 0, count: members }, result);
  return scope.make('linear', [members, rows, matrix.rows], result);
}

export function embedding(run: NativeRun, tokens: Tensor, weight: Weight): ReferenceTensor {
  const { scope } = run;
  const indices = scope.operand('embedding', tokens, 'int32', 2);
  const table = scope.weight('embedding', weight, 'float32');
  const { rows, columns, perturbation } = table;
  if (perturbation.kind === 'full') return formedEmbedding(scope, tokens, weight);
  checkTokens('embedding', indices.data, rows);
  const { members } = scope;
  const count = axis(indices.shape, 1);
  const result = run.buffers.float32(members * count * columns);
  const low =
    perturbation.kind === 'low-rank' && run.perturbed ? perturbation : { rank: 0, scale: 0, a: 0, b: 0 };
  kernels.embedding(
    run.native,
    indices.data,
    axis(indices.shape, 0),
    count,
    table.base as Float32Array,
    [rows, columns],
    {
      direction: run.places,
      sign: run.rows.signs,
      directions: run.directions.length,
      rank: low.rank,
      scale: low.scale,
      a: low.rank === 0 ? NO_NOISE : run.factors(low.a, low.rank * rows),
      b: low.rank === 0 ? NO_NOISE : run.factors(low.b, low.rank * columns),
    },
    result,
  );
  return scope.make('embedding', [members, count, columns], result);
}

export function combineWeight(
  run: NativeRun,
  operation: 'addWeight' | 'multiplyWeight',
  x: Tensor,
  weight: Weight,
): ReferenceTensor {
  const { scope } = run;
  const input = scope.operand(operation, x, 'float32', 3);
  const vector = scope.weight(operation, weight, 'float32');
  const [, rows = 1, width = 1] = input.shape;
  const repeats = vector.shape.length === 1 ? 1 : vector.rows;
  if (vector.shape.length > 2 || vector.shape.at(-1) !== width || rows % repeats !== 0)
    throw fault(
      operation,
      `x [${input.shape.join(', ')}] does not fit weight ${vector.name} [${vector.shape.join(', ')}]`,
    );
  const { members } = scope;
  const result = run.buffers.float32(members * rows * width);
  const kind = operation === 'addWeight' ? 'add' : 'multiply';
  const formed = { ...run.formed(vector), rows: repeats };
  kernels.combine(run.native, kind, [members, rows, width], slabs(input), formed, result);
  return scope.make(operation, [members, rows, width], result);
}

export function conv2d(
  run: NativeRun,
  x: Tensor,
  weight: Weight,
  bias: Weight | null,
  options: { readonly stride: number; readonly padding: 'same' | 'valid' },
): ReferenceTensor {
  const { scope, native } = run;
  const { input, kernel, added, windows } = convolution(scope, x, weight, bias, options);
  const { members } = scope;
  const rows = windows.images * windows.outHeight * windows.outWidth;
  const result = run.buffers.float32(members * rows * kernel.rows);
  const patch = rows * kernel.columns;
  if (input.shared) {
    const columns = run.buffers.float32(patch);
    kernels.windows(native, input.data, windows, columns);
    product(run, columns, 1, rows, kernel, added, { first: 0, count: members }, result);
  } else {
    const most = Math.min(members, Math.max(1, Math.floor(WINDOW_ELEMENTS / patch)));
    const columns = run.buffers.float32(most * patch);
    const size = input.data.length / members;
    const outs = rows * kernel.rows;
    for (let first = 0; first < members; first += most) {
      const count = Math.min(most, members - first);
      const own = input.data.subarray(first * size, (first + count) * size);
      kernels.windows(native, own, { ...windows, images: count * windows.images }, columns);
      const part = result.subarray(first * outs, (first + count) * outs);
      product(run, columns, count, rows, kernel, added, { first, count }, part);
    }
  }
  return scope.make(
    'conv2d',
    [members, windows.images, windows.outHeight, windows.outWidth, kernel.rows],
    result,
  );
}

export function maxPool2d(
  run: NativeRun,
  x: Tensor,
  options: { readonly size: number; readonly stride: number },
): ReferenceTensor {
  const { scope } = run;
  const { input, windows } = pooling(scope, x, options);
  const { outHeight, outWidth, channels } = windows;
  const [first = 1, images = 1] = input.shape;
  const result = run.buffers.float32(windows.images * outHeight * outWidth * channels);
  kernels.maxPool(run.native, input.data, windows, result);
  return scope.make('maxPool2d', [first, images, outHeight, outWidth, channels], result);
}

export function activation(run: NativeRun, kind: Activation, x: Tensor): ReferenceTensor {
  const input = run.scope.operand('activation', x, 'float32', { from: 1 });
  if (!(kernels.ACTIVATIONS as readonly string[]).includes(kind) || (kind as string) === 'exp')
    throw fault('activation', `there is no activation ${JSON.stringify(kind)}`);
  const result = run.buffers.float32(input.data.length);
  kernels.activation(run.native, kind, input.data, result);
  return run.scope.make('activation', input.shape, result);
}

export function combine(
  run: NativeRun,
  operation: 'add' | 'multiply',
  x: Tensor,
  y: Tensor,
): ReferenceTensor {
  const { scope } = run;
  const left = scope.operand(operation, x, 'float32', { from: 1 });
  const right = scope.operand(operation, y, 'float32', { from: 1 });
  const members = pairedMembers(operation, left, right);
  const shape = left.shape.slice(1);
  const size = sizeOf(shape);
  const result = run.buffers.float32(members * size);
  const sizes = [members, 1, size] as const;
  kernels.combine(run.native, operation, sizes, slabs(left), { ...slabs(right), rows: 1 }, result);
  return scope.make(operation, [members, ...shape], result);
}

export function scaled(run: NativeRun, x: Tensor, factor: number): ReferenceTensor {
  const input = run.scope.operand('scale', x, 'float32', { from: 1 });
  const result = run.buffers.float32(input.data.length);
  kernels.scale(run.native, input.data, factor, result);
  return run.scope.make('scale', input.shape, result);
}

export function normalise(
  run: NativeRun,
  operation: 'layerNorm' | 'rmsNorm',
  x: Tensor,
  gain: Weight | null,
  bias: Weight | null,
): ReferenceTensor {
  const { scope } = run;
  const input = scope.operand(operation, x, 'float32', { from: 2 });
  const width = axis(input.shape, -1);
  const vector = (weight: Weight | null): kernels.Slabs | null =>
    weight === null ? null : run.formed(scope.vector(operation, weight, 'float32', width));
  const [gains, biases] = [vector(gain), vector(bias)];
  const copies = axis(input.shape, 0);
  const members = gains === null && biases === null ? copies : scope.members;
  const shape = input.shape.slice(1);
  const size = sizeOf(shape);
  const result = run.buffers.float32(members * size);
  const centred = operation === 'layerNorm';
  const options = { centred, epsilon: EPSILON, gain: gains, bias: biases };
  const data = copies === members ? input.data : run.repeated(input, members);
  kernels.normalise(run.native, [members, size / width, width], data, options, result);
  return scope.make(operation, [members, ...shape], result);
}

export function gru(
  run: NativeRun,
  projections: Tensor,
  recurrent: Weight,
  bias: Weight | null,
): ReferenceTensor {
  const { scope, native } = run;
  const { input, matrix, added, batch, times, width } = gruOperands(scope, projections, recurrent, bias);
  const { members } = scope;
  const rows = members * batch;
  const result = run.buffers.float32(rows * times * width);
  const h = run.buffers.float32(rows * width).fill(0);
  const u = run.buffers.float32(rows * 3 * width);
  for (let t = 0; t < times; t++) {
    product(run, h, members, batch, matrix, added, { first: 0, count: members }, u);
    const xRows = axis(input.shape, 0) * batch;
    kernels.gruStep(native, input.data, xRows, [rows, times, width], t, u, h, result);
  }
  return scope.make('gru', [members, batch, times, width], result);
}

export function attention(
  run: NativeRun,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: { readonly heads: number; readonly causal: boolean },
): ReferenceTensor {
  const { scope } = run;
  const { operands, members, batch, times, width } = attentionOperands(scope, q, k, v, options.heads);
  const [queries, keys, values] = operands.map((x) =>
    axis(x.shape, 0) === members ? x.data : run.repeated(x, members),
  ) as [Float32Array, Float32Array, Float32Array];
  const result = run.buffers.float32(members * batch * times * width);
  const sizes = [members * batch, times, width] as const;
  kernels.attention(run.native, queries, keys, values, sizes, options, result);
  return scope.make('attention', [members, batch, times, width], result);
}

export function crossEntropy(
  run: NativeRun,
  logits: Tensor,
  targets: Tensor,
): { readonly loss: ReferenceTensor; readonly correct: ReferenceTensor } {
  const operation = 'crossEntropy';
  const { scope } = run;
  const scores = scope.operand(operation, logits, 'float32', 3);
  const labels = scope.operand(operation, targets, 'int32', 2);
  const members = targetMembers(operation, scores, labels);
  const [copies = 1, rows = 1, classes = 1] = scores.shape;
  checkTokens(operation, labels.data, classes);
  const data = copies === members ? scores.data : run.repeated(scores, members);
  const loss = run.buffers.float32(members * rows);
  const correct = run.buffers.float32(members * rows);
  kernels.crossEntropy(run.native, data, [members * rows, classes], labels.data, loss, correct);
  return {
    loss: scope.make(operation, [members, rows], loss),
    correct: scope.make(operation, [members, rows], correct),
  };
}

export function mean(run: NativeRun, x: Tensor): ReferenceTensor {
  const input = run.scope.operand('mean', x, 'float32', { from: 2 });
  const members = axis(input.shape, 0);
  const result = run.buffers.float32(members);
  kernels.mean(run.native, input.data, members, input.data.length / members, result);
  return run.scope.make('mean', [members], result);
}
