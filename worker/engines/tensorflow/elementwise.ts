// Activations, sums, products with vectors of weights, and the normalisations over the last axis.
import type { Activation, Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { Tf, Value } from './device.js';
import { inBlocks, slice } from './products.js';
import { fault, list, type Scope, type TensorflowTensor } from './scope.js';

const EPSILON = 1e-5;
const GELU = Math.sqrt(2 / Math.PI);
/** tanh is ±1 in float32 from here on; devices may divide overflowing exponentials. */
const TANH_END = 15;

export function tanh(tf: Tf, x: Value): Value {
  return tf.tanh(tf.clipByValue(x, -TANH_END, TANH_END));
}

const ACTIVATIONS: Readonly<Record<Activation, (tf: Tf, x: Value) => Value>> = {
  relu: (tf, x) => tf.relu(x),
  tanh,
  sigmoid: (tf, x) => tf.sigmoid(x),
  silu: (tf, x) => tf.mul(x, tf.sigmoid(x)),
  gelu: (tf, x) => {
    const cube = tf.mul(tf.mul(x, x), tf.mul(x, 0.044715));
    return tf.mul(tf.mul(x, 0.5), tf.add(tanh(tf, tf.mul(tf.add(x, cube), GELU)), 1));
  },
};

export function activation(scope: Scope, kind: Activation, x: Tensor): TensorflowTensor {
  const input = scope.operand('activation', x, 'float32', { from: 1 });
  const apply = ACTIVATIONS[kind] as ((tf: Tf, x: Value) => Value) | undefined;
  if (apply === undefined) throw fault('activation', `there is no activation ${JSON.stringify(kind)}`);
  return scope.make('activation', 'float32', input.shape, () => apply(scope.tf, input.value));
}

/** Element by element, where a first axis of 1 repeats. */
export function combine(scope: Scope, operation: 'add' | 'multiply', x: Tensor, y: Tensor): TensorflowTensor {
  const left = scope.operand(operation, x, 'float32', { from: 1 });
  const right = scope.operand(operation, y, 'float32', { from: 1 });
  const members = pairedMembers(operation, left, right);
  const { tf } = scope;
  return scope.make(operation, 'float32', [members, ...left.shape.slice(1)], () =>
    operation === 'add' ? tf.add(left.value, right.value) : tf.mul(left.value, right.value),
  );
}

/** First axis of what two tensors give together; SC_INTERNAL where they differ otherwise. */
export function pairedMembers(operation: string, ...tensors: readonly TensorflowTensor[]): number {
  const [first] = tensors;
  for (const { shape } of tensors)
    if (shape.length !== first?.shape.length || shape.some((length, i) => i > 0 && length !== first.shape[i]))
      throw fault(operation, `shapes ${tensors.map((tensor) => list(tensor.shape)).join(' and ')} differ`);
  return Math.max(...tensors.map(({ shape }) => shape[0] ?? 1));
}

export function scaled(scope: Scope, x: Tensor, factor: number): TensorflowTensor {
  const input = scope.operand('scale', x, 'float32', { from: 1 });
  return scope.make('scale', 'float32', input.shape, () => scope.tf.mul(input.value, factor));
}

export function reshape(scope: Scope, x: Tensor, shape: readonly number[]): TensorflowTensor {
  const input = scope.own('reshape', x);
  if (shape[0] !== input.shape[0])
    throw fault('reshape', `the first axis of ${list(input.shape)} must stay, not become ${shape[0]}`);
  const size = (axes: readonly number[]): number => axes.reduce((product, length) => product * length, 1);
  if (size(shape) !== size(input.shape) || !shape.every((length) => Number.isInteger(length) && length > 0))
    throw fault('reshape', `${list(input.shape)} has other elements than ${list(shape)}`);
  return scope.reshaped('reshape', input, shape);
}

export function combineWeight(
  scope: Scope,
  operation: 'addWeight' | 'multiplyWeight',
  x: Tensor,
  weight: Weight,
): TensorflowTensor {
  const input = scope.operand(operation, x, 'float32', 3);
  const own = scope.weight(operation, weight, 'float32');
  const [, rows = 1, width = 1] = input.shape;
  const repeats = own.shape.length === 1 ? 1 : own.rows;
  if (own.shape.length > 2 || own.shape.at(-1) !== width || rows % repeats !== 0)
    throw fault(operation, `x ${list(input.shape)} does not fit weight ${own.name} ${list(own.shape)}`);
  const { tf, members } = scope;
  return scope.make(operation, 'float32', [members, rows, width], () =>
    inBlocks(scope, own.perturbation.kind === 'none' ? 0 : 4 * own.size, (from, to) => {
      const values = slice(tf, input.value, from, to);
      const [copies = 1] = values.shape;
      const split = tf.reshape(values, [copies, rows / repeats, repeats, width]);
      const formed = tf.reshape(own.view(from, to).formed(), [-1, 1, repeats, width]);
      const result = operation === 'addWeight' ? tf.add(split, formed) : tf.mul(split, formed);
      return tf.reshape(result, [-1, rows, width]);
    }),
  );
}

export function layerNorm(
  scope: Scope,
  x: Tensor,
  gain: Weight | null,
  bias: Weight | null,
): TensorflowTensor {
  return normalize(scope, 'layerNorm', x, gain, bias, true);
}

export function rmsNorm(scope: Scope, x: Tensor, gain: Weight | null): TensorflowTensor {
  return normalize(scope, 'rmsNorm', x, gain, null, false);
}

function normalize(
  scope: Scope,
  operation: string,
  x: Tensor,
  gain: Weight | null,
  bias: Weight | null,
  centred: boolean,
): TensorflowTensor {
  const input = scope.operand(operation, x, 'float32', { from: 2 });
  const width = input.shape.at(-1) ?? 1;
  const vector = (weight: Weight | null): Value | null => {
    if (weight === null) return null;
    const formed = scope.vector(operation, weight, 'float32', width).view().formed();
    return scope.tf.reshape(formed, [-1, ...input.shape.slice(1, -1).map(() => 1), width]);
  };
  const members = gain === null && bias === null ? (input.shape[0] ?? 1) : scope.members;
  const { tf } = scope;
  return scope.make(operation, 'float32', [members, ...input.shape.slice(1)], () => {
    const values = input.value;
    const deviations = centred ? tf.sub(values, tf.mean(values, -1, true)) : values;
    const square = tf.mean(tf.mul(deviations, deviations), -1, true);
    const unit = tf.div(deviations, tf.sqrt(tf.add(square, EPSILON)));
    const gains = vector(gain);
    const biases = vector(bias);
    const stretched = gains === null ? unit : tf.mul(unit, gains);
    return biases === null ? stretched : tf.add(stretched, biases);
  });
}
