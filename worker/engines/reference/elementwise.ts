// Activations, sums, products with vectors of weights, reshapes, and the normalisations over the last axis. Every element is
// computed in float64 and rounded once.
import { exp, sigmoid, tanh } from '../../../shared/arithmetic/polynomials.js';
import type { Activation, Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { ReferenceWeight } from './population.js';
import { axis, fault, type ReferenceTensor, type Scope, sizeOf } from './tensors.js';

const EPSILON = 1e-5;
const GELU = Math.sqrt(2 / Math.PI);

const ACTIVATIONS: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  tanh,
  sigmoid,
  silu: (x) => (x < -700 ? x * exp(x) : x * sigmoid(x)),
  gelu: (x) => (x / 2) * (1 + tanh(GELU * (x + 0.044715 * x * x * x))),
};

export function activation(scope: Scope, kind: Activation, x: Tensor): ReferenceTensor {
  const input = scope.operand('activation', x, 'float32', { from: 1 });
  const apply = ACTIVATIONS[kind] as ((x: number) => number) | undefined;
  if (apply === undefined) throw fault('activation', `there is no activation ${JSON.stringify(kind)}`);
  return scope.make('activation', input.shape, input.data.map(apply));
}

/** Element by element, where a first axis of 1 repeats. */
export function combine(scope: Scope, operation: 'add' | 'multiply', x: Tensor, y: Tensor): ReferenceTensor {
  const left = scope.operand(operation, x, 'float32', { from: 1 });
  const right = scope.operand(operation, y, 'float32', { from: 1 });
  const members = pairedMembers(operation, left, right);
  const size = sizeOf(left.shape.slice(1));
  const result = new Float32Array(members * size);
  for (let member = 0; member < members; member++) {
    const a = left.of(member);
    const b = right.of(member);
    for (let i = 0, at = member * size; i < size; i++, at++) {
      const [u, v] = [a[i] as number, b[i] as number];
      result[at] = operation === 'add' ? u + v : u * v;
    }
  }
  return scope.make(operation, [members, ...left.shape.slice(1)], result);
}

/** First axis of what two tensors give together; SC_INTERNAL where they differ otherwise. */
export function pairedMembers(operation: string, x: ReferenceTensor, y: ReferenceTensor): number {
  if (x.shape.length !== y.shape.length || x.shape.some((length, i) => i > 0 && length !== y.shape[i]))
    throw fault(operation, `shapes [${x.shape.join(', ')}] and [${y.shape.join(', ')}] differ`);
  return Math.max(axis(x.shape, 0), axis(y.shape, 0));
}

export function scaled(scope: Scope, x: Tensor, factor: number): ReferenceTensor {
  const input = scope.operand('scale', x, 'float32', { from: 1 });
  return scope.make(
    'scale',
    input.shape,
    input.data.map((value) => value * factor),
  );
}

export function reshape(scope: Scope, x: Tensor, shape: readonly number[]): ReferenceTensor {
  const input = scope.own('reshape', x);
  if (shape[0] !== input.shape[0])
    throw fault('reshape', `the first axis of [${input.shape.join(', ')}] must stay, not become ${shape[0]}`);
  return scope.make('reshape', shape, input.data);
}

export function combineWeight(
  scope: Scope,
  operation: 'addWeight' | 'multiplyWeight',
  x: Tensor,
  weight: Weight,
): ReferenceTensor {
  const input = scope.operand(operation, x, 'float32', 3);
  const vector = scope.weight(operation, weight, 'float32');
  const [, rows = 1, width = 1] = input.shape;
  const repeats = vector.shape.length === 1 ? 1 : vector.rows;
  if (vector.shape.length > 2 || vector.shape.at(-1) !== width || rows % repeats !== 0)
    throw fault(
      operation,
      `x [${input.shape.join(', ')}] does not fit weight ${vector.name} [${vector.shape.join(', ')}]`,
    );
  const size = rows * width;
  const result = new Float32Array(scope.members * size);
  for (let member = 0; member < scope.members; member++) {
    const values = input.of(member);
    const w = vector.formed(member);
    for (let i = 0, at = member * size; i < size; i++, at++) {
      const [u, v] = [values[i] as number, w[i % w.length] as number];
      result[at] = operation === 'addWeight' ? u + v : u * v;
    }
  }
  return scope.make(operation, [scope.members, rows, width], result);
}

export function layerNorm(
  scope: Scope,
  x: Tensor,
  gain: Weight | null,
  bias: Weight | null,
): ReferenceTensor {
  return normalize(scope, 'layerNorm', x, gain, bias, true);
}

export function rmsNorm(scope: Scope, x: Tensor, gain: Weight | null): ReferenceTensor {
  return normalize(scope, 'rmsNorm', x, gain, null, false);
}

function normalize(
  scope: Scope,
  operation: string,
  x: Tensor,
  gain: Weight | null,
  bias: Weight | null,
  centred: boolean,
): ReferenceTensor {
  const input = scope.operand(operation, x, 'float32', { from: 2 });
  const width = axis(input.shape, -1);
  const vector = (weight: Weight | null): ReferenceWeight | null =>
    weight === null ? null : scope.vector(operation, weight, 'float32', width);
  const [gains, biases] = [vector(gain), vector(bias)];
  const members = gains === null && biases === null ? axis(input.shape, 0) : scope.members;
  const size = sizeOf(input.shape.slice(1));
  const result = new Float32Array(members * size);
  for (let member = 0; member < members; member++) {
    const values = input.of(member);
    const g = gains?.formed(member);
    const b = biases?.formed(member);
    for (let from = 0; from < size; from += width) {
      let mean = 0;
      if (centred) {
        for (let j = 0; j < width; j++) mean += values[from + j] as number;
        mean /= width;
      }
      let square = 0;
      for (let j = 0; j < width; j++) {
        const deviation = (values[from + j] as number) - mean;
        square += deviation * deviation;
      }
      const inverse = 1 / Math.sqrt(square / width + EPSILON);
      for (let j = 0; j < width; j++) {
        const unit = ((values[from + j] as number) - mean) * inverse;
        result[member * size + from + j] = unit * (g?.[j] ?? 1) + (b?.[j] ?? 0);
      }
    }
  }
  return scope.make(operation, [members, ...input.shape.slice(1)], result);
}
