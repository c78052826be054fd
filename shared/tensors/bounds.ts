// Bounds of a tensor: the optimiser works on an unbounded value u, `evaluate` and `pull` see the bounded x. Canonical
// arithmetic: float64 in the order written, rounded once to the tensor's type, so every replica maps alike.
//
//   linear: x = low + (high − low)·½(1 + tanh u)
//   log:    x = exp(ln low + (ln high − ln low)·½(1 + tanh u))
//
// x never leaves [low, high], not even by rounding to float32.

import { exp, log, tanh } from '../arithmetic/polynomials.js';
import { SeedcastError } from '../errors.js';
import type { CompiledTensor, Dtype, TensorArray } from '../objectives/types.js';

/** Largest |u| that a bounded value becomes: tanh is 1 to within a float64's rounding from here on. */
export const SATURATION = 18;

interface Mapping {
  readonly log: boolean;
  /** Bounds in the domain that is spread evenly: the value or its logarithm. */
  readonly low: number;
  readonly high: number;
  /** First and last number of the tensor's type within the bounds. */
  readonly least: number;
  readonly most: number;
}

/**
 * Refuses bounds that cannot be mapped: not finite, low ≥ high, a range that overflows, log with low ≤ 0, int8, or bounds
 * with no two float32 numbers between them.
 * @throws SC_OBJECTIVE_OPTIONS naming the tensor.
 */
export function checkBounds(tensor: CompiledTensor): void {
  if (tensor.bounds !== null) mappingOf(tensor, tensor.bounds);
}

function mappingOf(
  { name, dtype }: CompiledTensor,
  { low, high, scale }: NonNullable<CompiledTensor['bounds']>,
): Mapping {
  const refuse = (reason: string): never => {
    throw new SeedcastError(
      'SC_OBJECTIVE_OPTIONS',
      `tensor ${name} has bounds low ${low}, high ${high}: ${reason}`,
    );
  };
  if (dtype === 'int8') refuse('an int8 tensor has none');
  if (!(low < high) || !Number.isFinite(high - low))
    refuse('low must be less than high, and both and their difference finite');
  if (scale === 'log' && !(low > 0)) refuse('scale log needs low above 0');
  const least = roundedWithin(low, dtype, 1);
  const most = roundedWithin(high, dtype, -1);
  if (!(least < most)) refuse(`no two numbers of ${dtype} lie between them`);
  const logarithmic = scale === 'log';
  return {
    log: logarithmic,
    low: logarithmic ? log(low) : low,
    high: logarithmic ? log(high) : high,
    least,
    most,
  };
}

/** The number of the type nearest to `bound` that is not beyond it; `inward` is 1 for a lower bound, −1 for an upper. */
function roundedWithin(bound: number, dtype: Dtype, inward: 1 | -1): number {
  if (dtype !== 'float32') return bound;
  const near = Math.fround(bound);
  if ((near - bound) * inward >= 0) return near;
  if (near === 0) return inward * 2 ** -149;
  // The bits of a float32 count its magnitude up in order.
  const bits = new Int32Array(Float32Array.of(near).buffer);
  bits[0] = (bits[0] ?? 0) + (near > 0 === inward > 0 ? 1 : -1);
  return new Float32Array(bits.buffer)[0] ?? near;
}

/** out = the bounded values of `unbounded`, a copy where the tensor has no bounds. The arrays may be one. */
export function applyBounds(tensor: CompiledTensor, unbounded: TensorArray, out: TensorArray): void {
  if (tensor.bounds === null) {
    if (out !== unbounded) out.set(unbounded);
    return;
  }
  const { log: logarithmic, low, high, least, most } = mappingOf(tensor, tensor.bounds);
  const range = high - low;
  for (let i = 0; i < unbounded.length; i++) {
    const even = low + range * (0.5 * (1 + tanh(unbounded[i] as number)));
    const x = logarithmic ? exp(even) : even;
    out[i] = x < least ? least : x > most ? most : x;
  }
}

/**
 * out = the unbounded values of `bounded`: u = ½ ln((x − low)/(high − x)), logarithms of all three on a log scale.
 * Values on or beyond a bound, where u would be infinite, become ±`limit`. The arrays may be one.
 * @param limit largest |u|, default SATURATION: the value stays what it was, but steps can hardly move it.
 */
export function removeBounds(
  tensor: CompiledTensor,
  bounded: TensorArray,
  out: TensorArray,
  limit: number = SATURATION,
): void {
  if (tensor.bounds === null) {
    if (out !== bounded) out.set(bounded);
    return;
  }
  const { log: logarithmic, low, high } = mappingOf(tensor, tensor.bounds);
  for (let i = 0; i < bounded.length; i++) {
    const x = bounded[i] as number;
    const even = logarithmic ? (x > 0 ? log(x) : -Infinity) : x;
    const u = even <= low ? -limit : even >= high ? limit : 0.5 * log((even - low) / (high - even));
    out[i] = u < -limit ? -limit : u > limit ? limit : u;
  }
}
