// What simple models and gzip need for the same held-out bytes: the numbers that a language model is read against. Pure.
import { gzipSync } from 'node:zlib';

export interface Baselines {
  /** Bytes by their frequency, one added to each count (Laplace). */
  readonly unigram: number;
  /** Bytes by what stands before them, shrunk to the unigram by the rule of Witten and Bell (1991). */
  readonly bigram: number;
  /** The tail by itself, gzip -9. */
  readonly gzip: number;
}

/**
 * Bits a byte of `bytes` from `cut` + 1 on, by models of the bytes before `cut`. The byte at `cut` is given, not scored, as in
 * the validation of `language-model`.
 */
export function baselines(bytes: Uint8Array, cut: number): Baselines {
  const unigram = unigramModel(bytes.subarray(0, cut));
  const bigram = bigramModel(bytes.subarray(0, cut), unigram);
  let one = 0;
  let two = 0;
  for (let at = cut + 1; at < bytes.length; at++) {
    const [before = 0, byte = 0] = bytes.subarray(at - 1, at + 1);
    one -= Math.log2(unigram[byte] ?? 0);
    two -= Math.log2(bigram[before * 256 + byte] ?? 0);
  }
  const scored = bytes.length - cut - 1;
  const tail = bytes.subarray(cut + 1);
  return {
    unigram: one / scored,
    bigram: two / scored,
    gzip: (8 * gzipSync(tail, { level: 9 }).length) / tail.length,
  };
}

/** p(b) = (c(b) + 1)/(n + 256). */
export function unigramModel(bytes: Uint8Array): Float64Array {
  const counts = new Float64Array(256).fill(1);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  return counts.map((count) => count / (bytes.length + 256));
}

/** p(b | a) at 256 a + b = (c(ab) + d(a) p(b))/(c(a) + d(a)), d(a) the number of different bytes seen after a (1 for none). */
export function bigramModel(bytes: Uint8Array, unigram: Float64Array): Float64Array {
  const counts = new Float64Array(65_536);
  for (let at = 1; at < bytes.length; at++) {
    const pair = (bytes[at - 1] ?? 0) * 256 + (bytes[at] ?? 0);
    counts[pair] = (counts[pair] ?? 0) + 1;
  }
  const model = new Float64Array(65_536);
  for (let before = 0; before < 256; before++) {
    const row = counts.subarray(256 * before, 256 * before + 256);
    const seen = row.reduce((sum, count) => sum + count, 0);
    const different = Math.max(1, row.filter((count) => count > 0).length);
    row.forEach((count, byte) => {
      model[256 * before + byte] = (count + different * (unigram[byte] ?? 0)) / (seen + different);
    });
  }
  return model;
}
