// `seedcast extend`: an ended job goes on under new stop rules, from its last step.
import { EXIT, SeedcastError } from '../../shared/errors.js';
import type { JobSpec, StopRules } from '../../shared/job/spec.js';
import type { LedgerView } from '../../shared/ledger/fold.js';
import type { StoppedBy } from '../../shared/ledger/records.js';
import {
  DEFAULT_STORE,
  type ConnectionFlags,
  type Pool,
  connectionOptions,
  findTarget,
  withPool,
} from '../connection.js';
import { type Host, type Verb, action, collect, examples } from '../host.js';
import { askLeader } from '../jobs/leader.js';
import { tellOthers } from '../jobs/others.js';
import { findJob, readView } from '../jobs/reading.js';
import { followHere } from '../jobs/run-here.js';
import { watchJob } from '../jobs/watching.js';
import { LocalPool } from '../pool/local-pool.js';
import { commandLine } from '../shell.js';
import { duration, engineWish, integerFrom, realNumber } from '../values.js';
import { finishWatching, watchAgain } from './watch.js';

interface Flags extends ConnectionFlags {
  readonly steps?: string;
  readonly evaluations?: number;
  readonly fitness?: number;
  readonly wallClock?: number;
  readonly objectives: readonly string[];
  readonly workers: number;
  readonly threads?: number;
  readonly engine?: string;
  readonly watch?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

export const extend: Verb = (program, host) => {
  connectionOptions(program.command('extend <job>'))
    .description('let an ended job go on under new stop rules')
    .option('--steps <n>', 'steps in all, or +N for N more')
    .option('--evaluations <n>', 'evaluations in all', integerFrom(1))
    .option('--fitness <value>', 'fitness of the centre to reach', realNumber)
    .option('--wall-clock <duration>', 'running time in all', duration)
    .option('--watch', 'in a running pool: follow it until it ends')
    .option('--wait', 'the same as --watch')
    .option('--objectives <path>', 'offline: file or folder of objectives (repeatable)', collect, [])
    .option('--workers <n>', 'offline: worker processes', integerFrom(1, 256), 1)
    .option('--threads <n>', 'offline: compute threads a worker', integerFrom(1, 1024))
    .option(
      '--engine <name>',
      'offline: what networks are evaluated on: auto, reference, native, tensorflow[:BACKEND]',
      engineWish,
    )
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      examples('seedcast extend last --steps +100', 'seedcast extend sphere-es --fitness 1e-9 --steps 5000'),
    )
    .action(
      action(host, (text: string, flags: Flags) => {
        const target = findTarget(flags);
        return target?.kind === 'store'
          ? extendHere(host, target.dir, text, flags)
          : extendThere(host, text, flags);
      }),
    );
};

/** In a running pool. */
function extendThere(host: Host, text: string, flags: Flags): Promise<number> {
  return withPool(host, flags, async (pool) => {
    const job = await request(host, pool, text, flags);
    if (flags.watch !== true && flags.wait !== true) {
      host.io.message(`${job} goes on; follow it with: ${watchAgain(host, job, flags)}`);
      if (flags.json === true) host.io.json({ type: 'extend', job, state: 'running' });
      return EXIT.succeeded;
    }
    const followed = await watchJob(host, pool, job, {
      json: flags.json === true,
      signal: host.interrupts.signal,
    });
    return finishWatching(host, followed, job, flags.json === true, watchAgain(host, job, flags));
  });
}

/** On a store that nobody serves: with a pool of its own, until the job ends again. */
async function extendHere(host: Host, dir: string, text: string, flags: Flags): Promise<number> {
  host.io.message(`using the store ${dir}, offline`);
  const local = await LocalPool.start(host, {
    storeDir: dir,
    workers: flags.workers,
    objectives: flags.objectives,
    port: 'free',
    takeUp: [],
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.engine === undefined ? {} : { engine: flags.engine }),
    ...(flags.pool === undefined ? {} : { pool: flags.pool }),
  });
  try {
    await local.joined();
    const job = await request(host, local.pool, text, flags);
    await tellOthers(host, local.pool, job, { ...flags, store: dir });
    const again = commandLine(
      ['seedcast', 'up', ...(dir === DEFAULT_STORE ? [] : ['--store', dir])],
      flags.objectives.flatMap((path) => ['--objectives', path]),
    );
    return await followHere(host, local, job, { json: flags.json === true, again });
  } finally {
    await local.close();
  }
}

async function request(host: Host, pool: Pool, text: string, flags: Flags): Promise<string> {
  const { job, spec } = await findJob(pool, text);
  const view = await readView(pool, job);
  if (view === null) throw new SeedcastError('SC_JOB_STATE', `extend: job ${job} has not begun`);
  const stop = mergedRules(view, flags, (rule) =>
    host.io.message(`the rule ${rule}, which ended the job, no longer holds`),
  );
  if ((spec as JobSpec).objective.name !== view.genesis.objective.name)
    throw new SeedcastError(
      'SC_LEDGER_CORRUPT',
      `job ${job}: its record and its ledger name different objectives`,
    );
  await askLeader(pool.bus, host.clock, pool.names.service.control, { job, action: 'extend', stop });
  return job;
}

const RULE_OF: Readonly<Partial<Record<StoppedBy, keyof StopRules>>> = {
  steps: 'steps',
  evaluations: 'evaluations',
  fitness: 'fitness',
  'wall-clock': 'wallClock',
  plateau: 'plateau',
};

/** The old rules with those given; the rule that ended the job is dropped unless it was given anew. */
export function mergedRules(
  view: Pick<LedgerView, 'steps' | 'stop' | 'end'>,
  flags: Pick<Flags, 'steps' | 'evaluations' | 'fitness' | 'wallClock'>,
  dropped: (rule: string) => void,
): StopRules {
  const steps = flags.steps === undefined ? undefined : totalSteps(flags.steps, view.steps);
  const given: Partial<Omit<StopRules, 'plateau'>> = {
    ...(steps === undefined ? {} : { steps }),
    ...(flags.evaluations === undefined ? {} : { evaluations: flags.evaluations }),
    ...(flags.fitness === undefined ? {} : { fitness: flags.fitness }),
    ...(flags.wallClock === undefined ? {} : { wallClock: flags.wallClock }),
  };
  if (Object.keys(given).length === 0)
    throw new SeedcastError('SC_USAGE', 'extend: no new rule is given', {
      hint: 'give --steps, --evaluations, --fitness or --wall-clock',
    });
  const ending = view.end === null ? undefined : RULE_OF[view.end.stoppedBy];
  if (ending === undefined || Object.hasOwn(given, ending)) return { ...view.stop, ...given };
  dropped(ending);
  return { ...view.stop, [ending]: null, ...given };
}

function totalSteps(text: string, done: number): number {
  const [, plus, digits] = /^(\+?)(\d{1,10})$/.exec(text) ?? [];
  const total = digits === undefined ? Number.NaN : Number(digits) + (plus === '+' ? done : 0);
  if (!(total >= 1 && total < 2 ** 32))
    throw new SeedcastError('SC_USAGE', `--steps is ${JSON.stringify(text)}`, {
      hint: 'give a whole number, or +N for N more',
    });
  if (total <= done)
    throw new SeedcastError('SC_USAGE', `--steps ${text}: the job has done ${done} steps already`, {
      hint: `give more, or +N for N more`,
    });
  return total;
}
