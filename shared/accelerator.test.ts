// Every place where compiled code may stand in hands it the whole work, with the right arguments: an accelerator made of the
// TypeScript that it replaces gives the same replica, and is asked for every kind of work.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { exampleGenesis } from '../test/support/example-genesis.js';
import { Replica } from '../worker/replica/replica.js';
import { type Accelerator, installAccelerator } from './accelerator.js';
import { adamStep, momentumStep, sgdStep } from './arithmetic/optimizers.js';
import { methodOptions } from './methods/options.js';
import { sumProducts } from './methods/low-rank.js';
import type { CompiledTensor } from './objectives/types.js';
import { accumulateBinomial, accumulateRademacher, fillBinomial, fillRademacher } from './random/noise.js';
import type { Purpose } from './random/purposes.js';

afterEach(() => installAccelerator(null));

/** Counts calls, and does the work without itself. */
function recorder(asked: Set<string>): Accelerator {
  const plain = <T extends unknown[]>(name: string, work: (...args: T) => void): ((...args: T) => void) => {
    return (...args) => {
      asked.add(name);
      installAccelerator(null);
      work(...args);
      installAccelerator(recorder(asked));
    };
  };
  const split = (word: number): [Purpose, number] => [(word >>> 24) as Purpose, word & 0xffffff];
  return {
    name: 'recorder',
    fillBinomial: plain('fillBinomial', (k0, k1, word, direction, step, start, out) =>
      fillBinomial([k0, k1], ...split(word), direction, step, start, out),
    ),
    fillRademacher: plain('fillRademacher', (k0, k1, word, direction, step, start, out) =>
      fillRademacher([k0, k1], ...split(word), direction, step, start, out),
    ),
    accumulateBinomial: plain('accumulateBinomial', (k0, k1, word, step, c, first, last, start, sums) =>
      accumulateBinomial([k0, k1], ...split(word), step, c, first, last, start, sums),
    ),
    accumulateRademacher: plain('accumulateRademacher', (k0, k1, word, step, c, first, last, start, sums) =>
      accumulateRademacher([k0, k1], ...split(word), step, c, first, last, start, sums),
    ),
    lowRankSums: plain('lowRankSums', (c, rank, a, rows, b, columns, row, wide) => {
      assert.equal(row, 0);
      sumProducts(c, rank, a, rows, b, columns, wide);
    }),
    sgd: plain('sgd', (theta, next, sums, lo, hi, scale, rate, weightDecay, factor) =>
      sgdStep({ theta, next, sums, lo, hi }, { scale, rate, weightDecay, factor }),
    ),
    momentum: plain(
      'momentum',
      (theta, next, sums, lo, hi, scale, rate, weightDecay, factor, momentum, from, to) =>
        momentumStep(
          { theta, next, sums, lo, hi },
          { scale, rate, weightDecay, factor, momentum },
          { from, to },
        ),
    ),
    adam: plain(
      'adam',
      (theta, next, sums, lo, hi, scale, rate, weightDecay, factor, beta1, beta2, epsilon, m, m1, v, v1) =>
        adamStep(
          { theta, next, sums, lo, hi },
          { scale, rate, weightDecay, factor, beta1, beta2, epsilon },
          { from: m, to: m1 },
          { from: v, to: v1 },
        ),
    ),
  };
}

const tensors = [
  ['w', [9, 14]],
  ['b', [33]],
].map(([name, shape]): CompiledTensor => {
  const axes = shape as number[];
  const size = axes.reduce((a, b) => a * b, 1);
  const init = { kind: 'normal' } as const;
  return { name: name as string, shape: axes, size, dtype: 'float32', init, bounds: null, sigma: 1.5 };
});

describe('an installed accelerator', () => {
  it('does every kind of work, and the replica is the same', () => {
    const asked = new Set<string>();
    const optimizers = [{ name: 'adam' }, { name: 'momentum', momentum: 0.7 }, { name: 'sgd' }];
    for (const optimizer of optimizers) {
      for (const own of [{ name: 'es', noise: 'rademacher' }, { name: 'es' }, { name: 'eggroll', rank: 2 }]) {
        const genesis = exampleGenesis({ objective: { tensors } });
        const given = { population: 12, sigma: 0.1, weightDecay: 0.02, optimizer, ...own };
        const method = methodOptions.parse(given);
        const run = (): string => {
          const replica = new Replica({ ...genesis, spec: { ...genesis.spec, method } });
          replica.initialise();
          const coefficients = Int32Array.of(5, -3, 1, 0, 400_000, -2);
          const update = { coefficients, exponent: -3, scale: 0.01, rate: 0.3, auxiliary: null };
          for (let step = 0; step < 2; step++) {
            replica.parametersOf(
              step,
              { members: 12, group: 2, repeats: 0, validation: 0 },
              3,
              replica.allocate(),
            );
            replica.apply(step, update, 0, 50);
            replica.apply(step, update, 50, 159);
          }
          return replica.digest(2);
        };
        installAccelerator(null);
        const wanted = run();
        installAccelerator(recorder(asked));
        assert.equal(run(), wanted, JSON.stringify(own));
      }
    }
    installAccelerator(null);
    assert.deepEqual(
      [...asked].sort(),
      Object.keys(recorder(new Set()))
        .filter((k) => k !== 'name')
        .sort(),
    );
  });
});
