// What crosses the wire: measured by a tap on the job's subjects, the same whatever the number of parameters, and below
// the promise: down and up together at most 26 bytes a member, plus (1 byte a member + 512) a worker.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TestPool, withPool } from '../support/pool.js';

const WORKERS = 2;
const POPULATION = 64;
const STEPS = 12;

/** Payload bytes of one job by kind of subject; what every worker receives counts once a worker. */
async function tapped(pool: TestPool, dimension: number): Promise<Record<string, number>> {
  const bytes: Record<string, number> = { plan: 0, round: 0, assign: 0, result: 0 };
  const job = `tap-${dimension}`;
  const subscription = pool.bus.subscribe(`${pool.names.prefix}.job.${job}.>`, ({ subject, payload }) => {
    const kind = subject.slice(pool.names.prefix.length).split('.')[3] ?? '';
    if (kind in bytes)
      bytes[kind] = (bytes[kind] ?? 0) + payload.length * (kind === 'plan' || kind === 'round' ? WORKERS : 1);
  });
  await pool.bus.flush();
  const spec = {
    seed: 1,
    method: { name: 'es', population: POPULATION, sigma: 0.1 },
    objective: { name: 'sphere', dimension, dtype: 'float32' },
    stop: { steps: STEPS },
  };
  const result = await pool.result(await pool.submit(spec, job), 120_000);
  subscription.unsubscribe();
  assert.equal(result.status, 'succeeded');
  assert.equal(result.bytesDown, (bytes['plan'] ?? 0) + (bytes['round'] ?? 0) + (bytes['assign'] ?? 0));
  assert.equal(result.bytesUp, bytes['result']);
  return bytes;
}

describe('bytes on the wire', () => {
  it('do not depend on the number of parameters and keep the promise', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    for (let i = 0; i < WORKERS; i++) await pool.worker(`w${i}`);
    // A first job makes sure that both workers are there before anything is counted.
    await pool.result(
      await pool.submit({
        seed: 0,
        method: { name: 'es', population: 16, sigma: 1 },
        objective: { name: 'sphere', dimension: 2 },
        stop: { steps: 50 },
      }),
    );
    const small = await tapped(pool, 1_000);
    const large = await tapped(pool, 1_000_000);
    t.diagnostic(`d = 10^3: ${JSON.stringify(small)}; d = 10^6: ${JSON.stringify(large)}`);
    const steady = (bytes: Record<string, number>): number => (bytes['round'] ?? 0) + (bytes['result'] ?? 0);
    assert.ok(
      Math.abs(steady(large) / steady(small) - 1) < 0.01,
      `${steady(small)} and ${steady(large)} bytes`,
    );
    const promise = STEPS * (26 * POPULATION + WORKERS * (POPULATION + 512));
    for (const bytes of [small, large]) {
      const all = Object.values(bytes).reduce((a, b) => a + b, 0);
      assert.ok(all <= promise, `${all} bytes, promised ${promise}`);
    }
  });
});
