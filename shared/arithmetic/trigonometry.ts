// cos and sin for replica code, as polynomials.ts does exp and log: a written order of exactly rounded operations and no
// libm. Arguments below about 1.6 million are reduced in three parts of π/2; larger ones by whole numbers, exactly.
import { exponentOf } from './float-bits.js';

// π/2 in parts of 33 bits, so that n times a part is exact for |n| < 2^20, and what is left.
export const HALF_PI_1 = 1.57079632673412561417;
export const HALF_PI_2 = 6.0771005063039659766e-11;
export const HALF_PI_3 = 2.0222662487111664558e-21;
export const HALF_PI_REST = 8.47842766036889956997e-32;
const TWO_OVER_PI = 0.6366197723675814;
const DIRECT_LIMIT = 1e6;

// (−1)^n/(2n+1)! from n = 1 and (−1)^n/(2n)! from n = 2.
const [S1, S2, S3, S4, S5, S6, S7, S8] = inverseFactorials(3) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
const [C1, C2, C3, C4, C5, C6, C7, C8] = inverseFactorials(4) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

function inverseFactorials(from: number): number[] {
  const inverse: number[] = [];
  let factorial = 1;
  for (let n = 2; n <= from; n++) factorial *= n;
  let sign = from === 3 ? -1 : 1;
  for (let n = from; inverse.length < 8; n += 2) {
    inverse.push(sign / factorial);
    factorial *= (n + 1) * (n + 2);
    sign = -sign;
  }
  return inverse;
}

/** cos x; NaN for ±∞; even exactly; at most 1 ulp. */
export function cos(x: number): number {
  if (x !== x || x === Infinity || x === -Infinity) return NaN;
  reduce(x < 0 ? -x : x);
  const { quadrant, high, low } = reduced;
  if (quadrant === 0) return cosKernel(high, low);
  if (quadrant === 1) return -sinKernel(high, low);
  if (quadrant === 2) return -cosKernel(high, low);
  return sinKernel(high, low);
}

/** sin x; sin(±0) = ±0, NaN for ±∞; odd exactly; at most 1 ulp. */
export function sin(x: number): number {
  if (x === 0) return x;
  if (x !== x || x === Infinity || x === -Infinity) return NaN;
  reduce(x < 0 ? -x : x);
  const { quadrant, high, low } = reduced;
  let y: number;
  if (quadrant === 0) y = sinKernel(high, low);
  else if (quadrant === 1) y = cosKernel(high, low);
  else if (quadrant === 2) y = -sinKernel(high, low);
  else y = -cosKernel(high, low);
  return x < 0 ? -y : y;
}

/** sin(high + low), |high| ≤ π/4. */
function sinKernel(high: number, low: number): number {
  const z = high * high;
  let p = S7 + z * S8;
  p = S6 + z * p;
  p = S5 + z * p;
  p = S4 + z * p;
  p = S3 + z * p;
  p = S2 + z * p;
  // The first-order effect of `low` is cos(high)·low; 1 − z/2 is cosine enough for it.
  return high + (high * z * (S1 + z * p) + (low - 0.5 * z * low));
}

/** cos(high + low), |high| ≤ π/4: 1 − z/2 kept as a rounded part and its error. */
function cosKernel(high: number, low: number): number {
  const z = high * high;
  let p = C7 + z * C8;
  p = C6 + z * p;
  p = C5 + z * p;
  p = C4 + z * p;
  p = C3 + z * p;
  p = C2 + z * p;
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + (z * z * (C1 + z * p) - high * low));
}

// The last reduction: x = quadrant·π/2 + high + low mod 2π. A module's own cell, to spare an allocation a call.
const reduced = { quadrant: 0, high: 0, low: 0 };

function reduce(x: number): void {
  if (x <= 0.785398163397448) {
    reduced.quadrant = 0;
    reduced.high = x;
    reduced.low = 0;
    return;
  }
  if (x > DIRECT_LIMIT) {
    reduceExactly(x);
    return;
  }
  const n = Math.floor(x * TWO_OVER_PI + 0.5);
  // x − n·HALF_PI_1 is exact; the next two subtractions keep their rounding errors.
  const a = x - n * HALF_PI_1;
  const b = n * HALF_PI_2;
  const s = a - b;
  const errorS = differenceError(a, b, s);
  const c = n * HALF_PI_3;
  const t = s - c;
  const errorT = differenceError(s, c, t);
  const rest = errorS + errorT - n * HALF_PI_REST;
  const high = t + rest;
  reduced.quadrant = n % 4;
  reduced.high = high;
  reduced.low = t - high + rest;
}

/** What a − b lost when rounded to d, exactly (Knuth's two-sum). */
function differenceError(a: number, b: number, d: number): number {
  const back = d - a;
  return a - (d - back) - (b + back);
}

let halfPiBits: bigint | undefined;
const FRACTION_BITS = 1200n;

/** Whole-number reduction: x is m·2^e exactly, π/2 is taken to 1,200 binary places. */
function reduceExactly(x: number): void {
  halfPiBits ??= piOverTwo(FRACTION_BITS);
  const e = exponentOf(x) - 52;
  // Scaling by a power of two is exact: the quotient is the 53-bit integer mantissa.
  const m = e > 0 ? BigInt(x) : BigInt(Math.floor(x * 4503599627370496));
  const scaled = e > 0 ? m << FRACTION_BITS : m << (FRACTION_BITS - 52n);
  let n = scaled / halfPiBits;
  let rest = scaled - n * halfPiBits;
  if (2n * rest > halfPiBits) {
    n += 1n;
    rest -= halfPiBits;
  }
  // 160 fraction bits are kept: no float64 is nearer to a multiple of π/2 than 2^-62.
  const kept = Number(rest >> (FRACTION_BITS - 160n));
  const exact = BigInt(kept);
  reduced.quadrant = Number(n % 4n);
  reduced.high = kept / 2 ** 160;
  reduced.low = Number((rest >> (FRACTION_BITS - 160n)) - exact) / 2 ** 160;
}

/** π/2·2^bits as a whole number, by Machin's formula π/4 = 4·arctan(1/5) − arctan(1/239). */
export function piOverTwo(bits: bigint): bigint {
  const guard = 32n;
  const one = 1n << (bits + guard);
  const quarter = 4n * inverseArctangent(5n, one) - inverseArctangent(239n, one);
  return (2n * quarter) >> guard;
}

/** arctan(1/n)·one, truncated term by term. */
function inverseArctangent(n: bigint, one: bigint): bigint {
  let power = one / n;
  let sum = power;
  const square = n * n;
  for (let k = 3n, negative = true; power !== 0n; k += 2n, negative = !negative) {
    power /= square;
    sum += negative ? -(power / k) : power / k;
  }
  return sum;
}
