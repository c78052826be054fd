// `seedcast workers`: who is in the pool, as the coordinator hears them.
import { bytesText } from '../../shared/job/estimate.js';
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Verb, action, examples } from '../host.js';
import { table } from '../show/numbers.js';
import { needsPool, workersOf } from './submit.js';

interface Flags extends ConnectionFlags {
  readonly json?: boolean;
}

export const workers: Verb = (program, host) => {
  connectionOptions(program.command('workers'))
    .description('list the workers of the pool')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples('seedcast workers', 'seedcast workers --json'))
    .action(
      action(host, async (flags: Flags) =>
        withPool(host, flags, async (pool) => {
          needsPool(pool);
          const all = await workersOf(host, pool);
          if (flags.json === true) for (const worker of all) host.io.json(worker);
          else if (all.length === 0) host.io.message('no workers: start one with `seedcast worker`');
          else {
            const rows = all.map(
              ({ worker, state, host: machine, threads, engine, backend, capacity, jobs }) => {
                const rate = Object.values(jobs).reduce(
                  (sum, { evaluationsPerSecond }) => sum + evaluationsPerSecond,
                  0,
                );
                return [
                  worker,
                  state,
                  machine,
                  String(threads),
                  backend === undefined ? engine : `${engine} (${backend})`,
                  `${Object.keys(jobs).length}/${capacity.jobs}`,
                  String(Math.round(rate)),
                  bytesText(capacity.memoryBytes),
                ];
              },
            );
            for (const line of table(
              ['WORKER', 'STATE', 'HOST', 'THREADS', 'ENGINE', 'JOBS', 'EVAL/S', 'MEMORY'],
              rows,
              ['THREADS', 'EVAL/S'],
            ))
              host.io.data(line);
          }
          return 0;
        }),
      ),
    );
};
