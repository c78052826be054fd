// `seedcast history`: the curves of a job, from its ledger, during and after the run.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import { EXIT, SeedcastError, messageOf } from '../../shared/errors.js';
import { type LedgerView, fold } from '../../shared/ledger/fold.js';
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Host, type Verb, action, examples } from '../host.js';
import { aborted } from '../interrupts.js';
import { findJob } from '../jobs/reading.js';
import { tensorboardHeader, tensorboardScalars } from '../show/tensorboard.js';

const FORMATS = ['csv', 'jsonl', 'tensorboard'] as const;

interface Flags extends ConnectionFlags {
  readonly format: (typeof FORMATS)[number];
  readonly out?: string;
  readonly follow?: boolean;
}

/** One step of the curves. `best`: best member of this step. `time`: when it was committed, ISO 8601. */
interface Row {
  readonly step: number;
  readonly time: string;
  readonly evaluations: number;
  readonly centre: number | null;
  readonly best: number;
  readonly mean: number;
  readonly deviation: number;
  readonly failed: number;
  /** Of the state before the step, where it was measured. */
  readonly validation: number | null;
}

const COLUMNS = [
  'step',
  'time',
  'evaluations',
  'centre',
  'best',
  'mean',
  'deviation',
  'failed',
  'validation',
] as const satisfies readonly (keyof Row)[];

export const history: Verb = (program, host) => {
  connectionOptions(program.command('history <job>'))
    .description('write the curves of a job: fitness by step')
    .addOption(new Option('--format <format>', 'format').choices(FORMATS).default('csv'))
    .option(
      '-o, --out <path>',
      'file (tensorboard: folder, default JOB-tensorboard); default: standard output',
    )
    .option('-f, --follow', 'go on with each step until the job ends')
    .addHelpText(
      'after',
      examples(
        'seedcast history last --format csv > curve.csv',
        'seedcast history sphere-es --format tensorboard --out logs/sphere --follow',
      ),
    )
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const { job } = await findJob(pool, text);
          const follower = new RowReader((metric) => writer(host, job, flags, metric));
          let next = 1;
          for await (const { sequence, payload, time } of pool.store.records(job)) {
            follower.take(payload, sequence, time);
            next = sequence + 1;
          }
          if (follower.view === null)
            throw new SeedcastError('SC_NOT_FOUND', `job ${job} has no ledger yet`, {
              hint: `see why: seedcast describe ${job}`,
            });
          if (flags.follow !== true || follower.ended || pool.offline !== null) return EXIT.succeeded;
          const { signal } = host.interrupts;
          host.io.whenClosed(() => host.interrupts.interrupt());
          let done = (): void => undefined;
          const ended = new Promise<void>((resolve) => (done = resolve));
          const subscription = await pool.bus.streams.follow(
            pool.names.streams.ledger,
            pool.names.job(job).ledger,
            ({ payload, sequence, time }) => {
              follower.take(payload, sequence, time);
              if (follower.ended) done();
            },
            { from: next },
          );
          await Promise.race([ended, aborted(signal)]);
          subscription.unsubscribe();
          return signal.aborted && !host.io.closed ? EXIT.interrupted : EXIT.succeeded;
        }),
      ),
    );
};

class RowReader {
  view: LedgerView | null = null;

  private write: ((row: Row) => void) | null = null;

  /** `open`: the writer of a job whose ledger there is; `metric` names its validation. */
  constructor(private readonly open: (metric: string | undefined) => (row: Row) => void) {}

  get ended(): boolean {
    return this.view?.status === 'ended';
  }

  take(payload: Uint8Array, sequence: number, time: number): void {
    const folded = fold(this.view, payload, sequence);
    this.view = folded.view;
    if (!folded.accepted) return;
    this.write ??= this.open(folded.view.genesis.objective.validation?.metric);
    if (folded.record.kind !== 'step') return;
    const { centre, best, mean, deviation, failed, validation } = folded.record.fitness;
    this.write({
      step: folded.record.step,
      time: new Date(time).toISOString(),
      evaluations: folded.view.evaluations,
      centre,
      best,
      mean,
      deviation,
      failed,
      validation,
    });
  }
}

function writer(
  host: Host,
  job: string,
  { format, out }: Flags,
  metric: string | undefined,
): (row: Row) => void {
  if (format === 'tensorboard') return tensorboardWriter(host, out ?? `${job}-tensorboard`, job, metric);
  const line = lineWriter(host, out);
  if (format === 'jsonl') return (row) => line(JSON.stringify(row));
  line(COLUMNS.join(','));
  return (row) => line(COLUMNS.map((column) => row[column] ?? '').join(','));
}

function lineWriter(host: Host, out: string | undefined): (line: string) => void {
  if (out === undefined || out === '-') return (line) => host.io.data(line);
  writing(out, () => writeFileSync(out, ''));
  return (line) => writing(out, () => appendFileSync(out, `${line}\n`));
}

function tensorboardWriter(
  host: Host,
  folder: string,
  job: string,
  metric: string | undefined,
): (row: Row) => void {
  // The name is what TensorBoard looks for; a fixed number, so that a second export replaces the first.
  const file = join(folder, `events.out.tfevents.0.${job}`);
  writing(file, () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, tensorboardHeader(host.clock.wall() / 1000));
  });
  host.io.message(`writing ${file}`);
  return ({ time, step, centre, best, mean, deviation, validation }) => {
    const scalars = {
      ...(validation === null ? {} : { [`validation/${metric ?? 'value'}`]: validation }),
      ...(centre === null ? {} : { 'fitness/centre': centre }),
      'fitness/best': best,
      'fitness/mean': mean,
      'fitness/deviation': deviation,
    };
    writing(file, () => appendFileSync(file, tensorboardScalars(Date.parse(time) / 1000, step, scalars)));
  };
}

function writing(file: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new SeedcastError('SC_USAGE', `cannot write ${file}: ${messageOf(cause)}`, {
      cause,
      hint: 'give another --out',
    });
  }
}
