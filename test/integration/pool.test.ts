// A job on a real nats-server: the same digest for any workers and threads, controls, late joiners.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { withPool } from '../support/pool.js';

const sphere = {
  seed: 'pool',
  method: { name: 'es', population: 16, sigma: 0.1, learningRate: 0.05 },
  objective: { name: 'sphere', dimension: 20 },
  stop: { steps: 30 },
};

const policy = {
  seed: 'pool',
  method: { name: 'eggroll', population: 16, sigma: 0.1, learningRate: 0.05, rank: 2, groupSize: 8 },
  objective: { name: 'policy', environment: 'cartpole', hidden: [6] },
  stop: { steps: 30 },
};

describe('a pool on NATS', () => {
  for (const job of [sphere, policy])
    it(`ends a job of ${job.method.name} with a digest that does not depend on workers or threads`, (t) =>
      sameDigests(t, job));
});

async function sameDigests(t: TestContext, job: typeof sphere | typeof policy): Promise<void> {
  const pool = await withPool(t, { log: process.env['DEBUG'] !== undefined });
  await pool.coordinator();
  const digests = new Set<string | null>();
  let started = 0;
  for (const workers of [1, 2, 4]) {
    while (started < workers) await pool.worker(`w${started++}`, { threads: started === 1 ? 2 : 1 });
    const result = await pool.result(await pool.submit(job));
    assert.equal(result.status, 'succeeded');
    assert.equal(result.stoppedBy, 'steps');
    assert.equal(result.steps, 30);
    assert.equal(result.evaluations, 480);
    digests.add(result.digest);
  }
  assert.equal(digests.size, 1);
  assert.match([...digests][0] ?? '', /^[0-9a-f]{64}$/);
}
