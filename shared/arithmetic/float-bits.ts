// The bits of a float64, and exact scaling by powers of two: what the polynomials need and IEEE 754 fixes. No state that
// outlives a call; no libm.

/** Whether typed arrays of this machine hold the low byte first. */
export const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);
const HIGH = LITTLE_ENDIAN ? 1 : 0;

/** The upper 32 bits of a float64 (sign, exponent, 20 bits of fraction), as uint32. */
export function highWord(x: number): number {
  float[0] = x;
  return words[HIGH] as number;
}

/** The exponent e of a positive normal x: 2^e ≤ x < 2^(e+1). */
export function exponentOf(x: number): number {
  return ((highWord(x) >>> 20) & 0x7ff) - 1023;
}

/** 2^e for −1074 ≤ e ≤ 1023, made by exact doubling. */
const POWERS = ((): Float64Array => {
  const powers = new Float64Array(2098);
  powers[0] = Number.MIN_VALUE;
  for (let i = 1; i < powers.length; i++) powers[i] = 2 * (powers[i - 1] as number);
  return powers;
})();

/** Exactly 2^e; 0 below −1074, Infinity above 1023. `e` is an integer. */
export function powerOfTwo(e: number): number {
  return e < -1074 ? 0 : e > 1023 ? Infinity : (POWERS[e + 1074] as number);
}

/** x·2^k, rounded once, for 0 or a normal x near 1 in magnitude (2^-64 < |x| < 2^64) and any integer k. */
export function scaleByPowerOfTwo(x: number, k: number): number {
  if (k > 1023) return k > 1200 ? x * Infinity : x * powerOfTwo(1000) * powerOfTwo(k - 1000);
  if (k >= -950) return x * powerOfTwo(k);
  if (k < -1200) return x * 0;
  return x * powerOfTwo(k + 200) * powerOfTwo(-200);
}
