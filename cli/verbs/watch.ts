// `seedcast watch`: follows a job of a pool until it ends.
import { EXIT, SeedcastError } from '../../shared/errors.js';
import { type ConnectionFlags, connectionOptions, targetFlags, withPool } from '../connection.js';
import { type Verb, action, examples } from '../host.js';
import type { Followed } from '../jobs/follow.js';
import { exitCodeOf, printResult, resultOf } from '../jobs/outcome.js';
import { findJob } from '../jobs/reading.js';
import { watchJob } from '../jobs/watching.js';
import type { Host } from '../host.js';
import { commandLine } from '../shell.js';
import { duration } from '../values.js';

interface Flags extends ConnectionFlags {
  readonly json?: boolean;
  readonly timeout?: number;
}

export const watch: Verb = (program, host) => {
  connectionOptions(program.command('watch <job>'))
    .description('follow a job until it ends')
    .option('--json', 'one JSON object a line; the last is the result')
    .option('--timeout <duration>', 'give up waiting after this time; the job goes on', duration)
    .addHelpText('after', examples('seedcast watch last', 'seedcast watch sphere-es-k3x9a --json'))
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const record = await findJob(pool, text);
          const json = flags.json === true;
          const known = resultOf(record);
          if (known !== null) {
            printResult(host.io, known, json);
            return exitCodeOf(known.status);
          }
          if (pool.offline !== null) {
            throw new SeedcastError(
              'SC_NO_COORDINATOR',
              `job ${record.job} ${record.state === 'paused' ? 'is paused' : 'has not ended'}, but nothing runs it on ${pool.offline}`,
              {
                hint: `go on with: ${commandLine(['seedcast', 'run', 'JOB.yaml', '--id', record.job], targetFlags(flags, host.env))}`,
              },
            );
          }
          const followed = await watchJob(host, pool, record.job, {
            json,
            signal: host.interrupts.signal,
            ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
          });
          return finishWatching(host, followed, record.job, json, watchAgain(host, record.job, flags));
        }),
      ),
    );
};

/** The command that follows the job. */
export function watchAgain(host: Host, job: string, flags: ConnectionFlags): string {
  return commandLine(['seedcast', 'watch', job], targetFlags(flags, host.env));
}

/** Prints how following ended and gives its exit code. `again` is the command that follows on. */
export function finishWatching(
  host: Host,
  followed: Followed,
  job: string,
  json: boolean,
  again: string,
): number {
  switch (followed.end) {
    case 'result':
      printResult(host.io, followed.result, json);
      return exitCodeOf(followed.result.status);
    case 'timeout':
      host.io.message(`the time to wait is over; the job ${job} goes on: ${again}`, 'warn');
      return EXIT.timedOut;
    case 'interrupted':
      host.io.message(`the job ${job} goes on: ${again}`);
      return EXIT.interrupted;
  }
}
