// The quantile table of `normal` noise: a 16-bit word names one of 65,536 equally likely values of a fixed-point standard
// normal. Made once, at first use, from our own polynomials, so every machine holds the same table; touches nothing else.
import { normalQuantile } from '../arithmetic/normal-quantile.js';

/** Units in one standard deviation: an entry v stands for v / 512. */
export const NORMAL_SCALE = 512;

/** Largest magnitude in the table, round(512·Φ⁻¹(1 − 2^-17)): below 2^12. */
export const NORMAL_MAX = 2214;

let table: Int16Array | undefined;

/**
 * `table[i] = round(512·Φ⁻¹((i + ½) / 65536))`, exactly antisymmetric: `table[65535 − i] = −table[i]`, and never −0.
 * By enumeration: mean 0; Σv² = 17,179,545,632, so the variance is 0.99998117; excess kurtosis −0.00073335; |v| ≤ 2,214,
 * that is 4.324 standard deviations; 176 of 65,536 entries lie beyond 3 (a Gaussian has 0.00270, here 0.00269), 4 beyond 4.
 */
export function normalTable(): Int16Array {
  if (table !== undefined) return table;
  const made = new Int16Array(65536);
  for (let i = 0; i < 32768; i++) {
    const value = Math.floor(-NORMAL_SCALE * normalQuantile((i + 0.5) / 65536) + 0.5);
    made[i] = -value;
    made[65535 - i] = value;
  }
  table = made;
  return made;
}
