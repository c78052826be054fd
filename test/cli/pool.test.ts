// A pool that stays (`up`), and one of single processes: submit, watch, control, and how each ends.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Pool } from '../../index.js';
import { type Ended, type RunningCommand, folder, jsonLines, seedcast, start } from '../support/command.js';
import { withNats } from '../support/nats.js';
import { suite } from '../support/suite.js';

const JOB = (steps: number): string => `apiVersion: seedcast/v1
kind: Job
metadata: { name: pooled }
spec:
  seed: 7
  method: { name: es, population: 16, sigma: 0.1 }
  objective: { name: timer, milliseconds: 2, dimension: 4 }
  stop: { steps: ${steps} }
`;

void describe('seedcast up', () => {
  const s = suite();
  let dir = '';
  let up: RunningCommand;

  before(async () => {
    dir = folder(s);
    writeFileSync(join(dir, 'short.yaml'), JOB(10));
    writeFileSync(join(dir, 'endless.yaml'), JOB(1_000_000));
    up = await start(s, ['up', '--workers', '2', '--threads', '1', '--listen', '127.0.0.1'], {
      cwd: dir,
      timeout: 120_000,
    });
    await up.said('Ctrl-C ends it');
  });

  const command = (...args: string[]): Promise<Ended> => seedcast(s, args, { cwd: dir });
  const submit = async (file: string): Promise<string> => {
    const submitted = await command('submit', file);
    assert.equal(submitted.code, 0, submitted.stderr);
    return submitted.stdout.trim();
  };

  void it('is found by other verbs, which say so', async () => {
    const workers = await command('workers', '--json');
    assert.equal(workers.code, 0, workers.stderr);
    assert.match(workers.stderr, /the pool of `up`, process \d+, on \.seedcast/);
    assert.deepEqual(
      jsonLines(workers.stdout).map((worker) => worker['worker']),
      ['w1', 'w2'],
    );
  });

  void it('runs what is submitted; submitting the same id again is the same job', async () => {
    const watched = await command('submit', 'short.yaml', '--id', 'same', '--watch', '--json');
    assert.equal(watched.code, 0, watched.stderr);
    assert.deepEqual(
      [jsonLines(watched.stdout)[0]?.['type'], jsonLines(watched.stdout).at(-1)?.['type']],
      ['submitted', 'result'],
    );
    const { state, reason } = jsonLines(watched.stdout)[0] ?? {};
    assert.deepEqual([state, reason], ['running', null]);
    const extended = await command('extend', 'same', '--steps', '+5', '--wait', '--json');
    assert.equal(extended.code, 0, extended.stderr);
    assert.equal(jsonLines(extended.stdout).at(-1)?.['type'], 'result');
    const again = await command('submit', 'short.yaml', '--id', 'same', '--json');
    assert.equal(again.code, 0, again.stderr);
    assert.equal(jsonLines(again.stdout)[0]?.['state'], 'succeeded');
    const other = await command('submit', 'endless.yaml', '--id', 'same');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /SC_JOB_EXISTS/);
  });

  void it('says to who watches late why a job does not move', async () => {
    writeFileSync(join(dir, 'absent.yaml'), JOB(10).replace('name: timer', 'name: absent'));
    const job = await submit('absent.yaml');
    const watched = await command('watch', job, '--timeout', '3s');
    assert.equal(watched.code, 5, watched.stderr);
    assert.match(watched.stderr, /pending: no worker has the objective "absent" \(w1, w2\)/);
    const read = await command('watch', job, '--timeout', '3s', '--json');
    const { type, state, reason } = jsonLines(read.stdout)[0] ?? {};
    assert.deepEqual([type, state], ['state', 'pending']);
    assert.match(String(reason), /no worker has the objective "absent"/);
    const curves = await command('history', job);
    assert.deepEqual([curves.code, curves.stdout], [3, ''], curves.stderr);
    assert.match(curves.stderr, /has no ledger yet/);
    assert.equal((await command('cancel', job)).code, 0);
    assert.equal((await command('watch', job)).code, 8);
    assert.equal((await command('delete', job)).code, 0);
  });

  void it('pauses, resumes and stops: the watch of a stopped job ends with 7, of a cancelled one with 8', async () => {
    const job = await submit('endless.yaml');
    const timed = await command('watch', job, '--timeout', '300ms');
    assert.equal(timed.code, 5, timed.stderr);
    const watch = await start(s, ['watch', job, '--json'], { cwd: dir });
    await watch.said('"type":"progress"');
    assert.equal((await command('pause', job)).code, 0);
    assert.match((await command('list')).stdout, /paused/);
    assert.equal((await command('resume', job)).code, 0);
    const stopped = await command('stop', job);
    assert.equal(stopped.code, 0, stopped.stderr);
    const ended = await watch.ended;
    assert.equal(ended.code, 7, ended.stderr);
    const events = jsonLines(ended.stdout).flatMap((line) =>
      line['type'] === 'event' ? [line['event']] : [],
    );
    assert.deepEqual(events, ['pause', 'resume', 'end', 'result']);

    const second = await submit('endless.yaml');
    const interrupted = await start(s, ['watch', second], { cwd: dir });
    await interrupted.said('step');
    interrupted.child.kill('SIGINT');
    const left = await interrupted.ended;
    assert.equal(left.code, 130);
    assert.match(left.stderr, /goes on: \S*node \S+main\.js watch/);
    assert.equal((await command('cancel', second)).code, 0);
    assert.equal((await command('watch', second)).code, 8);
    assert.equal((await command('delete', second)).code, 0);
  });

  void it('prints the line for a worker of another machine, and that worker joins', async () => {
    const line = /npx seedcast (worker --server .*)/.exec(up.stdout())?.[1];
    assert.ok(line !== undefined, up.stdout());
    const worker = await start(s, [...line.split(' '), '--id', 'guest', '--threads', '1'], {
      cwd: folder(s),
    });
    await worker.said('worker is up');
    assert.match((await command('workers')).stdout, /guest/);
    worker.child.kill('SIGTERM');
    assert.equal((await worker.ended).code, 0);
  });

  void it('is used by the library too', async () => {
    const { url, token } = JSON.parse(readFileSync(join(dir, '.seedcast', 'pool.json'), 'utf8')) as {
      url: string;
      token: string;
    };
    const pool = await Pool.connect({ url, token });
    const job = await pool.submit(join(dir, 'short.yaml'));
    const result = await job.result();
    const { x } = await job.parameters();
    await pool.close();
    assert.deepEqual([result.status, result.steps, x?.length], ['succeeded', 10, 4]);
  });

  void it('ends on Ctrl-C with 0 and leaves no process and no state file', async () => {
    const server = JSON.parse(readFileSync(join(dir, '.seedcast', 'seedcast.lock'), 'utf8')) as {
      pid: number;
    };
    up.child.kill('SIGINT');
    const ended = await up.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(!existsSync(join(dir, '.seedcast', 'pool.json')));
    assert.throws(() => process.kill(server.pid, 0));
    // What ran before is there offline.
    assert.match((await command('list')).stdout, /same +succeeded/);
  });
});

