import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import { floatOfBits, readVectors } from '../vectors/read.js';
import { argMax, argMin, canonicalDot, canonicalNorm, canonicalSum, sign } from './class-f.js';

/** The stated order, written as its definition reads: blocks, lanes by remainder, the tree. */
function byDefinition(terms: number[]): number {
  let total = 0;
  for (let from = 0; from < terms.length; from += 1024) {
    const lanes = [0, 1, 2, 3, 4, 5, 6, 7].map((lane) =>
      terms
        .slice(from, from + 1024)
        .filter((_, i) => i % 8 === lane)
        .reduce((sum, x) => sum + x, 0),
    );
    const pair = (i: number): number => (lanes[i] ?? NaN) + (lanes[i + 4] ?? NaN);
    total += pair(0) + pair(2) + (pair(1) + pair(3));
  }
  return total;
}

const values = (length: number, salt: number): Float64Array =>
  Float64Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + salt) * 10 ** ((i * 7 + salt) % 9));

test('sums and dot products follow the stated order at every length', () => {
  for (const length of [0, 1, 2, 3, 7, 8, 9, 15, 16, 1000, 1023, 1024, 1025, 1031, 2047, 2048, 2049, 5000]) {
    const a = values(length, 1);
    const b = values(length, 2);
    assert.equal(canonicalSum(a), byDefinition([...a]));
    assert.equal(canonicalDot(a, b), byDefinition([...a].map((x, i) => x * (b[i] ?? NaN))));
    assert.equal(canonicalNorm(a), Math.sqrt(canonicalDot(a, a)));
  }
});

interface Reduction {
  length: number;
  seedA: number;
  seedB: number;
  sum: string;
  dot: string;
  norm: string;
}

/** The values that the vectors file describes. */
function congruence(seed: number, length: number): Float64Array {
  let s = BigInt(seed);
  return Float64Array.from({ length }, () => {
    s = BigInt.asUintN(64, s * 6364136223846793005n + 1442695040888963407n);
    return (Number(s >> 40n) - 2 ** 23) * 2 ** (Number((s >> 32n) & 31n) - 16);
  });
}

test('sums, dot products and norms are those of a second implementation', () => {
  const { first, cases } = readVectors('reductions') as { first: string[]; cases: Reduction[] };
  assert.deepEqual([...congruence(1, first.length)], first.map(floatOfBits));
  for (const { length, seedA, seedB, sum, dot, norm } of cases) {
    const a = congruence(seedA, length);
    assert.equal(canonicalSum(a), floatOfBits(sum));
    assert.equal(canonicalDot(a, congruence(seedB, length)), floatOfBits(dot));
    assert.equal(canonicalNorm(a), floatOfBits(norm));
  }
});

test('the order matters: a plain running sum of the same numbers rounds differently', () => {
  const a = values(5000, 1);
  assert.notEqual(
    canonicalSum(a),
    a.reduce((sum, x) => sum + x, 0),
  );
});

test('whole numbers are summed exactly', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), { maxLength: 3000 }), (numbers) => {
      const exact = numbers.reduce((sum, x) => sum + BigInt(x), 0n);
      assert.equal(BigInt(canonicalSum(Float64Array.from(numbers))), exact);
      assert.equal(
        BigInt(canonicalDot(Float64Array.from(numbers), new Float64Array(numbers.length).fill(1))),
        exact,
      );
    }),
    { seed: 3, numRuns: 40 },
  );
});

test('3-4-5: the norm', () => {
  assert.equal(canonicalNorm(Float64Array.of(3, -4)), 5);
});

test('lengths must agree', () => {
  assert.throws(() => canonicalDot(new Float64Array(2), new Float64Array(3)), SeedcastError);
});

test('sign of zero is +1, NaN is refused', () => {
  assert.deepEqual(
    [sign(0), sign(-0), sign(5e-324), sign(-5e-324), sign(Infinity), sign(-Infinity)],
    [1, 1, 1, -1, 1, -1],
  );
  assert.throws(
    () => sign(NaN),
    (e) => e instanceof SeedcastError && e.code === 'SC_EVALUATION',
  );
});

test('the lowest index wins a tie', () => {
  assert.equal(argMin([3, 1, 2, 1]), 1);
  assert.equal(argMax([3, 5, 5, 1]), 1);
  assert.equal(argMin([0, -0]), 0);
  assert.equal(argMax([-0, 0]), 0);
  assert.equal(argMin([Infinity, Infinity]), 0);
  assert.equal(argMax([-Infinity]), 0);
});

test('no values, or NaN among them, have no extreme', () => {
  for (const bad of [[], [NaN], [1, NaN], [NaN, 1]]) {
    assert.throws(
      () => argMin(bad),
      (e) => e instanceof SeedcastError && e.code === 'SC_EVALUATION',
    );
    assert.throws(
      () => argMax(bad),
      (e) => e instanceof SeedcastError && e.code === 'SC_EVALUATION',
    );
  }
});
