// Perturbations and uniform numbers as pure functions of (key, purpose, tensor, direction, step, element). The Philox
// counter is (block, purpose | tensor, direction, step); an element's block and place in it follow from its index alone,
// so any range can be made by itself. The bits come from kernels.ts, or from an accelerator that gives the same; here ranges are checked and cut into whole blocks.
//
//   binomial, normal   16 bits an element: block j>>>3, halfword j&7, that is word (j&7)>>1, low half first
//   rademacher          1 bit  an element: block j>>>7, word (j>>>5)&3, bit j&31
//   uniformBits        32 bits an element: block j>>>2, word j&3
//   uniform01          64 bits an element: block j>>>1, words 2(j&1) and 2(j&1)+1
import { accelerator } from '../accelerator.js';
import { SeedcastError } from '../errors.js';
import { spreadSigns, type Coefficients } from './kernels-typescript.js';
import { kernels } from './kernels.js';
import { normalTable } from './normal-table.js';
import { philox4x32, type Key } from './philox.js';
import { PURPOSE, counterWord, type Purpose } from './purposes.js';

/** Largest |e| of each noise, for overflow bounds. */
export const BINOMIAL_MAX = 8;
export const RADEMACHER_MAX = 1;
/** Variance of binomial noise: its standard deviation is 2. */
export const BINOMIAL_VARIANCE = 4;

export type { Coefficients };

const { fill: FILL_BLOCKS, binomial: BINOMIAL_BLOCKS, rademacher: RADEMACHER_BLOCKS } = kernels.maxBlocks;
const signs = new Int8Array(128 * RADEMACHER_BLOCKS);
const normals = new Int16Array(8 * FILL_BLOCKS);

/**
 * `out[i]` = popcount of the 16-bit word of element `start + i`, minus 8: an integer in [−8, 8], mean 0, variance 4,
 * excess kurtosis −1/8. `direction` and `step` are uint32; `start + out.length` may reach 2^35.
 */
export function fillBinomial(
  key: Key,
  purpose: Purpose,
  tensor: number,
  direction: number,
  step: number,
  start: number,
  out: Int8Array,
): void {
  checkRange(direction, step, start, out.length, 2 ** 35);
  const word = counterWord(purpose, tensor);
  const fast = accelerator();
  if (fast !== null) {
    fast.fillBinomial(key[0], key[1], word, direction, step, start, out);
    return;
  }
  forChunks(start, out.length, 8, BINOMIAL_BLOCKS, (block, blocks, skip, at, count) => {
    const noise = kernels.binomial(block, word, direction, step, key[0], key[1], blocks);
    out.set(noise.subarray(skip, skip + count), at);
  });
}

/**
 * `sums[i] += Σ c_k · e_k,start+i` over directions k in [firstDirection, lastDirection), c_k = `coefficients[k]`, e_k the
 * binomial noise of direction k. The caller guarantees that no partial sum leaves int32 (`directionBlocks`).
 */
export function accumulateBinomial(
  key: Key,
  purpose: Purpose,
  tensor: number,
  step: number,
  coefficients: Coefficients,
  firstDirection: number,
  lastDirection: number,
  start: number,
  sums: Int32Array,
): void {
  checkDirections(coefficients, firstDirection, lastDirection);
  checkRange(lastDirection, step, start, sums.length, 2 ** 35);
  const word = counterWord(purpose, tensor);
  const [k0, k1] = key;
  const fast = accelerator();
  if (fast !== null) {
    fast.accumulateBinomial(k0, k1, word, step, coefficients, firstDirection, lastDirection, start, sums);
    return;
  }
  forChunks(start, sums.length, 8, BINOMIAL_BLOCKS, (block, blocks, skip, at, count) => {
    kernels.accumulateBinomial(
      block,
      word,
      step,
      k0,
      k1,
      blocks,
      coefficients,
      firstDirection,
      lastDirection,
      skip,
      sums,
      at,
      count,
    );
  });
}

/** `out[i]` = +1 or −1 by the bit of element `start + i` (1 is +1). `start + out.length` may reach 2^39. */
export function fillRademacher(
  key: Key,
  purpose: Purpose,
  tensor: number,
  direction: number,
  step: number,
  start: number,
  out: Int8Array,
): void {
  checkRange(direction, step, start, out.length, 2 ** 39);
  const word = counterWord(purpose, tensor);
  const fast = accelerator();
  if (fast !== null) {
    fast.fillRademacher(key[0], key[1], word, direction, step, start, out);
    return;
  }
  forChunks(start, out.length, 128, RADEMACHER_BLOCKS, (block, blocks, skip, at, count) => {
    spreadSigns(kernels.words(block, word, direction, step, key[0], key[1], blocks), 4 * blocks, signs);
    out.set(signs.subarray(skip, skip + count), at);
  });
}

/** As `accumulateBinomial`, with the Rademacher noise of each direction. */
export function accumulateRademacher(
  key: Key,
  purpose: Purpose,
  tensor: number,
  step: number,
  coefficients: Coefficients,
  firstDirection: number,
  lastDirection: number,
  start: number,
  sums: Int32Array,
): void {
  checkDirections(coefficients, firstDirection, lastDirection);
  checkRange(lastDirection, step, start, sums.length, 2 ** 39);
  const word = counterWord(purpose, tensor);
  const [k0, k1] = key;
  const fast = accelerator();
  if (fast !== null) {
    fast.accumulateRademacher(k0, k1, word, step, coefficients, firstDirection, lastDirection, start, sums);
    return;
  }
  forChunks(start, sums.length, 128, RADEMACHER_BLOCKS, (block, blocks, skip, at, count) => {
    kernels.accumulateRademacher(
      block,
      word,
      step,
      k0,
      k1,
      blocks,
      coefficients,
      firstDirection,
      lastDirection,
      skip,
      sums,
      at,
      count,
    );
  });
}

