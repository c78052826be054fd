// pow for replica code: e^(y·log x) with the logarithm and the product carried in two float64 parts (about 100 bits), so
// that a large exponent does not magnify the error. Same rules as polynomials.ts: a written order of rounded operations.
import { LN2_HIGH, LN2_LOW, exponential, logarithmTail, logExponent, mantissa } from './polynomials.js';

const TWO_THIRDS = 2 / 3;
// The float64 above falls short of two thirds by exactly 1/(3·2^53).
const TWO_THIRDS_LOW = 1 / 3 / 9007199254740992;

// A value in two parts, high + low, in the module's own cells to spare an allocation a call.
let high = 0;
let low = 0;

/**
 * x^y as IEEE 754 has it: x^±0 = 1 and 1^y = 1 even for NaN, (−1)^±∞ = 1, (±0)^y and (±∞)^y by the sign and oddness of
 * y, NaN for a negative x and a y that is no integer. At most 1 ulp.
 */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (x !== x || y !== y) return NaN;
  const a = Math.abs(x);
  if (y === Infinity || y === -Infinity) {
    if (a === 1) return 1;
    return a > 1 === y > 0 ? Infinity : 0;
  }
  const integer = Math.floor(y) === y;
  // Every float64 of magnitude 2^53 and more is even.
  const odd = integer && Math.abs(y) < 9007199254740992 && y % 2 !== 0;
  const negative = x < 0 || Object.is(x, -0);
  const sign = negative && odd ? -1 : 1;
  if (a === 0 || a === Infinity) return sign * ((a === 0) === y > 0 ? 0 : Infinity);
  if (negative && !integer) return NaN;
  if (a === 1) return sign;
  logarithm(a);
  const logLow = low;
  const estimate = y * high;
  if (estimate > 710) return sign * Infinity;
  if (estimate < -746) return sign * 0;
  product(y, high);
  low += y * logLow;
  return sign * exponential(high, low);
}

/** log a in two parts, for positive finite a other than 1: the series of `log` with its first two terms in two parts. */
function logarithm(a: number): void {
  const k = logExponent(a);
  const f = mantissa(a, k) - 1;
  const d = 2 + f;
  const dLow = f - (d - 2);
  // s = f/(2+f): the quotient, and the remainder's quotient.
  const s = f / d;
  product(s, d);
  const sLow = (f - high - low - s * dLow) / d;
  // z = s².
  product(s, s);
  const z = high;
  const zLow = low + 2 * s * sLow;
  // p = 2/3 + z·(2/5 + …), then t = z·p and v = s·t: log(1+f) = 2s + v.
  const tail = z * logarithmTail(z);
  const p = TWO_THIRDS + tail;
  const pLow = tail - (p - TWO_THIRDS) + TWO_THIRDS_LOW;
  product(z, p);
  const t = high;
  const tLow = low + (z * pLow + zLow * p);
  product(s, t);
  const v = high;
  const vLow = low + (s * tLow + sLow * t);
  const m = 2 * s + v;
  const mLow = v - (m - 2 * s) + (vLow + 2 * sLow);
  // k·ln 2 + m, the larger parts first.
  const kHigh = k * LN2_HIGH;
  product(k, LN2_LOW);
  const sum = kHigh + m;
  const sumLow = sumError(kHigh, m, sum);
  const total = sum + high;
  const rest = sumError(sum, high, total) + sumLow + (mLow + low);
  high = total + rest;
  low = total - high + rest;
}

/** high + low = a·b exactly (Dekker), each factor split in 26 and 27 bits by Veltkamp's constant 2^27 + 1. */
function product(a: number, b: number): void {
  const ca = 134217729 * a;
  const aHigh = ca - (ca - a);
  const aLow = a - aHigh;
  const cb = 134217729 * b;
  const bHigh = cb - (cb - b);
  const bLow = b - bHigh;
  high = a * b;
  low = aHigh * bHigh - high + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

/** What a + b lost when rounded to `sum`, exactly (Knuth). */
function sumError(a: number, b: number, sum: number): number {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}
