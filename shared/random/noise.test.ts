import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import { floatOfBits, readVectors, word } from '../vectors/read.js';
import {
  accumulateBinomial,
  accumulateRademacher,
  evaluationSeed,
  fillBinomial,
  fillNormal,
  fillRademacher,
  fillUniform01,
  uniform01,
  uniformBits,
} from './noise.js';
import { NORMAL_MAX, NORMAL_SCALE, normalTable } from './normal-table.js';
import type { Key } from './philox.js';
import type { Purpose } from './purposes.js';

interface Place {
  key: [string, string];
  purpose: Purpose;
  tensor: number;
  direction: number;
  step: number;
  start: number;
}
interface Case extends Place {
  binomial: number[];
  rademacher: number[];
  normal: number[];
  uniformBits?: string[];
  uniform01?: string[];
}
interface Run extends Place {
  length: number;
  binomial: string;
  rademacher: string;
  normal: string;
}
interface Table {
  sha256: string;
  maximum: number;
  sumOfSquares: number;
  sumOfFourthPowers: string;
  beyond3: number;
  beyond4: number;
}
const vectors = readVectors('noise') as {
  normalTable: Table;
  cases: Case[];
  runs: Run[];
  evaluationSeeds: { key: [string, string]; step: number; direction: number; seed: string }[];
};
interface SumCase {
  kind: 'binomial' | 'rademacher';
  key: [string, string];
  purpose: Purpose;
  tensor: number;
  step: number;
  coefficients: number[];
  first: number;
  last: number;
  start: number;
  sums: number[];
}
const { cases: sumCases } = readVectors('sums') as { cases: SumCase[] };
const keyOf = (hex: [string, string]): Key => [word(hex[0]), word(hex[1])];
const sha256 = (array: Int8Array | Int16Array): string =>
  createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex');

test('elements of every noise kind agree with a second implementation', () => {
  for (const c of vectors.cases) {
    const place = [keyOf(c.key), c.purpose, c.tensor, c.direction, c.step] as const;
    const binomial = new Int8Array(c.binomial.length);
    fillBinomial(...place, c.start, binomial);
    assert.deepEqual([...binomial], c.binomial);
    const rademacher = new Int8Array(c.rademacher.length);
    fillRademacher(...place, c.start, rademacher);
    assert.deepEqual([...rademacher], c.rademacher);
    const normal = new Int16Array(c.normal.length);
    fillNormal(...place, c.start, normal);
    assert.deepEqual([...normal], c.normal);
    c.uniformBits?.forEach((hex, i) => {
      assert.equal(uniformBits(...place, c.start + i), word(hex));
    });
    c.uniform01?.forEach((hex, i) => {
      assert.equal(uniform01(...place, c.start + i), floatOfBits(hex));
    });
    if (c.uniform01 === undefined) continue;
    const uniform = new Float64Array(c.uniform01.length);
    fillUniform01(...place, c.start, uniform);
    assert.deepEqual([...uniform], c.uniform01.map(floatOfBits));
  }
});

test('runs of 100,000 elements, aligned or not, hash as a second implementation says', () => {
  for (const run of vectors.runs) {
    const place = [keyOf(run.key), run.purpose, run.tensor, run.direction, run.step, run.start] as const;
    const bytes = new Int8Array(run.length);
    fillBinomial(...place, bytes);
    assert.equal(sha256(bytes), run.binomial);
    fillRademacher(...place, bytes);
    assert.equal(sha256(bytes), run.rademacher);
    const words = new Int16Array(run.length);
    fillNormal(...place, words);
    assert.equal(sha256(words), run.normal);
  }
});

test('weighted sums over directions agree with whole-number sums of a second implementation', () => {
  assert.ok(sumCases.length >= 8);
  for (const c of sumCases) {
    const accumulate = c.kind === 'binomial' ? accumulateBinomial : accumulateRademacher;
    const wide = Int32Array.from(c.coefficients);
    const sums = new Int32Array(c.sums.length).fill(3);
    accumulate(keyOf(c.key), c.purpose, c.tensor, c.step, wide, c.first, c.last, c.start, sums);
    assert.deepEqual(
      [...sums],
      c.sums.map((s) => s + 3),
    );
    if (c.coefficients.every((x) => Math.abs(x) <= 32767)) {
      sums.fill(0);
      const narrow = Int16Array.from(c.coefficients);
      accumulate(keyOf(c.key), c.purpose, c.tensor, c.step, narrow, c.first, c.last, c.start, sums);
      assert.deepEqual([...sums], c.sums);
    }
  }
});

test('evaluation seeds agree with a second implementation', () => {
  for (const { key, step, direction, seed } of vectors.evaluationSeeds) {
    assert.equal(evaluationSeed(keyOf(key), step, direction), word(seed));
  }
});

