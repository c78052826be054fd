// Deliberate bugs: each is one change to the compiled product, made in a copy of it, that the simulator must notice. The
// text to replace has to be there exactly once, so a bug that no longer fits the code is an error and not a pass.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Change {
  /** Compiled file, from the build's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Bug extends Change {
  readonly name: string;
  /** Where two things guard against the same loss, the second one. */
  readonly also?: Change;
}

const FOLD = 'shared/ledger/fold.js';
const COORDINATOR = 'coordinator/core/job.js';
const ROUND = 'coordinator/core/round.js';
const WORKER = 'worker/core/job.js';

export const BUGS: readonly Bug[] = [
  {
    name: 'the fold does not look at parents',
    file: FOLD,
    find: 'if (!sameBytes(record.parent, seen.head))',
    replace: 'if (false)',
  },
  {
    name: 'a coordinator that takes over writes no leader record: no new epoch',
    file: COORDINATOR,
    find: 'this.leads = config.fresh;',
    replace: 'this.leads = true;',
  },
  {
    name: 'a unit that comes twice counts twice',
    file: ROUND,
    find: 'duplicates++;',
    replace: 'duplicates++; this.open--;',
  },
  {
    name: 'parameters are perturbed in place and put back by subtraction',
    file: 'shared/methods/es.js',
    find: 'to[j] = from[j] + products[noise[j] + largest];',
    replace:
      '{ from[j] = from[j] + products[noise[j] + largest]; to[j] = from[j]; from[j] = from[j] - products[noise[j] + largest]; }',
  },
  {
    name: 'a step is committed while its evidence is still on its way',
    file: COORDINATOR,
    find: "this.phase = 'storing';",
    replace:
      "out.push({ type: 'store-evidence', payload: evidence, step: round.key.step }); return this.commit(bytes, out);",
  },
  {
    name: 'a worker evaluates a round whose parent it does not hold',
    file: WORKER,
    find: 'if (!this.fetching && this.follow(message, out))',
    replace: 'if (this.follow(message, out) || true)',
  },
  {
    name: 'a commit of unknown outcome counts as done, without reading the ledger',
    file: COORDINATOR,
    find: "if (this.phase === 'committing')\n                    this.reconcile(out);",
    replace: 'this.onCommitted(this.currentView.sequence + 1, now, out);',
  },
  {
    name: 'an acknowledged commit counts, whatever stands before it',
    file: COORDINATOR,
    find: '!folded.accepted || sequence !== this.currentView.sequence + 1',
    replace: '!folded.accepted',
  },
  {
    name: 'results of any round are taken for this one',
    file: ROUND,
    find: 'return (key.epoch === this.key.epoch &&',
    replace: 'return true || (key.epoch === this.key.epoch &&',
  },
  {
    name: 'digests are not compared',
    file: COORDINATOR,
    find: 'if (reports.every(([, digest]) => digest === first[1]))',
    replace: 'if (true)',
  },
  {
    name: 'evaluations are counted by results instead of members',
    file: FOLD,
    find: 'evaluations: view.evaluations + view.genesis.spec.method.population,',
    replace: 'evaluations: view.evaluations + view.genesis.spec.method.population - fitness.failed,',
  },
  {
    name: 'a request that no longer applies is committed all the same',
    file: COORDINATOR,
    find: 'if (control === undefined || applies(control))',
    replace: 'if (true)',
  },
  {
    name: 'an owner that never heard of its units is not told again',
    file: 'coordinator/core/assignments.js',
    find: 'taken.has(worker) ? null : this.again(worker, now)',
    replace: 'null',
    also: { file: COORDINATOR, find: 'this.onAsked(event.worker, now, out);', replace: '' },
  },
  {
    name: 'a cancelled job that is extended is cancelled again at once',
    file: COORDINATOR,
    find: "if (this.currentView.status === 'ended' && control !== undefined) {",
    replace: 'if (false) {',
  },
  {
    name: 'a leader that waits never looks whether it still leads',
    file: COORDINATOR,
    find: 'if (now - this.heardAt < SILENCE)',
    replace: 'if (true)',
  },
];

export interface Caught {
  /** Schedules run until the first violation; null when there was none. */
  readonly after: number | null;
  readonly violation: string | null;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs up to `schedules` schedules of a copy of the build with the bug in it. Throws when the bug does not fit the code. */
export function hunt(bug: Bug, schedules: number): Caught {
  const folder = mkdtempSync(join(tmpdir(), 'seedcast-bug-'));
  try {
    for (const part of ['shared', 'coordinator', 'worker', 'test/simulation']) {
      cpSync(join(root, 'dist', part), join(folder, 'dist', part), {
        recursive: true,
        filter: (path) => !/\.(d\.ts|test\.js)$/.test(path),
      });
    }
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const change of bug.also === undefined ? [bug] : [bug, bug.also]) {
      const file = join(folder, 'dist', change.file);
      const text = readFileSync(file, 'utf8');
      const places = text.split(change.find).length - 1;
      if (places !== 1) throw new Error(`bug "${bug.name}": its text is ${places} times in ${change.file}`);
      writeFileSync(
        file,
        text.replace(change.find, () => change.replace),
      );
    }
    const main = join(folder, 'dist/test/simulation/main.js');
    const run = spawnSync(
      process.execPath,
      [main, '--schedules', String(schedules), '--seed', '1', '--threads', '1', '--first', '--json'],
      { encoding: 'utf8', timeout: 120_000 },
    );
    const line = run.stdout.trim().split('\n').at(-1) ?? '';
    if (!line.startsWith('{'))
      throw new Error(`bug "${bug.name}": the simulator said nothing: ${run.stderr.slice(0, 2000)}`);
    const {
      schedules: done,
      failed,
      example,
    } = JSON.parse(line) as { schedules: number; failed: number; example: string | null };
    return failed > 0 ? { after: done, violation: example } : { after: null, violation: null };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
