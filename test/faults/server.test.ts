// A nats-server that is killed, ended, stopped or emptied under a running job. On the same store the job ends as if
// nothing had happened; on an emptied one it is gone, the pool says so, and takes new jobs.
import assert from 'node:assert/strict';
import { cpSync, renameSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobEvent, decodeJson, eventSchema } from '../../shared/wire/reports.js';
import { checkHistory } from '../support/history.js';
import { type TestPool, stepReached, withPool } from '../support/pool.js';
import { type TestProcess, coordinatorProcess, workerProcess } from '../support/processes.js';

const spec = {
  seed: 'server faults',
  method: { name: 'es', population: 16, sigma: 0.1, learningRate: 0.05 },
  objective: { name: 'timer', milliseconds: 2, dimension: 20 },
  stop: { steps: 60 },
};

interface Scene {
  readonly pool: TestPool;
  readonly processes: readonly TestProcess[];
  readonly undisturbed: string | null;
}

/** A pool of `coordinators` and two workers that has run the job once. */
async function scene(t: TestContext, coordinators = 1): Promise<Scene> {
  const pool = await withPool(t);
  const { url } = pool.server;
  const processes = [
    ...(await Promise.all(Array.from({ length: coordinators }, () => coordinatorProcess(t, url)))),
    await workerProcess(t, url, 'w0'),
    await workerProcess(t, url, 'w1'),
  ];
  const result = await pool.result(await pool.submit(spec));
  assert.equal(result.status, 'succeeded');
  return { pool, processes, undisturbed: result.digest };
}

async function ends({ pool, undisturbed }: Scene, job: string): Promise<void> {
  const result = await pool.result(job, 40_000);
  assert.equal(result.status, 'succeeded');
  assert.equal(result.digest, undisturbed);
  await checkHistory(pool, job, result);
}

async function terminated(processes: readonly TestProcess[]): Promise<void> {
  for (const one of [...processes].reverse()) await one.terminate();
}

describe('a nats-server', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`ended by ${signal} and started again on the same store loses nothing`, async (t) => {
      const all = await scene(t);
      const job = await all.pool.submit(spec);
      for (let times = 0; times < 2; times++) {
        await sleep(250);
        await all.pool.server.kill(signal);
        await sleep(300);
        await all.pool.server.restart();
      }
      await ends(all, job);
      await terminated(all.processes);
    });
  }

  it('that is away for longer than a lease lasts is gone on with', async (t) => {
    const all = await scene(t, 2);
    const job = await all.pool.submit(spec);
    await sleep(250);
    await all.pool.server.kill('SIGKILL');
    await sleep(2500);
    await all.pool.server.restart();
    await ends(all, job);
    await terminated(all.processes);
  });

  it('that hangs for longer than a lease lasts is gone on with', async (t) => {
    const all = await scene(t, 2);
    const job = await all.pool.submit(spec);
    await sleep(250);
    await all.pool.server.kill('SIGSTOP');
    await sleep(2500);
    await all.pool.server.kill('SIGCONT');
    await ends(all, job);
    await terminated(all.processes);
  });

  it('that has lost its last seconds, as in a power cut, is gone on with from what it has', async (t) => {
    const all = await scene(t, 2);
    const { server } = all.pool;
    const copy = `${server.storeDir}-earlier`;
    const job = await all.pool.submit(spec);
    await sleep(500);
    await server.kill('SIGTERM');
    cpSync(server.storeDir, copy, { recursive: true });
    await server.restart();
    await stepReached(all.pool, job, 30);
    await server.kill('SIGKILL');
    server.wipe();
    renameSync(copy, server.storeDir);
    await server.restart();
    await ends(all, job);
    const log = all.processes.map((one) => one.log()).join('');
    assert.match(log, /another coordinator wrote to the ledger|no longer leading/);
    await terminated(all.processes);
  });

  it('that comes back empty: the job is gone, it is said so, and the pool takes new ones', async (t) => {
    const all = await scene(t, 2);
    const { pool } = all;
    const job = await pool.submit({ ...spec, stop: { steps: 100_000 } });
    const events: JobEvent[] = [];
    await pool.bus.streams.follow(pool.names.streams.events, pool.names.job(job).event, ({ payload }) => {
      events.push(decodeJson(eventSchema, payload, 'event'));
    });
    await sleep(500);
    await pool.server.kill('SIGKILL');
    pool.server.wipe();
    await pool.server.restart();

    const next = await pool.submit(spec);
    await ends(all, next);
    const { jobs } = await pool.request(pool.names.service.list, {});
    assert.deepEqual(
      (jobs as { job: string }[]).map(({ job: id }) => id),
      [next],
    );
    await assert.rejects(pool.request(pool.names.service.describe, { job }), { code: 'SC_NOT_FOUND' });
    const lost = events.find(({ type }) => type === 'lost');
    assert.match(lost?.message ?? '', /store .*emptied|emptied .*store/);
    // Replicas of what has ended or is lost are dropped with the next placement and heartbeat.
    const held = async (): Promise<string[]> => {
      const { workers } = await pool.request(pool.names.service.workers, {});
      return (workers as { jobs: object }[]).flatMap(({ jobs: those }) => Object.keys(those));
    };
    for (let i = 0; i < 100 && (await held()).length > 0; i++) await sleep(50);
    assert.deepEqual(await held(), []);
    // Nobody spins: a second of an idle pool says next to nothing.
    const said = all.processes.map((one) => one.log().length);
    await sleep(1500);
    all.processes.forEach((one, i) =>
      assert.ok(one.log().length - (said[i] ?? 0) < 1000, one.log().slice(-3000)),
    );
    await terminated(all.processes);
  });
});
