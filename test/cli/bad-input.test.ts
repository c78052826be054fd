// Every kind of bad input gives its message and its exit code, in bounded time.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { type Ended, folder, jsonLines, seedcast } from '../support/command.js';
import { deadPort, withNats } from '../support/nats.js';
import { suite } from '../support/suite.js';

const GOOD = `apiVersion: seedcast/v1
kind: Job
metadata: { name: tiny }
spec:
  seed: 7
  method: { name: es, population: 8, sigma: 0.1 }
  objective: { name: sphere, dimension: 3 }
  stop: { steps: 3 }
`;

interface Case {
  readonly what: string;
  readonly args: readonly string[];
  readonly code: number;
  /** What stderr must hold. */
  readonly says: readonly (string | RegExp)[];
  readonly env?: NodeJS.ProcessEnv;
}

const usage: readonly Case[] = [
  {
    what: 'an unknown verb',
    args: ['rnu'],
    code: 2,
    says: ["unknown command 'rnu'", 'did you mean run?', 'SC_USAGE'],
  },
  {
    what: 'an unknown option',
    args: ['run', 'job.yaml', '--wrokers', '2'],
    code: 2,
    says: ["unknown option '--wrokers'", 'did you mean --workers?'],
  },
  {
    what: 'a verb without its argument',
    args: ['run'],
    code: 2,
    says: ["missing required argument 'job.yaml'"],
  },
  { what: 'one argument too many', args: ['list', 'extra'], code: 2, says: ['too many arguments'] },
  {
    what: 'a number out of range',
    args: ['run', 'job.yaml', '--workers', '0'],
    code: 2,
    says: ["'--workers <n>'", 'give a whole number from 1 to 256'],
  },
  {
    what: 'a duration without a unit',
    args: ['watch', 'x', '--timeout', '5'],
    code: 2,
    says: ["'--timeout <duration>'", 'a duration with a unit'],
  },
  {
    what: 'a word that is no choice',
    args: ['history', 'x', '--format', 'xml'],
    code: 2,
    says: ['Allowed choices are csv, jsonl, tensorboard'],
  },
  {
    what: 'a bad id',
    args: ['run', 'job.yaml', '--id', 'a b'],
    code: 2,
    says: ['--id "a b" is not a valid identifier'],
  },
  {
    what: 'a bad pool name',
    args: ['workers', '--pool', 'a.b', '--server', 'nats://127.0.0.1:1'],
    code: 2,
    says: ['pool "a.b" is not a valid identifier'],
  },
  {
    what: 'a file that is not there',
    args: ['run', 'nope.yaml'],
    code: 2,
    says: ['cannot read the job file nope.yaml', 'ENOENT'],
  },
  {
    what: 'what is no YAML',
    args: ['validate', 'syntax.yaml'],
    code: 2,
    says: [/syntax\.yaml:\d+:\d+/, 'SC_SPEC_SYNTAX'],
  },
  {
    what: 'an unknown key',
    args: ['validate', 'unknown-key.yaml'],
    code: 2,
    says: ['6:23 spec.method.populaton: unknown key', 'did you mean population?', 'SC_SPEC_INVALID'],
  },
  {
    what: 'a bad value',
    args: ['validate', 'bad-value.yaml'],
    code: 2,
    says: ['bad-value.yaml:6:45 spec.method.sigma', '-1', 'SC_SPEC_INVALID'],
  },
  {
    what: 'a bad --set',
    args: ['validate', 'job.yaml', '--set', 'spec.method.sigma=no'],
    code: 2,
    says: ['--set spec.method.sigma=no', 'SC_SPEC_INVALID'],
  },
  {
    what: 'an unknown objective',
    args: ['validate', 'objective.yaml'],
    code: 2,
    says: ['objective.yaml:7:22 spec.objective.name', 'no objective "spehre"', 'did you mean sphere?'],
  },
  {
    what: 'an option that the objective refuses',
    args: ['validate', 'options.yaml'],
    code: 2,
    says: ['options.yaml:7:41 spec.objective.dimension', 'SC_OBJECTIVE_OPTIONS'],
  },
  {
    what: 'an option that the objective does not know',
    args: ['validate', 'job.yaml', '--set', 'spec.objective.dimensoin=3'],
    code: 2,
    says: ['did you mean `dimension`?'],
  },
  {
    what: 'a population beyond the exact sums',
    args: ['validate', 'job.yaml', '--set', 'spec.method.population=1000000'],
    code: 2,
    says: ['SC_SPEC_BOUND', 'spec.method.population'],
  },
  {
    what: 'an objective file that is not there',
    args: ['validate', 'job.yaml', '--objectives', 'nope.mjs'],
    code: 2,
    says: ['nope.mjs', 'SC_OBJECTIVE_FILE'],
  },
  {
    what: 'a job when there is no pool',
    args: ['list'],
    code: 4,
    says: ['there is no pool', 'SC_UNREACHABLE'],
  },
  {
    what: 'a store that is not there',
    args: ['list', '--store', 'nowhere'],
    code: 3,
    says: ['there is no store nowhere'],
  },
  {
    what: 'a URL of another kind',
    args: ['list', '--server', 'http://127.0.0.1:4222'],
    code: 2,
    says: ["the scheme 'http'"],
  },
  {
    what: 'an init name that is no identifier',
    args: ['init', 'a.b'],
    code: 2,
    says: ['"a.b" is not a valid identifier'],
  },
  {
    what: 'an init into a folder that is not empty',
    args: ['init', 'full'],
    code: 2,
    says: ['full exists and is not empty'],
  },
];

