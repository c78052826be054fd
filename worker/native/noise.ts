// Noise from the addon: the same bits as shared/random/noise.ts, which is the definition, for whole ranges and many
// directions at once. Writes only the arrays it is given.
import type { Coefficients } from '../../shared/random/noise.js';
import type { Key } from '../../shared/random/philox.js';
import { counterWord, type Purpose } from '../../shared/random/purposes.js';
import type { Native } from './addon.js';

/** Where a stream of noise is: key, and the counter's purpose, tensor and step. */
export interface NoiseStream {
  readonly key: Key;
  readonly purpose: Purpose;
  readonly tensor: number;
  readonly step: number;
}

const place = ({ key, purpose, tensor, step }: NoiseStream): readonly number[] => [
  key[0],
  key[1],
  counterWord(purpose, tensor),
  step,
];

/** Philox words of whole blocks from `firstBlock`, 4 a block; `out.length` is a multiple of 4. */
export function fillWords(
  native: Native,
  stream: NoiseStream,
  direction: number,
  firstBlock: number,
  out: Uint32Array,
): void {
  native.call('fillWords', ...place(stream), direction, firstBlock, out);
}

/** `fillBinomial` of shared/random/noise.ts: out[i] = noise of element start + i, in [−8, 8]. */
export function fillBinomial(
  native: Native,
  stream: NoiseStream,
  direction: number,
  start: number,
  out: Int8Array,
): void {
  native.call('fillBinomial', ...place(stream), direction, start, out);
}

/** `fillRademacher` of shared/random/noise.ts: out[i] = ±1. */
export function fillRademacher(
  native: Native,
  stream: NoiseStream,
  direction: number,
  start: number,
  out: Int8Array,
): void {
  native.call('fillRademacher', ...place(stream), direction, start, out);
}

/** Which directions a sum runs over: [first, last), with `coefficients` indexed by direction. */
export interface DirectionRange {
  readonly coefficients: Coefficients;
  readonly first: number;
  readonly last: number;
}

/** sums[i] += Σ c_k·e_k,start+i over the directions, modulo 2^32, e binomial. */
export function accumulateBinomial(
  native: Native,
  stream: NoiseStream,
  { coefficients, first, last }: DirectionRange,
  start: number,
  sums: Int32Array,
): void {
  native.call('accumulateBinomial', ...place(stream), coefficients, first, last, start, sums);
}

/** As `accumulateBinomial`, e Rademacher. */
export function accumulateRademacher(
  native: Native,
  stream: NoiseStream,
  { coefficients, first, last }: DirectionRange,
  start: number,
  sums: Int32Array,
): void {
  native.call('accumulateRademacher', ...place(stream), coefficients, first, last, start, sums);
}

/**
 * Noise of many directions in one call: `out` is [directions.length, length], row d holding elements
 * [0, length) of direction `directions[d]`. With `length` = rank·features a row is the rank vectors of one factor, one
 * after the other.
 */
export function lowRankFactors(
  native: Native,
  stream: NoiseStream,
  directions: Uint32Array,
  length: number,
  out: Int8Array,
  noise: 'binomial' | 'rademacher' = 'binomial',
): void {
  const rademacher = noise === 'rademacher' ? 1 : 0;
  native.call('lowRankFactors', ...place(stream), directions, length, out, rademacher);
}
