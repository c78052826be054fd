import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../shared/ports.js';
import { describeObjective } from '../describe.js';
import { loadObjectives } from '../load.js';
import { type EvaluationRequest, ObjectiveRunner } from '../run.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-command-'));
const runners: ObjectiveRunner[] = [];
after(async () => {
  for (const runner of runners) await runner.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Lines of JSON in, what `answer` says out; `answer` sees `request` and `write`. */
const script = (answer: string): string => `
const { createInterface } = require('node:readline');
const { appendFileSync } = require('node:fs');
const write = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
const sum = (x) => x.reduce((a, b) => a + b, 0);
createInterface({ input: process.stdin }).on('line', (line) => { const request = JSON.parse(line); ${answer} });
`;

let files = 0;

async function start(answer: string, fields: Record<string, unknown> = {}, options = {}) {
  const name = `o${files++}`;
  writeFileSync(join(folder, `${name}.cjs`), script(answer));
  const declaration = {
    name,
    direction: 'minimize',
    command: [process.execPath, `${name}.cjs`],
    parameters: { x: { shape: [3] } },
    timeout: '10s',
    ...fields,
  };
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(declaration));
  const loaded = (await loadObjectives([file])).at(-1);
  assert.ok(loaded);
  const log: string[] = [];
  const runner = new ObjectiveRunner(loaded, await describeObjective(loaded, options, 'float32'), {
    clock: systemClock,
    log: (line) => log.push(line),
    thread: 0,
  });
  await runner.start();
  runners.push(runner);
  const evaluate = (requests: readonly EvaluationRequest[]) =>
    runner.evaluate(requests, new AbortController().signal);
  return { runner, log, evaluate, loaded };
}

function request(x: Float32Array | Float64Array, member: number | null = 0): EvaluationRequest {
  return {
    parameters: { x },
    seed: 123,
    step: 4,
    member,
    point: 'member',
    part: null,
    statistics: new Float64Array(0),
    wantsAuxiliary: false,
  };
}

const members = (...rows: number[][]): EvaluationRequest[] =>
  rows.map((row, i) => request(Float32Array.from(row), i));

describe('a command objective', () => {
  const starts = (name: string): number => readFileSync(join(folder, name), 'utf8').length;
  const counting = (name: string, wait: number): string =>
    `if (globalThis.begun === undefined) { globalThis.begun = true; appendFileSync('${name}', '+'); const until = Date.now() + ${wait}; while (Date.now() < until); }
     setTimeout(() => write({ id: request.id, value: sum(request.parameters.x) }), request.parameters.x[0] * 1000);`;
  const soon = (x: number) => request(Float32Array.of(x, 0, 0));
  const abandon = async (runner: ObjectiveRunner, x: number, after: number): Promise<void> => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), after);
    await assert.rejects(runner.evaluate([soon(x)], controller.signal));
  };

  it('keeps a process that starts slowly when its answer is no longer wanted, and drops that answer', async () => {
    const { runner, evaluate, log } = await start(counting('slow', 1500));
    assert.deepEqual(await evaluate([soon(0), soon(0)]), [{ value: 0 }, { value: 0 }]);
    await abandon(runner, 0.5, 100);
    assert.deepEqual(await evaluate([soon(0.125)]), [{ value: 0.125 }]);
    assert.equal(starts('slow'), 1);
    assert.deepEqual(log, []);
  });

  it('ends a process that would take longer to answer than to start again', async () => {
    const { runner, evaluate } = await start(counting('quick', 0));
    assert.deepEqual(await evaluate([soon(0), soon(0)]), [{ value: 0 }, { value: 0 }]);
    const begun = Date.now();
    await abandon(runner, 8, 100);
    assert.deepEqual(await evaluate([soon(0.125)]), [{ value: 0.125 }]);
    assert.ok(Date.now() - begun < 5000);
    assert.equal(starts('quick'), 2);
  });

  it('is asked line by line with parameters, seed, step, member and options, and answers', async () => {
    const { evaluate } = await start(
      'write({ id: request.id, value: sum(request.parameters.x) + request.seed + request.step + request.member + request.options.bias });',
      {},
      { bias: 0.5 },
    );
    assert.deepEqual(await evaluate(members([1, 2, 3], [4, 5, 6])), [
      { value: 6 + 123 + 4 + 0.5 },
      { value: 15 + 123 + 4 + 1 + 0.5 },
    ]);
  });

  it('sees null as the member of the centre', async () => {
    const { evaluate } = await start('write({ id: request.id, value: request.member === null ? 1 : 0 });');
    assert.deepEqual(await evaluate([request(Float32Array.of(1, 2, 3), null)]), [{ value: 1 }]);
  });

  it('receives float32 values exactly as JSON', async () => {
    const { evaluate } = await start('write({ id: request.id, value: request.parameters.x[0] });');
    assert.deepEqual(await evaluate([request(Float32Array.of(0.1, 0, 0))]), [{ value: Math.fround(0.1) }]);
  });

  it('receives little-endian bytes with dtype and shape by base64', async () => {
    const answer = `const { dtype, shape, base64 } = request.parameters.x; const bytes = Buffer.from(base64, 'base64');
      write({ id: request.id, value: dtype === 'float64' && shape.join() === '1,3' ? bytes.readDoubleLE(8) : NaN });`;
    const { evaluate } = await start(answer, {
      encoding: 'base64',
      parameters: { x: { shape: [1, 3], dtype: 'float64' } },
    });
    assert.deepEqual(await evaluate([request(Float64Array.of(1, Math.PI, 3))]), [{ value: Math.PI }]);
  });

  it('takes a batch in one line and lets single members fail', async () => {
    const answer = `write({ id: request.id, values: request.members.map(({ parameters, member }) => member === 1 ? { error: 'no mesh' } : sum(parameters.x)) });`;
    const { evaluate } = await start(answer, { batch: true });
    assert.deepEqual(await evaluate(members([1, 1, 1], [2, 2, 2], [3, 3, 3])), [
      { value: 3 },
      { error: 'no mesh' },
      { value: 9 },
    ]);
  });

  it('refuses a batch answer of another length', async () => {
    const { evaluate } = await start('write({ id: request.id, values: [1, 2, 3, 4, 5] });', { batch: true });
    const [outcome] = await evaluate(members([1, 1, 1], [2, 2, 2]));
    assert.deepEqual(outcome, { error: 'the command answered 5 values to 1 members' });
  });

  it('understands NaN, Infinity and -Infinity, also beside text that says so', async () => {
    const { evaluate } = await start(
      `process.stdout.write('{"id": ' + request.id + ', "note": "NaN \\\\" Infinity", "value": ' + ['NaN', 'Infinity', '-Infinity'][request.member] + '}\\n');`,
    );
    assert.deepEqual(await evaluate(members([0, 0, 0], [0, 0, 0], [0, 0, 0])), [
      { value: NaN },
      { value: Infinity },
      { value: -Infinity },
    ]);
  });

  it('logs stdout lines that answer no open id, and stderr', async () => {
    const { evaluate, log } = await start(
      `console.log('loading'); write({ id: 99, value: 7 }); console.log('{"level":"info"}'); console.error('warm'); write({ id: request.id, value: 1 });`,
    );
    assert.deepEqual(await evaluate(members([0, 0, 0])), [{ value: 1 }]);
    for (let i = 0; i < 100 && log.length < 4; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual([...log].sort(), ['loading', 'warm', '{"id":99,"value":7}', '{"level":"info"}'].sort());
  });

  it('reports an error answer in the objective’s own words, after trying twice', async () => {
    const { evaluate } = await start(
      `globalThis.n = (globalThis.n ?? 0) + 1; write({ id: request.id, error: 'singular matrix ' + n });`,
    );
    assert.deepEqual(await evaluate(members([0, 0, 0])), [{ error: 'singular matrix 2' }]);
  });

  it('is started again after a crash and asked once more', async () => {
    const mark = join(folder, 'crashed-once');
    const answer = `if (!require('node:fs').existsSync(${JSON.stringify(mark)})) { appendFileSync(${JSON.stringify(mark)}, 'x'); process.exit(3); } write({ id: request.id, value: process.pid });`;
    const { evaluate } = await start(answer);
    const [outcome] = await evaluate(members([0, 0, 0]));
    assert.ok(outcome && 'value' in outcome && outcome.value > 0);
    assert.equal(readFileSync(mark, 'utf8'), 'x');
  });

  it('names exit code and the last words of a process that keeps crashing', async () => {
    const { evaluate } = await start(
      `console.error('ModuleNotFoundError: numpy'); process.exitCode = 3; process.stdin.destroy();`,
    );
    assert.deepEqual(await evaluate(members([0, 0, 0])), [
      { error: 'the command ended with exit code 3: ModuleNotFoundError: numpy' },
    ]);
  });

  it('says where a program was looked for', async () => {
    const { evaluate } = await start('', { command: ['no-such-program-here'] });
    const [outcome] = await evaluate(members([0, 0, 0]));
    assert.ok(
      outcome && 'error' in outcome && outcome.error.includes('`no-such-program-here` is not found on PATH'),
    );
  });

  it('is ended with its whole group when it hangs, and the next evaluation works', async () => {
    const pids = join(folder, 'pids');
    const answer = `if (request.member === 0) { const child = require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      process.on('SIGTERM', () => {}); appendFileSync(${JSON.stringify(pids)}, process.pid + ' ' + child.pid); return; } write({ id: request.id, value: 5 });`;
    const { evaluate } = await start(answer, { timeout: '300ms', startTimeout: '2s' });
    const began = performance.now();
    const [hung, next] = await evaluate(members([0, 0, 0], [1, 1, 1]));
    assert.ok(hung && 'error' in hung && hung.error.includes('within 2300 ms'), JSON.stringify(hung));
    assert.deepEqual(next, { value: 5 });
    assert.ok(performance.now() - began < 6_000);
    const alive = (pid: number): boolean => {
      const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
      return state !== '' && !state.startsWith('Z');
    };
    const group = readFileSync(pids, 'utf8').split(' ').map(Number);
    assert.equal(group.length, 2);
    for (let i = 0; i < 60 && group.some(alive); i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(group.filter(alive), []);
  });

  it('has startTimeout for its first answer and timeout alone for later ones', async () => {
    const answer = `setTimeout(() => write({ id: request.id, value: 1 }), request.member === 0 ? 1500 : request.member === 1 ? 0 : 20000);`;
    const { evaluate } = await start(answer, { timeout: '1s', startTimeout: '20s' });
    const [first, second, third] = await evaluate(members([0, 0, 0], [0, 0, 0], [0, 0, 0]));
    assert.deepEqual([first, second], [{ value: 1 }, { value: 1 }]);
    assert.ok(third && 'error' in third && third.error.includes('no answer within 1000 ms'));
  });

  it('runs in the folder of its declaration with PYTHONUNBUFFERED, PATH, HOME, LANG and what env names, no more', async () => {
    process.env['SEEDCAST_TEST_A'] = 'a';
    process.env['SEEDCAST_TEST_B'] = 'b';
    const { evaluate, log } = await start(
      `console.log('cwd ' + process.cwd()); console.log('env ' + Object.keys(process.env).sort()); write({ id: request.id, value: 0 });`,
      { env: ['SEEDCAST_TEST_A'] },
    );
    await evaluate(members([0, 0, 0]));
    assert.ok(
      log.includes(`cwd ${execFileSync('pwd', ['-P'], { cwd: folder, encoding: 'utf8' }).trim()}`),
      log.join('\n'),
    );
    const env =
      log
        .find((line) => line.startsWith('env '))
        ?.slice(4)
        .split(',') ?? [];
    assert.ok(env.includes('SEEDCAST_TEST_A') && env.includes('PYTHONUNBUFFERED') && env.includes('PATH'));
    assert.deepEqual(
      env.filter(
        (name) =>
          ![
            'SEEDCAST_TEST_A',
            'PYTHONUNBUFFERED',
            'PATH',
            'HOME',
            'LANG',
            '__CF_USER_TEXT_ENCODING',
          ].includes(name),
      ),
      [],
    );
  });

  it('leaves no process behind when disposed', async () => {
    const { evaluate, runner } = await start(`write({ id: request.id, value: process.pid });`);
    const [outcome] = await evaluate(members([0, 0, 0]));
    assert.ok(outcome && 'value' in outcome);
    await runner.dispose();
    assert.throws(() => process.kill(outcome.value, 0), /ESRCH/);
  });

  it('carries a hundred thousand values in a batch of many members', async () => {
    const answer = `write({ id: request.id, values: request.members.map(({ parameters }) => Buffer.from(parameters.x.base64, 'base64').readFloatLE(4 * 99999)) });`;
    const { evaluate } = await start(answer, {
      batch: true,
      encoding: 'base64',
      parameters: { x: { shape: [100_000] } },
      timeout: '30s',
    });
    const rows = Array.from({ length: 40 }, (_, i) => request(new Float32Array(100_000).fill(i), i));
    assert.deepEqual(
      await evaluate(rows),
      rows.map((_, i) => ({ value: i })),
    );
  });
});
