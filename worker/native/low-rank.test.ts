// The addon's low-rank sums against BigInt: exact at every SIMD level and number of threads, for any shape, ranks, stretches
// of rows and coefficients up to the end of int32.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Random } from '../../test/simulation/random.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import { lowRankSums } from './low-rank.js';

test('lowRankSums is the sum of all terms by whole numbers of any size', { skip: SKIP }, () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        directions: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(1100)),
        rank: fc.integer({ min: 1, max: 3 }),
        rows: fc.integer({ min: 1, max: 23 }),
        columns: fc.integer({ min: 1, max: 150 }),
        from: fc.nat({ max: 100 }),
        largest: fc.constantFrom(1, 4095, 4096, 2 ** 23, 2 ** 25, 2 ** 31 - 1),
        ends: fc.boolean(),
      }),
      ({ seed, directions, rank, rows, columns, from, largest, ends }) => {
        const random = new Random(seed);
        const value = (limit: number): number =>
          ends ? limit * (2 * random.integer(0, 1) - 1) : random.integer(-limit, limit);
        // Many directions in few elements: whole numbers of any size are slow.
        const wide = directions > 40 ? Math.min(columns, 20) : columns;
        const terms = directions * rank;
        const numbers = Array.from({ length: directions }, () => value(largest));
        const coefficients = largest < 2 ** 15 ? Int16Array.from(numbers) : Int32Array.from(numbers);
        const a = Int8Array.from({ length: terms * rows }, () => value(8));
        const b = Int8Array.from({ length: terms * wide }, () => value(8));
        const row = from % rows;
        const height = rows - row;
        const expected = new Float64Array(height * wide);
        for (let i = 0; i < height; i++)
          for (let j = 0; j < wide; j++) {
            let sum = 0n;
            for (let term = 0; term < terms; term++) {
              const ab = (a[term * rows + row + i] ?? 0) * (b[term * wide + j] ?? 0);
              sum += BigInt(coefficients[Math.floor(term / rank)] ?? 0) * BigInt(ab);
            }
            expected[i * wide + j] = Number(sum);
          }
        for (const level of LEVELS) {
          const sums = new Float64Array(height * wide).fill(Number.NaN);
          lowRankSums(level, coefficients, rank, a, rows, b, wide, row, sums);
          assert.deepEqual(sums, expected, `${level.simd}, ${level.threads} threads`);
        }
      },
    ),
    { seed: 1, numRuns: 40 },
  );
});

test('rows beyond the matrix and half rows are refused', { skip: SKIP }, () => {
  const level = LEVELS[0];
  assert.ok(level);
  const [a, b, c] = [new Int8Array(2), new Int8Array(3), Int16Array.of(1)];
  assert.throws(() => lowRankSums(level, c, 1, a, 2, b, 3, 0, new Float64Array(4)), /whole rows of 3/);
  assert.throws(
    () => lowRankSums(level, c, 1, a, 2, b, 3, 1, new Float64Array(6)),
    /end by row 2 from row 1/,
  );
});
