// `seedcast describe`: everything known about one job.
import { type JobSummary, type JobRecord, type Progress } from '../../shared/wire/reports.js';
import { toHex } from '../../shared/wire/codec.js';
import { type ConnectionFlags, type Pool, connectionOptions, withPool } from '../connection.js';
import { type Host, type Verb, action, examples } from '../host.js';
import { askLeader } from '../jobs/leader.js';
import { findJob, readView, summarise } from '../jobs/reading.js';
import { resultLine } from '../jobs/outcome.js';
import { omit } from '../omit.js';
import { progressLine } from '../show/progress-line.js';
import { number, table } from '../show/numbers.js';

interface Flags extends ConnectionFlags {
  readonly json?: boolean;
}

interface WorkerLine {
  readonly worker: string;
  readonly placed: boolean;
  readonly ready: boolean;
  readonly step: number | null;
  readonly problem: string | null;
}

interface Description {
  readonly summary: JobSummary;
  readonly spec: unknown;
  readonly objective: unknown;
  readonly progress: Progress | null;
  readonly ledger: {
    readonly steps: number;
    readonly epoch: number;
    readonly head: string;
    readonly digest: { readonly step: number; readonly digest: string } | null;
    /** Hash of the objective code that may evaluate; a coordinator of an earlier version does not say. */
    readonly code?: string;
  } | null;
  readonly workers: readonly WorkerLine[];
}

export const describe: Verb = (program, host) => {
  connectionOptions(program.command('describe <job>'))
    .description('show everything about one job')
    .option('--json', 'one JSON object')
    .addHelpText('after', examples('seedcast describe last', 'seedcast describe sphere-es --json'))
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const record = await findJob(pool, text);
          const description = (await fromLeader(host, pool, record.job)) ?? (await fromStore(pool, record));
          if (flags.json === true) host.io.json(description);
          else for (const line of lines(description)) host.io.data(line);
          return 0;
        }),
      ),
    );
};

async function fromLeader(host: Host, pool: Pool, job: string): Promise<Description | null> {
  if (pool.offline !== null) return null;
  try {
    const answer = await askLeader(pool.bus, host.clock, pool.names.service.describe, { job }, 0);
    return omit(answer, 'ok') as unknown as Description;
  } catch {
    host.io.message('no coordinator answers: this is what the store says', 'warn');
    return null;
  }
}

async function fromStore(pool: Pool, record: JobRecord): Promise<Description> {
  const view = await readView(pool, record.job);
  return {
    summary: await summarise(pool, record),
    spec: record.spec,
    objective: view?.genesis.objective ?? null,
    progress: null,
    ledger:
      view === null
        ? null
        : {
            steps: view.steps,
            epoch: view.epoch,
            head: toHex(view.head),
            digest: view.lastDigest,
            code: view.code,
          },
    workers: [],
  };
}

function lines({ summary, spec, objective, progress, ledger, workers }: Description): string[] {
  const pairs: [string, string][] = [
    ['job', summary.job],
    ['state', summary.state],
    ...(summary.reason === null ? [] : [['reason', summary.reason] as [string, string]]),
    ['created', summary.created],
    ['method', summary.method],
    ['objective', summary.objective],
    ['step', String(summary.step)],
    ['evaluations', String(summary.evaluations)],
    ['fitness', `centre ${number(summary.centre)}, best member ${number(summary.best)}`],
    ...(summary.validation == null
      ? []
      : [[summary.validation.metric, number(summary.validation.value)] as [string, string]]),
    ...(ledger === null
      ? []
      : [['ledger', `epoch ${ledger.epoch}, head ${ledger.head.slice(0, 16)}`] as [string, string]]),
    ...(ledger?.digest == null
      ? []
      : [['digest', `${ledger.digest.digest} (step ${ledger.digest.step})`] as [string, string]]),
    ...(ledger?.code === undefined
      ? []
      : [['code', `${ledger.code.slice(0, 16)} may evaluate`] as [string, string]]),
    ...(progress === null || summary.result !== null
      ? []
      : [['progress', progressLine(progress)] as [string, string]]),
    ...(summary.result === null ? [] : [['result', resultLine(summary.result)] as [string, string]]),
  ];
  const width = Math.max(...pairs.map(([name]) => name.length));
  return [
    ...pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    ...(workers.length === 0
      ? []
      : [
          '',
          ...table(
            ['WORKER', 'PLACED', 'READY', 'STEP', 'PROBLEM'],
            workers.map((w) => [
              w.worker,
              w.placed ? 'yes' : 'no',
              w.ready ? 'yes' : 'no',
              String(w.step ?? '-'),
              w.problem ?? '',
            ]),
          ),
        ]),
    '',
    `spec ${JSON.stringify(spec, null, 2)}`,
    ...(objective === null ? [] : [`objective ${JSON.stringify(objective, null, 2)}`]),
  ];
}
