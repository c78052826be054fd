// `seedcast generate`: text from the parameters of a job, or of a file that `pull` wrote, by objectives that say how.
import { readFileSync } from 'node:fs';
import { SeedcastError, messageOf } from '../../shared/errors.js';
import type { ObjectiveDefinition, ObjectiveOptions, TensorArray } from '../../shared/objectives/types.js';
import { deriveKey } from '../../shared/random/key.js';
import { evaluationSeed } from '../../shared/random/noise.js';
import { matchTensors } from '../../shared/tensors/match.js';
import { readSafetensors } from '../../shared/tensors/safetensors.js';
import type { StoredTensor } from '../../shared/tensors/stored.js';
import { compileTensors } from '../../worker/objectives/compile-tensors.js';
import { type ConnectionFlags, connectionOptions, withPool } from '../connection.js';
import { type Host, type Verb, action, collect, examples } from '../host.js';
import { objectiveNamed } from '../jobs/costs.js';
import { findJob } from '../jobs/reading.js';
import { rebuild } from '../jobs/rebuild.js';
import { integerFrom, realFrom } from '../values.js';

interface Flags extends ConnectionFlags {
  readonly step?: number;
  readonly prompt: string;
  readonly length: number;
  readonly temperature: number;
  readonly top?: number;
  readonly seed?: string;
  readonly file?: string;
  readonly objectives: readonly string[];
}

const LENGTH = 400;
const TEMPERATURE = 0.8;

/** Parameters, and the objective that knows what to do with them. */
interface Model {
  readonly objective: string;
  readonly options: ObjectiveOptions;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** How messages call it. */
  readonly source: string;
}

export const generate: Verb = (program, host) => {
  connectionOptions(program.command('generate [job]'))
    .description('write text by the parameters of a job')
    .option('--step <n>', 'state after this many steps (default: the last)', integerFrom(0))
    .option('--file <model>', 'a safetensors file of `pull` instead of a job')
    .option('--prompt <text>', 'text to go on from', '')
    .option(
      '--length <n>',
      'how much to write, in tokens of the model (bytes)',
      integerFrom(1, 1_000_000),
      LENGTH,
    )
    .option(
      '--temperature <t>',
      'above 1 more daring; 0: always the likeliest',
      realFrom(0, 100),
      TEMPERATURE,
    )
    .option('--top <k>', 'only from the k likeliest (default: from all)', integerFrom(1, 1_000_000))
    .option('--seed <text>', 'seed of the draws (default: a fresh one)')
    .option('--objectives <path>', 'file or folder of objectives (repeatable)', collect, [])
    .addHelpText(
      'after',
      examples(
        'seedcast generate last --prompt "Call me " --seed 1',
        'seedcast generate --file model.safetensors --length 1000 --temperature 0.7 --top 20',
      ),
    )
    .action(
      action(host, async (job: string | undefined, flags: Flags) => {
        if ((job === undefined) === (flags.file === undefined))
          throw new SeedcastError('SC_USAGE', 'generate takes a job, or a file by --file', {
            hint: '`seedcast list` shows the jobs',
          });
        if (flags.file === undefined)
          await withPool(host, flags, async (pool) => {
            const { job: id } = await findJob(pool, job ?? '');
            const { tensors, genesis, step } = await rebuild(pool, id, {
              step: flags.step ?? null,
              snapshots: true,
            });
            const { name, options } = genesis.objective;
            await write(host, flags, { objective: name, options, tensors, source: `${id} step ${step}` });
            return 0;
          });
        else if (flags.step !== undefined)
          throw new SeedcastError('SC_USAGE', 'a file holds one step', { hint: 'leave out --step' });
        else await write(host, flags, modelOf(flags.file));
        return 0;
      }),
    );
};

async function write(host: Host, flags: Flags, model: Model): Promise<void> {
  const { definition } = await objectiveNamed(model.objective, flags.objectives);
  if (definition.generate === undefined)
    throw new SeedcastError(
      'SC_USAGE',
      `objective ${definition.name} of ${model.source} does not say how to generate text`,
      { hint: '`language-model` does, and so do your own objectives that have a `generate` function' },
    );
  const parameters = await parametersOf(definition, model);
  const seed = flags.seed ?? host.entropy(12);
  const added = await definition.generate(parameters, {
    options: model.options,
    prompt: flags.prompt,
    length: flags.length,
    temperature: flags.temperature,
    top: flags.top ?? null,
    seed: evaluationSeed(deriveKey(seed), 0, 0),
    signal: host.interrupts.signal,
  });
  host.io.data(`${flags.prompt}${added}`);
  host.io.message(`${model.source}, seed ${seed}`);
}

/** By the names, shapes and types that the objective declares. */
async function parametersOf(
  definition: ObjectiveDefinition,
  { options, tensors, source }: Model,
): Promise<Record<string, TensorArray>> {
  const declared = compileTensors(await definition.parameters(options), 'float32', {
    objective: definition.name,
    source: null,
  });
  const arrays = matchTensors(declared, tensors, {}, source);
  return Object.fromEntries(
    declared.map(({ name, size }, t) => [name, arrays[t] ?? new Float32Array(size)] as const),
  );
}

/** A file of `pull`, whose metadata name the objective and its options. */
function modelOf(file: string): Model {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new SeedcastError('SC_USAGE', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
  const { tensors, metadata } = readSafetensors(bytes, file);
  const { objective, options } = metadata;
  if (objective === undefined || options === undefined)
    throw new SeedcastError('SC_TENSOR_FILE', 'the file does not say which objective it is for', {
      place: { file },
      hint: 'write it by `seedcast pull`, or name the job instead',
    });
  try {
    return { objective, options: JSON.parse(options) as ObjectiveOptions, tensors, source: file };
  } catch (cause) {
    throw new SeedcastError('SC_TENSOR_FILE', 'the options of the objective are not JSON', {
      place: { file },
      cause,
    });
  }
}
