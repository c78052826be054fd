// Snapshots shorten a replay and never decide it: a worker that loads a wrong one is found by its digest, and builds its
// replica again from what the whole ledger vouches for.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeRecord, recordHash } from '../../shared/ledger/records.js';
import { snapshotEntry } from '../../shared/ledger/store.js';
import { Replica } from '../../worker/replica/replica.js';
import { type TestPool, withPool } from '../support/pool.js';

const spec = {
  seed: 'snapshots',
  method: { name: 'es', population: 8, sigma: 0.1, optimizer: { name: 'sgd' } },
  objective: { name: 'timer', milliseconds: 4, dimension: 4 },
  ledger: { digestEvery: 10 },
  stop: { steps: 60 },
};

async function reached(pool: TestPool, job: string, step: number): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (((await pool.store.foldAll(job))?.view.steps ?? 0) >= step) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`job ${job} never reached step ${step}`);
}

/** Stores `bytes` as the state at the ledger's present head, as a worker with a broken memory would. */
async function plant(pool: TestPool, job: string, bytes: Uint8Array): Promise<number> {
  const ledger = await pool.store.foldAll(job);
  assert.ok(ledger);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await pool.store.addSnapshot(job, snapshotEntry(ledger.view, { sha256, bytes }), bytes);
  return ledger.view.steps;
}

/** The digest of the job's last state, rebuilt from its records alone. */
async function rebuilt(pool: TestPool, job: string): Promise<string> {
  const replica = new Replica((await pool.store.genesis(job)).record);
  replica.initialise();
  let steps = 0;
  await pool.store.foldAll(job, ({ record }) => {
    if (record.kind === 'step') replica.apply(steps++, record.update);
  });
  return replica.digest(steps);
}

describe('snapshots', () => {
  it('that are wrong are found by their digest and not trusted again', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('a');
    await pool.submit(spec, 'planted');
    await reached(pool, 'planted', 12);
    // 4 float32 parameters and no moments: 16 bytes, all of them wrong.
    const step = await plant(pool, 'planted', new Uint8Array(16).fill(63));
    assert.ok(step < 40);
    assert.equal((await pool.store.nearestSnapshot('planted'))?.position.steps, step);
    assert.equal(await pool.store.verifiedSnapshot('planted'), null);
    await pool.worker('b');
    const result = await pool.result('planted');
    assert.equal(result.status, 'succeeded');
    assert.equal(result.steps, 60);
    assert.ok((await pool.events('planted')).some(({ type }) => type === 'digest-mismatch'));
    // Scalars of the wrong replica may have counted for a few steps, but every replica folds them alike.
    assert.equal(result.digest, await rebuilt(pool, 'planted'));
  });

  it('that stand on a branch which was not taken are given up', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('a');
    await pool.submit(spec, 'branched');
    await reached(pool, 'branched', 5);
    const ledger = await pool.store.foldAll('branched');
    assert.ok(ledger);
    // A rival's record that the stream holds and the chain does not, and a snapshot of the state after it.
    const rival = encodeRecord({ kind: 'leader', epoch: 9, parent: new Uint8Array(32), holder: 'rival' });
    const { sequence } = await pool.bus.streams.append(pool.names.job('branched').ledger, rival);
    const bytes = new Uint8Array(16).fill(63);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const view = { ...ledger.view, head: recordHash(rival), sequence, epoch: 9 };
    await pool.store.addSnapshot('branched', snapshotEntry(view, { sha256, bytes }), bytes);
    await reached(pool, 'branched', 8);
    await pool.worker('b');
    const result = await pool.result('branched');
    assert.equal(result.status, 'succeeded');
    assert.equal(result.digest, await rebuilt(pool, 'branched'));
    assert.ok(!(await pool.events('branched')).some(({ type }) => type === 'digest-mismatch'));
  });
});
