// A tensor as files hold it, and the conversions between number types that lose nothing unasked. Pure.

import type { Dtype, TensorArray } from '../objectives/types.js';

/** Values in C order (last axis fastest); shape [] is a single number. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly array: TensorArray;
}

/** Number of values of a shape; NaN when a dimension is no whole number from 0, or the product is not exact. */
export function sizeOf(shape: readonly unknown[]): number {
  let size = 1;
  for (const dimension of shape) {
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 0) return Number.NaN;
    size *= dimension;
  }
  return Number.isSafeInteger(size) ? size : Number.NaN;
}

export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

export function dtypeOf(array: TensorArray): Dtype {
  if (array instanceof Float32Array) return 'float32';
  return array instanceof Float64Array ? 'float64' : 'int8';
}

export function allocate(dtype: Dtype, size: number): TensorArray {
  if (dtype === 'float32') return new Float32Array(size);
  return dtype === 'float64' ? new Float64Array(size) : new Int8Array(size);
}

/** The value of IEEE 754 binary16 bits, exact. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** bfloat16 bits as float32 values: the upper half of a float32, exact. */
export function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}
