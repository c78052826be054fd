// Evolution strategies against closed forms: the mean and variance of the raw estimate on a linear function, the
// contraction on the sphere, the alignment with the gradient, the noise floor of centred ranks. With κ the excess kurtosis
// of the noise (−1/8 binomial, −2 rademacher), all follow from the formulas of Salimans et al. (2017) and the moments of
// the noise. Every tolerance is five standard errors of the sample.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { exampleGenesis, exampleTensor } from '../../test/support/example-genesis.js';
import { Random } from '../../test/simulation/random.js';
import { Replica } from '../../worker/replica/replica.js';
import type { Genesis } from '../ledger/records.js';
import { fillBinomial } from '../random/noise.js';
import { deriveKey } from '../random/key.js';
import { PURPOSE } from '../random/purposes.js';
import { es } from './es.js';
import type { EsOptions } from './options.js';

interface Sample {
  readonly mean: number;
  /** Of the mean. */
  readonly standardError: number;
  readonly variance: number;
}

function sampleOf(values: readonly number[]): Sample {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance, standardError: Math.sqrt(variance / values.length) };
}

function close(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual}, the formula gives ${expected} ± ${tolerance}`,
  );
}

/** θ after one sgd step of rate `learningRate` from `theta` at `step`, on fitness F (larger is better). */
function oneStep(
  genesis: Genesis,
  replica: Replica,
  step: number,
  theta: Float64Array,
  fitness: (x: Float64Array) => number,
): Float64Array {
  const { population } = genesis.spec.method;
  replica.memory.parameters(step)[0]?.set(theta);
  const out = replica.allocate();
  const layout = { members: population, group: 2, repeats: 0, validation: 0 };
  const values = Float64Array.from({ length: population }, (_, member) => {
    replica.parametersOf(step, layout, member, out);
    return fitness(out[0] as Float64Array);
  });
  const { update } = es.reduce(genesis.spec, step, values, new Uint8Array(population));
  replica.apply(step, { ...update, auxiliary: null });
  return Float64Array.from(replica.memory.parameters(step + 1)[0] as Float64Array);
}

function sines(size: number, dtype: string): Float32Array | Float64Array {
  const values = Float64Array.from({ length: size }, (_, j) => Math.sin(j));
  return dtype === 'float32' ? Float32Array.from(values) : values;
}

function setUp(size: number, method: Partial<EsOptions>): { genesis: Genesis; replica: Replica } {
  const genesis = exampleGenesis({
    method,
    objective: { tensors: [exampleTensor('x', size)], direction: 'maximize' },
  });
  const replica = new Replica(genesis);
  replica.initialise();
  return { genesis, replica };
}

const KURTOSIS = { binomial: -1 / 8, rademacher: -2 } as const;

describe('the raw antithetic estimate of a linear function', () => {
  for (const noise of ['binomial', 'rademacher'] as const) {
    it(`has the gradient as its mean and the variance of the closed form, ${noise} noise`, () => {
      const n = 8;
      const trials = 4000;
      const a = Float64Array.of(2, -1, 0.5, 0, 3);
      const { genesis, replica } = setUp(a.length, {
        shaping: 'raw',
        population: 2 * n,
        learningRate: 1,
        sigma: 0.3,
        noise,
      });
      const dot = (x: Float64Array): number => x.reduce((sum, v, j) => sum + v * (a[j] ?? 0), 0);
      const estimates = Array.from({ length: trials }, (_, step) =>
        oneStep(genesis, replica, step, new Float64Array(a.length), dot),
      );
      const square = a.reduce((sum, v) => sum + v * v, 0);
      a.forEach((aj, j) => {
        const { mean, variance, standardError } = sampleOf(estimates.map((g) => g[j] ?? 0));
        const expected = (square + (1 + KURTOSIS[noise]) * aj * aj) / n;
        close(mean, aj, 5 * standardError, `mean of coordinate ${j}`);
        close(variance, expected, 5 * expected * Math.sqrt(2.5 / trials), `variance of coordinate ${j}`);
      });
    });
  }
});

describe('a step on the sphere', () => {
  it('contracts as (1−α)² + α²(P+1+κ)/n says: 0.79312 for P = 200, n = 64, α = 0.15', () => {
    const [P, n, alpha] = [200, 64, 0.15];
    const { genesis, replica } = setUp(P, {
      shaping: 'raw',
      population: 2 * n,
      learningRate: alpha,
      sigma: 0.05,
    });
    const theta = Float64Array.from({ length: P }, (_, j) => Math.sin(j + 1));
    const norm = (x: Float64Array): number => x.reduce((sum, v) => sum + v * v, 0);
    const ratios = Array.from(
      { length: 250 },
      (_, step) => norm(oneStep(genesis, replica, step, theta, (x) => -norm(x) / 2)) / norm(theta),
    );
    const { mean, standardError } = sampleOf(ratios);
    close(mean, (1 - alpha) ** 2 + (alpha ** 2 * (P + 1 - 1 / 8)) / n, 5 * standardError, 'ratio');
    assert.ok(standardError < 0.004);
  });
});

describe('the alignment with a linear gradient', () => {
  for (const [shaping, q] of [
    ['raw', 1],
    ['centered-rank', 3 / Math.PI],
  ] as const) {
    it(`is √(qn/(qn+P)) with q = ${q.toFixed(3)}: ${shaping}`, () => {
      const [P, n] = [1000, 100];
      const { genesis, replica } = setUp(P, { shaping, population: 2 * n, learningRate: 1, sigma: 0.1 });
      const a = Float64Array.from({ length: P }, (_, j) => Math.cos(j));
      const dot = (x: Float64Array, y: Float64Array): number =>
        x.reduce((sum, v, j) => sum + v * (y[j] ?? 0), 0);
      const cosines = Array.from({ length: 60 }, (_, step) => {
        const g = oneStep(genesis, replica, step, new Float64Array(P), (x) => dot(x, a));
        return dot(g, a) / Math.sqrt(dot(g, g) * dot(a, a));
      });
      const { mean, standardError } = sampleOf(cosines);
      // The formula is asymptotic: its own error at this size is below 0.003.
      close(mean, Math.sqrt((q * n) / (q * n + P)), 5 * standardError + 0.003, 'cosine');
      assert.ok(standardError < 0.006);
    });
  }
});

describe('centred ranks of fitness that has nothing to do with the parameters', () => {
  it('give |g|² = P(M+1)/(12(M−1)²), the noise floor', () => {
    const [P, M] = [50, 200];
    const { genesis, replica } = setUp(P, { population: M, learningRate: 1, sigma: 0.1 });
    const random = new Random(11);
    const squares = Array.from({ length: 400 }, (_, step) =>
      oneStep(genesis, replica, step, new Float64Array(P), () => random.real()).reduce(
        (sum, v) => sum + v * v,
        0,
      ),
    );
    const { mean, standardError } = sampleOf(squares);
    close(mean, (P * (M + 1)) / (12 * (M - 1) ** 2), 5 * standardError, '|g|²');
  });
});

describe('applying a record', () => {
  const tensors = [
    exampleTensor('a', 5000, 'float32'),
    exampleTensor('b', 7),
    exampleTensor('c', 4096, 'float32'),
  ];
  const genesisOf = (optimizer: EsOptions['optimizer']): Genesis =>
    exampleGenesis({ method: { population: 6, optimizer, weightDecay: 0.01 }, objective: { tensors } });
  const update = {
    coefficients: Int16Array.of(3, -5, 2),
    exponent: 0,
    scale: 1 / 120,
    rate: 0.3,
    auxiliary: null,
  };
  const started = (genesis: Genesis): Replica => {
    const replica = new Replica(genesis);
    replica.initialise(new Map(tensors.map(({ name, size, dtype }) => [name, sines(size, dtype)])));
    return replica;
  };

  for (const optimizer of [
    { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    { name: 'momentum', momentum: 0.9 },
    { name: 'sgd' },
  ] as const) {
    it(`gives the same bits however the coordinates are cut, in any order: ${optimizer.name}`, () => {
      const genesis = genesisOf(optimizer);
      const whole = started(genesis);
      for (let step = 0; step < 3; step++) whole.apply(step, update);
      const d = whole.memory.coordinates;
      assert.equal(d, 9103);
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: d - 1 }), { maxLength: 6 }),
          fc.infiniteStream(fc.nat()),
          (cuts, order) => {
            const replica = started(genesis);
            for (let step = 0; step < 3; step++) {
              const edges = [...new Set([0, ...cuts, d])].sort((a, b) => a - b);
              const tiles = edges
                .slice(1)
                .map((hi, i): [number, number, number] => [edges[i] ?? 0, hi, order.next().value as number]);
              for (const [lo, hi] of tiles.sort((a, b) => a[2] - b[2])) replica.apply(step, update, lo, hi);
            }
            assert.equal(replica.digest(3), whole.digest(3));
          },
        ),
        { numRuns: 15, seed: 1 },
      );
    });
  }

  it('is the formula: θ + rate·scale·Σ c_k e_k, whatever the order of the sum', () => {
    const size = 300;
    const genesis = exampleGenesis({
      method: { population: 6 },
      objective: { tensors: [exampleTensor('x', size, 'float32')] },
    });
    const replica = new Replica(genesis);
    replica.initialise(new Map([['x', Float32Array.from({ length: size }, (_, j) => Math.cos(j))]]));
    const theta = Float32Array.from(replica.memory.parameters(0)[0] as Float32Array);
    const step = { ...update, scale: 1 / 128, rate: 0.25 };
    replica.apply(0, step);
    const sums = new Array<bigint>(size).fill(0n);
    for (const direction of [2, 0, 1]) {
      const noise = new Int8Array(size);
      fillBinomial(deriveKey('example'), PURPOSE.perturbation, 0, direction, 0, 0, noise);
      noise.forEach(
        (e, j) => (sums[j] = (sums[j] ?? 0n) + BigInt(step.coefficients[direction] ?? 0) * BigInt(e)),
      );
    }
    const after = replica.memory.parameters(1)[0] as Float32Array;
    // rate·scale is a power of two, so the product has no rounding of its own.
    theta.forEach((t, j) =>
      assert.equal(after[j], Math.fround(t + Number(sums[j]) * 0.25 * (1 / 128)), String(j)),
    );
  });
});

describe('perturbing', () => {
  it('leaves the base bit for bit as it was, and gives θ + σ·e/2 and θ − σ·e/2 from it', () => {
    const size = 64;
    const genesis = exampleGenesis({
      method: { population: 8, sigma: 0.1 },
      objective: { tensors: [exampleTensor('x', size, 'float32')] },
    });
    const replica = new Replica(genesis);
    replica.initialise(
      new Map([['x', Float32Array.from({ length: size }, (_, j) => Math.sin(3 * j) * 10 ** ((j % 9) - 4))]]),
    );
    const before = replica.digest(0);
    const base = replica.memory.parameters(0)[0] as Float32Array;
    const out = replica.allocate();
    for (let member = 0; member < 8; member++) {
      replica.parametersOf(0, { members: 8, group: 2, repeats: 0, validation: 0 }, member, out);
      const noise = new Int8Array(size);
      fillBinomial(deriveKey('example'), PURPOSE.perturbation, 0, member >> 1, 0, 0, noise);
      const sign = member % 2 === 0 ? 1 : -1;
      noise.forEach((e, j) => {
        const product = Math.fround(Math.fround((sign * 0.1) / 2) * e);
        assert.equal(out[0]?.[j], Math.fround((base[j] ?? 0) + product));
      });
    }
    assert.equal(replica.digest(0), before);
  });
});

describe('reducing', () => {
  it('does not depend on units or any increasing change of the fitness with centred ranks', () => {
    const { spec } = exampleGenesis({ method: { population: 8 } });
    const none = new Uint8Array(8);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 8, maxLength: 8 }),
        (values) => {
          const a = es.reduce(spec, 0, Float64Array.from(values), none);
          const b = es.reduce(
            spec,
            0,
            Float64Array.from(values, (v) => v ** 3 / 7 + 5),
            none,
          );
          assert.deepEqual(a, b);
        },
      ),
    );
  });

  it('gives a failed member the lowest rank, or leaves its pair out, as the job says', () => {
    const fitness = Float64Array.of(5, 1, 0, 2);
    const failed = Uint8Array.of(0, 0, 1, 0);
    const worst = es.reduce(exampleGenesis({ spec: { onFailure: 'worst' } }).spec, 0, fitness, failed);
    // Ranks from the worst: member 2, 1, 3, 0; doubled: 6, 2, 0, 4.
    assert.deepEqual([...worst.update.coefficients], [4, -4]);
    assert.equal(worst.update.scale, 1 / (4 * 4 * 3));
    const skip = es.reduce(exampleGenesis({ spec: { onFailure: 'skip' } }).spec, 0, fitness, failed);
    // Of the pair left, doubled ranks 2 and 0.
    assert.deepEqual([...skip.update.coefficients], [2, 0]);
    assert.equal(skip.update.scale, 1 / (4 * 2 * 1));
  });
});
