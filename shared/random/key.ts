// From a user's seed to a Philox key. The seed is hashed before seedrandom meets it, because seedrandom alone gives 'a',
// 'aa' and 'š', or '1' and '11', the same stream. Touches node:crypto and seedrandom, nothing else.
import { createHash } from 'node:crypto';
import seedrandom from 'seedrandom';
import { SeedcastError } from '../errors.js';
import type { Key } from './philox.js';

/**
 * The one string a seed stands for: a number as JavaScript prints it (42 is '42', −0 is '0'), a string as it is. Refused
 * with SC_SPEC_INVALID: the empty string, NaN, infinities, and strings holding half of a surrogate pair (they have no
 * UTF-8 form of their own).
 */
export function canonicalSeed(seed: string | number): string {
  const refuse = (what: string): never => {
    throw new SeedcastError('SC_SPEC_INVALID', `seed ${what}`, {
      place: { field: 'spec.seed' },
      hint: 'give a finite number or a string of at least one character',
    });
  };
  if (typeof seed === 'number')
    return Number.isFinite(seed) ? String(seed) : refuse(`${seed} is not a finite number`);
  if (seed === '') return refuse('is an empty string');
  if (/\p{Surrogate}/u.test(seed)) return refuse('holds half of a surrogate pair');
  return seed;
}

/**
 * The key of a job: the first two `int32()` of `seedrandom(hex(SHA-256(utf8(canonicalSeed(seed)))))`, as uint32, k0
 * first. Strings are hashed as given, without Unicode normalisation.
 */
export function deriveKey(seed: string | number): Key {
  const digest = createHash('sha256').update(canonicalSeed(seed), 'utf8').digest('hex');
  const generator = seedrandom(digest);
  const k0 = generator.int32() >>> 0;
  const k1 = generator.int32() >>> 0;
  return [k0, k1];
}
