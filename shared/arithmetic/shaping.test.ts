import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import {
  COEFFICIENT_LIMIT,
  centeredRankCoefficients,
  centeredRankScale,
  countedMembers,
  doubledAverageRanks,
  rawCoefficients,
  zScoreCoefficients,
} from './shaping.js';

const fitness = fc.array(
  fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
  {
    minLength: 1,
    maxLength: 60,
  },
);

test('a doubled average rank counts the values below twice and the equals once', () => {
  fc.assert(
    fc.property(fitness, (numbers) => {
      const ranks = doubledAverageRanks(Float64Array.from(numbers));
      numbers.forEach((x, i) => {
        const below = numbers.filter((y) => y < x).length;
        const equal = numbers.filter((y) => y === x).length;
        assert.equal(ranks[i], 2 * below + equal - 1);
      });
      assert.equal(
        ranks.reduce((a, b) => a + b, 0),
        numbers.length * (numbers.length - 1),
      );
    }),
    { seed: 5 },
  );
});

test('NaN and −Infinity share the lowest place', () => {
  assert.deepEqual([...doubledAverageRanks(Float64Array.of(1, NaN, -Infinity, Infinity))], [4, 1, 1, 6]);
  assert.deepEqual([...doubledAverageRanks(Float64Array.of(0, -0))], [1, 1]);
  assert.deepEqual([...doubledAverageRanks(new Float64Array(0))], []);
});

test('ranks do not change under an increasing transform, and follow a permutation', () => {
  fc.assert(
    fc.property(fitness, (numbers) => {
      const ranks = doubledAverageRanks(Float64Array.from(numbers));
      assert.deepEqual(doubledAverageRanks(Float64Array.from(numbers, (x) => 3 * x)), ranks);
      assert.deepEqual(doubledAverageRanks(Float64Array.from(numbers.toReversed())), ranks.toReversed());
    }),
    { seed: 6 },
  );
});

test('centred ranks of a worked antithetic example', () => {
  // Members 5, 1, 2, 2, 9, 0: doubled ranks 8, 2, 5, 5, 10, 0.
  const c = centeredRankCoefficients(Float64Array.of(5, 1, 2, 2, 9, 0), true);
  assert.ok(c instanceof Int16Array);
  assert.deepEqual([...c], [6, 0, 10]);
  assert.equal(centeredRankScale(6), 1 / 120);
});

test('coefficient times scale is the estimate by its formula, antithetic and not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 30 }),
      fc.boolean(),
      (raw, pairs) => {
        const numbers = pairs ? [...raw, ...raw.map((x) => x * x)] : raw;
        const members = numbers.length;
        const c = centeredRankCoefficients(Float64Array.from(numbers), pairs);
        // g = (1/M) Σ p_i ε_i with p = rank/(M−1) − ½ and ε = ±e/2, for one coordinate of arbitrary noise e.
        const noise = (direction: number): number => ((direction * 5) % 17) - 8;
        let g = 0;
        numbers.forEach((x, i) => {
          const rank = numbers.filter((y) => y < x).length + (numbers.filter((y) => y === x).length - 1) / 2;
          const epsilon = pairs ? ((i % 2 === 0 ? 1 : -1) * noise(i >> 1)) / 2 : noise(i) / 2;
          g += ((rank / (members - 1) - 0.5) * epsilon) / members;
        });
        const sum = Array.from(c).reduce((s, ck, k) => s + ck * noise(k), 0);
        assert.ok(Math.abs(sum * centeredRankScale(members) - g) < 1e-12);
      },
    ),
    { seed: 7 },
  );
});

test('coefficients are 16-bit as long as every one must fit', () => {
  const of = (members: number, pairs: boolean) =>
    centeredRankCoefficients(
      Float64Array.from({ length: members }, (_, i) => (i % 2 === 0 ? i : -i)),
      pairs,
    );
  assert.ok(of(16384, true) instanceof Int16Array);
  const wide = of(16386, true);
  assert.ok(wide instanceof Int32Array);
  assert.equal(wide.at(-1), 2 * 16385);
  assert.ok(of(32768, false) instanceof Int16Array);
  assert.ok(of(32770, false) instanceof Int32Array);
});

