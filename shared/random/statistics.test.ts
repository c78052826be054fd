// Statistical laws of the noise. Every check is a z-score that must stay below 5 in magnitude: if the numbers were ideal, a
// single two-sided check would fail with probability 5.7e-7, all of the about 120 here together with less than 7e-5. The
// seeds are fixed, so a failure is a change of the code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveKey } from './key.js';
import { fillBinomial, fillNormal, fillRademacher, fillUniform01 } from './noise.js';
import { NORMAL_SCALE } from './normal-table.js';
import type { Purpose } from './purposes.js';

const N = 1 << 18;
const LIMIT = 5;

type Place = [purpose: Purpose, tensor: number, direction: number, step: number];
interface Kind {
  name: string;
  variance: number;
  kurtosis: number;
  sample: (seed: string, place: Place, start?: number) => Float64Array;
}

// Exact moments: popcounts by the binomial law, signs by definition, normals by the enumeration tested with the table.
const KINDS: Kind[] = [
  {
    name: 'binomial',
    variance: 4,
    kurtosis: -1 / 8,
    sample: (seed, place, start = 0) => {
      const out = new Int8Array(N);
      fillBinomial(deriveKey(seed), ...place, start, out);
      return Float64Array.from(out);
    },
  },
  {
    name: 'rademacher',
    variance: 1,
    kurtosis: -2,
    sample: (seed, place, start = 0) => {
      const out = new Int8Array(N);
      fillRademacher(deriveKey(seed), ...place, start, out);
      return Float64Array.from(out);
    },
  },
  {
    name: 'normal',
    variance: 0.99998117,
    kurtosis: -0.00073335,
    sample: (seed, place, start = 0) => {
      const out = new Int16Array(N);
      fillNormal(deriveKey(seed), ...place, start, out);
      return Float64Array.from(out, (v) => v / NORMAL_SCALE);
    },
  },
];

const sum = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);
const near = (z: number, what: string): void => {
  assert.ok(Math.abs(z) < LIMIT, `${what}: z = ${z.toFixed(2)}`);
};

/** χ² against expected counts as a z-score (Wilson and Hilferty's cube root). */
function chiSquareZ(observed: number[], expected: number[]): number {
  const chi = observed.reduce((s, o, i) => s + (o - (expected[i] ?? NaN)) ** 2 / (expected[i] ?? NaN), 0);
  const spread = 2 / (9 * (observed.length - 1));
  return (Math.cbrt(chi / (observed.length - 1)) - (1 - spread)) / Math.sqrt(spread);
}

for (const { name, variance, kurtosis, sample } of KINDS) {
  test(`${name}: mean 0 and the stated variance`, () => {
    for (const seed of ['one', 'two', 'three']) {
      const x = sample(seed, [0, 0, 0, 0]);
      near(sum(x) / Math.sqrt(N * variance), `mean, seed ${seed}`);
      const squares = sum(x.map((v) => v * v)) - N * variance;
      // Var(e²) = (κ + 2)·σ⁴; for signs it is 0 and so is the difference.
      if (kurtosis === -2) assert.equal(squares, 0);
      else near(squares / (variance * Math.sqrt(N * (kurtosis + 2))), `variance, seed ${seed}`);
    }
  });

  test(`${name}: neighbours in every coordinate of the counter are uncorrelated`, () => {
    const base: Place = [0, 5, 7, 9];
    const x = sample('s', base);
    const correlate = (y: Float64Array, what: string): void => {
      near(sum(x.map((v, i) => v * (y[i] ?? NaN))) / (variance * Math.sqrt(N)), what);
      // The squares too: noise that shares its size but not its sign would pass the first.
      if (kurtosis > -2) {
        const product = sum(x.map((v, i) => (v * v - variance) * ((y[i] ?? NaN) ** 2 - variance)));
        near(product / (variance ** 2 * (kurtosis + 2) * Math.sqrt(N)), `squares, ${what}`);
      }
    };
    for (const lag of [1, 2, 4, 8, 32, 128]) correlate(sample('s', base, lag), `lag ${lag}`);
    correlate(sample('s', [1, 5, 7, 9]), 'next purpose');
    correlate(sample('s', [0, 6, 7, 9]), 'next tensor');
    correlate(sample('s', [0, 5, 8, 9]), 'next direction');
    correlate(sample('s', [0, 5, 7, 10]), 'next step');
    correlate(sample('s', [0, 5, 9, 7]), 'direction and step swapped');
    correlate(sample('t', base), 'another seed');
  });
}

test('binomial: all 17 values appear as often as the binomial law says', () => {
  const binomial = KINDS[0]?.sample ?? assert.fail();
  // C(16, k) / 2^16.
  const law = [1, 16, 120, 560, 1820, 4368, 8008, 11440, 12870, 11440, 8008, 4368, 1820, 560, 120, 16, 1];
  const counts = new Array<number>(17).fill(0);
  for (let direction = 0; direction < 8; direction++) {
    for (const v of binomial('law', [0, 0, direction, 1])) counts[v + 8] = (counts[v + 8] ?? NaN) + 1;
  }
  near(
    chiSquareZ(
      counts,
      law.map((c) => (8 * N * c) / 65536),
    ),
    'popcounts',
  );
});

test('normal: values fall into intervals of half a deviation as the Gaussian law says', () => {
  const normal = KINDS[2]?.sample ?? assert.fail();
  // Φ at −3, −2.5, ..., 3, from tables, moved half a unit of 1/512 up by its derivative: no value lies on such a bound.
  const table = [0.001349898, 0.0062096653, 0.0227501319, 0.0668072013, 0.1586552539, 0.3085375387, 0.5];
  const phi = [
    ...table,
    ...table
      .slice(0, 6)
      .reverse()
      .map((p) => 1 - p),
  ];
  const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const cumulative = [0, ...phi.map((p, i) => p + density(i / 2 - 3) / 1024), 1];
  const counts = new Array<number>(14).fill(0);
  for (const v of normal('law', [0, 1, 2, 3])) {
    const at = Math.min(13, Math.max(0, Math.floor(2 * (v - 1 / 1024) + 7)));
    counts[at] = (counts[at] ?? NaN) + 1;
  }
  const law = counts.map((_, i) => N * ((cumulative[i + 1] ?? NaN) - (cumulative[i] ?? NaN)));
  near(chiSquareZ(counts, law), 'intervals');
});

test('uniform01: in [0, 1), level over 1,024 intervals, and its low bits too', () => {
  const u = new Float64Array(N);
  fillUniform01(deriveKey('uniform'), 1, 2, 3, 4, 0, u);
  const high = new Array<number>(1024).fill(0);
  const low = new Array<number>(1024).fill(0);
  for (const x of u) {
    assert.ok(x >= 0 && x < 1);
    const i = Math.floor(x * 1024);
    const j = (x * 2 ** 53) % 1024;
    high[i] = (high[i] ?? NaN) + 1;
    low[j] = (low[j] ?? NaN) + 1;
  }
  near(
    chiSquareZ(
      high,
      high.map(() => N / 1024),
    ),
    'high bits',
  );
  near(
    chiSquareZ(
      low,
      low.map(() => N / 1024),
    ),
    'low bits',
  );
  near((sum(u) - N / 2) / Math.sqrt(N / 12), 'mean');
});
