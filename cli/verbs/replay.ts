// `seedcast replay`: rebuilds a step of a job from its ledger alone and says its digest.
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Verb, action, examples } from '../host.js';
import { findJob } from '../jobs/reading.js';
import { rebuild } from '../jobs/rebuild.js';
import { integerFrom } from '../values.js';

interface Flags extends ConnectionFlags {
  readonly step?: number;
  readonly json?: boolean;
}

export const replay: Verb = (program, host) => {
  connectionOptions(program.command('replay <job>'))
    .description('rebuild any step from the ledger alone and print its digest')
    .option('--step <n>', 'state after this many steps (default: the last)', integerFrom(0))
    .option('--json', 'one JSON object')
    .addHelpText('after', examples('seedcast replay last', 'seedcast replay sphere-es --step 812 --json'))
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const { job } = await findJob(pool, text);
          const begun = host.clock.now();
          const { step, digest, verified } = await rebuild(pool, job, {
            step: flags.step ?? null,
            snapshots: false,
          });
          const took = (host.clock.now() - begun) / 1000;
          if (flags.json === true)
            host.io.json({
              type: 'replay',
              job,
              step,
              digest,
              verified,
              seconds: Math.round(1000 * took) / 1000,
            });
          else host.io.data(`${job} step ${step} digest ${digest}`);
          const found =
            verified.length === 0
              ? 'the ledger records no digest up to there'
              : `equal to the recorded digest of step ${verified.slice(-8).join(', ')}${verified.length > 8 ? ` and ${verified.length - 8} before` : ''}`;
          host.io.message(`rebuilt in ${took.toFixed(2)} s; ${found}`);
          return 0;
        }),
      ),
    );
};
