// The job specification: what a user writes (`JobFile`, every default optional) and what everyone else reads
// (`JobSpec`, total: nothing undefined, durations in milliseconds). Both come from one description, so that a compiled
// spec parsed again is itself. Pure schemas; parse.ts reads files.

import { z } from 'zod';
import { messageOf } from '../errors.js';
import { ENGINE_NAMES } from '../objectives/engine.js';
import type { ObjectiveOptions, OptionValue } from '../objectives/types.js';
import { methodOptions } from '../methods/options.js';
import { DURATION_FORM, parseDuration } from './duration.js';
import {
  choice,
  type DeepReadonly,
  integer,
  mapping,
  MAX_STEP,
  name,
  optional,
  real,
  text,
} from './fields.js';

const MAX_COUNT = Number.MAX_SAFE_INTEGER;

const seedNumber = z
  .number({ error: 'must be a number or non-empty text' })
  .refine((value) => !Number.isInteger(value) || Number.isSafeInteger(value), {
    error: 'must be quoted: as a number it would lose digits',
  });
const seed = z
  .union([text('Any text.', 1024), seedNumber], {
    error: 'must be a finite number or text of 1 to 1024 characters',
  })
  .describe('Seed of everything random in the job; a number counts as its text (42 is "42").');

const optionValue: z.ZodType<OptionValue> = z
  .lazy(() =>
    z.union(
      [
        z.string(),
        z.number(),
        z.boolean(),
        z.null(),
        z.array(optionValue),
        z.record(z.string(), optionValue),
      ],
      { error: 'must be text, a finite number, true, false, null, a list or a mapping' },
    ),
  )
  .meta({ id: 'optionValue', description: 'Any value that JSON can hold.' });

const objectiveName = name('Name of the objective, built in or loaded by the workers.');
const objectiveDescription = 'The objective; every key beside `name` is an option of that objective.';
const fileObjective = z
  .object({ name: objectiveName }, { error: 'must be a mapping' })
  .catchall(optionValue)
  .transform(({ name, ...options }): { name: string; options: ObjectiveOptions } => ({ name, options }))
  .describe(objectiveDescription);
const compiledObjective = mapping(objectiveDescription, {
  name: objectiveName,
  options: z.record(z.string(), optionValue),
});

const fileDuration = z
  .string({ error: `must be ${DURATION_FORM}` })
  .transform((value, context) => {
    try {
      return parseDuration(value);
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: messageOf(error),
        params: { complete: true },
        input: value,
      });
      return z.NEVER;
    }
  })
  .pipe(z.number().min(1, { error: 'must be at least 1ms' }));
const compiledDuration = z.number().int().min(1);

const STOP_RULES = ['steps', 'evaluations', 'fitness', 'wallClock', 'plateau'] as const;

function stopRules<Duration extends z.ZodType<number>>(duration: Duration) {
  return mapping('When the job ends: the first rule that holds; at least one is required.', {
    steps: optional(integer('Steps done.', { min: 1, max: MAX_STEP })),
    evaluations: optional(
      integer('Members evaluated; evaluations of the centre do not count.', { min: 1, max: MAX_COUNT }),
    ),
    fitness: optional(real("Fitness of the centre this good or better, in the objective's own units.")),
    wallClock: optional(
      duration.describe('Time since the job began running, such as 30s, 10m or 2h; pauses do not count.'),
    ),
    plateau: optional(
      mapping('No progress: the best centre fitness improved by less than `minDelta` over `steps` steps.', {
        steps: integer('Steps looked back.', { min: 1, max: MAX_STEP }),
        minDelta: real("Least improvement that counts, in the objective's own units.", { min: 0 }).default(0),
      }),
    ),
  }).refine((stop) => STOP_RULES.some((rule) => stop[rule] !== null), {
    error: `must hold at least one rule: ${STOP_RULES.join(', ')}`,
  });
}

