// The laws that docs/methods.md states of `es`, each against its closed form. Tolerances are five standard errors of the
// sample mean; seeds are fixed, so a run repeats.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { parseJob } from '../../shared/job/parse.js';
import { es } from '../../shared/methods/es.js';
import { createScratch } from '../../shared/methods/method.js';
import type { CompiledTensor } from '../../shared/objectives/types.js';
import { ReplicaMemory } from '../../shared/methods/memory.js';
import { deriveKey } from '../../shared/random/key.js';

type Value = (x: Float64Array) => number;

/** Runs `steps` steps of es by SGD on one float64 tensor; `each` sees θ before and after every step. */
function run(
  method: Readonly<Record<string, unknown>>,
  parameters: number,
  start: (j: number) => number,
  value: Value,
  steps: number,
  each: (before: Float64Array, after: Float64Array, signal: number | null) => void,
): void {
  const { spec } = parseJob({
    apiVersion: 'seedcast/v1',
    kind: 'Job',
    metadata: { name: 'law' },
    spec: {
      seed: 5,
      method: { name: 'es', optimizer: { name: 'sgd' }, ...method },
      objective: { name: 'law' },
      stop: { steps },
    },
  });
  const tensor: CompiledTensor = {
    name: 'x',
    shape: [parameters],
    size: parameters,
    dtype: 'float64',
    init: { kind: 'zeros' },
    bounds: null,
    sigma: 1,
  };
  const memory = new ReplicaMemory({ tensors: [tensor], slots: [], statistics: 0 });
  const context = { spec, key: deriveKey(spec.seed), tensors: [tensor], memory };
  const at = (step: number): Float64Array => memory.parameters(step)[0] as Float64Array;
  const scratch = createScratch(parameters);
  const out = new Float64Array(parameters);
  const { members } = es.layout(spec);
  const fitness = new Float64Array(members);
  const failed = new Uint8Array(members);
  for (let step = 0; step < steps; step++) {
    // Every step starts from the same point: a law is about one step.
    for (let j = 0; j < parameters; j++) at(step)[j] = start(j);
    for (let member = 0; member < members; member++) {
      es.perturb(context, step, member, scratch, [out]);
      fitness[member] = value(out);
    }
    const { update } = es.reduce(spec, step, fitness, failed);
    const record = { ...update, auxiliary: null };
    es.apply(context, step, record, 0, parameters);
    each(at(step), at(step + 1), es.signal(context, step, record));
  }
}

/** Mean of a sample and its standard error. */
function meanOf(sample: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = sample.reduce((sum, x) => sum + x, 0) / sample.length;
  const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (sample.length - 1);
  return { mean, error: Math.sqrt(variance / sample.length) };
}

function assertLaw(sample: readonly number[], law: number, slack = 0): void {
  const { mean, error } = meanOf(sample);
  assert.ok(Math.abs(mean - law) <= 5 * error + slack, `${mean} ± ${error}, the law says ${law}`);
  assert.ok(error < 0.05 * Math.abs(law), `the sample is too small to tell: ${mean} ± ${error}`);
}

const dot = (a: Float64Array, b: (j: number) => number): number => a.reduce((sum, x, j) => sum + x * b(j), 0);
const squared = (x: Float64Array): number => x.reduce((sum, v) => sum + v * v, 0);
const difference = (after: Float64Array, before: Float64Array): Float64Array =>
  after.map((v, j) => v - (before[j] ?? 0));

