// exp, expm1, log, tanh and sigmoid from argument reduction and Taylor polynomials: only + − × ÷, exact floor, and bit
// views, so every machine and every language that follows the written order gets the same float64. Replica code uses these
// in place of libm, which differs between machines. Each operation is rounded to nearest even; none is fused.
//
// Largest error seen against high-precision values, in units in the last place (tests hold these): exp 1, expm1 1.5,
// log 1, tanh 2.5, sigmoid 2.
import { highWord, powerOfTwo, scaleByPowerOfTwo } from './float-bits.js';

// ln 2 in two parts; the first has 33 bits, so k·LN2_HIGH is exact for |k| < 2^20.
export const LN2_HIGH = 6.9314718036912381649e-1;
export const LN2_LOW = 1.90821492927058770002e-10;
const INVERSE_LN2 = 1.4426950408889634;

/** 1/n! for n = 2..14, each the nearest float64 (the factorials are exact). */
const INVERSE_FACTORIALS = ((): number[] => {
  const inverse: number[] = [];
  let factorial = 1;
  for (let n = 2; n <= 14; n++) {
    factorial *= n;
    inverse.push(1 / factorial);
  }
  return inverse;
})();
const [I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14] = INVERSE_FACTORIALS as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/** Σ_{n≥2} r^(n−2)/n! for |r| ≤ ln 2 / 2: e^r = 1 + r + r²·tail(r), truncated below 2^-58. */
function exponentialTail(r: number): number {
  let sum = I13 + r * I14;
  sum = I12 + r * sum;
  sum = I11 + r * sum;
  sum = I10 + r * sum;
  sum = I9 + r * sum;
  sum = I8 + r * sum;
  sum = I7 + r * sum;
  sum = I6 + r * sum;
  sum = I5 + r * sum;
  sum = I4 + r * sum;
  sum = I3 + r * sum;
  return I2 + r * sum;
}

/** e^x. exp(−∞) = 0, exp(∞) = ∞, overflow above 709.782…, gradual underflow below −708.396…; at most 1 ulp. */
export function exp(x: number): number {
  if (x !== x) return x;
  if (x > 709.8) return Infinity;
  if (x < -745.2) return 0;
  return exponential(x, 0);
}

/** e^(high + low) for |high| < 750 and |low| far below an ulp of 1: what exp and pow share. */
export function exponential(high: number, low: number): number {
  const k = Math.floor(high * INVERSE_LN2 + 0.5);
  const big = high - k * LN2_HIGH;
  const small = k * LN2_LOW - low;
  const r = big - small;
  const lost = big - r - small;
  return scaleByPowerOfTwo(1 + (r + (lost + r * r * exponentialTail(r))), k);
}

/** e^x − 1 without cancellation near 0; expm1(±0) = ±0, expm1(−∞) = −1; at most 1.5 ulp. */
export function expm1(x: number): number {
  if (x !== x || x === 0) return x;
  if (x > 709.8) return Infinity;
  if (x < -40) return -1;
  const k = Math.floor(x * INVERSE_LN2 + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const lost = high - r - low;
  const e = r + (lost + r * r * exponentialTail(r));
  if (k === 0) return e;
  // The exact 2^k − 1 would lose its 1 above 2^53; there the 1 is far below half an ulp of the result.
  if (k > 60) return scaleByPowerOfTwo(1 + e, k);
  const power = powerOfTwo(k);
  return power * e + (power - 1);
}

/** 2/(2n+1) for n = 1..11. */
const ODD = ((): number[] => {
  const terms: number[] = [];
  for (let n = 1; n <= 11; n++) terms.push(2 / (2 * n + 1));
  return terms;
})();
const [O1, O2, O3, O4, O5, O6, O7, O8, O9, O10, O11] = ODD as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/**
 * Natural logarithm; log(±0) = −∞, log(x < 0) = NaN, log(∞) = ∞; at most 1 ulp.
 * x = 2^k·(1+f) with √½ ≤ 1+f < √2, s = f/(2+f), log(1+f) = f − (f²/2 − s·(f²/2 + R)), R = Σ 2s^2n/(2n+1).
 */
export function log(x: number): number {
  if (x !== x || x === Infinity) return x;
  if (x < 0) return NaN;
  if (x === 0) return -Infinity;
  const k = logExponent(x);
  const f = mantissa(x, k) - 1;
  if (f === 0) return k * LN2_HIGH + k * LN2_LOW;
  const half = 0.5 * f * f;
  const s = f / (2 + f);
  const z = s * s;
  const r = z * (O1 + z * logarithmTail(z));
  if (k === 0) return f - (half - s * (half + r));
  return k * LN2_HIGH - (half - (s * (half + r) + k * LN2_LOW) - f);
}

/** Σ_{n≥2} 2z^(n−2)/(2n+1) to n = 11, for z = s² ≤ 0.0295: log(1+f) = 2s + s·z·(2/3 + z·tail(z)). */
export function logarithmTail(z: number): number {
  let r = O10 + z * O11;
  r = O9 + z * r;
  r = O8 + z * r;
  r = O7 + z * r;
  r = O6 + z * r;
  r = O5 + z * r;
  r = O4 + z * r;
  r = O3 + z * r;
  return O2 + z * r;
}

/** The k for which x·2^-k lies in [√½, √2), to the 20 bits that decide it. `x` is positive and finite. */
export function logExponent(x: number): number {
  const normal = x < 2.2250738585072014e-308;
  const high = highWord(normal ? x * powerOfTwo(54) : x);
  // 0x6a09e is the fraction of √2: from there on the mantissa is halved.
  return (high >>> 20) - 1023 - (normal ? 54 : 0) + ((high & 0xfffff) >= 0x6a09e ? 1 : 0);
}

/** x·2^-k exactly, for positive finite x and k = logExponent(x). */
export function mantissa(x: number, k: number): number {
  if (k > 1000) return x * powerOfTwo(-1000) * powerOfTwo(1000 - k);
  if (k < -1000) return x * powerOfTwo(1000) * powerOfTwo(-1000 - k);
  return x * powerOfTwo(-k);
}

/** Hyperbolic tangent; tanh(±0) = ±0, tanh(±∞) = ±1; odd exactly; at most 2.5 ulp. */
export function tanh(x: number): number {
  if (x !== x || x === 0) return x;
  const a = x < 0 ? -x : x;
  let t: number;
  if (a < 3.725290298461914e-9) t = a;
  else if (a >= 22) t = 1;
  else if (a >= 1) t = 1 - 2 / (expm1(2 * a) + 2);
  else {
    const e = expm1(-2 * a);
    t = -e / (e + 2);
  }
  return x < 0 ? -t : t;
}

/**
 * 1/(1 + e^-x), monotone wherever exp is; below −40 it is e^x, where the sum would be e^-x and could overflow;
 * sigmoid(−∞) = 0, sigmoid(∞) = 1; at most 2 ulp.
 */
export function sigmoid(x: number): number {
  return x < -40 ? exp(x) : 1 / (1 + exp(-x));
}
