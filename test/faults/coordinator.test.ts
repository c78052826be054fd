// Coordinators that are killed, stopped and woken, and that start at once, on a real nats-server: the job always ends
// with the digest of an undisturbed run, and the ledger's history is clean.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkHistory } from '../support/history.js';
import { coordinatorProcess, workerProcess } from '../support/processes.js';
import { type TestPool, withPool } from '../support/pool.js';
import { type Suite, suite } from '../support/suite.js';

const STEPS = 60;
const spec = {
  seed: 'coordinator faults',
  method: { name: 'es', population: 16, sigma: 0.1, learningRate: 0.05 },
  objective: { name: 'rosenbrock', dimension: 20 },
  ledger: { digestEvery: 10 },
  stop: { steps: STEPS },
};
const slow = { ...spec, objective: { name: 'timer', milliseconds: 2, dimension: 20 } };

const FAILPOINTS = [
  'before-round',
  'after-round',
  'before-evidence',
  'after-evidence',
  'before-commit',
  'after-commit',
] as const;

describe('a coordinator', () => {
  const all: Suite = suite();
  let pool: TestPool;
  let undisturbed: string | null;
  let undisturbedSlow: string | null;

  before(async () => {
    pool = await withPool(all);
    await workerProcess(all, pool.server.url, 'w0');
    const first = await coordinatorProcess(all, pool.server.url);
    const job = await pool.submit(spec);
    const result = await pool.result(job);
    assert.equal(result.status, 'succeeded');
    assert.equal((await checkHistory(pool, job, result)).epoch, 1);
    undisturbed = result.digest;
    undisturbedSlow = (await pool.result(await pool.submit(slow))).digest;
    assert.match(undisturbed ?? '', /^[0-9a-f]{64}$/);
    await first.terminate();
  });

  for (const failpoint of FAILPOINTS) {
    it(`killed ${failpoint} and restarted goes on from its last committed step`, async (t) => {
      const first = await coordinatorProcess(t, pool.server.url, { failpoint: `${failpoint}:25` });
      await first.said('leading');
      const job = await pool.submit(spec);
      assert.equal((await first.ended()).signal, 'SIGKILL');
      const second = await coordinatorProcess(t, pool.server.url);
      const result = await pool.result(job);
      assert.equal(result.status, 'succeeded');
      assert.equal(result.digest, undisturbed);
      const history = await checkHistory(pool, job, result);
      assert.equal(history.epoch, 2);
      assert.equal(history.steps, STEPS);
      await second.terminate();
    });

    it(`killed ${failpoint} is followed by its standby`, async (t) => {
      const first = await coordinatorProcess(t, pool.server.url, { failpoint: `${failpoint}:25` });
      await first.said('leading');
      const standby = await coordinatorProcess(t, pool.server.url);
      const job = await pool.submit(spec);
      assert.equal((await first.ended()).signal, 'SIGKILL');
      const result = await pool.result(job);
      assert.equal(result.status, 'succeeded');
      assert.equal(result.digest, undisturbed);
      assert.equal((await checkHistory(pool, job, result)).epoch, 2);
      await standby.terminate();
    });
  }

  it('killed at the very end and at the beginning loses nothing', async (t) => {
    // The last commit is the end of the job; the first round is that of step 0.
    for (const failpoint of [`before-commit:${STEPS + 1}`, `after-commit:${STEPS + 1}`, 'before-round:1']) {
      const first = await coordinatorProcess(t, pool.server.url, { failpoint });
      await first.said('leading');
      const id = `edge-${failpoint.replace(':', '-')}`;
      // The answer dies with the coordinator when that is at once.
      await pool.submit(spec, id).catch(() => undefined);
      assert.equal((await first.ended()).signal, 'SIGKILL', failpoint);
      const second = await coordinatorProcess(t, pool.server.url);
      const result = await pool.result(id);
      assert.equal(result.digest, undisturbed, failpoint);
      await checkHistory(pool, id, result);
      await second.terminate();
    }
  });

  it('killed again and again still ends the job', async (t) => {
    const job = 'again-and-again';
    let coordinator = await coordinatorProcess(t, pool.server.url, { failpoint: 'after-evidence:9' });
    await coordinator.said('leading');
    await pool.submit(spec, job);
    let killed = 0;
    for (;;) {
      const { signal } = await coordinator.ended();
      assert.equal(signal, 'SIGKILL');
      killed++;
      const failpoint = FAILPOINTS[killed % FAILPOINTS.length] ?? 'before-commit';
      coordinator = await coordinatorProcess(
        t,
        pool.server.url,
        killed < 6 ? { failpoint: `${failpoint}:9` } : {},
      );
      if (killed === 6) break;
    }
    const result = await pool.result(job);
    assert.equal(result.digest, undisturbed);
    assert.equal((await checkHistory(pool, job, result)).epoch, 7);
    await coordinator.terminate();
  });

  it('that leads hands over in order on SIGTERM', async (t) => {
    const first = await coordinatorProcess(t, pool.server.url, { leaseTtl: 5000 });
    await first.said('leading');
    const second = await coordinatorProcess(t, pool.server.url, { leaseTtl: 5000 });
    const job = await pool.submit(slow);
    await sleep(500);
    const begun = Date.now();
    await first.terminate();
    await second.said('leading', 4000);
    assert.ok(Date.now() - begun < 4000, 'the standby need not wait for the lease to expire');
    const result = await pool.result(job);
    assert.equal(result.digest, undisturbedSlow);
    assert.equal((await checkHistory(pool, job, result)).epoch, 2);
    await second.terminate();
  });

  it('that was stopped, replaced and woken never commits again', async (t) => {
    const first = await coordinatorProcess(t, pool.server.url);
    await first.said('leading');
    const second = await coordinatorProcess(t, pool.server.url);
    const job = await pool.submit(slow);
    await sleep(400);
    first.signal('SIGSTOP');
    await second.said('leading');
    await sleep(300);
    first.signal('SIGCONT');
    await first.said('no longer leading');
    const result = await pool.result(job);
    assert.equal(result.digest, undisturbedSlow);
    const history = await checkHistory(pool, job, result);
    assert.equal(history.epoch, 2, 'one take-over, by the standby');
    assert.ok(history.leaders[0]?.includes(String(second.pid)) === true);
    await first.terminate();
    await second.terminate();
  });

  it('is one of many that start at once: one leads', async (t) => {
    const many = await Promise.all([0, 1, 2].map(() => coordinatorProcess(t, pool.server.url)));
    const job = await pool.submit(slow);
    const result = await pool.result(job);
    assert.equal(result.digest, undisturbedSlow);
    assert.equal((await checkHistory(pool, job, result)).epoch, 1);
    assert.equal(many.filter((one) => one.log().includes('leading')).length, 1);
    await Promise.all(many.map((one) => one.terminate()));
  });

  it('whose lease is taken over and over keeps the history clean', async (t) => {
    const two = [await coordinatorProcess(t, pool.server.url), await coordinatorProcess(t, pool.server.url)];
    const job = await pool.submit({ ...slow, stop: { steps: STEPS } });
    for (let round = 0; round < 3; round++) {
      const leader = two.find((one) => lastWord(one.log()) === 'leading');
      leader?.signal('SIGSTOP');
      await sleep(900);
      leader?.signal('SIGCONT');
      await sleep(200);
    }
    const result = await pool.result(job);
    assert.equal(result.digest, undisturbedSlow);
    await checkHistory(pool, job, result);
    await Promise.all(two.map((one) => one.terminate()));
  });
});

/** Whether a coordinator's log says last that it leads. */
function lastWord(log: string): 'leading' | 'standby' {
  return [...log.matchAll(/(no longer )?leading/g)].at(-1)?.[0] === 'leading' ? 'leading' : 'standby';
}
