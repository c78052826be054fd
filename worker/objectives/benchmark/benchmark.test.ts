import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { SeedcastError } from '../../../shared/errors.js';
import type { EvaluationContext, ObjectiveOptions } from '../../../shared/objectives/types.js';
import { BENCHMARK_FUNCTIONS, type BenchmarkName } from './functions.js';
import { benchmarkObjectives, timer } from './objectives.js';
import { randomRotation, shiftedOptimum, transformed } from './transform.js';

const names = Object.keys(BENCHMARK_FUNCTIONS) as BenchmarkName[];
const at = (name: BenchmarkName, ...x: number[]): number =>
  BENCHMARK_FUNCTIONS[name].value(Float64Array.from(x));
const near = (actual: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${actual} is not ${expected}`,
  );

function objective(name: string) {
  const found = benchmarkObjectives.find((definition) => definition.name === name);
  assert.ok(found);
  return found;
}

describe('benchmark functions', () => {
  it('have value 0 at their published optimum, in 2, 10 and 100 dimensions', () => {
    for (const name of names) {
      for (const dimension of [2, 10, 100]) {
        const x = new Float64Array(dimension).fill(BENCHMARK_FUNCTIONS[name].optimum);
        near(BENCHMARK_FUNCTIONS[name].value(x), 0, 1e-9);
      }
    }
  });

  it('are positive around the optimum', () => {
    for (const name of names) {
      const { optimum, value } = BENCHMARK_FUNCTIONS[name];
      for (const step of [-1e-3, 1e-3]) {
        const x = new Float64Array(4).fill(optimum);
        x[2] = optimum + step;
        assert.ok(value(x) > 1e-9, name);
      }
    }
  });

  it('match values worked out by hand or published', () => {
    near(at('sphere', 1, 2, 3), 14);
    near(at('rosenbrock', -1.2, 1), 24.2);
    near(at('rosenbrock', 0, 0, 0, 0), 3);
    near(at('rastrigin', 1, 1, 1), 3);
    near(at('rastrigin', 0.5, 0.5), 2 * 20.25);
    near(at('ackley', 1, 1), 3.625_384_938_440_363);
    near(at('griewank', Math.PI, 0, 0), 2 + Math.PI ** 2 / 4000);
    near(at('schwefel', 0, 0), 2 * 418.982_887_272_433_8);
    near(at('levy', -3), 1);
    near(at('levy', -3, -3), 2 + 10 * Math.sin(1) ** 2);
  });

  it('keep Schwefel above 0 outside its interval, and continuous at its edge', () => {
    for (let v = -5_000; v <= 5_000; v += 7.3) assert.ok(at('schwefel', v) >= -1e-9, String(v));
    for (const edge of [-500, 500]) near(at('schwefel', edge * (1 + 1e-12)), at('schwefel', edge), 1e-6);
  });
});

describe('shift and rotation', () => {
  it('give value 0 at the drawn optimum', () => {
    for (const name of names) {
      const base = BENCHMARK_FUNCTIONS[name];
      for (const rotation of [null, 3])
        near(transformed(base, 10, 7, rotation)(shiftedOptimum(base, 10, 7)), 0, 1e-9);
    }
  });

  it('draw rotations with orthonormal rows', () => {
    const n = 40;
    const r = randomRotation(n, 9);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += (r[i * n + k] ?? NaN) * (r[j * n + k] ?? NaN);
        near(sum, i === j ? 1 : 0, 1e-13);
      }
    }
  });

  it('leave the sphere alone under a rotation and change Rosenbrock', () => {
    const x = Float64Array.from([0.3, -0.8, 1.7, 0.2]);
    near(transformed(BENCHMARK_FUNCTIONS.sphere, 4, null, 5)(x), at('sphere', ...x));
    assert.notEqual(transformed(BENCHMARK_FUNCTIONS.rosenbrock, 4, null, 5)(x), at('rosenbrock', ...x));
  });

  it('depend on the seed and on nothing else', () => {
    const base = BENCHMARK_FUNCTIONS.rastrigin;
    assert.deepEqual(shiftedOptimum(base, 5, 1), shiftedOptimum(base, 5, 1));
    assert.notDeepEqual(shiftedOptimum(base, 5, 1), shiftedOptimum(base, 5, 2));
    assert.notDeepEqual(randomRotation(3, 1), randomRotation(3, 2));
    for (const v of shiftedOptimum(base, 1_000, 4)) assert.ok(Math.abs(v) <= 0.8 * 5.12);
  });
});

describe('benchmark objectives', () => {
  it('fill in defaults', () => {
    assert.deepEqual(objective('rastrigin').validate?.({ dimension: 20 }), {
      dimension: 20,
      dtype: 'float64',
      shift: false,
      rotation: false,
      low: -5.12,
      high: 5.12,
    });
    assert.deepEqual(objective('sphere').parameters({ dimension: 3, dtype: 'float32', low: 1, high: 2 }), {
      x: { shape: [3], dtype: 'float32', init: { kind: 'uniform', low: 1, high: 2 } },
    });
  });

  it('refuse bad options by name, value and range', () => {
    const cases: [ObjectiveOptions, RegExp][] = [
      [{}, /`dimension`.*missing/],
      [{ dimension: 0 }, /`dimension`.* is 0/],
      [{ dimension: 1.5 }, /`dimension`.* is 1.5/],
      [{ dimension: '10' }, /`dimension`.* is "10"/],
      [{ dimension: 10, shft: true }, /unknown option `shft`/],
      [{ dimension: 10, shift: -1 }, /`shift`.* is -1/],
      [{ dimension: 10, dtype: 'float16' }, /`dtype`.* is "float16"/],
      [{ dimension: 10, low: 6 }, /`low`.* is 6/],
      [{ dimension: 10_000, rotation: true }, /`rotation`.* is true/],
    ];
    for (const [options, message] of cases) {
      assert.throws(
        () => objective('sphere').validate?.(options),
        (error) =>
          error instanceof SeedcastError &&
          error.code === 'SC_OBJECTIVE_OPTIONS' &&
          message.test(error.message) &&
          error.hint !== undefined,
        JSON.stringify(options),
      );
    }
    assert.throws(() => objective('rosenbrock').validate?.({ dimension: 1 }), /`dimension`.* is 1/);
    assert.throws(
      () => objective('sphere').validate?.({ dimension: 10, shft: true }),
      (error) => error instanceof SeedcastError && error.hint === 'did you mean `shift`?',
    );
  });
});

describe('timer', () => {
  const context = (signal: AbortSignal): EvaluationContext<number> => ({
    seed: 1,
    step: 0,
    member: 0,
    point: 'member',
    part: null,
    signal,
    options: {},
    log: () => undefined,
    resource: 30,
    statistics: new Float64Array(0),
    wantsAuxiliary: false,
  });

  it('takes the time it was told and answers the sphere', async () => {
    const began = performance.now();
    const value = await timer().evaluate?.(
      { x: Float32Array.from([1, 2]) },
      context(new AbortController().signal),
    );
    assert.equal(value, 5);
    assert.ok(performance.now() - began >= 28);
  });

  it('stops when it is no longer wanted', async () => {
    const abort = new AbortController();
    const pending = Promise.resolve(timer().evaluate?.({ x: Float32Array.from([1]) }, context(abort.signal)));
    abort.abort();
    await assert.rejects(pending, /no longer wanted/);
  });
});
