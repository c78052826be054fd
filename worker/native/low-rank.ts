// Exact sums of low-rank directions by the addon: the same integers as shared/methods/low-rank.ts, which is the definition,
// at every SIMD level and number of threads. Writes only `wide`.
import type { Coefficients } from '../../shared/random/noise.js';
import type { Native } from './addon.js';

/**
 * wide[i·columns + j] = Σ_k c_k Σ_c A_k,c,row+i B_k,c,j for whole rows i from `row`: A [directions, rank, rows], B [directions,
 * rank, columns], binomial noise (|A|, |B| ≤ 8). Exact while sums stay below 2^53.
 */
export function lowRankSums(
  native: Native,
  coefficients: Coefficients,
  rank: number,
  a: Int8Array,
  rows: number,
  b: Int8Array,
  columns: number,
  row: number,
  wide: Float64Array,
): void {
  native.call('lowRankSums', coefficients, rank, a, rows, b, columns, row, wide);
}
