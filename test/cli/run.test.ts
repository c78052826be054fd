// `seedcast run` as a user has it, and what the other verbs find in its store afterwards, offline.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { minimize } from '../../index.js';
import { readSafetensors } from '../../shared/tensors/safetensors.js';
import { type Ended, type RunningCommand, folder, jsonLines, seedcast, start } from '../support/command.js';
import { suite } from '../support/suite.js';

const METHOD = { name: 'es', population: 16, sigma: 0.1, learningRate: 0.05 } as const;

function job(steps: number, objective = '{ name: sphere, dimension: 10 }', more = ''): string {
  return `apiVersion: seedcast/v1
kind: Job
metadata: { name: tiny }
spec:
  seed: 7
  method: { name: es, population: 16, sigma: 0.1, learningRate: 0.05 }
  objective: ${objective}
  stop: { steps: ${steps} }
${more}`;
}

const last = ({ stdout }: Ended): Record<string, unknown> => jsonLines(stdout).at(-1) ?? {};

void describe('seedcast run', () => {
  const s = suite();
  let dir = '';
  let first: Ended;

  before(async () => {
    dir = folder(s);
    writeFileSync(join(dir, 'job.yaml'), job(60));
    first = await seedcast(s, ['run', 'job.yaml', '--json', '--id', 'one'], { cwd: dir });
  });

  const offline = (...args: string[]) => seedcast(s, args, { cwd: dir });

  void it('ends with exit 0 and a result line of exactly the promised form', () => {
    assert.equal(first.code, 0, first.stderr);
    const result = last(first);
    assert.deepEqual(Object.keys(result), [
      'type',
      'job',
      'status',
      'stoppedBy',
      'reason',
      'steps',
      'evaluations',
      'fitness',
      'digest',
      'wallSeconds',
      'bytesDown',
      'bytesUp',
    ]);
    assert.deepEqual(Object.keys(result['fitness'] as object), ['centre', 'best', 'mean']);
    assert.deepEqual(
      [
        result['type'],
        result['job'],
        result['status'],
        result['stoppedBy'],
        result['steps'],
        result['evaluations'],
      ],
      ['result', 'one', 'succeeded', 'steps', 60, 960],
    );
    assert.match(String(result['digest']), /^[0-9a-f]{64}$/);
    assert.ok(Number(result['bytesDown']) > 0 && Number(result['bytesUp']) > 0);
  });

  void it('gives the digest of minimize, and of two workers with two threads', async () => {
    const here = await minimize('sphere', {
      name: 'tiny',
      seed: 7,
      method: METHOD,
      options: { dimension: 10 },
      stop: { steps: 60 },
    });
    assert.equal(here.digest, last(first)['digest']);
    const two = await seedcast(s, ['run', 'job.yaml', '--json', '--workers', '2', '--threads', '2'], {
      cwd: dir,
    });
    assert.equal(two.code, 0, two.stderr);
    assert.equal(last(two)['digest'], last(first)['digest']);
  });

  void it('keeps a store in which list, describe and watch find the job offline', async () => {
    const listed = await offline('list', '--json');
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stderr, /using the store \.seedcast, offline/);
    const one = jsonLines(listed.stdout).find((summary) => summary['job'] === 'one');
    assert.deepEqual([one?.['state'], one?.['step'], one?.['objective']], ['succeeded', 60, 'sphere']);
    const described = await offline('describe', 'one', '--json');
    const ledger = jsonLines(described.stdout)[0]?.['ledger'] as { steps: number };
    assert.equal(ledger.steps, 60);
    const watched = await offline('watch', 'one', '--json');
    assert.equal(watched.code, 0);
    assert.deepEqual(last(watched), last(first));
  });

  void it('gives parameters whose sum of squares is the fitness that was reported', async () => {
    const pulled = await offline('pull', 'one', '--format', 'json', '--out', '-');
    assert.equal(pulled.code, 0, pulled.stderr);
    const { parameters, digest } = JSON.parse(pulled.stdout) as {
      parameters: { x: { values: number[]; shape: number[] } };
      digest: string;
    };
    const squares = parameters.x.values.reduce((sum, x) => sum + x * x, 0);
    const { centre } = last(first)['fitness'] as { centre: number };
    assert.ok(Math.abs(squares - centre) <= 1e-12 * centre, `${squares} and ${centre}`);
    assert.equal(digest, last(first)['digest']);

    const written = await offline('pull', 'one', '--out', 'model.safetensors');
    assert.equal(written.code, 0, written.stderr);
    const file = readSafetensors(readFileSync(join(dir, 'model.safetensors')), 'model');
    assert.deepEqual([...(file.tensors.get('x')?.array ?? [])], parameters.x.values);
    assert.equal(file.metadata['step'], '60');
  });

  void it('replays any step from the ledger, and the last one to the same digest', async () => {
    const whole = await offline('replay', 'one', '--json');
    assert.deepEqual(
      [last(whole)['step'], last(whole)['digest'], last(whole)['verified']],
      [60, last(first)['digest'], [60]],
    );
    // State 0 is what minimize starts from: one step of a job without progress in the centre's value.
    const start = await offline('pull', 'one', '--step', '0', '--format', 'json', '--out', '-');
    const { parameters } = JSON.parse(start.stdout) as { parameters: { x: { values: number[] } } };
    assert.ok(parameters.x.values.every((x) => x >= -5.12 && x < 5.12));
    const past = await offline('replay', 'one', '--step', '61');
    assert.equal(past.code, 3);
    assert.match(past.stderr, /SC_STEP_NOT_FOUND/);
  });

  void it('writes one row a step as CSV and JSON lines, and the centre of row t is the value of state t', async () => {
    const csv = await offline('history', 'one');
    const rows = csv.stdout.trim().split('\n');
    assert.equal(rows[0], 'step,time,evaluations,centre,best,mean,deviation,failed,validation');
    assert.equal(rows.length, 61);
    const lines = jsonLines((await offline('history', 'one', '--format', 'jsonl')).stdout);
    assert.deepEqual([lines.length, lines[59]?.['evaluations']], [60, 960]);
    const pulled = await offline('pull', 'one', '--step', '30', '--format', 'json', '--out', '-');
    const { parameters } = JSON.parse(pulled.stdout) as { parameters: { x: { values: number[] } } };
    const squares = parameters.x.values.reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs(squares - Number(lines[30]?.['centre'])) <= 1e-12 * squares);
    const board = await offline('history', 'one', '--format', 'tensorboard', '--out', 'logs');
    assert.equal(board.code, 0, board.stderr);
    assert.ok(readFileSync(join(dir, 'logs', 'events.out.tfevents.0.one')).includes('fitness/centre'));
  });

  void it('evaluates the parameters again with eval', async () => {
    const evaluated = await offline('eval', 'one', '--repeats', '3', '--json');
    assert.equal(evaluated.code, 0, evaluated.stderr);
    const { centre } = last(first)['fitness'] as { centre: number };
    assert.deepEqual(
      [last(evaluated)['count'], last(evaluated)['min'], last(evaluated)['max']],
      [3, centre, centre],
    );
  });

  void it('shows the events in order', async () => {
    const events = jsonLines((await offline('events', 'one', '--json')).stdout).map(
      (event) => event['event'],
    );
    assert.deepEqual(events, ['created', 'end', 'result']);
  });

  void it('extends a job to the state that a longer run has', async () => {
    const extended = await offline('extend', 'one', '--steps', '+20', '--json');
    assert.equal(extended.code, 0, extended.stderr);
    const longer = await minimize('sphere', {
      seed: 7,
      method: METHOD,
      options: { dimension: 10 },
      stop: { steps: 80 },
    });
    assert.deepEqual([last(extended)['steps'], last(extended)['digest']], [80, longer.digest]);
    const again = await offline('extend', 'one', '--steps', '80');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /has done 80 steps already/);
  });

  void it('says the result again when the id has ended already, and refuses another spec under it', async () => {
    const again = await offline('run', 'job.yaml', '--id', 'one', '--json');
    assert.equal(again.code, 0, again.stderr);
    assert.equal(last(again)['steps'], 80);
    const other = await offline('run', 'job.yaml', '--id', 'one', '--set', 'spec.seed=8');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /SC_JOB_EXISTS/);
  });

  void it('ends quietly when the reader of its output has gone', async () => {
    const history = await start(s, ['history', 'one', '--format', 'jsonl'], { cwd: dir });
    history.child.stdout?.destroy();
    const ended = await history.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(!ended.stderr.includes('EPIPE'), ended.stderr);
  });

  void it('deletes the job, and then knows it no more', async () => {
    assert.equal((await offline('delete', 'one')).code, 0);
    const gone = await offline('describe', 'one');
    assert.equal(gone.code, 3);
    assert.match(gone.stderr, /SC_NOT_FOUND/);
  });
});