test('any range made by itself equals that range of the whole', () => {
  const key: Key = [123456789, 987654321];
  const whole = {
    binomial: new Int8Array(5000),
    rademacher: new Int8Array(5000),
    normal: new Int16Array(5000),
  };
  fillBinomial(key, 0, 4, 2, 6, 0, whole.binomial);
  fillRademacher(key, 0, 4, 2, 6, 0, whole.rademacher);
  fillNormal(key, 0, 4, 2, 6, 0, whole.normal);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4999 }), fc.integer({ min: 0, max: 5000 }), (start, size) => {
      const length = Math.min(size, 5000 - start);
      const bytes = new Int8Array(length);
      fillBinomial(key, 0, 4, 2, 6, start, bytes);
      assert.deepEqual(bytes, whole.binomial.slice(start, start + length));
      fillRademacher(key, 0, 4, 2, 6, start, bytes);
      assert.deepEqual(bytes, whole.rademacher.slice(start, start + length));
      const words = new Int16Array(length);
      fillNormal(key, 0, 4, 2, 6, start, words);
      assert.deepEqual(words, whole.normal.slice(start, start + length));
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('a sum over directions may be split anywhere and taken in any order', () => {
  const key: Key = [5, 6];
  const coefficients = Int32Array.from({ length: 40 }, (_, k) => ((k * 7919) % 2001) - 1000);
  for (const accumulate of [accumulateBinomial, accumulateRademacher]) {
    const whole = new Int32Array(300);
    accumulate(key, 0, 1, 2, coefficients, 0, 40, 77, whole);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 300 }), (cut, at) => {
        const sums = new Int32Array(300);
        accumulate(key, 0, 1, 2, coefficients, cut, 40, 77 + at, sums.subarray(at));
        accumulate(key, 0, 1, 2, coefficients, cut, 40, 77, sums.subarray(0, at));
        accumulate(key, 0, 1, 2, coefficients, 0, cut, 77, sums);
        assert.deepEqual(sums, whole);
      }),
      { seed: 2, numRuns: 25 },
    );
  }
});

test('the normal table is antisymmetric, monotone, and as thresholds of the distribution function say', () => {
  const table = normalTable();
  const { normalTable: facts } = vectors;
  assert.equal(sha256(table), facts.sha256);
  let squares = 0n;
  let fourths = 0n;
  let beyond3 = 0;
  let beyond4 = 0;
  table.forEach((v, i) => {
    assert.equal(v + (table[65535 - i] ?? NaN), 0);
    if (i > 0) assert.ok(v >= (table[i - 1] ?? Infinity));
    squares += BigInt(v) ** 2n;
    fourths += BigInt(v) ** 4n;
    if (Math.abs(v) > 3 * NORMAL_SCALE) beyond3++;
    if (Math.abs(v) > 4 * NORMAL_SCALE) beyond4++;
  });
  assert.equal(squares, BigInt(facts.sumOfSquares));
  assert.equal(fourths, BigInt(facts.sumOfFourthPowers));
  assert.deepEqual([beyond3, beyond4], [facts.beyond3, facts.beyond4]);
  assert.equal(table[65535], NORMAL_MAX);
  assert.equal(facts.maximum, NORMAL_MAX);
  assert.ok(NORMAL_MAX < 2 ** 12);
  const variance = Number(squares) / 65536 / NORMAL_SCALE ** 2;
  const kurtosis = (Number(fourths) * 65536) / Number(squares) ** 2 - 3;
  assert.ok(Math.abs(variance - 0.99998117) < 5e-9, `variance ${variance}`);
  assert.ok(Math.abs(kurtosis + 0.00073335) < 5e-9, `excess kurtosis ${kurtosis}`);
});

test('counters and directions out of range are refused', () => {
  const key: Key = [0, 0];
  const refused = (run: () => void, code: string) => {
    assert.throws(run, (error) => error instanceof SeedcastError && error.code === code);
  };
  refused(() => fillBinomial(key, 0, 0, -1, 0, 0, new Int8Array(1)), 'SC_SPEC_BOUND');
  refused(() => fillBinomial(key, 0, 0, 0, 2 ** 32, 0, new Int8Array(1)), 'SC_SPEC_BOUND');
  refused(() => fillBinomial(key, 0, 0, 0, 0, 2 ** 35, new Int8Array(1)), 'SC_SPEC_BOUND');
  refused(() => fillNormal(key, 0, 0, 0, 0, 0.5, new Int16Array(1)), 'SC_SPEC_BOUND');
  refused(
    () => accumulateBinomial(key, 0, 0, 0, new Int16Array(3), 0, 4, 0, new Int32Array(1)),
    'SC_INTERNAL',
  );
});