function check(ended: Ended, { code, says }: Case): void {
  assert.equal(ended.code, code, `${ended.stdout}\n${ended.stderr}`);
  for (const words of says) {
    const found = typeof words === 'string' ? ended.stderr.includes(words) : words.test(ended.stderr);
    assert.ok(found, `${String(words)} is not in:\n${ended.stderr}`);
  }
  assert.ok(!ended.stderr.includes('SC_INTERNAL') && !/\n\s+at /.test(ended.stderr), ended.stderr);
}

void describe('bad input', () => {
  const s = suite();
  let dir = '';

  before(() => {
    dir = folder(s);
    const file = (name: string, text: string): void => writeFileSync(join(dir, name), text);
    file('job.yaml', GOOD);
    file('syntax.yaml', GOOD.replace('{ name: tiny }', '{ name: tiny'));
    file('unknown-key.yaml', GOOD.replace('population', 'populaton'));
    file('bad-value.yaml', GOOD.replace('sigma: 0.1', 'sigma: -1'));
    file('objective.yaml', GOOD.replace('sphere', 'spehre'));
    file('options.yaml', GOOD.replace('dimension: 3', 'dimension: 0'));
    file(
      'failing.mjs',
      `export default { name: 'failing', direction: 'minimize', parameters: () => ({ x: { shape: [2] } }), evaluate: () => { throw new Error('the oven is cold'); } };`,
    );
    file('failing.yaml', GOOD.replace('{ name: sphere, dimension: 3 }', '{ name: failing }'));
    file('broken.mjs', 'export default {');
    mkdirSync(join(dir, 'full'));
    file('full/file', '');
  });

  const command = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    seedcast(s, args, { cwd: dir, env, timeout: 30_000 });

  for (const one of usage) {
    void it(`${one.what}: exit ${one.code}`, async () => check(await command(one.args, one.env), one));
  }

  void it('what only a run can find: objectives that are unknown, broken or always fail', async () => {
    check(await command(['run', 'objective.yaml', '--store', 'a']), {
      what: '',
      args: [],
      code: 2,
      says: ['objective.yaml:7:22 spec.objective.name', 'did you mean sphere?'],
    });
    check(await command(['run', 'job.yaml', '--store', 'a', '--objectives', 'broken.mjs']), {
      what: '',
      args: [],
      code: 2,
      says: ['broken.mjs', 'SC_OBJECTIVE_FILE'],
    });
    check(await command(['run', 'options.yaml', '--store', 'a']), {
      what: '',
      args: [],
      code: 2,
      says: ['options.yaml:7:41 spec.objective.dimension', 'SC_OBJECTIVE_OPTIONS'],
    });
    const failed = await command([
      'run',
      'failing.yaml',
      '--store',
      'a',
      '--objectives',
      'failing.mjs',
      '--json',
    ]);
    assert.equal(failed.code, 1, failed.stderr);
    const result = jsonLines(failed.stdout).at(-1);
    assert.deepEqual(
      [result?.['status'], result?.['stoppedBy'], result?.['steps']],
      ['failed', 'failure', 0],
    );
    assert.match(String(result?.['reason']), /the oven is cold/);
    // A refused submission leaves nothing behind; a job that failed is there.
    const listed = await command(['list', '--store', 'a', '--json']);
    assert.deepEqual(
      jsonLines(listed.stdout).map((job) => job['state']),
      ['failed'],
    );
  });

  void it('jobs that are not there, or more than one', async () => {
    for (const id of ['tiny-aa', 'tiny-ab']) {
      const run = await command(['run', 'job.yaml', '--store', 'b', '--id', id]);
      assert.equal(run.code, 0, run.stderr);
    }
    check(await command(['describe', 'tiny-zz', '--store', 'b']), {
      what: '',
      args: [],
      code: 3,
      says: ['there is no job "tiny-zz"', 'SC_NOT_FOUND'],
    });
    check(await command(['describe', 'tiny', '--store', 'b']), {
      what: '',
      args: [],
      code: 3,
      says: ['tiny-aa (succeeded)', 'tiny-ab (succeeded)', 'SC_AMBIGUOUS'],
    });
    check(await command(['pause', 'tiny-aa', '--store', 'b']), {
      what: '',
      args: [],
      code: 2,
      says: ['has ended (succeeded)', 'SC_JOB_STATE'],
    });
    check(await command(['extend', 'tiny-aa', '--store', 'b']), {
      what: '',
      args: [],
      code: 2,
      says: ['no new rule is given'],
    });
    check(await command(['pull', 'tiny-aa', '--out', 'no/such/folder/x', '--store', 'b']), {
      what: '',
      args: [],
      code: 2,
      says: ['cannot write no/such/folder/x'],
    });
    const last = await command(['describe', 'last', '--store', 'b', '--json']);
    assert.equal((jsonLines(last.stdout)[0]?.['summary'] as { job: string }).job, 'tiny-ab');
    const prefix = await command(['describe', 'tiny-a', '--store', 'b']);
    assert.equal(prefix.code, 3);
    const unique = await command(['describe', 'tiny-aa', '--store', 'b']);
    assert.equal(unique.code, 0);
  });

  void it('a server that is not there is given up after ten seconds with exit 4', async () => {
    const begun = Date.now();
    check(await command(['submit', 'job.yaml'], { NATS_URL: `nats://127.0.0.1:${await deadPort()}` }), {
      what: '',
      args: [],
      code: 4,
      says: ['no NATS server answers', 'SC_UNREACHABLE'],
    });
    assert.ok(Date.now() - begun < 20_000);
  });

  void it('a server without a coordinator is given up after ten seconds with exit 4', async () => {
    const server = await withNats(s);
    const begun = Date.now();
    check(await command(['submit', 'job.yaml', '--server', server.url]), {
      what: '',
      args: [],
      code: 4,
      says: ['no coordinator answers', 'after 10 s', 'SC_NO_COORDINATOR'],
    });
    assert.ok(Date.now() - begun < 20_000);
  });

  void it('a wrong password is refused at once with exit 6', async () => {
    const server = await withNats(s, { config: 'authorization { user: u, password: right }' });
    const env = { NATS_URL: server.url, NATS_USER: 'u', NATS_PASSWORD: 'wrong' };
    check(await command(['list'], env), { what: '', args: [], code: 6, says: ['SC_DENIED'] });
    const right = await command(['list'], { ...env, NATS_PASSWORD: 'right' });
    assert.equal(right.code, 0, right.stderr);
  });
});
