// One pool of every engine that can be had on this machine, each SIMD level and each tfjs backend a worker of its own: their
// forward passes differ in the last digits, their replicas in nothing.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rebuild } from '../../cli/jobs/rebuild.js';
import { resultMessage } from '../../shared/wire/messages.js';
import type { WorkerAgent } from '../../worker/agent.js';
import { ENGINE_PROVIDERS } from '../../worker/engines/providers.js';
import { packageRoot } from '../../worker/objectives/package-root.js';
import type { Lasting } from '../support/nats.js';
import { type TestPool, withPool } from '../support/pool.js';

const STEPS = 8;
const spiral = join(packageRoot(), 'examples', 'objectives', 'spiral.ts');
const METHODS = {
  es: { name: 'es', population: 48, sigma: 0.05, learningRate: 0.03 },
  eggroll: { name: 'eggroll', population: 48, rank: 2, sigma: 0.05, learningRate: 0.03 },
} as const;

describe('a pool of all engines', { timeout: 300_000 }, () => {
  // The pool outlasts one test.
  const ending: (() => Promise<void>)[] = [];
  const lasting: Lasting = { after: (end) => ending.push(end) };
  const engines: string[] = [];
  let pool: TestPool;
  const workers = new Map<string, WorkerAgent>();

  before(async () => {
    pool = await withPool(lasting);
    await pool.coordinator();
    for (const provider of ENGINE_PROVIDERS)
      for (const probe of await provider.probe(null)) {
        const engine = `${provider.name}:${probe.backend}`;
        if (!probe.available) console.log(`# no worker of ${engine}: ${probe.why}`);
        else {
          const id = engine.replace(/[^A-Za-z0-9]/g, '-');
          workers.set(id, await pool.worker(id, { objectives: [spiral], engine }));
          engines.push(engine);
        }
      }
  });
  after(async () => {
    for (const end of ending.reverse()) await end();
  });

  for (const method of Object.values(METHODS))
    it(`holds equal digests at every step of ${method.name}, and replay gives the same`, async (t) => {
      assert.ok(engines.length >= 2, engines.join(', '));
      const job = `agree-${method.name}`;
      /** Step → digest → who reported it. */
      const digests = new Map<number, Map<string, Set<string>>>();
      const evaluated = new Map<string, number>();
      const results = pool.bus.subscribe(pool.names.job(job).results, ({ payload }) => {
        const { worker, step, digest, scalars } = resultMessage.decode(payload);
        evaluated.set(worker, (evaluated.get(worker) ?? 0) + scalars.length);
        if (digest === null) return;
        const reported = digests.get(step) ?? new Map<string, Set<string>>();
        digests.set(step, reported.set(digest, (reported.get(digest) ?? new Set()).add(worker)));
      });
      t.after(() => results.unsubscribe());

      await pool.submit(
        {
          seed: 'agreement',
          method,
          objective: { name: 'spiral', width: 6 },
          ledger: { digestEvery: 1 },
          evaluation: { every: 4 },
          stop: { steps: STEPS },
        },
        job,
      );
      const { status, digest } = await pool.result(job, 240_000);
      assert.equal(status, 'succeeded');
      assert.deepEqual(
        [...evaluated.keys()].sort(),
        [...workers.keys()].sort(),
        'every engine evaluated members',
      );
      assert.ok([...digests.keys()].length >= STEPS - 1, `${digests.size} steps with digests`);
      for (const [step, reported] of digests)
        assert.equal(
          reported.size,
          1,
          `step ${step}: ${[...reported].map(([d, who]) => `${d} ${[...who].join(' ')}`).join(', ')}`,
        );
      const reporters = new Set(
        [...digests.values()].flatMap((one) => [...one.values()].flatMap((who) => [...who])),
      );
      assert.deepEqual([...reporters].sort(), [...workers.keys()].sort(), 'every engine reported a digest');
      const mismatch = (await pool.events(job)).find(({ type }) => type === 'digest-mismatch');
      assert.equal(mismatch, undefined);

      const { bus, names, store } = pool;
      const connected = { bus, names, store, offline: null, close: () => Promise.resolve() };
      const again = await rebuild(connected, job, {
        step: null,
        snapshots: false,
      });
      assert.equal(again.step, STEPS);
      assert.equal(again.digest, digest);
      assert.deepEqual(
        again.verified,
        Array.from({ length: STEPS }, (_, i) => i + 1),
      );
    });
});
