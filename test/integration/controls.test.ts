// What people do to jobs: pause and resume, stop, cancel, extend, delete, several at once, and jobs that must wait.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { JobSummary, Progress } from '../../shared/wire/reports.js';
import { type TestPool, withPool } from '../support/pool.js';

const spec = (steps: number, more: object = {}) => ({
  seed: 'controls',
  method: { name: 'es', population: 8, sigma: 0.1 },
  objective: { name: 'sphere', dimension: 10 },
  stop: { steps },
  ...more,
});
const slow = (steps: number) => ({
  ...spec(steps),
  objective: { name: 'timer', milliseconds: 5, dimension: 4 },
});

async function summary(pool: TestPool, job: string): Promise<JobSummary> {
  const { jobs } = (await pool.request(pool.names.service.list, {})) as { jobs: JobSummary[] };
  const found = jobs.find((j) => j.job === job);
  assert.ok(found, `job ${job} is listed`);
  return found;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never: ${what}`);
}

describe('controls', () => {
  it('pause and resume a job without changing what it becomes', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w');
    const plain = await pool.result(await pool.submit(slow(20), 'plain'));
    await pool.submit(slow(20), 'paused');
    await until('the job moves', async () => (await summary(pool, 'paused')).step >= 3);
    await pool.control('paused', 'pause');
    await until('the job is paused', async () => (await summary(pool, 'paused')).state === 'paused');
    const { step } = await summary(pool, 'paused');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await summary(pool, 'paused')).step, step);
    await assert.rejects(pool.control('paused', 'pause'), /is paused already/);
    await pool.control('paused', 'resume');
    const result = await pool.result('paused');
    assert.equal(result.status, 'succeeded');
    assert.equal(result.digest, plain.digest);
  });

  it('stop after the step, cancel at once, extend what has ended, delete what is over', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w');
    await pool.submit(slow(10_000), 'stopped');
    await until('the job moves', async () => (await summary(pool, 'stopped')).step >= 2);
    await assert.rejects(pool.control('stopped', 'delete'), /is running; cancel it first/);
    await pool.control('stopped', 'stop');
    const stopped = await pool.result('stopped');
    assert.equal(stopped.status, 'stopped');
    assert.equal(stopped.stoppedBy, 'request');
    assert.match(stopped.digest ?? '', /^[0-9a-f]{64}$/);

    await pool.submit(slow(10_000), 'cancelled');
    await until('the job moves', async () => (await summary(pool, 'cancelled')).step >= 2);
    await pool.control('cancelled', 'cancel');
    assert.equal((await pool.result('cancelled')).status, 'cancelled');

    const whole = await pool.result(await pool.submit(spec(30), 'whole'));
    const first = await pool.result(await pool.submit(spec(12), 'short'));
    assert.equal(first.steps, 12);
    await pool.control('short', 'extend', {
      stop: { steps: 30, evaluations: null, fitness: null, wallClock: null, plateau: null },
    });
    await until('the extension ends', async () => (await summary(pool, 'short')).result?.steps === 30);
    assert.equal((await summary(pool, 'short')).result?.digest, whole.digest);

    await pool.control('short', 'delete');
    await assert.rejects(summary(pool, 'short'), /is listed/);
    await assert.rejects(pool.control('short', 'cancel'), /there is no job "short"/);
    assert.equal(await pool.store.foldAll('short'), null);
  });

  it('run several jobs at once, each as if it were alone', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('a');
    const alone = await pool.result(await pool.submit(spec(40), 'alone'));
    await pool.worker('b');
    const jobs = await Promise.all(['one', 'two', 'three'].map((id) => pool.submit(spec(40), id)));
    for (const result of await Promise.all(jobs.map((job) => pool.result(job))))
      assert.equal(result.digest, alone.digest);
  });

  it('give the same submission twice one job, and refuse another spec under its id', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w');
    await pool.submit(spec(5), 'twice');
    await pool.submit(spec(5), 'twice');
    assert.equal((await pool.result('twice')).steps, 5);
    await assert.rejects(pool.submit(spec(6), 'twice'), /exists with another spec/);
  });

  it('say within 5 s why a job waits, and run it once a worker can', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.submit(spec(5), 'early');
    assert.match((await summary(pool, 'early')).reason ?? '', /no worker is connected/);
    await pool.worker('w');
    assert.equal((await pool.result('early')).status, 'succeeded');

    const dir = mkdtempSync(join(tmpdir(), 'seedcast-test-'));
    const write = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const code = (factor: number): string =>
      `export default { name: 'own', direction: 'minimize', parameters: () => ({ x: { shape: [3], init: { kind: 'constant', value: 1 } } }), evaluate: ({ x }) => ${factor} * (x[0] ** 2 + x[1] ** 2 + x[2] ** 2) };`;
    await pool.submit({ ...spec(5), objective: { name: 'own' } }, 'own');
    assert.match((await summary(pool, 'own')).reason ?? '', /no worker has the objective "own"/);
    await pool.worker('first', { objectives: [write('first.mjs', code(1))] });
    const result = await pool.result('own');
    assert.equal(result.status, 'succeeded');
    const events = (await pool.events('own')).map(({ type }) => type);
    assert.deepEqual(
      events.filter((type, i) => type !== events[i - 1]),
      ['pending', 'created', 'end', 'result'],
    );
  });

  it('keep code that the job was not made with away from it, until it is accepted', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'seedcast-test-'));
    const file = (name: string, wait: number): string => {
      writeFileSync(
        join(dir, name),
        `export default { name: 'own', direction: 'minimize', parameters: () => ({ x: { shape: [3] } }), evaluate: ({ x }) => new Promise((r) => setTimeout(() => r(x[0] ** 2), ${wait})) };`,
      );
      return join(dir, name);
    };
    const pool = await withPool(t);
    await pool.coordinator();
    const first = await pool.worker('first', { objectives: [file('a.mjs', 5)] });
    await pool.submit({ ...spec(30), objective: { name: 'own' } }, 'coded');
    await until('the job moves', async () => (await summary(pool, 'coded')).step >= 2);
    await pool.worker('second', { objectives: [file('b.mjs', 4)] });
    await until('an event names both codes', async () =>
      (await pool.events('coded')).some(
        ({ type, message }) =>
          type === 'code-mismatch' &&
          /second has other code or data for own: [0-9a-f]{12}, .* [0-9a-f]{12}/.test(message),
      ),
    );
    await first.stop();
    await until('the job waits', async () => (await summary(pool, 'coded')).reason !== null);
    const { step } = await summary(pool, 'coded');
    assert.match((await summary(pool, 'coded')).reason ?? '', /other code/);
    await pool.control('coded', 'resume', { acceptCode: true });
    const result = await pool.result('coded');
    assert.equal(result.status, 'succeeded');
    assert.ok(step < 30);
    const { ledger, objective } = await pool.request(pool.names.service.describe, { job: 'coded' });
    const made = (objective as { readonly code: string }).code;
    const accepted = (ledger as { readonly code: string }).code;
    assert.match(accepted, /^[0-9a-f]{64}$/);
    assert.notEqual(accepted, made);
  });

  it('run an objective with data files, and keep workers with other data away from it', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'seedcast-test-'));
    const data = join(dir, 'data.txt');
    const module = join(dir, 'read.mjs');
    writeFileSync(data, '1');
    writeFileSync(
      module,
      `export default { name: 'read', direction: 'minimize', parameters: () => ({ x: { shape: [3] } }), files: () => [${JSON.stringify(data)}], evaluate: ({ x }) => new Promise((r) => setTimeout(() => r(x[0] ** 2), 4)) };`,
    );
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('first', { objectives: [module] });
    await pool.submit({ ...spec(150), objective: { name: 'read' } }, 'read');
    await until('the job moves', async () => (await summary(pool, 'read')).step >= 2);
    await pool.worker('same', { objectives: [module] });
    await until('a second worker has the job too', async () => (await summary(pool, 'read')).workers === 2);
    writeFileSync(data, '2');
    await pool.worker('other', { objectives: [module] });
    await until('an event names the worker with other data', async () =>
      (await pool.events('read')).some(
        ({ type, message }) => type === 'code-mismatch' && message.startsWith('other has other code or data'),
      ),
    );
    assert.ok(
      (await pool.events('read')).every(
        ({ type, message }) => type !== 'code-mismatch' || message.startsWith('other '),
      ),
    );
    assert.equal((await pool.result('read')).status, 'succeeded');
  });

  it('tell in progress what the objective says of its fitness', async (t) => {
    const file = join(mkdtempSync(join(tmpdir(), 'seedcast-test-')), 'said.mjs');
    writeFileSync(
      file,
      `export default { name: 'said', direction: 'minimize', parameters: () => ({ x: { shape: [3] } }), summarize: (f) => 'off by ' + Math.sqrt(f).toFixed(2), evaluate: ({ x }) => new Promise((r) => setTimeout(() => r(4 + 0 * x[0]), 5)) };`,
    );
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w', { objectives: [file] });
    await pool.submit({ ...spec(100_000), objective: { name: 'said' } }, 'said');
    const progress = async (): Promise<Progress> =>
      (await pool.request(pool.names.service.describe, { job: 'said' }))['progress'] as Progress;
    await until('progress holds the summary', async () => (await progress()).summary === 'off by 2.00');
    await pool.control('said', 'cancel');
  });

  it('refuse tensors that the method cannot move', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    const file = join(mkdtempSync(join(tmpdir(), 'seedcast-test-')), 'whole.mjs');
    writeFileSync(
      file,
      `export default { name: 'whole', direction: 'minimize', parameters: () => ({ q: { shape: [3], dtype: 'int8' } }), evaluate: () => 1 };`,
    );
    await pool.worker('w', { objectives: [file] });
    await assert.rejects(
      pool.submit({ ...spec(5), objective: { name: 'whole' } }, 'whole'),
      /method es moves tensors of float32 and float64; objective whole has q \(int8\)/,
    );
  });

  it('refuse options that the objective refuses, and leave nothing behind', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w');
    await assert.rejects(
      pool.submit({ ...spec(5), objective: { name: 'sphere', dimension: -1 } }, 'bad'),
      /dimension/,
    );
    const { jobs } = (await pool.request(pool.names.service.list, {})) as { jobs: JobSummary[] };
    assert.ok(isDeepStrictEqual(jobs, []));
  });
});
