// Class I arithmetic, the exact part: coefficients and noise are small integers, so their sums are exact integers in any
// order. Here is how directions are cut into blocks that cannot leave int32, and how block sums become exact float64.
// The float step that follows is in optimizers.ts. Pure; touches only the arrays it is given.
import { SeedcastError } from '../errors.js';

const INT32_LIMIT = 2 ** 31;
const EXACT_LIMIT = 2 ** 53;

/**
 * Boundaries [0, b1, ..., n] of runs of directions such that `maxAbsNoise`·Σ|c| < 2^31 within each run, each run as long
 * as possible. `maxAbsNoise` is the largest |e| of one coordinate (8 for binomial noise). Refused with SC_SPEC_BOUND: one
 * coefficient that alone breaks the bound, or coefficients whose whole sum could reach 2^53.
 */
export function directionBlocks(coefficients: Int16Array | Int32Array, maxAbsNoise: number): number[] {
  const boundaries = [0];
  let sum = 0;
  let whole = 0;
  for (let k = 0; k < coefficients.length; k++) {
    const weight = maxAbsNoise * Math.abs(coefficients[k] as number);
    if (!(weight < INT32_LIMIT)) {
      throw new SeedcastError(
        'SC_SPEC_BOUND',
        `coefficient ${String(coefficients[k])} of direction ${k} times noise up to ${maxAbsNoise} leaves 32 bits`,
        { hint: 'lower the population, or the rank of low-rank noise' },
      );
    }
    if (sum + weight >= INT32_LIMIT) {
      boundaries.push(k);
      sum = 0;
    }
    sum += weight;
    whole += weight;
  }
  if (whole >= EXACT_LIMIT) {
    throw new SeedcastError(
      'SC_SPEC_BOUND',
      `the sum over ${coefficients.length} directions could reach 2^53`,
      {
        hint: 'lower the population',
      },
    );
  }
  if (coefficients.length > 0) boundaries.push(coefficients.length);
  return boundaries;
}

/**
 * `wide[i]` = exact Σ over all blocks. `accumulate(first, last, sums)` adds directions [first, last) into `sums`, which is
 * cleared before each block; `blocks` comes from `directionBlocks`. `wide` and `sums` have one length; `wide` is
 * overwritten. No entry is −0.
 */
export function exactSums(
  accumulate: (first: number, last: number, sums: Int32Array) => void,
  blocks: readonly number[],
  sums: Int32Array,
  wide: Float64Array,
): void {
  if (sums.length !== wide.length) {
    throw new SeedcastError('SC_INTERNAL', `exactSums: ${sums.length} block sums, ${wide.length} wide sums`);
  }
  wide.fill(0);
  for (let b = 0; b + 1 < blocks.length; b++) {
    sums.fill(0);
    accumulate(blocks[b] as number, blocks[b + 1] as number, sums);
    for (let i = 0; i < wide.length; i++) wide[i] = (wide[i] as number) + (sums[i] as number);
  }
}
