// The addon's noise against shared/random, which published vectors hold: equal at every SIMD level, any range, any threads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as definition from '../../shared/random/noise.js';
import { philoxBlocks } from '../../shared/random/philox.js';
import { PURPOSE, counterWord } from '../../shared/random/purposes.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import * as noise from './noise.js';

const uint32 = fc.oneof(
  fc.constantFrom(0, 1, 0xffffffff, 0x80000000),
  fc.integer({ min: 0, max: 0xffffffff }),
);
const stream = fc.record({
  key: fc.tuple(uint32, uint32),
  purpose: fc.constantFrom(...Object.values(PURPOSE)),
  tensor: fc.integer({ min: 0, max: 0xffffff }),
  step: uint32,
});
const range = (limit: number) =>
  fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: limit - 5000 })),
    fc.integer({ min: 0, max: 5000 }),
  );

/** Guard values around the output show a write outside it. */
function guarded<A extends Int8Array | Int32Array>(whole: A, run: (inner: A) => void): A {
  run(whole.subarray(3, whole.length - 5) as A);
  return whole;
}

const name = (native: (typeof LEVELS)[number]) => `${native.simd}, ${native.threads} threads`;

test('Philox words are the definition', { skip: SKIP }, () => {
  fc.assert(
    fc.property(stream, uint32, uint32, fc.integer({ min: 0, max: 80 }), (s, direction, first, blocks) => {
      const begin = Math.min(first, 2 ** 32 - blocks);
      const expected = new Uint32Array(4 * blocks);
      philoxBlocks(begin, counterWord(s.purpose, s.tensor), direction, s.step, ...s.key, expected, blocks);
      for (const native of LEVELS) {
        const found = new Uint32Array(4 * blocks);
        noise.fillWords(native, s, direction, begin, found);
        assert.deepEqual(found, expected, name(native));
      }
    }),
    { seed: 1, numRuns: 60 },
  );
});

for (const [kind, limit] of [
  ['fillBinomial', 2 ** 35],
  ['fillRademacher', 2 ** 39],
] as const) {
  test(`${kind} is the definition over any range`, { skip: SKIP }, () => {
    fc.assert(
      fc.property(stream, uint32, range(limit), (s, direction, [start, length]) => {
        const expected = guarded(new Int8Array(length + 8).fill(77), (out) =>
          definition[kind](s.key, s.purpose, s.tensor, direction, s.step, start, out),
        );
        for (const native of LEVELS) {
          const found = guarded(new Int8Array(length + 8).fill(77), (out) =>
            noise[kind](native, s, direction, start, out),
          );
          assert.deepEqual(found, expected, name(native));
        }
      }),
      { seed: 2, numRuns: 60 },
    );
  });
}

const coefficients = fc.oneof(
  fc.array(fc.integer({ min: -32768, max: 32767 }), { maxLength: 80 }).map((c) => Int16Array.from(c)),
  fc
    .array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 12 })
    .map((c) => Int32Array.from(c)),
  fc.array(fc.constantFrom(0, 1, -1), { maxLength: 12 }).map((c) => Int32Array.from(c)),
);

for (const [kind, limit] of [
  ['accumulateBinomial', 2 ** 35],
  ['accumulateRademacher', 2 ** 39],
] as const) {
  test(`${kind} is the definition over any range and directions, wrapped sums too`, { skip: SKIP }, () => {
    fc.assert(
      fc.property(stream, coefficients, range(limit), (s, c, [start, length]) => {
        const first = Math.floor(c.length / 5);
        const last = c.length - Math.floor(c.length / 7);
        const begin = Int32Array.from({ length: length + 8 }, (_, i) => Math.imul(i, 0x9e3779b9));
        const expected = guarded(begin.slice(), (sums) =>
          definition[kind](s.key, s.purpose, s.tensor, s.step, c, first, last, start, sums),
        );
        for (const native of LEVELS) {
          const found = guarded(begin.slice(), (sums) =>
            noise[kind](native, s, { coefficients: c, first, last }, start, sums),
          );
          assert.deepEqual(found, expected, name(native));
        }
      }),
      { seed: 3, numRuns: 40 },
    );
  });
}

test('ranges that are cut over threads are the definition too', { skip: SKIP }, () => {
  const s = { key: [5, 6], purpose: PURPOSE.perturbation, tensor: 7, step: 8 } as const;
  const expected = { binomial: new Int8Array(300_001), rademacher: new Int8Array(300_001) };
  definition.fillBinomial(s.key, s.purpose, s.tensor, 9, s.step, 3, expected.binomial);
  definition.fillRademacher(s.key, s.purpose, s.tensor, 9, s.step, 3, expected.rademacher);
  for (const native of LEVELS) {
    const found = { binomial: new Int8Array(300_001), rademacher: new Int8Array(300_001) };
    noise.fillBinomial(native, s, 9, 3, found.binomial);
    noise.fillRademacher(native, s, 9, 3, found.rademacher);
    assert.deepEqual(found, expected, name(native));
  }
});

for (const kind of ['binomial', 'rademacher'] as const) {
  test(`one call makes the ${kind} factors of many directions`, { skip: SKIP }, () => {
    const fill = kind === 'binomial' ? definition.fillBinomial : definition.fillRademacher;
    fc.assert(
      fc.property(
        stream,
        fc.array(uint32, { maxLength: 9 }),
        fc.integer({ min: 0, max: 700 }),
        (s, list, length) => {
          const expected = list.map((direction) => {
            const row = new Int8Array(length);
            fill(s.key, s.purpose, s.tensor, direction, s.step, 0, row);
            return [...row];
          });
          for (const native of LEVELS) {
            const found = new Int8Array(list.length * length);
            noise.lowRankFactors(native, s, Uint32Array.from(list), length, found, kind);
            assert.deepEqual([...found], expected.flat(), name(native));
          }
        },
      ),
      { seed: 4, numRuns: 30 },
    );
  });
}

test('a bad argument is refused by name, and shared memory is taken', { skip: SKIP }, () => {
  const [native] = LEVELS;
  assert.ok(native);
  const call = (...rest: unknown[]) => native.call('fillBinomial', ...rest);
  const out = new Int8Array(new SharedArrayBuffer(8));
  call(1, 2, 3, 4, 5, 0, out);
  const own = new Int8Array(8);
  call(1, 2, 3, 4, 5, 0, own);
  assert.deepEqual([...out], [...own]);
  assert.throws(() => call(1, 2, 3, 4, 5, 0), /fillBinomial takes 9 arguments, got 8/);
  assert.throws(() => call(1, 2, 3, 4, 5, 0, new Int16Array(4)), /out \(argument 9\) must be an Int8Array/);
  assert.throws(() => call(1, 2, 3, 4, -1, 0, own), RangeError);
  assert.throws(() => call(1, 2, 3, 4, 5.5, 0, own), /direction is 5.5/);
  assert.throws(() => call(1, 2, 3, 4, 5, 2 ** 35 - 4, own), /go past 34359738368/);
  assert.throws(() => call('x', 2, 3, 4, 5, 0, own), TypeError);
  assert.throws(
    () => native.call('accumulateBinomial', 1, 2, 3, 4, new Int16Array(4), 2, 5, 0, new Int32Array(3)),
    /\[2, 5\) do not lie within the 4 coefficients/,
  );
});
