import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeedcastError } from '../errors.js';
import { readVectors, word } from '../vectors/read.js';
import { canonicalSeed, deriveKey } from './key.js';
import { PURPOSE, counterWord } from './purposes.js';

const { keys } = readVectors('keys') as {
  keys: { seed: string | number; canonical: string; key: [string, string] }[];
};

test('keys agree with an independent SHA-256 and ARC4', () => {
  assert.ok(keys.length >= 10);
  for (const { seed, canonical, key } of keys) {
    assert.equal(canonicalSeed(seed), canonical);
    assert.deepEqual(deriveKey(seed), key.map(word));
  }
});

test('seeds that seedrandom alone confuses get keys of their own', () => {
  const seeds = ['a', 'aa', 'š', '1', '11', '日本', '日'];
  assert.equal(new Set(seeds.map((seed) => deriveKey(seed).join())).size, seeds.length);
});

test('a number and its printed form are one seed', () => {
  assert.deepEqual(deriveKey(42), deriveKey('42'));
  assert.deepEqual(deriveKey(-0), deriveKey('0'));
});

test('seeds that name nothing are refused, naming the field', () => {
  for (const seed of ['', NaN, Infinity, -Infinity, 'x\ud800', '\udc00']) {
    assert.throws(
      () => canonicalSeed(seed),
      (error) =>
        error instanceof SeedcastError &&
        error.code === 'SC_SPEC_INVALID' &&
        error.place?.field === 'spec.seed',
    );
  }
});

test('a counter word keeps purpose and tensor apart and refuses a tensor beyond 24 bits', () => {
  assert.equal(counterWord(PURPOSE.perturbation, 0), 0);
  assert.equal(counterWord(PURPOSE.permutation, 0xabcdef), 0x05abcdef);
  for (const tensor of [-1, 0.5, 0x1000000, NaN]) {
    assert.throws(
      () => counterWord(PURPOSE.init, tensor),
      (e) => e instanceof SeedcastError && e.code === 'SC_SPEC_BOUND',
    );
  }
});

test('purposes are distinct 8-bit numbers', () => {
  const numbers = Object.values(PURPOSE);
  assert.equal(new Set(numbers).size, numbers.length);
  assert.ok(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 256));
});
