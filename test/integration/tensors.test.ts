// Tensors as users declare and give them: start weights from a file, renamed and verified; bounds and scales that
// `evaluate` sees mapped; statistics that every replica accumulates alike.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { StepFitness } from '../../shared/ledger/records.js';
import { writeSafetensors } from '../../shared/tensors/safetensors.js';
import { type TestPool, withPool } from '../support/pool.js';

function objective(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'seedcast-test-')), 'own.mjs');
  writeFileSync(file, text);
  return file;
}

async function fitnessOf(pool: TestPool, job: string): Promise<StepFitness[]> {
  const steps: StepFitness[] = [];
  await pool.store.foldAll(job, ({ record }) => {
    if (record.kind === 'step') steps.push(record.fitness);
  });
  return steps;
}

const method = { name: 'es', population: 8, sigma: 0.01 };

describe('tensors', () => {
  it('start from a file, renamed, on every worker alike', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('a');
    await pool.worker('b');
    const bytes = writeSafetensors(new Map([['weights', { shape: [3], array: Float64Array.of(3, -4, 12) }]]));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await pool.bus.blobs.put(sha256, bytes, 'start');
    const spec = { seed: 1, method, objective: { name: 'sphere', dimension: 3 }, stop: { steps: 2 } };
    const job = await pool.submit(
      { ...spec, init: { from: 'weights.safetensors', map: { weights: 'x' } } },
      'given',
      sha256,
    );
    assert.equal((await pool.result(job)).status, 'succeeded');
    assert.equal((await fitnessOf(pool, job))[0]?.centre, 9 + 16 + 144);
  });

  it('say at submission which start tensors do not fit', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('a');
    const bytes = writeSafetensors(new Map([['y', { shape: [2], array: Float64Array.of(3, -4) }]]));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await pool.bus.blobs.put(sha256, bytes, 'start');
    const spec = {
      seed: 1,
      method,
      objective: { name: 'sphere', dimension: 3 },
      init: { from: 'y.safetensors' },
      stop: { steps: 2 },
    };
    await assert.rejects(pool.submit(spec, 'misfit', sha256), /missing: x \[3\][^]*extra: y \[2\]/);
  });

  it('keep to their bounds and scales in what evaluate sees', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    const file = objective(`export default {
      name: 'bounded', direction: 'maximize',
      parameters: () => ({
        rate: { shape: [1], dtype: 'float64', low: 1e-6, high: 1, scale: 'log', init: { kind: 'constant', value: 1e-3 } },
        share: { shape: [1], dtype: 'float64', low: -2, high: 5, init: { kind: 'constant', value: 0 } },
      }),
      evaluate: ({ rate, share }) => {
        if (!(rate[0] >= 1e-6 && rate[0] <= 1 && share[0] >= -2 && share[0] <= 5)) throw new Error('out of bounds ' + rate[0] + ' ' + share[0]);
        return Math.log10(rate[0]) + share[0];
      },
    };`);
    await pool.worker('a', { objectives: [file] });
    const spec = {
      seed: 1,
      method: { ...method, sigma: 0.3, learningRate: 0.3 },
      objective: { name: 'bounded' },
      stop: { steps: 60 },
    };
    const job = await pool.submit(spec, 'bounded');
    const result = await pool.result(job);
    const steps = await fitnessOf(pool, job);
    assert.ok(Math.abs((steps[0]?.centre ?? 0) + 3) < 1e-9, `starts at ${steps[0]?.centre}`);
    assert.equal(
      steps.reduce((sum, { failed }) => sum + failed, 0),
      0,
    );
    // The best that the bounds allow is log10(1) + 5.
    assert.ok(
      (result.fitness.centre ?? 0) > 4.5 && (result.fitness.centre ?? 9) <= 5,
      `ends at ${result.fitness.centre}`,
    );
  });

  it('accumulate statistics in the ledger, the same for any workers', async (t) => {
    const file = objective(`export default {
      name: 'counting', direction: 'minimize',
      parameters: () => ({ x: { shape: [4], init: { kind: 'constant', value: 1 } } }),
      auxiliary: () => ({ length: 2, every: 2 }),
      evaluate: ({ x }, { wantsAuxiliary, member, statistics }) => {
        const value = x.reduce((s, v) => s + v * v, 0) + statistics[0];
        return wantsAuxiliary ? { value, auxiliary: Float64Array.of(1, 0.1 * member) } : value;
      },
    };`);
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('a', { objectives: [file] });
    const spec = { seed: 1, method, objective: { name: 'counting' }, stop: { steps: 5 } };
    const one = await pool.result(await pool.submit(spec, 'one'));
    await pool.worker('b', { objectives: [file], threads: 2 });
    const two = await pool.result(await pool.submit(spec, 'two'));
    assert.equal(one.digest, two.digest);
    const centres = (await fitnessOf(pool, 'one')).map(({ centre }) => Math.floor(centre ?? 0));
    // 4 of 8 members contribute 1 each step, so that statistics[0] at step t is 4 t; the sphere part starts at 4.
    assert.deepEqual(
      centres.slice(0, 3).map((c, i) => Math.abs(c - (4 + 4 * i)) <= 1),
      [true, true, true],
    );
  });
});
