import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import type { CompiledTensor } from '../objectives/types.js';
import { bytesText, checkBound, checkStorage, estimateJob } from './estimate.js';
import { SpecError } from './issues.js';
import { parseJob } from './parse.js';
import type { JobSpec } from './spec.js';

function job(method: object = {}, rest: object = {}): JobSpec {
  const es = { name: 'es', population: 256, sigma: 0.1, ...method };
  return parseJob({
    apiVersion: 'seedcast/v1',
    kind: 'Job',
    metadata: { name: 'x' },
    spec: { seed: 1, method: es, objective: { name: 'o' }, stop: { steps: 100 }, ...rest },
  }).spec;
}

const tensor = (size: number, dtype: CompiledTensor['dtype'] = 'float32'): CompiledTensor => ({
  name: 'x',
  shape: [size],
  size,
  dtype,
  init: { kind: 'zeros' },
  bounds: null,
  sigma: 1,
});

const thrown = (run: () => unknown): SeedcastError => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof SeedcastError);
    return error;
  }
  return assert.fail('was accepted');
};

describe('the estimate', () => {
  it('of bytes does not depend on the parameters, and keeps the promise of 26 bytes a member, 1 byte a member and 512 a worker', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8_000 }), fc.integer({ min: 1, max: 64 }), (pairs, workers) => {
        const spec = job({ population: 2 * pairs });
        const { wire } = estimateJob(spec, [tensor(1_000)], workers);
        assert.deepEqual(wire, estimateJob(spec, [tensor(1_000_000)], workers).wire);
        assert.ok(wire.total <= 26 * 2 * pairs + (2 * pairs + 512) * workers + 16, JSON.stringify(wire));
        assert.equal(wire.total, wire.up + wire.down);
      }),
    );
  });

  it('of coefficients takes two bytes while doubled ranks fit 16 bits, then four', () => {
    const record = (population: number, method: object = {}) =>
      estimateJob(job({ population, ...method }), [], 1).store.ledger;
    const none = record(2) - 2;
    assert.equal(record(16_384) - none, 2 * 8_192);
    assert.equal(record(16_386) - none, 4 * 8_193);
    assert.equal(record(32_768, { antithetic: false }) - none, 2 * 32_768);
    assert.equal(record(32_769, { antithetic: false }) - none, 4 * 32_769);
    assert.equal(record(64, { shaping: 'z-score' }) - none, 4 * 32);
  });

  it('of the store grows with the steps, and with what evidence is kept', () => {
    const store = (rest: object) => estimateJob(job({}, rest), [], 1).store;
    const all = store({});
    assert.equal(all.total, 100 * (all.ledger + all.evidence));
    assert.equal(store({ ledger: { evidence: 'none' } }).total, 100 * all.ledger);
    assert.equal(store({ ledger: { evidence: { last: 10 } } }).total, 100 * all.ledger + 10 * all.evidence);
    assert.equal(store({ stop: { fitness: 1 } }).total, null);
    assert.equal(estimateJob(job({}, { stop: { evaluations: 257, steps: 9 } }), [], 1).steps, 2);
  });

  it('of evidence is eight or four bytes a scalar, the centre by its turn', () => {
    const evidence = (rest: object) => estimateJob(job({}, rest), [], 1).store.evidence;
    const base = evidence({ scalars: 'float32', evaluation: { every: 1_000_000 } });
    assert.ok(Math.abs(evidence({ evaluation: { every: 1_000_000 } }) - base - 4 * 256) < 1e-3);
    assert.ok(
      Math.abs(evidence({ scalars: 'float32', evaluation: { every: 10, repeats: 50 } }) - base - 4 * 5) <
        1e-3,
    );
  });

  it('of memory is the parameters twice and the moments of the optimizer', () => {
    const memory = (optimizer: string, dtype: CompiledTensor['dtype']) =>
      estimateJob(job({ optimizer: { name: optimizer } }), [tensor(1_000, dtype), tensor(24, dtype)], 1)
        .memory;
    assert.deepEqual(memory('adam', 'float32'), { replica: 4 * 4 * 1_024, perThread: 5 * 1_024 });
    assert.deepEqual(memory('momentum', 'float64'), { replica: 3 * 8 * 1_024, perThread: 9 * 1_024 });
    assert.deepEqual(memory('sgd', 'float32'), { replica: 2 * 4 * 1_024, perThread: 5 * 1_024 });
  });

  it('of time is T(W) = E·M/W + A·M/2: applying does not shrink with workers', () => {
    const time = (workers: number) =>
      estimateJob(job(), [], workers, { evaluation: 0.02, applyPair: 0.001 }).time;
    assert.equal(time(1)?.step, 0.02 * 256 + 0.001 * 128);
    assert.equal(time(4)?.step, (0.02 * 256) / 4 + 0.001 * 128);
    assert.ok(Math.abs((time(40)?.applyShare ?? 0) - 0.5) < 1e-12);
    assert.equal(estimateJob(job(), [], 1).time, null);
  });
});

describe('refusals', () => {
  it('name a population whose round or sums would be too large', () => {
    const error = thrown(() => job({ population: 1_000_000 }, { evaluation: { repeats: 100_000 } }));
    assert.ok(error instanceof SpecError);
    assert.equal(error.code, 'SC_SPEC_BOUND');
    assert.deepEqual(error.place, { file: 'job', field: 'spec.method.population' });
    assert.match(error.message, /1000000 members and 100000 repeats .* 1048576/);
    const spec = job();
    assert.equal(
      thrown(() => checkBound({ ...spec, method: { ...spec.method, population: 2 ** 21 } })).code,
      'SC_SPEC_BOUND',
    );
  });

  it('let every population pass whose coefficients fit a record', () => {
    for (const shaping of ['centered-rank', 'z-score', 'raw']) {
      checkBound(job({ population: 2 ** 18, shaping, antithetic: true }));
      checkBound(job({ population: 2 ** 17, shaping, antithetic: false }));
      const error = thrown(() => job({ population: 2 ** 18 + 2, shaping }));
      assert.match(error.message, /coefficients of 262146 members take 524292 bytes/);
    }
  });

  it('name what would make a job fit the store', () => {
    const estimate = estimateJob(job(), [], 1);
    const { total, ledger } = estimate.store;
    checkStorage(estimate, total ?? 0);
    const evidence = thrown(() => checkStorage(estimate, (total ?? 0) - 1));
    assert.equal(evidence.code, 'SC_SPEC_STORAGE');
    assert.equal(evidence.place?.field, 'spec.ledger.evidence');
    const steps = thrown(() => checkStorage(estimate, 10.5 * ledger));
    assert.match(steps.hint ?? '', /run at most 10 steps/);
    checkStorage(estimateJob(job({}, { stop: { fitness: 0 } }), [], 1), 0);
  });

  it('say bytes in three digits', () => {
    assert.deepEqual([0, 999, 1_000, 1_234_567, 999_499, 999_999, 5e15].map(bytesText), [
      '0 B',
      '999 B',
      '1 kB',
      '1.23 MB',
      '999 kB',
      '1 MB',
      '5 PB',
    ]);
  });
});