describe('the laws of es', () => {
  for (const [noise, kappa] of [
    ['binomial', -1 / 8],
    ['rademacher', -2],
  ] as const) {
    it(`estimates a linear gradient without bias and with variance (|a|² + (1 + κ)aⱼ²)/n, ${noise}`, () => {
      const a = (j: number): number => (j === 0 ? 3 : 1);
      const method = { population: 16, sigma: 0.3, shaping: 'raw', learningRate: 1, noise };
      const first: number[] = [];
      const squares: number[] = [];
      run(
        method,
        10,
        () => 0,
        (x) => dot(x, a),
        20_000,
        (before, after) => {
          const g = (after[0] ?? 0) - (before[0] ?? 0);
          first.push(g);
          squares.push((g - 3) ** 2);
        },
      );
      assertLaw(first, 3);
      assertLaw(squares, (18 + (1 + kappa) * 9) / 8);
    });

    it(`shrinks a sphere by (1 − α)² + α²(P + 1 + κ)/n, ${noise}`, () => {
      const [P, n, alpha] = [50, 16, 0.15];
      const method = { population: 2 * n, sigma: 0.7, shaping: 'raw', learningRate: alpha, noise };
      const ratios: number[] = [];
      run(
        method,
        P,
        (j) => Math.cos(j),
        (x) => -squared(x) / 2,
        4_000,
        (before, after) => {
          ratios.push(squared(after) / squared(before));
        },
      );
      assertLaw(ratios, (1 - alpha) ** 2 + (alpha ** 2 * (P + 1 + kappa)) / n);
    });
  }

  for (const [shaping, q] of [
    ['raw', 1],
    ['centered-rank', 3 / Math.PI],
  ] as const) {
    it(`points along the gradient by about √(qn/(qn + P)), ${shaping}`, () => {
      const [P, n] = [1_000, 100];
      const a = (j: number): number => Math.sin(j + 1);
      const norm = Math.sqrt(Array.from({ length: P }, (_, j) => a(j) ** 2).reduce((sum, v) => sum + v, 0));
      const method = { population: 2 * n, sigma: 0.1, shaping, learningRate: 1 };
      const cosines: number[] = [];
      run(
        method,
        P,
        () => 0,
        (x) => dot(x, a),
        150,
        (before, after) => {
          const g = difference(after, before);
          cosines.push(dot(g, a) / norm / Math.sqrt(squared(g)));
        },
      );
      // The law is of first order in 1/P and 1/n.
      assertLaw(cosines, Math.sqrt((q * n) / (q * n + P)), 0.005);
    });
  }

  it('has |g|² = P(M + 1)/(12(M − 1)²) where fitness has nothing to do with the parameters', () => {
    const [P, M] = [50, 200];
    let state = 1;
    const unrelated = (): number => (state = (state * 48_271) % 0x7fff_ffff);
    const sizes: number[] = [];
    run(
      { population: M, sigma: 1, learningRate: 1 },
      P,
      () => 0,
      unrelated,
      600,
      (before, after) => {
        sizes.push(squared(difference(after, before)));
      },
    );
    assertLaw(sizes, (P * (M + 1)) / (12 * (M - 1) ** 2));
  });

  const signals = (
    method: Readonly<Record<string, unknown>>,
    parameters: number,
    value: Value,
    steps: number,
  ): (number | null)[] => {
    const found: (number | null)[] = [];
    run(
      { sigma: 1, ...method },
      parameters,
      () => 0,
      value,
      steps,
      (_before, _after, signal) => found.push(signal),
    );
    return found;
  };

  for (const [fitness, levels] of [
    ['without ties', 0x7fff_ffff],
    ['with ties', 2],
  ] as const) {
    for (const shaping of ['raw', 'centered-rank', 'z-score']) {
      it(`finds |g|² at its floor where fitness has nothing to do with the parameters, ${fitness}, ${shaping}`, () => {
        let state = 1;
        const unrelated = (): number =>
          Math.floor(((state = (state * 48_271) % 0x7fff_ffff) / 0x7fff_ffff) * levels);
        const found = signals({ population: 64, shaping }, 50, unrelated, 600);
        assertLaw(
          found.map((signal) => signal ?? NaN),
          1,
        );
      });
    }
  }

  it('finds |g|² of a linear fitness 1 + (n + 1 + κ)/P times its floor', () => {
    const [P, n] = [64, 32];
    const found = signals(
      { population: 2 * n, shaping: 'raw' },
      P,
      (x) => dot(x, (j) => Math.sin(j + 1)),
      600,
    );
    // The floor is taken from each step's own coefficients, which is of first order in 1/n.
    assertLaw(
      found.map((signal) => signal ?? NaN),
      1 + (n + 1 - 1 / 8) / P,
      0.03,
    );
  });

  it('does not judge an update of so few directions that a good one looks like noise', () => {
    assert.deepEqual(
      signals({ population: 16 }, 33, (x) => dot(x, () => 1), 3),
      [null, null, null],
    );
    assert.ok(signals({ population: 16 }, 32, (x) => dot(x, () => 1), 3).every((signal) => signal !== null));
  });
});
