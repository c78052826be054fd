// Convolution and pooling over [P, N, H, W, C]. A convolution is the product of patches with the weight as a matrix
// [out, kh·kw·C], so its low-rank term is that of `linear`; patches of members with images of their own go in blocks.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { Tf, Value } from './device.js';
import { inBlocks, product, slice } from './products.js';
import { fault, list, type Scope, type TensorflowTensor } from './scope.js';

interface Window {
  /** Output length, and zeros before and after. */
  readonly length: number;
  readonly before: number;
  readonly after: number;
}

function window(
  operation: string,
  length: number,
  size: number,
  stride: number,
  padding: 'same' | 'valid',
): Window {
  if (!Number.isInteger(stride) || stride < 1 || !Number.isInteger(size) || size < 1)
    throw fault(operation, `size ${size} and stride ${stride} must be positive integers`);
  if (padding === 'valid') {
    if (size > length) throw fault(operation, `a window of ${size} does not fit into ${length}`);
    return { length: Math.floor((length - size) / stride) + 1, before: 0, after: 0 };
  }
  const out = Math.ceil(length / stride);
  const zeros = Math.max(0, (out - 1) * stride + size - length);
  const before = Math.floor(zeros / 2);
  return { length: out, before, after: zeros - before };
}

export function conv2d(
  scope: Scope,
  x: Tensor,
  weight: Weight,
  bias: Weight | null,
  { stride, padding }: { readonly stride: number; readonly padding: 'same' | 'valid' },
): TensorflowTensor {
  const input = scope.operand('conv2d', x, 'float32', 5);
  const kernel = scope.weight('conv2d', weight, 'float32');
  const [, images = 1, height = 1, width = 1, channels = 1] = input.shape;
  const [outs = 1, kernelHeight = 1, kernelWidth = 1, depth = 1] = kernel.shape;
  if (kernel.shape.length !== 4 || depth !== channels)
    throw fault('conv2d', `x ${list(input.shape)} does not fit weight ${kernel.name} ${list(kernel.shape)}`);
  const added = bias === null ? null : scope.vector('conv2d', bias, 'float32', outs);
  const vertical = window('conv2d', height, kernelHeight, stride, padding);
  const horizontal = window('conv2d', width, kernelWidth, stride, padding);
  const rows = images * vertical.length * horizontal.length;
  const { tf, members } = scope;

  const patches = (values: Value): Value =>
    patchesOf(tf, values, kernelHeight, kernelWidth, stride, vertical, horizontal);
  return scope.make('conv2d', 'float32', [members, images, vertical.length, horizontal.length, outs], () => {
    const common = input.copies === 1 ? patches(input.value) : null;
    const bytes = kernel.formedBytes() + (common === null ? 4 * rows * kernel.columns : 0);
    const result = inBlocks(scope, bytes, (from, to) =>
      product(
        tf,
        common ?? patches(slice(tf, input.value, from, to)),
        kernel.view(from, to),
        added?.view(from, to) ?? null,
      ),
    );
    return tf.reshape(result, [-1, images, vertical.length, horizontal.length, outs]);
  });
}

/** [copies, N·H'·W', kh·kw·C]: what stands under the kernel at each place. */
function patchesOf(
  tf: Tf,
  x: Value,
  kernelHeight: number,
  kernelWidth: number,
  stride: number,
  vertical: Window,
  horizontal: Window,
): Value {
  const [copies = 1, images = 1, height = 1, width = 1, channels = 1] = x.shape;
  const all = copies * images;
  const padded = tf.pad(tf.reshape(x, [all, height, width, channels]), [
    [0, 0],
    [vertical.before, vertical.after],
    [horizontal.before, horizontal.after],
    [0, 0],
  ]);
  const parts: Value[] = [];
  for (let i = 0; i < kernelHeight; i++)
    for (let j = 0; j < kernelWidth; j++) {
      const down = (vertical.length - 1) * stride + 1;
      const across = (horizontal.length - 1) * stride + 1;
      const part =
        stride === 1
          ? tf.slice(padded, [0, i, j, 0], [all, down, across, channels])
          : tf.stridedSlice(
              padded,
              [0, i, j, 0],
              [all, i + down, j + across, channels],
              [1, stride, stride, 1],
            );
      parts.push(tf.reshape(part, [all * vertical.length * horizontal.length, channels]));
    }
  const [only] = parts;
  const joined = parts.length === 1 && only !== undefined ? only : tf.concat(parts, 1);
  return tf.reshape(joined, [
    copies,
    images * vertical.length * horizontal.length,
    kernelHeight * kernelWidth * channels,
  ]);
}

export function maxPool2d(
  scope: Scope,
  x: Tensor,
  { size, stride }: { readonly size: number; readonly stride: number },
): TensorflowTensor {
  const input = scope.operand('maxPool2d', x, 'float32', 5);
  const [first = 1, images = 1, height = 1, width = 1, channels = 1] = input.shape;
  const down = window('maxPool2d', height, size, stride, 'valid').length;
  const across = window('maxPool2d', width, size, stride, 'valid').length;
  const { tf } = scope;
  return scope.make('maxPool2d', 'float32', [first, images, down, across, channels], () => {
    const flat = tf.reshape(input.value, [input.copies * images, height, width, channels]) as Parameters<
      typeof tf.maxPool
    >[0];
    return tf.reshape(tf.maxPool(flat, size, stride, 'valid'), [
      input.copies,
      images,
      down,
      across,
      channels,
    ]);
  });
}
