// Evaluations that throw, return no finite number, end or block their thread, or forget a promise, on a real nats-server:
// each rule of `onFailure` gives the same state whatever the kind of failure and however many workers there are.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { JobResult } from '../../shared/wire/reports.js';
import { checkHistory } from '../support/history.js';
import { type TestPool, withPool } from '../support/pool.js';
import { suite } from '../support/suite.js';

/** Sphere, but members 3 and 6 (or all, or one at one step) misbehave as told. */
const OBJECTIVE = `export default {
  name: 'faulty',
  direction: 'minimize',
  timeout: 300,
  validate: (options) => options,
  setup: ({ slow = 0 }) => new Promise((done) => setTimeout(done, slow)),
  parameters: () => ({ x: { shape: [10], init: { kind: 'uniform', low: -1, high: 1 } } }),
  evaluate({ x }, { member, step, options: { mode, where } }) {
    let sum = 0;
    for (const value of x) sum += value * value;
    const hit = where === 'all' ? member !== null : where === 'once' ? member === 3 && step === 1 : member === 3 || member === 6;
    if (!hit) return sum;
    switch (mode) {
      case 'throw': throw new Error('the antenna melted');
      case 'reject': return Promise.reject(new Error('the antenna melted'));
      case 'nan': return NaN;
      case 'infinity': return Infinity;
      case '-infinity': return -Infinity;
      case 'huge': return 1e300;
      case 'exit': process.exit(7);
      case 'hang': for (;;);
      case 'never': return new Promise(() => undefined);
      case 'leak': Promise.reject(new Error('forgotten')); return sum;
      default: return sum;
    }
  },
};
`;

interface Case {
  readonly mode: string;
  readonly where?: 'some' | 'all' | 'once';
  readonly onFailure?: 'worst' | 'skip' | 'fail';
  readonly steps?: number;
  /** Milliseconds that a thread takes to open the job. */
  readonly slow?: number;
}

for (const workers of [1, 2]) {
  describe(`failing evaluations on ${workers} worker${workers === 1 ? '' : 's'}`, () => {
    const all = suite();
    let pool: TestPool;

    before(async () => {
      const dir = mkdtempSync(join(tmpdir(), 'seedcast-faulty-'));
      all.after(() => Promise.resolve(rmSync(dir, { recursive: true })));
      const file = join(dir, 'faulty.mjs');
      writeFileSync(file, OBJECTIVE);
      pool = await withPool(all);
      await pool.coordinator();
      for (let i = 0; i < workers; i++) await pool.worker(`w${i}`, { threads: 2, objectives: [file] });
    });

    async function run({
      mode,
      where = 'some',
      onFailure = 'worst',
      steps = 4,
      slow = 0,
    }: Case): Promise<JobResult> {
      const job = await pool.submit({
        seed: 'failures',
        method: { name: 'es', population: 8, sigma: 0.1, learningRate: 0.05 },
        objective: { name: 'faulty', mode, where, slow },
        stop: { steps },
        onFailure,
      });
      const result = await pool.result(job, 40_000);
      await checkHistory(pool, job, result);
      return result;
    }

    it('count as the worst, whatever they were: as a value larger than any other would', async () => {
      const { digest } = await run({ mode: 'huge' });
      for (const mode of ['throw', 'reject', 'nan', 'infinity', '-infinity']) {
        const result = await run({ mode });
        assert.equal(result.status, 'succeeded', mode);
        assert.equal(result.digest, digest, mode);
        assert.ok((result.fitness.best ?? Infinity) > 0, 'no failure is ever best');
      }
    });

    it('are left out under `skip`, whatever they were', async () => {
      const digests = new Set<string | null>();
      for (const mode of ['throw', 'nan', '-infinity'])
        digests.add((await run({ mode, onFailure: 'skip' })).digest);
      assert.equal(digests.size, 1);
      assert.ok(!digests.has((await run({ mode: 'throw' })).digest));
    });

    it('end the job under `fail`, with step, member and the objective’s own words', async () => {
      const result = await run({ mode: 'throw', onFailure: 'fail' });
      assert.equal(result.status, 'failed');
      assert.match(result.reason ?? '', /step 0, member [36]: the antenna melted/);
      const events = await pool.events(result.job);
      const named = events.filter(({ type }) => type === 'evaluation-failed');
      assert.equal(named.length, 1, 'the first is named, later ones are counted');
      assert.match(named[0]?.message ?? '', /step 0, member [36]: the antenna melted/);
    });

    it('of all members end the job under any rule', async () => {
      for (const onFailure of ['worst', 'skip', 'fail'] as const) {
        const result = await run({ mode: 'nan', where: 'all', onFailure });
        assert.equal(result.status, 'failed', onFailure);
        assert.match(result.reason ?? '', /returned NaN/, onFailure);
        assert.equal(result.steps, 0);
      }
    });

    it('that block their thread cost no unit that waits while another takes longer to open than a unit may take', async () => {
      const { digest } = await run({ mode: 'huge', where: 'once', steps: 3 });
      const result = await run({ mode: 'hang', where: 'once', steps: 3, slow: 2600 });
      assert.equal(result.digest, digest);
    });

    it('that end or block their thread, or never answer, cost the thread and no other unit', async () => {
      const { digest } = await run({ mode: 'huge', where: 'once', steps: 3 });
      for (const mode of ['exit', 'hang', 'never']) {
        const result = await run({ mode, where: 'once', steps: 3 });
        assert.equal(result.status, 'succeeded', mode);
        assert.equal(result.digest, digest, mode);
      }
    });

    it('that forget a rejected promise still count', async () => {
      assert.equal((await run({ mode: 'leak', where: 'all' })).digest, (await run({ mode: 'none' })).digest);
    });
  });
}
