import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { methodOptions, scheduleValue } from './options.js';

describe('a schedule', () => {
  it('may be constant', () => assert.equal(scheduleValue(0.3, 1_000_000), 0.3));

  it('runs straight from its first value to its last and stays there', () => {
    const schedule = { schedule: 'linear', from: 1, to: 0.5, over: 4 } as const;
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 4_000_000_000].map((step) => scheduleValue(schedule, step)),
      [1, 0.875, 0.75, 0.625, 0.5, 0.5, 0.5],
    );
  });

  it('decays by exact powers of two down to its floor', () => {
    const schedule = { schedule: 'exponential', from: 3, decay: 0.5, floor: 0.1 } as const;
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 60].map((step) => scheduleValue(schedule, step)),
      [3, 1.5, 0.75, 0.375, 0.1875, 0.1, 0.1],
    );
  });

  it('decays as exp(step · ln decay) says, to a few units in the last place a bit of the step', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.9, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 5_000 }),
        (decay, step) => {
          const value = scheduleValue({ schedule: 'exponential', from: 1, decay, floor: 0 }, step);
          const expected = Math.exp(step * Math.log(decay));
          assert.ok(Math.abs(value - expected) <= 1e-12 * step * expected + 1e-300, `${value} ${expected}`);
        },
      ),
    );
  });
});

describe('a cosine schedule', () => {
  it('goes half a cosine from its first value to its last and stays there', () => {
    const schedule = { schedule: 'cosine', from: 3, to: 1, over: 6 } as const;
    const expected = [3, 2 + Math.sqrt(3) / 2, 2.5, 2, 1.5, 2 - Math.sqrt(3) / 2, 1, 1];
    expected.forEach((value, step) =>
      assert.ok(Math.abs(scheduleValue(schedule, step) - value) < 1e-15 * 4, String(step)),
    );
    assert.equal(scheduleValue(schedule, 6), 1);
  });
});

describe('method options', () => {
  it('let a learning rate end at zero, but never sigma', () => {
    const to = { schedule: 'cosine', from: 1, to: 0, over: 9 };
    assert.equal(
      methodOptions.safeParse({ name: 'es', population: 2, sigma: 1, learningRate: to }).success,
      true,
    );
    assert.equal(methodOptions.safeParse({ name: 'es', population: 2, sigma: to }).success, false);
    const decaying = methodOptions.parse({
      name: 'es',
      population: 2,
      sigma: { schedule: 'exponential', from: 1, decay: 0.5 },
    });
    assert.ok(decaying.sigma !== null && scheduleValue(decaying.sigma, 4_000_000_000) > 0);
  });

  it('accept an options object already compiled, unchanged', () => {
    const compiled = methodOptions.parse({
      name: 'es',
      population: 3,
      antithetic: false,
      sigma: { schedule: 'exponential', from: 1, decay: 0.99 },
    });
    assert.deepEqual(methodOptions.parse(compiled), compiled);
  });

  it('allow odd populations only without pairs', () => {
    assert.equal(methodOptions.safeParse({ name: 'es', population: 3, sigma: 1 }).success, false);
    assert.equal(
      methodOptions.safeParse({ name: 'es', population: 3, sigma: 1, antithetic: false }).success,
      true,
    );
    assert.equal(
      methodOptions.safeParse({ name: 'es', population: 1, sigma: 1, antithetic: false }).success,
      false,
    );
  });
});
