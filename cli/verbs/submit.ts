// `seedcast submit`: hands a job to a running pool.
import { SeedcastError } from '../../shared/errors.js';
import type { Heartbeat } from '../../shared/wire/reports.js';
import { type ConnectionFlags, type Pool, connectionOptions, withPool } from '../connection.js';
import { type Host, type Verb, action, collect, examples } from '../host.js';
import { type CostFlags, printCosts } from '../jobs/costs.js';
import { askLeader } from '../jobs/leader.js';
import { exitCodeOf, printResult, resultOf } from '../jobs/outcome.js';
import { readJob } from '../jobs/reading.js';
import { jobId, readJobFile, submitJob } from '../jobs/submission.js';
import { watchJob } from '../jobs/watching.js';
import { duration, integerFrom } from '../values.js';
import { finishWatching, watchAgain } from './watch.js';

interface Flags extends ConnectionFlags, CostFlags {
  readonly id?: string;
  readonly set: readonly string[];
  readonly dryRun?: boolean;
  readonly watch?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly json?: boolean;
}

export const submit: Verb = (program, host) => {
  connectionOptions(program.command('submit <job.yaml>'))
    .description('hand a job to a running pool')
    .option('--id <id>', 'id of the job; submitting the same id and spec again is the same submission')
    .option('--set <path=value>', 'replace a part of the job (repeatable)', collect, [])
    .option('--dry-run', 'compile it and print what it costs; no pool is asked')
    .option('--objectives <path>', 'with --dry-run: file or folder of objectives (repeatable)', collect, [])
    .option('--workers <n>', 'with --dry-run: workers to estimate for', integerFrom(1, 100_000), 1)
    .option('--watch', 'follow it until it ends')
    .option('--wait', 'the same as --watch')
    .option('--timeout <duration>', 'with --watch: give up waiting after this time', duration)
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      examples(
        'seedcast submit job.yaml',
        'seedcast submit job.yaml --watch --set spec.method.sigma=0.05',
        'seedcast submit job.yaml --dry-run',
      ),
    )
    .action(
      action(host, async (file: string, flags: Flags) => {
        const source = readJobFile(file, flags.set);
        if (flags.dryRun === true) return printCosts(host, source, flags);
        const job = jobId(source.parsed.name, flags.id, host.entropy);
        return withPool(host, flags, async (pool) => {
          needsPool(pool);
          const submitted = await submitJob(host, pool, source, job, await workersOf(host, pool));
          if (flags.json === true) host.io.json({ type: 'submitted', ...submitted });
          else host.io.data(submitted.job);
          if (submitted.state === 'pending' && submitted.reason !== null)
            host.io.message(`${submitted.state}: ${submitted.reason}`, 'warn');
          if (flags.watch !== true && flags.wait !== true) {
            host.io.message(`follow it with: ${watchAgain(host, job, flags)}`);
            return 0;
          }
          return follow(host, pool, job, flags);
        });
      }),
    );
};

async function follow(host: Host, pool: Pool, job: string, flags: Flags): Promise<number> {
  const record = await readJob(pool, job);
  const known = record === null ? null : resultOf(record);
  if (known !== null) {
    printResult(host.io, known, flags.json === true);
    return exitCodeOf(known.status);
  }
  const followed = await watchJob(host, pool, job, {
    json: flags.json === true,
    signal: host.interrupts.signal,
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
  });
  return finishWatching(host, followed, job, flags.json === true, watchAgain(host, job, flags));
}

/** The workers that the leader knows. */
export async function workersOf(host: Host, pool: Pool): Promise<Heartbeat[]> {
  const answer = await askLeader(pool.bus, host.clock, pool.names.service.workers, {});
  return answer['workers'] as Heartbeat[];
}

/** Refuses a store that nobody serves: there a job would only lie. */
export function needsPool(pool: Pool): void {
  if (pool.offline === null) return;
  throw new SeedcastError('SC_NO_COORDINATOR', `no pool runs on the store ${pool.offline}`, {
    hint: 'start one with `seedcast up`, or run the job with `seedcast run JOB.yaml`',
  });
}
