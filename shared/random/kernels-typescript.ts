// The noise kernels in plain TypeScript: the definition of every bit that the compiled kernels must reproduce, and what
// runs where those cannot. Works on whole Philox blocks; noise.ts cuts ranges into them.
import { philoxBlocks } from './philox.js';

export type Coefficients = Int16Array | Int32Array;

/**
 * What noise.ts builds on. A fill answers with its own memory, good until the next call; `first` is the first block,
 * `blocks` how many, at most `maxBlocks`; `word` is counter word 1. An accumulation makes elements of the same blocks,
 * passes over `skip`, and adds Σ c·e over directions [from, to) to `count` entries of `sums` from `at`, modulo 2^32.
 */
export interface Kernels {
  readonly name: 'typescript' | 'wasm';
  readonly maxBlocks: { readonly fill: number; readonly binomial: number; readonly rademacher: number };
  /** 4 words a block. */
  words(
    first: number,
    word: number,
    direction: number,
    step: number,
    k0: number,
    k1: number,
    blocks: number,
  ): Uint32Array;
  /** 8 elements a block. */
  binomial(
    first: number,
    word: number,
    direction: number,
    step: number,
    k0: number,
    k1: number,
    blocks: number,
  ): Int8Array;
  accumulateBinomial: Accumulate;
  accumulateRademacher: Accumulate;
}

export type Accumulate = (
  first: number,
  word: number,
  step: number,
  k0: number,
  k1: number,
  blocks: number,
  coefficients: Coefficients,
  from: number,
  to: number,
  skip: number,
  sums: Int32Array,
  at: number,
  count: number,
) => void;

const MAX_BLOCKS = { fill: 256, binomial: 256, rademacher: 32 } as const;
const words = new Uint32Array(4 * MAX_BLOCKS.fill);
const noise = new Int8Array(4096);

/** popcount of a 16-bit word, minus 8. */
const CENTERED_POPCOUNT = ((): Int8Array => {
  const table = new Int8Array(65536);
  for (let i = 1; i < 65536; i++) table[i] = (table[i >>> 1] as number) + (i & 1);
  for (let i = 0; i < 65536; i++) table[i] = (table[i] as number) - 8;
  return table;
})();

/** `out[32i + b]` = +1 where bit b of word i is 1, else −1. */
export function spreadSigns(words: Uint32Array, count: number, out: Int8Array): void {
  for (let i = 0; i < count; i++) {
    const bits = words[i] as number;
    for (let bit = 0; bit < 32; bit++) out[32 * i + bit] = (((bits >>> bit) & 1) << 1) - 1;
  }
}

function spreadPopcounts(count: number): void {
  for (let i = 0; i < count; i++) {
    const pair = words[i] as number;
    noise[2 * i] = CENTERED_POPCOUNT[pair & 0xffff] as number;
    noise[2 * i + 1] = CENTERED_POPCOUNT[pair >>> 16] as number;
  }
}

const accumulateWith =
  (spread: (count: number) => void): Accumulate =>
  (first, word, step, k0, k1, blocks, coefficients, from, to, skip, sums, at, count) => {
    for (let direction = from; direction < to; direction++) {
      const c = coefficients[direction] as number;
      if (c === 0) continue;
      philoxBlocks(first, word, direction, step, k0, k1, words, blocks);
      spread(4 * blocks);
      for (let i = 0; i < count; i++) {
        sums[at + i] = ((sums[at + i] as number) + Math.imul(c, noise[skip + i] as number)) | 0;
      }
    }
  };

export const typescriptKernels: Kernels = {
  name: 'typescript',
  maxBlocks: MAX_BLOCKS,
  words(first, word, direction, step, k0, k1, blocks) {
    philoxBlocks(first, word, direction, step, k0, k1, words, blocks);
    return words;
  },
  binomial(first, word, direction, step, k0, k1, blocks) {
    philoxBlocks(first, word, direction, step, k0, k1, words, blocks);
    spreadPopcounts(4 * blocks);
    return noise;
  },
  accumulateBinomial: accumulateWith(spreadPopcounts),
  accumulateRademacher: accumulateWith((count) => {
    spreadSigns(words, count, noise);
  }),
};