test('a skipped member takes its partner along: coefficient 0, and ranks over the rest', () => {
  const values = Float64Array.of(5, 1, NaN, 2, 9, 0);
  const skipped = Uint8Array.of(0, 0, 1, 0, 0, 0);
  assert.deepEqual([...countedMembers(6, true, skipped)], [0, 1, 4, 5]);
  assert.deepEqual([...centeredRankCoefficients(values, true, skipped)], [2, 0, 6]);
  // Without pairs only the member itself goes: ranks of 5, 1, 2, 9, 0 less M − 1 = 4.
  assert.deepEqual([...centeredRankCoefficients(values, false, skipped)], [2, -2, 0, 0, 4, -4]);
  const all = new Uint8Array(6).fill(1);
  assert.deepEqual([...centeredRankCoefficients(values, true, all)], [0, 0, 0]);
  assert.deepEqual([...zScoreCoefficients(values, true, all).coefficients], [0, 0, 0]);
  assert.deepEqual([...rawCoefficients(values, 1, true, all).coefficients], [0, 0, 0]);
  assert.equal(centeredRankScale(0), 0);
  assert.throws(
    () => countedMembers(5, true),
    (e) => e instanceof SeedcastError && e.code === 'SC_SPEC_INVALID',
  );
});

/** Weights by the formulas, in plain floating point. */
function weights(numbers: number[], pairs: boolean, shape: (x: number) => number): number[] {
  const p = numbers.map((x) => shape(x) / (2 * numbers.length));
  return pairs ? p.filter((_, i) => i % 2 === 0).map((x, k) => x - (p[2 * k + 1] ?? NaN)) : p;
}

function assertWeights(scaled: { coefficients: Int32Array; exponent: number }, expected: number[]): void {
  const unit = 2 ** scaled.exponent;
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((w, k) => {
    assert.ok(Math.abs((scaled.coefficients[k] ?? NaN) * unit - w) <= unit * 0.5 + 1e-12 * largest);
  });
  const top = scaled.coefficients.reduce((a, c) => Math.max(a, Math.abs(c)), 0);
  assert.ok(top <= COEFFICIENT_LIMIT && (largest === 0 || top >= COEFFICIENT_LIMIT / 2), `top ${top}`);
}

test('z-score and raw weights are their formulas to 23 bits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, min: -1e5, max: 1e5 }), { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (raw, pairs) => {
        const numbers = [...raw, ...raw.map((x, i) => x * 0.5 + i)];
        const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
        const deviation = Math.sqrt(numbers.reduce((a, x) => a + (x - mean) ** 2, 0) / numbers.length);
        const values = Float64Array.from(numbers);
        fc.pre(deviation > 1e-3 * Math.abs(mean) && deviation > 1e-6);
        assertWeights(
          zScoreCoefficients(values, pairs),
          weights(numbers, pairs, (x) => (x - mean) / deviation),
        );
        assertWeights(
          rawCoefficients(values, 0.02, pairs),
          weights(numbers, pairs, (x) => x / 0.02),
        );
      },
    ),
    { seed: 8 },
  );
});

test('equal fitness moves nothing; z-scores do not see scale or shift', () => {
  assert.deepEqual([...zScoreCoefficients(new Float64Array(6).fill(3.3), true).coefficients], [0, 0, 0]);
  const values = Float64Array.of(1, 2, 4, 8);
  const z = zScoreCoefficients(values, true);
  assert.deepEqual(
    zScoreCoefficients(
      values.map((x) => x * 2 ** 700),
      true,
    ),
    z,
  );
  assert.deepEqual(
    zScoreCoefficients(
      values.map((x) => x * 2 ** -900),
      true,
    ),
    z,
  );
  assert.deepEqual(
    zScoreCoefficients(
      values.map((x) => x + 16),
      true,
    ),
    z,
  );
});

test('fitness beyond reason saturates instead of overflowing, and what is not finite is refused', () => {
  const { coefficients, exponent } = rawCoefficients(Float64Array.of(1e300, -1e300, 1, 0), 0.1, true);
  assert.deepEqual([...coefficients], [COEFFICIENT_LIMIT, 0]);
  assert.ok(exponent <= 16);
  for (const bad of [NaN, Infinity, -Infinity]) {
    const refused = (e: unknown) =>
      e instanceof SeedcastError && e.code === 'SC_EVALUATION' && e.message.includes('member 1');
    assert.throws(() => rawCoefficients(Float64Array.of(1, bad), 1, true), refused);
    assert.throws(() => zScoreCoefficients(Float64Array.of(1, bad), false), refused);
  }
  assert.throws(
    () => rawCoefficients(Float64Array.of(1, 2), 0, true),
    (e) => e instanceof SeedcastError && e.code === 'SC_SPEC_INVALID',
  );
});
