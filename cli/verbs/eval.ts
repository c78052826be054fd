// `seedcast eval`: evaluates the parameters of a job in this process, with fresh seeds.
import { EXIT, SeedcastError } from '../../shared/errors.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Verb, action, collect, examples } from '../host.js';
import { objectiveNamed } from '../jobs/costs.js';
import { evaluateHere } from '../jobs/local-evaluation.js';
import { findJob } from '../jobs/reading.js';
import { rebuild } from '../jobs/rebuild.js';
import { number } from '../show/numbers.js';
import { integerFrom } from '../values.js';

interface Flags extends ConnectionFlags {
  readonly step?: number;
  readonly repeats?: number;
  readonly episodes?: number;
  readonly objectives: readonly string[];
  readonly seed?: string;
  readonly json?: boolean;
}

const REPEATS = 20;

export const evalVerb: Verb = (program, host) => {
  connectionOptions(program.command('eval <job>'))
    .description('evaluate the parameters of a job here, with fresh seeds')
    .option('--step <n>', 'state after this many steps (default: the last)', integerFrom(0))
    .option(
      '--repeats <n>',
      `evaluations, each with its own seed (default: ${REPEATS})`,
      integerFrom(1, 1_000_000),
    )
    .option('--episodes <n>', 'the same as --repeats', integerFrom(1, 1_000_000))
    .option('--objectives <path>', 'file or folder of objectives (repeatable)', collect, [])
    .option('--seed <text>', 'seed of the evaluations (default: a fresh one)')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      examples(
        'seedcast eval last --episodes 100',
        'seedcast eval antenna --objectives ./antenna.mjs --seed 7 --json',
      ),
    )
    .action(
      action(host, async (text: string, flags: Flags) =>
        withPool(host, flags, async (pool) => {
          const { job } = await findJob(pool, text);
          const rebuilt = await rebuild(pool, job, { step: flags.step ?? null, snapshots: true });
          const { objective } = rebuilt.genesis;
          const loaded = await objectiveNamed(objective.name, flags.objectives);
          const here = await describeObjective(loaded, objective.options, 'float32');
          if (here.code !== rebuilt.code)
            host.io.message(
              `${objective.name} is other code or data here than the job goes by (${here.code.slice(0, 12)}, ${rebuilt.code.slice(0, 12)})`,
              'warn',
            );
          const seed = flags.seed ?? host.entropy(12);
          const repeats = flags.repeats ?? flags.episodes ?? REPEATS;
          const parameters = new Map([...rebuilt.tensors].map(([name, { array }]) => [name, array] as const));
          const statistics = rebuilt.replica.memory.statistics(rebuilt.step);
          const outcomes = await evaluateHere(
            host,
            { loaded, description: objective },
            { parameters, step: rebuilt.step, statistics, seed, repeats },
            host.interrupts.signal,
          );
          if (host.interrupts.signal.aborted) return EXIT.interrupted;
          const values = outcomes.flatMap((outcome) =>
            'value' in outcome && Number.isFinite(outcome.value) ? [outcome.value] : [],
          );
          const failure = outcomes.find((outcome) => 'error' in outcome);
          if (values.length === 0)
            throw new SeedcastError(
              'SC_EVALUATION',
              `no evaluation of ${job} has a finite value: ${failure !== undefined && 'error' in failure ? failure.error : 'all are infinite or NaN'}`,
            );
          const summary = { ...summarise(values), failed: outcomes.length - values.length };
          if (flags.json === true) host.io.json({ type: 'eval', job, step: rebuilt.step, seed, ...summary });
          else
            host.io.data(
              `${job} step ${rebuilt.step}: mean ${number(summary.mean)}, deviation ${number(summary.deviation)}, min ${number(summary.min)}, max ${number(summary.max)} over ${values.length} evaluations${summary.failed === 0 ? '' : `, ${summary.failed} failed`} (seed ${seed})`,
            );
          return EXIT.succeeded;
        }),
      ),
    );
};

/** `deviation`: of the sample, n − 1. */
function summarise(values: readonly number[]): {
  readonly count: number;
  readonly mean: number;
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
} {
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    count: values.length,
    mean,
    deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
    min: Math.min(...values),
    max: Math.max(...values),
  };
}