void describe('seedcast run, disturbed', () => {
  const s = suite();
  const steps = 1500;
  let dir = '';
  let expected = '';

  before(async () => {
    dir = folder(s);
    writeFileSync(join(dir, 'job.yaml'), job(steps));
    expected = (
      await minimize('sphere', { seed: 7, method: METHOD, options: { dimension: 10 }, stop: { steps } })
    ).digest;
  });

  const running = async (...more: string[]): Promise<RunningCommand> => {
    const run = await start(s, ['run', 'job.yaml', '--json', ...more], { cwd: dir });
    await run.said('"type":"progress"');
    return run;
  };

  void it('ends on Ctrl-C with 130 and a command that goes on to the same digest', async () => {
    const run = await running('--id', 'interrupted');
    run.child.kill('SIGINT');
    const ended = await run.ended;
    assert.equal(ended.code, 130, ended.stderr);
    const command = /go(?:es)? on with: \S*node \S+main\.js (.*)/.exec(ended.stderr)?.[1];
    assert.equal(command, 'run job.yaml --id interrupted --json');
    const on = await seedcast(s, command.split(' '), { cwd: dir });
    assert.equal(on.code, 0, on.stderr);
    assert.deepEqual([last(on)['steps'], last(on)['digest']], [steps, expected]);
  });

  void it('says on Ctrl-C before a worker has joined that nothing began, and how to begin', async () => {
    const own = folder(s);
    writeFileSync(join(own, 'job.yaml'), job(steps));
    // The worker stays away as long as its objectives load.
    writeFileSync(join(own, 'slow.mjs'), 'await new Promise((done) => setTimeout(done, 60_000));');
    const run = await start(s, ['run', 'job.yaml', '--id', 'early', '--objectives', 'slow.mjs'], {
      cwd: own,
    });
    const hasWorker = (): boolean =>
      childrenOf(run.child.pid ?? 0).some((pid) => commandOf(pid).includes(' worker '));
    while (!hasWorker()) await new Promise((again) => setTimeout(again, 50));
    run.child.kill('SIGINT');
    const ended = await run.ended;
    assert.equal(ended.code, 130, ended.stderr);
    assert.match(
      ended.stderr,
      /before a worker had joined; begin again with: .*main\.js run job\.yaml --id early --objectives slow\.mjs/,
    );
  });

  void it('starts a worker that was killed again, and the digest is the same', async () => {
    const run = await running('--id', 'killed', '--workers', '2');
    const worker = childrenOf(run.child.pid ?? 0).find((pid) => commandOf(pid).includes(' worker '));
    assert.ok(worker !== undefined);
    process.kill(worker, 'SIGKILL');
    const ended = await run.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /worker w\d ended \(SIGKILL\); it is started again/);
    assert.equal(last(ended)['digest'], expected);
  });

  void it('refuses a second run on a store that is in use, naming who has it', async () => {
    const run = await running('--id', 'holder');
    const second = await seedcast(s, ['run', 'job.yaml'], { cwd: dir });
    assert.equal(second.code, 2);
    // The command itself, which is what can be ended or waited for: the same for whoever asks.
    const who = `process ${run.child.pid}`;
    assert.ok(second.stderr.includes(`is in use by ${who}, which serves it`), second.stderr);
    assert.match(second.stderr, /main\.js submit JOB\.yaml --store .*SC_STORE_BUSY/);
    // Reading it is allowed meanwhile: by the server that is there.
    const listed = await seedcast(s, ['list'], { cwd: dir });
    assert.match(listed.stdout, /holder +running/);
    assert.ok(listed.stderr.includes(`(${who} serves .seedcast)`), listed.stderr);
    run.child.kill('SIGTERM');
    assert.equal((await run.ended).code, 130);
  });

  void it('ends at once on the second Ctrl-C, in the middle of a step, and leaves no server', async () => {
    const slow = ['--set', 'spec.objective={ name: timer, milliseconds: 60000 }'];
    const run = await running('--id', 'slow', ...slow);
    run.child.kill('SIGINT');
    await run.said('Ctrl-C again ends at once');
    run.child.kill('SIGINT');
    const begun = Date.now();
    assert.equal((await run.ended).code, 130);
    assert.ok(Date.now() - begun < 3000);
    // The store is free again: the lock of a command that was ended is taken over.
    assert.equal((await seedcast(s, ['cancel', 'slow'], { cwd: dir })).code, 0);
    assert.equal((await seedcast(s, ['watch', 'slow'], { cwd: dir })).code, 8);
  });

  void it('ends with 5 when its time is over, and with 0 when it goes on', async () => {
    const cut = await seedcast(s, ['run', 'job.yaml', '--id', 'cut', '--timeout', '500ms'], { cwd: dir });
    assert.equal(cut.code, 5, cut.stderr);
    const on = await seedcast(s, ['run', 'job.yaml', '--id', 'cut', '--json'], { cwd: dir });
    assert.equal(last(on)['digest'], expected);
  });

  void it('runs its own job alone: others that have not ended stay as they are, and one line says how they go on', async () => {
    const own = folder(s);
    const there = (...args: string[]) => seedcast(s, args, { cwd: own });
    writeFileSync(join(own, 'job.yaml'), job(steps));
    writeFileSync(join(own, 'short.yaml'), job(20));
    assert.equal((await there('run', 'job.yaml', '--id', 'open', '--timeout', '500ms')).code, 5);
    const ledger = async () => {
      const described = await there('describe', 'open', '--json');
      return (jsonLines(described.stdout)[0] ?? {})['ledger'];
    };
    const before = await ledger();
    const [listed] = jsonLines((await there('list', '--json')).stdout);
    assert.deepEqual([listed?.['state'], listed?.['reason']], ['pending', 'no coordinator runs']);
    const run = await there('run', 'short.yaml', '--id', 'short');
    assert.equal(run.code, 0, run.stderr);
    const told = run.stderr.split('\n').filter((line) => /\bopen\b/.test(line));
    assert.equal(told.length, 1, run.stderr);
    assert.match(told[0] ?? '', /another job .* stays as it is: open; go on with: \S*node \S+main\.js up$/);
    assert.deepEqual(await ledger(), before);
    // Asked for by name it is ended all the same, and then there is nothing to tell.
    assert.equal((await there('cancel', 'open')).code, 0);
    assert.doesNotMatch((await there('run', 'short.yaml', '--id', 'next')).stderr, /another job/);
  });
});

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}
