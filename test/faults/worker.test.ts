// Workers that are killed in mid-round, stopped past their heartbeats, and told to end, on a real nats-server: the job
// goes on without them and ends with the digest of an undisturbed run.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkHistory } from '../support/history.js';
import { type TestPool, stepReached, withPool } from '../support/pool.js';
import { coordinatorProcess, workerProcess } from '../support/processes.js';
import { suite } from '../support/suite.js';

const spec = {
  seed: 'worker faults',
  method: { name: 'es', population: 16, sigma: 0.1, learningRate: 0.05 },
  objective: { name: 'timer', milliseconds: 10, dimension: 20 },
  ledger: { digestEvery: 5 },
  stop: { steps: 20 },
};

describe('a worker', () => {
  const all = suite();
  let pool: TestPool;
  let undisturbed: string | null;

  before(async () => {
    pool = await withPool(all);
    await coordinatorProcess(all, pool.server.url);
    const worker = await workerProcess(all, pool.server.url, 'first', { threads: 4 });
    const job = await pool.submit(spec);
    const result = await pool.result(job);
    assert.equal(result.status, 'succeeded');
    undisturbed = result.digest;
    await worker.terminate();
  });

  /** The job ended as if nothing had happened. */
  async function ends(job: string): Promise<void> {
    const result = await pool.result(job, 30_000);
    assert.equal(result.status, 'succeeded');
    assert.equal(result.digest, undisturbed);
    await checkHistory(pool, job, result);
  }

  it('killed in mid-round leaves its units to another', async (t) => {
    const victim = await workerProcess(t, pool.server.url, 'victim');
    const other = await workerProcess(t, pool.server.url, 'other');
    const job = await pool.submit(spec);
    await stepReached(pool, job, 3);
    await victim.kill();
    await ends(job);
    await other.terminate();
  });

  it('that was the only one may be replaced later', async (t) => {
    const victim = await workerProcess(t, pool.server.url, 'alone');
    const job = await pool.submit(spec);
    await stepReached(pool, job, 3);
    await victim.kill();
    await sleep(4000);
    const { summary } = await pool.request(pool.names.service.describe, { job });
    assert.equal((summary as { state: string }).state, 'pending');
    assert.match(String((summary as { reason: unknown }).reason), /no worker/);
    const later = await workerProcess(t, pool.server.url, 'later');
    await ends(job);
    await later.terminate();
  });

  it('stopped past its heartbeats and woken is passed over, then used again', async (t) => {
    const sleeper = await workerProcess(t, pool.server.url, 'sleeper');
    const other = await workerProcess(t, pool.server.url, 'awake');
    const job = await pool.submit(spec);
    await stepReached(pool, job, 3);
    sleeper.signal('SIGSTOP');
    await ends(job);
    await sleep(3500);
    const gone = await pool.request(pool.names.service.workers, {});
    assert.deepEqual(
      (gone['workers'] as { worker: string }[]).map(({ worker }) => worker),
      ['awake'],
    );
    const second = await pool.submit({ ...spec, stop: { steps: 40 } });
    await stepReached(pool, second, 2);
    sleeper.signal('SIGCONT');
    await stepReached(pool, second, 20);
    const { workers } = await pool.request(pool.names.service.describe, { job: second });
    assert.deepEqual(
      (workers as { worker: string; ready: boolean }[]).map(({ worker, ready }) => [worker, ready]),
      [
        ['awake', true],
        ['sleeper', true],
      ],
    );
    const result = await pool.result(second);
    await checkHistory(pool, second, result);
    await other.terminate();
    await sleeper.terminate();
  });

  it('stopped for less than its heartbeats costs no unit', async (t) => {
    const sleeper = await workerProcess(t, pool.server.url, 'napping');
    const job = await pool.submit(spec);
    await stepReached(pool, job, 3);
    sleeper.signal('SIGSTOP');
    await sleep(1500);
    sleeper.signal('SIGCONT');
    await ends(job);
    await sleeper.terminate();
  });

  it('told to end finishes what is under way, and exits with 0', async (t) => {
    const leaving = await workerProcess(t, pool.server.url, 'leaving');
    const staying = await workerProcess(t, pool.server.url, 'staying');
    const job = await pool.submit(spec);
    await stepReached(pool, job, 3);
    await leaving.terminate();
    const { workers } = await pool.request(pool.names.service.describe, { job });
    assert.deepEqual(
      (workers as { worker: string }[]).map(({ worker }) => worker),
      ['staying'],
    );
    await ends(job);
    await staying.terminate();
  });
});