const evaluation = mapping(
  'How often and how carefully the centre (the unperturbed parameters) is evaluated.',
  {
    every: integer('Steps between evaluations of the centre.', { min: 1, max: 1_000_000 }).default(1),
    repeats: integer('Evaluations, each with its own seed, whose mean is the centre fitness.', {
      min: 1,
      max: 100_000,
    }).default(1),
    final: integer('The same after the last step. Default: repeats.', { min: 1, max: 100_000 }).optional(),
    validateEvery: integer(
      'Steps between validations, for objectives that declare one; 0: only after the last step. Default: 10.',
      { min: 0, max: 1_000_000 },
    ).optional(),
  },
)
  .transform(({ every, repeats, final = repeats, validateEvery }) => ({
    every,
    repeats,
    final,
    // Not filled in: the genesis of a job without a validation has the bytes it always had.
    ...(validateEvery === undefined ? {} : { validateEvery }),
  }))
  .prefault({});

const ledger = mapping('What is kept beside the coefficients of every step.', {
  evidence: z
    .union(
      [
        choice('Of all steps, or of none.', ['all', 'none']),
        mapping('Only of the last steps.', { last: integer('Steps.', { min: 1, max: MAX_STEP }) }),
      ],
      { error: 'must be all, none or { last: N }' },
    )
    .default('all')
    .describe('Raw scalars kept: of all steps, of none, or of the last N.'),
  digestEvery: integer('Steps between digests that replicas must agree on.', {
    min: 1,
    max: 1_000_000,
  }).default(100),
}).prefault({});

const init = optional(
  mapping("Start values other than the objective's own.", {
    from: text('A .safetensors or .npy file, or JOB@STEP.', 4096),
    map: z
      .record(z.string(), text('Name in the objective.', 256), {
        error: 'must be a mapping of names to names',
      })
      .default({})
      .describe('Name in the file to name in the objective, for tensors whose names differ.'),
  }),
);

function jobSpec<
  Objective extends z.ZodType<{ name: string; options: ObjectiveOptions }>,
  Duration extends z.ZodType<number>,
>(objective: Objective, duration: Duration) {
  return mapping('What to optimise and how.', {
    seed,
    method: methodOptions,
    objective,
    init,
    stop: stopRules(duration),
    evaluation,
    onFailure: choice(
      'What a member counts as whose evaluation failed or is not finite, after its retries.',
      ['worst', 'skip', 'fail'],
    ).default('worst'),
    ledger,
    scalars: choice('Precision in which fitness travels and is kept.', ['float64', 'float32']).default(
      'float64',
    ),
    engine: optional(choice('The one engine that may evaluate this job; null for any.', ENGINE_NAMES)),
  });
}

const labelKey = /^[A-Za-z0-9._/-]{1,64}$/;

/** The whole file as users write it. */
export const jobFile = mapping('A Seedcast job.', {
  apiVersion: z.literal('seedcast/v1', { error: 'must be seedcast/v1' }).describe('Version of this format.'),
  kind: z.literal('Job', { error: 'must be Job' }).describe('Kind of document.'),
  metadata: mapping('What the job is called.', {
    name: name('Name of the job; its id is the name and a suffix.'),
    labels: z
      .record(
        z.string().regex(labelKey, { error: 'must be 1 to 64 characters of A-Z, a-z, 0-9, ., _, / and -' }),
        text('Value.', 256),
        {
          error: 'must be a mapping of names (1 to 64 characters of A-Z, a-z, 0-9, ., _, / and -) to text',
        },
      )
      .default({})
      .describe('Own marks, kept and shown, never interpreted.'),
  }),
  spec: jobSpec(fileObjective, fileDuration),
});

/** The compiled spec, as the genesis record holds it: parse what comes from outside with this. */
export const compiledSpec = jobSpec(compiledObjective, compiledDuration);

/** As written: defaults may be left out. */
export type JobFile = z.input<typeof jobFile>;
/** Compiled: total, nothing undefined, durations in milliseconds, objective options apart from its name. */
export type JobSpec = DeepReadonly<Omit<z.output<typeof compiledSpec>, 'objective'>> & {
  readonly objective: { readonly name: string; readonly options: ObjectiveOptions };
};
export type StopRules = JobSpec['stop'];
