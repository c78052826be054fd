// `seedcast list`: the jobs of a pool or store, oldest first.
import type { JobSummary } from '../../shared/wire/reports.js';
import { type ConnectionFlags, type Pool, connectionOptions, withPool } from '../connection.js';
import { type Host, type Verb, action, examples } from '../host.js';
import { askLeader } from '../jobs/leader.js';
import { readJobs, summarise } from '../jobs/reading.js';
import { number, table } from '../show/numbers.js';

interface Flags extends ConnectionFlags {
  readonly json?: boolean;
}

export const list: Verb = (program, host) => {
  connectionOptions(program.command('list'))
    .description('list the jobs')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples('seedcast list', 'seedcast list --json --store /data/seedcast'))
    .action(
      action(host, async (flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const jobs = await summaries(host, pool);
          if (flags.json === true) for (const job of jobs) host.io.json(job);
          else if (jobs.length === 0) host.io.message('no jobs');
          else for (const line of rows(jobs)) host.io.data(line);
          return 0;
        }),
      ),
    );
};

async function summaries(host: Host, pool: Pool): Promise<JobSummary[]> {
  if (pool.offline === null) {
    try {
      return (await askLeader(pool.bus, host.clock, pool.names.service.list, {}, 0))['jobs'] as JobSummary[];
    } catch {
      host.io.message('no coordinator answers: this is what the store says', 'warn');
    }
  }
  return Promise.all((await readJobs(pool)).map((record) => summarise(pool, record)));
}

function rows(jobs: readonly JobSummary[]): string[] {
  return table(
    ['JOB', 'STATE', 'STEP', 'CENTRE', 'BEST', 'WORKERS', 'OBJECTIVE', 'CREATED', 'REASON'],
    jobs.map((job) => [
      job.job,
      job.state,
      String(job.step),
      number(job.centre),
      number(job.best),
      String(job.workers),
      job.objective,
      job.created.slice(0, 19).replace('T', ' '),
      job.reason ?? '',
    ]),
    ['STEP', 'CENTRE', 'BEST', 'WORKERS'],
  );
}