/**
 * `out[i]` = fixed-point near-Gaussian noise of element `start + i`, in units of 2^-9 (`NORMAL_SCALE`): the 16-bit word
 * indexes `normalTable`. |out[i]| ≤ 2,214 (`NORMAL_MAX`). `start + out.length` may reach 2^35.
 */
export function fillNormal(
  key: Key,
  purpose: Purpose,
  tensor: number,
  direction: number,
  step: number,
  start: number,
  out: Int16Array,
): void {
  checkRange(direction, step, start, out.length, 2 ** 35);
  const word = counterWord(purpose, tensor);
  const table = normalTable();
  forChunks(start, out.length, 8, FILL_BLOCKS, (block, blocks, skip, at, count) => {
    const words = kernels.words(block, word, direction, step, key[0], key[1], blocks);
    for (let i = 0; i < 4 * blocks; i++) {
      const pair = words[i] as number;
      normals[2 * i] = table[pair & 0xffff] as number;
      normals[2 * i + 1] = table[pair >>> 16] as number;
    }
    out.set(normals.subarray(skip, skip + count), at);
  });
}

const block = new Uint32Array(4);

/** 32 random bits, a uint32: word `index & 3` of block `index >>> 2`. `index` below 2^34. */
export function uniformBits(
  key: Key,
  purpose: Purpose,
  tensor: number,
  direction: number,
  step: number,
  index: number,
): number {
  checkRange(direction, step, index, 1, 2 ** 34);
  philox4x32(Math.floor(index / 4), counterWord(purpose, tensor), direction, step, key[0], key[1], block);
  return block[index % 4] as number;
}

/**
 * A float64 in [0, 1) with 53 random bits, a multiple of 2^-53: `((a >>> 5)·2^26 + (b >>> 6))·2^-53`, a and b the two
 * words of element `index`, below 2^33.
 */
export function uniform01(
  key: Key,
  purpose: Purpose,
  tensor: number,
  direction: number,
  step: number,
  index: number,
): number {
  checkRange(direction, step, index, 1, 2 ** 33);
  philox4x32(Math.floor(index / 2), counterWord(purpose, tensor), direction, step, key[0], key[1], block);
  const at = (index % 2) * 2;
  return uniformOf(block[at] as number, block[at + 1] as number);
}

/** `out[i]` = `uniform01` of element `start + i`. */
export function fillUniform01(
  key: Key,
  purpose: Purpose,
  tensor: number,
  direction: number,
  step: number,
  start: number,
  out: Float64Array,
): void {
  checkRange(direction, step, start, out.length, 2 ** 33);
  const word = counterWord(purpose, tensor);
  forChunks(start, out.length, 2, FILL_BLOCKS, (first, blocks, skip, at, count) => {
    const words = kernels.words(first, word, direction, step, key[0], key[1], blocks);
    for (let i = 0; i < count; i++) {
      const pair = 2 * (skip + i);
      out[at + i] = uniformOf(words[pair] as number, words[pair + 1] as number);
    }
  });
}

/** The uint32 seed an evaluation of `direction` at `step` is handed: the same for both members of an antithetic pair. */
export function evaluationSeed(key: Key, step: number, direction: number): number {
  return uniformBits(key, PURPOSE.episode, 0, direction, step, 0);
}

function uniformOf(a: number, b: number): number {
  return ((a >>> 5) * 67108864 + (b >>> 6)) / 9007199254740992;
}

/**
 * Cuts elements [start, start + length) into runs of at most `maxBlocks` whole blocks of `perBlock` elements; `visit`
 * hears the first block, how many, the elements of the first block to skip, and where and how many elements to write.
 */
function forChunks(
  start: number,
  length: number,
  perBlock: number,
  maxBlocks: number,
  visit: (block: number, blocks: number, skip: number, at: number, count: number) => void,
): void {
  for (let at = 0; at < length;) {
    const first = Math.floor((start + at) / perBlock);
    const skip = start + at - first * perBlock;
    const count = Math.min(length - at, maxBlocks * perBlock - skip);
    visit(first, Math.ceil((skip + count) / perBlock), skip, at, count);
    at += count;
  }
}

function checkRange(direction: number, step: number, start: number, length: number, limit: number): void {
  if (
    !isUint32(direction) ||
    !isUint32(step) ||
    !Number.isInteger(start) ||
    start < 0 ||
    start + length > limit
  ) {
    throw new SeedcastError(
      'SC_SPEC_BOUND',
      `direction ${direction}, step ${step}, elements from ${start} (${length}): directions and steps must be integers in [0, 2^32), elements end by ${limit}`,
    );
  }
}

function checkDirections(coefficients: Coefficients, first: number, last: number): void {
  if (
    !Number.isInteger(first) ||
    !Number.isInteger(last) ||
    first < 0 ||
    last < first ||
    last > coefficients.length
  ) {
    throw new SeedcastError(
      'SC_INTERNAL',
      `directions [${first}, ${last}) do not lie within the ${coefficients.length} coefficients`,
    );
  }
}

function isUint32(value: number): boolean {
  return value >>> 0 === value;
}
