// The threads of a worker under trouble: one that ends again and again is started at growing intervals, and a job that a
// replaced thread cannot open is told to whoever holds it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeRecord } from '../../shared/ledger/records.js';
import { replicaBytes } from '../../shared/methods/shape.js';
import { type Clock, systemClock } from '../../shared/ports.js';
import { exampleGenesis } from '../../test/support/example-genesis.js';
import type { Lasting } from '../../test/support/nats.js';
import { JobCompute } from './host.js';
import { ThreadPool, type ThreadPoolPorts } from './pool.js';
import { CONTROL_BYTES, type Task } from './protocol.js';

const GENESIS = exampleGenesis();

/** A pool of one thread with the objective `example`, whose `setup` is the given code; `flag` is a file it may look at. */
function poolOf(t: Lasting, setup: (flag: string) => string, ports: Partial<ThreadPoolPorts>) {
  const dir = mkdtempSync(join(tmpdir(), 'seedcast-pool-'));
  const [file, flag] = [join(dir, 'example.mjs'), join(dir, 'flag')];
  writeFileSync(
    file,
    `import { existsSync } from 'node:fs';
     export default { name: 'example', direction: 'minimize', parameters: () => ({ x: { shape: [3], dtype: 'float64' } }),
       setup: () => { ${setup(flag)} }, evaluate: ({ x }) => x[0] };`,
  );
  const pool = new ThreadPool(
    1,
    { objectivePaths: [file] },
    {
      clock: systemClock,
      log: () => undefined,
      onOpenFailed: () => undefined,
      ...ports,
    },
  );
  t.after(async () => {
    await pool.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return { pool, flag };
}

function opening(): Omit<Extract<Task, { op: 'open' }>, 'engine'> {
  return {
    op: 'open',
    job: 'j',
    genesis: encodeRecord(GENESIS),
    memory: new SharedArrayBuffer(replicaBytes(GENESIS)),
    control: new SharedArrayBuffer(CONTROL_BYTES),
  };
}

void describe('compute threads', () => {
  void it('tell the job whose setup throws on the thread that took the place of another', async (t) => {
    let failed: (told: readonly [string, string]) => void = () => undefined;
    const told = new Promise<readonly [string, string]>((resolve) => (failed = resolve));
    const { pool, flag } = poolOf(
      t,
      (path) => `if (existsSync(${JSON.stringify(path)})) throw new Error('no licence left');`,
      { onOpenFailed: (job, message) => failed([job, message]) },
    );
    await pool.openJob(opening());
    writeFileSync(flag, '');
    await pool.kill(0, 'an evaluation hangs');
    const [job, message] = await told;
    assert.equal(job, 'j');
    assert.match(message, /no licence left/);
  });

  void it('that end again and again are started at intervals that double up to a second', async (t) => {
    const waits: number[] = [];
    let enough = (): void => undefined;
    const seen = new Promise<void>((resolve) => (enough = resolve));
    const clock: Clock = {
      ...systemClock,
      after: (ms, callback) => {
        waits.push(ms);
        if (waits.length === 6) enough();
        return systemClock.after(Math.min(ms, 5), callback);
      },
    };
    const { pool } = poolOf(t, () => 'process.exit(1);', { clock });
    await assert.rejects(pool.openJob(opening()), /ended with code 1/);
    await seen;
    assert.deepEqual(waits.slice(0, 6), [100, 200, 400, 800, 1000, 1000]);
    await pool.closeJob('j');
  });

  void it('hold no job whose opening failed', async () => {
    const calls: string[] = [];
    const threads = {
      size: 1,
      openJob: () => Promise.reject(new Error('no licence left')),
      closeJob: (job: string) => {
        calls.push(`close ${job}`);
        return Promise.resolve();
      },
    };
    const open = JobCompute.open(
      'j',
      GENESIS,
      threads as unknown as ThreadPool,
      systemClock,
      { timeout: null, batched: false, population: false },
      () => undefined,
      () => undefined,
    );
    await assert.rejects(open, /no licence left/);
    assert.deepEqual(calls, ['close j']);
  });
});
