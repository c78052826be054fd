// Convolution and pooling over [P, N, H, W, C]. A convolution is the product of patches with the weight as a matrix
// [out, kh·kw·C], so it shares the rounding and the low-rank term of `linear`.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { ReferenceWeight } from './population.js';
import { populationProduct } from './products.js';
import { axis, fault, type ReferenceTensor, type Scope } from './tensors.js';

interface Window {
  /** Output length, and zeros before the first element. */
  readonly length: number;
  readonly before: number;
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
    return { length: Math.floor((length - size) / stride) + 1, before: 0 };
  }
  const out = Math.ceil(length / stride);
  return { length: out, before: Math.floor(Math.max(0, (out - 1) * stride + size - length) / 2) };
}

/** How windows lie over images [images, height, width, channels]; `top` and `left` are zeros before the first element. */
export interface Windows {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly top: number;
  readonly left: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** Checked operands of `conv2d`. */
export function convolution(
  scope: Scope,
  x: Tensor,
  weight: Weight,
  bias: Weight | null,
  { stride, padding }: { readonly stride: number; readonly padding: 'same' | 'valid' },
): {
  readonly input: ReferenceTensor<Float32Array>;
  readonly kernel: ReferenceWeight;
  readonly added: ReferenceWeight | null;
  readonly windows: Windows;
} {
  const input = scope.operand('conv2d', x, 'float32', 5);
  const kernel = scope.weight('conv2d', weight, 'float32');
  const [, images = 1, height = 1, width = 1, channels = 1] = input.shape;
  const [outs = 1, kernelHeight = 1, kernelWidth = 1, depth = 1] = kernel.shape;
  if (kernel.shape.length !== 4 || depth !== channels)
    throw fault(
      'conv2d',
      `x [${input.shape.join(', ')}] does not fit weight ${kernel.name} [${kernel.shape.join(', ')}]`,
    );
  const added = bias === null ? null : scope.vector('conv2d', bias, 'float32', outs);
  const vertical = window('conv2d', height, kernelHeight, stride, padding);
  const horizontal = window('conv2d', width, kernelWidth, stride, padding);
  const windows = {
    images,
    height,
    width,
    channels,
    kernelHeight,
    kernelWidth,
    stride,
    top: vertical.before,
    left: horizontal.before,
    outHeight: vertical.length,
    outWidth: horizontal.length,
  };
  return { input, kernel, added, windows };
}

export function conv2d(
  scope: Scope,
  x: Tensor,
  weight: Weight,
  bias: Weight | null,
  options: { readonly stride: number; readonly padding: 'same' | 'valid' },
): ReferenceTensor {
  const { input, kernel, added, windows } = convolution(scope, x, weight, bias, options);
  const { images, height, width, channels, kernelHeight, kernelWidth, stride } = windows;
  const vertical = { length: windows.outHeight, before: windows.top };
  const horizontal = { length: windows.outWidth, before: windows.left };
  const rows = images * vertical.length * horizontal.length;
  const size = kernelHeight * kernelWidth * channels;
  const outs = kernel.rows;

  const patchesOf = (values: Float32Array): Float32Array => {
    const patches = new Float32Array(rows * size);
    let at = 0;
    for (let image = 0; image < images; image++)
      for (let top = 0; top < vertical.length; top++)
        for (let left = 0; left < horizontal.length; left++)
          for (let i = 0; i < kernelHeight; i++)
            for (let j = 0; j < kernelWidth; j++, at += channels) {
              const y = top * stride + i - vertical.before;
              const z = left * stride + j - horizontal.before;
              if (y < 0 || y >= height || z < 0 || z >= width) continue;
              const from = ((image * height + y) * width + z) * channels;
              for (let c = 0; c < channels; c++) patches[at + c] = values[from + c] as number;
            }
    return patches;
  };
  const common = input.shared ? patchesOf(input.of(0)) : null;
  const result = populationProduct(
    scope,
    (member) => common ?? patchesOf(input.of(member)),
    input.shared,
    rows,
    kernel,
    added,
  );
  return scope.make('conv2d', [scope.members, images, vertical.length, horizontal.length, outs], result);
}

/** Checked operands of `maxPool2d`; members and images are one axis of the windows. */
export function pooling(
  scope: Scope,
  x: Tensor,
  { size, stride }: { readonly size: number; readonly stride: number },
): { readonly input: ReferenceTensor<Float32Array>; readonly windows: Windows } {
  const input = scope.operand('maxPool2d', x, 'float32', 5);
  const [first = 1, images = 1, height = 1, width = 1, channels = 1] = input.shape;
  const outHeight = window('maxPool2d', height, size, stride, 'valid').length;
  const outWidth = window('maxPool2d', width, size, stride, 'valid').length;
  const kernel = { kernelHeight: size, kernelWidth: size, stride, top: 0, left: 0 };
  return {
    input,
    windows: { images: first * images, height, width, channels, ...kernel, outHeight, outWidth },
  };
}

export function maxPool2d(
  scope: Scope,
  x: Tensor,
  { size, stride }: { readonly size: number; readonly stride: number },
): ReferenceTensor {
  const { input, windows } = pooling(scope, x, { size, stride });
  const [first = 1, images = 1, height = 1, width = 1, channels = 1] = input.shape;
  const { outHeight: down, outWidth: across } = windows;
  const result = new Float32Array(first * images * down * across * channels);
  let at = 0;
  for (let image = 0; image < first * images; image++)
    for (let top = 0; top < down; top++)
      for (let left = 0; left < across; left++)
        for (let c = 0; c < channels; c++, at++) {
          let best = -Infinity;
          for (let i = 0; i < size; i++)
            for (let j = 0; j < size; j++) {
              const from = ((image * height + top * stride + i) * width + left * stride + j) * channels + c;
              best = Math.max(best, input.data[from] as number);
            }
          result[at] = best;
        }
  return scope.make('maxPool2d', [axis(input.shape, 0), images, down, across, channels], result);
}
