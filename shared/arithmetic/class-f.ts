// Class F arithmetic: float64 reductions in one fixed order, so that every replica rounds alike whatever its threads or
// vector width. Pure functions over Float64Array; no libm.
//
// The order, for n elements x_0..x_{n−1}: blocks of 1,024; in a block, lane l of 8 starts at +0 and adds x_i for
// i ≡ l (mod 8) in ascending order; the block's sum is ((l0+l4) + (l2+l6)) + ((l1+l5) + (l3+l7)); block sums are added in
// ascending order to a total that starts at +0. A last, shorter block leaves lanes short and keeps the tree.
import { SeedcastError } from '../errors.js';

const BLOCK = 1024;

/** Σ a_i·b_i in the canonical order, each product rounded before it is added. Both arrays have one length. */
export function canonicalDot(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) {
    throw new SeedcastError('SC_INTERNAL', `canonicalDot: lengths ${a.length} and ${b.length} differ`);
  }
  let total = 0;
  for (let from = 0; from < a.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, a.length);
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0,
      s4 = 0,
      s5 = 0,
      s6 = 0,
      s7 = 0;
    let i = from;
    for (; i + 8 <= to; i += 8) {
      s0 += (a[i] as number) * (b[i] as number);
      s1 += (a[i + 1] as number) * (b[i + 1] as number);
      s2 += (a[i + 2] as number) * (b[i + 2] as number);
      s3 += (a[i + 3] as number) * (b[i + 3] as number);
      s4 += (a[i + 4] as number) * (b[i + 4] as number);
      s5 += (a[i + 5] as number) * (b[i + 5] as number);
      s6 += (a[i + 6] as number) * (b[i + 6] as number);
      s7 += (a[i + 7] as number) * (b[i + 7] as number);
    }
    if (i < to) s0 += (a[i] as number) * (b[i] as number);
    if (i + 1 < to) s1 += (a[i + 1] as number) * (b[i + 1] as number);
    if (i + 2 < to) s2 += (a[i + 2] as number) * (b[i + 2] as number);
    if (i + 3 < to) s3 += (a[i + 3] as number) * (b[i + 3] as number);
    if (i + 4 < to) s4 += (a[i + 4] as number) * (b[i + 4] as number);
    if (i + 5 < to) s5 += (a[i + 5] as number) * (b[i + 5] as number);
    if (i + 6 < to) s6 += (a[i + 6] as number) * (b[i + 6] as number);
    total += s0 + s4 + (s2 + s6) + (s1 + s5 + (s3 + s7));
  }
  return total;
}

/** √(Σ a_i²), the sum in the canonical order. Overflows to Infinity above about 1e154. */
export function canonicalNorm(a: Float64Array): number {
  return Math.sqrt(canonicalDot(a, a));
}

/** Σ a_i in the canonical order. */
export function canonicalSum(a: Float64Array): number {
  let total = 0;
  for (let from = 0; from < a.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, a.length);
    const lanes: [number, number, number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = from; i < to; i++) {
      const lane = (i & 7) as 0;
      lanes[lane] += a[i] as number;
    }
    const [s0, s1, s2, s3, s4, s5, s6, s7] = lanes;
    total += s0 + s4 + (s2 + s6) + (s1 + s5 + (s3 + s7));
  }
  return total;
}

/** −1 below zero, +1 otherwise: sign(±0) = +1. NaN is refused with SC_EVALUATION. */
export function sign(x: number): 1 | -1 {
  if (x !== x) throw new SeedcastError('SC_EVALUATION', 'the sign of NaN was asked for');
  return x < 0 ? -1 : 1;
}

/** Index of the smallest value, the lowest on ties (−0 ties with 0). Empty or with a NaN: SC_EVALUATION. */
export function argMin(values: ArrayLike<number>): number {
  return extreme(values, 1);
}

/** Index of the largest value, the lowest on ties. Empty or with a NaN: SC_EVALUATION. */
export function argMax(values: ArrayLike<number>): number {
  return extreme(values, -1);
}

function extreme(values: ArrayLike<number>, direction: 1 | -1): number {
  if (values.length === 0) throw new SeedcastError('SC_EVALUATION', 'the extreme of no values was asked for');
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const value = direction * (values[i] as number);
    if (value !== value) throw new SeedcastError('SC_EVALUATION', `value ${i} of ${values.length} is NaN`);
    if (value < direction * (values[best] as number)) best = i;
  }
  return best;
}
