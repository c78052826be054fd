// The text of a language model: bytes of files, cut into a part that members learn from and a held-out tail, and the
// sequences that an evaluation reads from either. Reads files.
import { readFileSync } from 'node:fs';
import { messageOf, SeedcastError } from '../../../shared/errors.js';
import { fillUniform01 } from '../../../shared/random/noise.js';
import { PURPOSE } from '../../../shared/random/purposes.js';
import { type LanguageModelOptions, textFiles } from './options.js';

/** Stands before each document; the integer model forgets there. */
export const DOCUMENT_START = 0;

export interface Text {
  readonly all: Uint8Array;
  /** Where the held-out tail begins, which no member sees. */
  readonly cut: number;
}

/** Sequences side by side, C order [count, length]: a position's target is the byte that follows its token. */
export interface Sequences {
  readonly count: number;
  readonly length: number;
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

/**
 * Bytes of the files, each behind a byte 0, cut so that the last ⌈holdOut · n⌉ of n bytes are held out.
 * @throws SC_OBJECTIVE_OPTIONS where a file cannot be read, or either part holds less than one sequence.
 */
export function loadText(options: LanguageModelOptions): Text {
  const parts = textFiles(options).flatMap((file) => [Uint8Array.of(DOCUMENT_START), bytesOf(file)]);
  const all = Buffer.concat(parts);
  const cut = all.length - Math.ceil(options.holdOut * all.length);
  const needed = sequenceLength(options) + 1;
  const refuse = (what: string, have: number, hint: string): SeedcastError =>
    new SeedcastError(
      'SC_OBJECTIVE_OPTIONS',
      `the text has ${have} bytes ${what}, and a sequence needs ${needed}`,
      { place: { field: 'spec.objective.data' }, hint },
    );
  if (cut < needed) throw refuse('to learn from', cut, 'give more text or a shorter sequence');
  if (cut < all.length && all.length - cut < needed)
    throw refuse('held out', all.length - cut, 'hold out more, or nothing: holdOut: 0');
  return { all, cut };
}

function bytesOf(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new SeedcastError('SC_OBJECTIVE_OPTIONS', `the text cannot be read: ${messageOf(cause)}`, {
      place: { field: 'spec.objective.data' },
      hint: 'paths are those of the worker, from where it was started',
      cause,
    });
  }
}

/** Positions of a sequence: those that warm up and those that are scored. */
export function sequenceLength({ warmUp, sequence }: LanguageModelOptions): number {
  return warmUp + sequence;
}

/**
 * Sequences that begin anywhere in `bytes`, each place alike: sequence i at ⌊u_i · places⌋ with u_i the i-th `uniform01` of
 * key (seed, 0), purpose objectiveBatch.
 * @param bytes more than `length` of them.
 */
export function drawSequences(bytes: Uint8Array, length: number, count: number, seed: number): Sequences {
  const draws = new Float64Array(count);
  fillUniform01([seed, 0], PURPOSE.objectiveBatch, 0, 0, 0, 0, draws);
  const places = bytes.length - length;
  return gather(
    bytes,
    length,
    Array.from(draws, (u) => Math.floor(u * places)),
  );
}

/** The sequences of `bytes` that begin at `starts`; one byte more than `length` is read of each. */
export function gather(bytes: Uint8Array, length: number, starts: readonly number[]): Sequences {
  const tokens = new Int32Array(starts.length * length);
  const targets = new Int32Array(starts.length * length);
  starts.forEach((start, i) => {
    tokens.set(bytes.subarray(start, start + length), i * length);
    targets.set(bytes.subarray(start + 1, start + 1 + length), i * length);
  });
  return { count: starts.length, length, tokens, targets };
}

/** Sequences of several contexts one behind the other, as rows of members. */
export function concatenate(parts: readonly Sequences[]): Sequences {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first ?? gather(new Uint8Array(0), 0, []);
  const join = (select: (part: Sequences) => Int32Array): Int32Array => {
    const joined = new Int32Array(parts.reduce((sum, part) => sum + select(part).length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(select(part), at);
      at += select(part).length;
    }
    return joined;
  };
  return {
    count: first.count,
    length: first.length,
    tokens: join(({ tokens }) => tokens),
    targets: join(({ targets }) => targets),
  };
}