void describe('coordinator and worker', () => {
  const s = suite();

  void it('make a pool on a NATS of their own by name, beside another pool, and end on SIGTERM with 0', async () => {
    const server = await withNats(s);
    const dir = folder(s);
    writeFileSync(join(dir, 'short.yaml'), JOB(10));
    const env = { NATS_URL: server.url, SEEDCAST_POOL: 'blue' };
    const coordinator = await start(s, ['coordinator', '--log-format', 'json'], { cwd: dir, env });
    await coordinator.said('coordinator is up');
    const worker = await start(s, ['worker', '--threads', '1', '--id', 'only'], { cwd: dir, env });
    await worker.said('worker is up');
    const run = await seedcast(s, ['submit', 'short.yaml', '--watch', '--json'], { cwd: dir, env });
    assert.equal(run.code, 0, run.stderr);
    const other = await seedcast(s, ['list'], { cwd: dir, env: { NATS_URL: server.url } });
    assert.match(other.stderr, /no jobs/);
    for (const running of [worker, coordinator]) {
      running.child.kill('SIGTERM');
      const ended = await running.ended;
      assert.equal(ended.code, 0, ended.stderr);
    }
    // Every line of --log-format json is one.
    const lines = coordinator.stderr().trim().split('\n');
    assert.ok(lines.every((line) => 'msg' in (JSON.parse(line) as object)));
  });

  void it('a coordinator kills itself at the named failpoint', async () => {
    const server = await withNats(s);
    const dir = folder(s);
    writeFileSync(join(dir, 'short.yaml'), JOB(10));
    const env = { NATS_URL: server.url };
    const doomed = await start(s, ['coordinator'], {
      cwd: dir,
      env: { ...env, SEEDCAST_FAILPOINT: 'after-commit:3' },
    });
    await doomed.said('coordinator is up');
    const worker = await start(s, ['worker', '--threads', '1'], { cwd: dir, env });
    await worker.said('worker is up');
    const submitted = await seedcast(s, ['submit', 'short.yaml', '--id', 'survivor'], { cwd: dir, env });
    assert.equal(submitted.code, 0, submitted.stderr);
    assert.equal((await doomed.ended).code, null);
    const heir = await start(s, ['coordinator'], { cwd: dir, env });
    await heir.said('coordinator is up');
    const watched = await seedcast(s, ['watch', 'survivor', '--json'], { cwd: dir, env });
    assert.equal(watched.code, 0, watched.stderr);
    assert.equal(jsonLines(watched.stdout).at(-1)?.['steps'], 10);
  });
});
