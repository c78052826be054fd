import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import { accumulateBinomial, fillBinomial } from '../random/noise.js';
import { directionBlocks, exactSums } from './class-i.js';

const bound = (error: unknown) => error instanceof SeedcastError && error.code === 'SC_SPEC_BOUND';

test('no block can leave 32 bits, and none could be longer', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -(2 ** 23), max: 2 ** 23 }), { maxLength: 300 }),
      fc.integer({ min: 1, max: 255 }),
      (numbers, noise) => {
        const coefficients = Int32Array.from(numbers);
        const blocks = directionBlocks(coefficients, noise);
        assert.equal(blocks[0], 0);
        assert.equal(blocks.at(-1), coefficients.length);
        const reach = (from: number, to: number): number =>
          coefficients.slice(from, to).reduce((sum, c) => sum + noise * Math.abs(c), 0);
        for (let b = 0; b + 1 < blocks.length; b++) {
          const [from, to] = [blocks[b] ?? NaN, blocks[b + 1] ?? NaN];
          assert.ok(from < to && reach(from, to) < 2 ** 31);
          assert.ok(to === coefficients.length || reach(from, to + 1) >= 2 ** 31);
        }
      },
    ),
    { seed: 4, numRuns: 100 },
  );
});

test('full-rank doubled ranks of 23,170 members are one block, of 2^20 members several', () => {
  // Worst case of antithetic doubled ranks: c = 2(M−1), 2(M−3), ..., all of one sign; Σ|c| = M²/2 (M even).
  const worst = (members: number): Int32Array =>
    Int32Array.from({ length: members / 2 }, (_, k) => 2 * (members - 1 - 2 * k));
  assert.deepEqual(directionBlocks(worst(23170), 8), [0, 11585]);
  const many = directionBlocks(worst(2 ** 20), 8);
  assert.ok(many.length > 500);
});

test('a coefficient too large for any block, and a sum beyond 2^53, are refused', () => {
  assert.throws(() => directionBlocks(Int32Array.of(1, 2 ** 28), 8), bound);
  assert.deepEqual(directionBlocks(Int32Array.of(1, 2 ** 28 - 1), 8), [0, 1, 2]);
  assert.throws(() => directionBlocks(Int32Array.of(-(2 ** 31)), 1), bound);
  assert.throws(() => directionBlocks(new Int32Array(2 ** 23).fill(2 ** 28), 7), bound);
  assert.deepEqual(directionBlocks(new Int16Array(0), 8), [0]);
});

test('block sums add up to the exact sum of wide coefficients, whatever the blocks', () => {
  const key = [1, 2] as const;
  const directions = 600;
  const coefficients = Int32Array.from({ length: directions }, (_, k) => ((k * 40503) % 8388608) - 100000);
  const blocks = directionBlocks(coefficients, 8);
  assert.ok(blocks.length > 3);
  const length = 50;
  const wide = new Float64Array(length).fill(NaN);
  exactSums(
    (first, last, sums) => accumulateBinomial(key, 0, 3, 4, coefficients, first, last, 9, sums),
    blocks,
    new Int32Array(length),
    wide,
  );
  const exact = new Array<bigint>(length).fill(0n);
  const noise = new Int8Array(length);
  for (let k = 0; k < directions; k++) {
    fillBinomial(key, 0, 3, k, 4, 9, noise);
    noise.forEach((e, i) => {
      exact[i] = (exact[i] ?? 0n) + BigInt(coefficients[k] ?? 0) * BigInt(e);
    });
  }
  assert.deepEqual([...wide].map(BigInt), exact);
});

test('no direction leaves +0, and lengths must agree', () => {
  const wide = new Float64Array(3).fill(-0);
  exactSums(() => assert.fail('no block, no call'), [0], new Int32Array(3), wide);
  assert.deepEqual([...wide], [0, 0, 0]);
  assert.throws(() => exactSums(() => undefined, [0], new Int32Array(2), wide), SeedcastError);
});
