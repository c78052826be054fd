// A pool of processes that gets 100,000 hostile messages on every subject while it runs a job: no process ends, memory
// stays, and the job ends with the digest of a run without a pool.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNats } from '../../shared/bus/nats/connect.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import { checkHistory } from '../support/history.js';
import { withPool } from '../support/pool.js';
import { cliProcess, coordinatorProcess, workerProcess } from '../support/processes.js';
import { referenceDigest } from '../support/reference.js';
import { Fuzzer, randomFrom } from './messages.js';

const MESSAGES = Number(process.env['SEEDCAST_FUZZ_MESSAGES'] ?? 100_000);
const SEED = Number(process.env['SEEDCAST_FUZZ_SEED'] ?? 7);
const BURST = 200;
/** Share of the messages after which resident memory is compared. */
const WARM = 0.2;
const MEGABYTE = 2 ** 20;

function squares(x: TensorArray): number {
  let sum = 0;
  for (const value of x) sum += value * value;
  return sum;
}

describe('a pool under hostile messages', () => {
  it(`takes ${MESSAGES} of them on every subject without harm`, async (t) => {
    const pool = await withPool(t);
    const { url } = pool.server;
    const coordinator = await coordinatorProcess(t, url, { probe: true, leaseTtl: 3000 });
    const workers = [
      await workerProcess(t, url, 'w0', { probe: true }),
      await workerProcess(t, url, 'w1', { probe: true }),
    ];
    const spec = {
      seed: 'hostile',
      method: { name: 'es', population: 16, sigma: 0.1, learningRate: 0.05 },
      objective: { name: 'timer', milliseconds: 2, dimension: 20 },
      ledger: { digestEvery: 20 },
      stop: { steps: 100_000 },
    };
    const job = await pool.submit(spec, 'fuzzed');
    const watch = cliProcess(t, ['watch', job, '--server', url, '--json']);
    const rogue = await connectNats({ url });
    t.after(() => rogue.drain());
    const fuzzer = new Fuzzer(randomFrom(SEED), pool.names, job, ['w0', 'w1'], rogue.server.maxPayload);
    const tap = rogue.subscribe(`${pool.names.prefix}.>`, ({ subject, payload }) =>
      fuzzer.heard(subject, payload),
    );
    await sleep(1500);
    tap.unsubscribe();

    const all = [coordinator, ...workers];
    const before = await Promise.all(all.map((one) => one.memory()));
    const kinds = new Map<string, number>();
    const begun = Date.now();
    // What a process takes for its first messages of each kind (compiled code, room for young objects) is no leak.
    let warm = before;
    for (let sent = 0; sent < MESSAGES; sent++) {
      const { subject, kind, payload, asks } = fuzzer.next();
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (asks) void rogue.request(subject, payload, { timeout: 2000 }).catch(() => undefined);
      else rogue.publish(subject, payload);
      if (sent % BURST !== 0) continue;
      if (sent === Math.floor(WARM * MESSAGES) - (Math.floor(WARM * MESSAGES) % BURST))
        warm = await Promise.all(all.map((one) => one.memory()));
      await rogue.flush();
      await sleep(1);
    }
    const seconds = (Date.now() - begun) / 1000;
    await sleep(3000);
    const after = await Promise.all(all.map((one) => one.memory()));
    const growth = after.map(({ resident, held }, i) => ({
      resident: (resident - (warm[i]?.resident ?? 0)) / MEGABYTE,
      held: (held - (before[i]?.held ?? 0)) / MEGABYTE,
    }));
    t.diagnostic(
      `${MESSAGES} messages of ${kinds.size} kinds in ${seconds.toFixed(1)} s, seed ${SEED}; growth in MB ` +
        growth
          .map(
            (g) =>
              `resident since a fifth of them ${g.resident.toFixed(1)}, held since the start ${g.held.toFixed(1)}`,
          )
          .join('; '),
    );

    await pool.control(job, 'stop');
    const result = await pool.result(job, 30_000);
    assert.equal(result.status, 'stopped');
    const history = await checkHistory(pool, job, result);
    t.diagnostic(
      `${result.steps} steps, ${history.skipped} records skipped by the fold, epoch ${history.epoch}`,
    );
    assert.ok(history.skipped > 0, 'hostile records lie in the ledger, and are skipped');
    const { record } = await pool.store.genesis(job);
    assert.equal(result.digest, referenceDigest(record, result.steps, squares));

    const { code } = await watch.ended();
    assert.equal(code, 7, 'the watch told that the job was stopped');
    for (const one of all) await one.terminate();
    for (const { resident, held } of growth) {
      assert.ok(held < 20, `${held.toFixed(1)} MB more are held`);
      assert.ok(resident < 20, `${resident.toFixed(1)} MB more are resident`);
    }
  });
});
