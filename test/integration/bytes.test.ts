// What crosses the wire: measured by a tap on the job's subjects, the same whatever the number of parameters, and below
// the promise: down and up together at most 26 bytes a member, plus (1 byte a member + 512) a worker.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TestPool, withPool } from '../support/pool.js';

const WORKERS = 2;
const POPULATION = 64;
const STEPS = 24;

interface Step {
  /** Of round, results and assignments. */
  bytes: number;
  /** Results and assignments. */
  messages: number;
}

interface Tapped {
  /** Payload bytes of the whole job by kind of subject; what every worker receives counts once a worker. */
  readonly all: Record<string, number>;
  readonly steps: readonly Step[];
}

async function tapped(pool: TestPool, dimension: number): Promise<Tapped> {
  const all: Record<string, number> = { plan: 0, round: 0, assign: 0, result: 0 };
  const steps: Step[] = [];
  const job = `tap-${dimension}`;
  const subscription = pool.bus.subscribe(`${pool.names.prefix}.job.${job}.>`, ({ subject, payload }) => {
    const kind = subject.slice(pool.names.prefix.length).split('.')[3] ?? '';
    if (!(kind in all)) return;
    const bytes = payload.length * (kind === 'plan' || kind === 'round' ? WORKERS : 1);
    all[kind] = (all[kind] ?? 0) + bytes;
    if (kind === 'round') steps.push({ bytes, messages: 0 });
    const step = steps.at(-1);
    if (step === undefined || (kind !== 'result' && kind !== 'assign')) return;
    step.bytes += bytes;
    step.messages += 1;
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
  assert.equal(result.bytesDown, (all['plan'] ?? 0) + (all['round'] ?? 0) + (all['assign'] ?? 0));
  assert.equal(result.bytesUp, all['result']);
  return { all, steps };
}

/**
 * What a step takes that nothing disturbs: one result a worker, and nothing given out again. On a busy machine some slices are
 * late, and go to another worker as well; how many such steps there are is left to the promise over all of them.
 */
function undisturbed(steps: readonly Step[]): number {
  const clean = steps.filter(({ messages }) => messages === WORKERS).map(({ bytes }) => bytes);
  assert.ok(clean.length > 0, 'every step was disturbed');
  return clean.sort((a, b) => a - b)[clean.length >> 1] ?? NaN;
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
    const [few, many] = [undisturbed(small.steps), undisturbed(large.steps)];
    t.diagnostic(
      `a step: d = 10^3 ${few} B, d = 10^6 ${many} B; jobs: ${JSON.stringify([small.all, large.all])}`,
    );
    assert.ok(Math.abs(many / few - 1) < 0.01, `${few} and ${many} bytes a step`);
    const promise = STEPS * (26 * POPULATION + WORKERS * (POPULATION + 512));
    for (const { all } of [small, large]) {
      const bytes = Object.values(all).reduce((a, b) => a + b, 0);
      assert.ok(bytes <= promise, `${bytes} bytes, promised ${promise}`);
    }
  });
});
