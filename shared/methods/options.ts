// The options of each method as users write them, with every default, and the schedules that some of them may be.
// One entry of METHOD_OPTIONS is one method. Pure: schemas, and fixed-order float64 arithmetic without libm.

import { z } from 'zod';
import { pow } from '../arithmetic/power.js';
import { cos } from '../arithmetic/trigonometry.js';
import {
  boolean,
  choice,
  type DeepReadonly,
  integer,
  mapping,
  MAX_STEP,
  optional,
  real,
  text,
  word,
} from '../job/fields.js';

const over = integer('Steps from the first value to the last; constant afterwards.', {
  min: 1,
  max: MAX_STEP,
});

/** Below this an exponential schedule stops by itself, long before it would underflow. */
const DEFAULT_FLOOR = 1e-12;

interface Range {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
}

/** The kinds of schedule, beginning in the range `first` and ending in the range `last`. */
function kinds(first: Range, last: Range) {
  const linear = mapping('`from` at step 0, `to` from step `over` on, straight in between.', {
    schedule: word('Kind of schedule.', 'linear'),
    from: real('Value at step 0.', first),
    to: real('Value from step `over` on.', last),
    over,
  });
  const exponential = mapping('from · decay^step, never below `floor`.', {
    schedule: word('Kind of schedule.', 'exponential'),
    from: real('Value at step 0.', first),
    decay: real('Factor a step.', { above: 0, max: 1 }),
    floor: real('Smallest value.', last).default(DEFAULT_FLOOR),
  });
  const cosine = mapping('Half a cosine from `from` at step 0 to `to` from step `over` on.', {
    schedule: word('Kind of schedule.', 'cosine'),
    from: real('Value at step 0.', first),
    to: real('Value from step `over` on.', last),
    over,
  });
  return [linear, exponential, cosine] as const;
}

/** A positive number, or one that changes with the step (from 0) and may end in the range `last`. */
function schedule(description: string, last: Range) {
  const known = z.discriminatedUnion('schedule', [...kinds({ above: 0 }, last)], {
    error: 'must be one of linear, exponential, cosine',
  });
  return z
    .union([real(description, { above: 0 }), known], {
      error: 'must be a finite number above 0, or a mapping { schedule: linear | exponential | cosine, ... }',
    })
    .describe(description);
}

export type Schedule =
  | number
  | { readonly schedule: 'linear'; readonly from: number; readonly to: number; readonly over: number }
  | {
      readonly schedule: 'exponential';
      readonly from: number;
      readonly decay: number;
      readonly floor: number;
    }
  | { readonly schedule: 'cosine'; readonly from: number; readonly to: number; readonly over: number };

const share = 'Fraction of the weights that would move if fitness were random.';
const decaySchedule = mapping(
  '1/((2^halvings − 1)·t/over + 1): from 1 at step 0 to 2^−halvings at step `over`.',
  {
    schedule: word('Kind of schedule.', 'decay'),
    halvings: real('Halvings until step `over`.', { above: 0, max: 32 }).default(4),
    over: integer('Steps.', { min: 1, max: MAX_STEP }).default(1000),
  },
);
const SHARE = { above: 0, max: 1 } as const;
const alpha = z
  .union(
    [
      real(share, SHARE),
      z.discriminatedUnion('schedule', [decaySchedule, ...kinds(SHARE, SHARE)], {
        error: 'must be one of decay, linear, exponential, cosine',
      }),
    ],
    {
      error:
        'must be a number above 0 and at most 1, or a mapping { schedule: decay | linear | exponential | cosine, ... }',
    },
  )
  .describe(share);

/** A schedule of the threshold update of integer networks. */
export type ShareSchedule =
  Schedule | { readonly schedule: 'decay'; readonly halvings: number; readonly over: number };

const adam = mapping(
  'Adam, epsilon added after the root of the uncorrected second moment (Salimans et al. 2017, released code).',
  {
    name: word('Name of the optimizer.', 'adam'),
    beta1: real('Decay of the first moment.', { min: 0, below: 1 }).default(0.9),
    beta2: real('Decay of the second moment.', { min: 0, below: 1 }).default(0.999),
    epsilon: real('Added to the root of the second moment.', { above: 0 }).default(1e-8),
  },
);
const momentum = mapping('Dampened momentum: v ← μ v + (1 − μ) u.', {
  name: word('Name of the optimizer.', 'momentum'),
  momentum: real('μ.', { min: 0, below: 1 }).default(0.9),
});
const sgd = mapping('Plain gradient steps.', { name: word('Name of the optimizer.', 'sgd') });

const optimizer = z
  .discriminatedUnion('name', [adam, momentum, sgd], { error: 'must be one of adam, momentum, sgd' })
  .describe('What turns the estimated gradient into a step.');

const EVEN = {
  path: ['population'],
  error: 'must be even when antithetic is true',
  when: ({ value }: { value: unknown }) => {
    const { population, antithetic } = (value ?? {}) as { population?: unknown; antithetic?: unknown };
    return Number.isInteger(population) && typeof antithetic === 'boolean';
  },
};

/** Evolution strategies (Salimans et al. 2017, arXiv 1703.03864). */
const es = mapping('Evolution strategies (Salimans et al. 2017).', {
  name: word('Name of the method.', 'es'),
  population: integer('Members a step; even when antithetic.', { min: 2, max: 1_000_000 }),
  sigma: schedule('Scale of the perturbations, in units of the parameters.', { above: 0 }),
  learningRate: schedule('Step size of the optimizer.', { min: 0 }).default(0.01),
  antithetic: boolean('Members come in pairs that go opposite ways along one direction.').default(true),
  shaping: choice('How fitness becomes the weight of a member; ties share their mean rank.', [
    'centered-rank',
    'z-score',
    'raw',
  ]).default('centered-rank'),
  optimizer: optimizer.default({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
  noise: choice('Integer noise: popcount of 16 bits less 8, or random signs; both scaled to variance 1.', [
    'binomial',
    'rademacher',
  ]).default('binomial'),
  weightDecay: real('λ of λ·parameters added to the gradient.', { min: 0 }).default(0),
}).refine((options) => !options.antithetic || options.population % 2 === 0, {
  ...EVEN,
});

/** A cross-field rule is looked at as soon as the fields it reads are sound, so that all problems come at once. */
function rule(path: string, error: string, fields: (value: Readonly<Record<string, unknown>>) => boolean) {
  return {
    path: [path],
    error,
    when: ({ value }: { value: unknown }) => fields((value ?? {}) as Readonly<Record<string, unknown>>),
  };
}

const whole = (value: unknown): value is number => Number.isInteger(value);

const integerNetworks = mapping(
  'For objectives of int8 tensors: members differ by σ = 2^−sigmaShift, and a weight moves by one where enough pairs agree.',
  {
    alpha: alpha.default({ schedule: 'decay', halvings: 4, over: 1000 }),
    sigmaShift: integer('σ = 2^−sigmaShift, where 16 stands for 1.', { min: 2, max: 8 }).default(4),
  },
);

/** EGGROLL (arXiv 2511.16652). */
const eggroll = mapping('Evolution strategies with low-rank perturbations (EGGROLL).', {
  name: word('Name of the method.', 'eggroll'),
  population: integer('Members a step; even when antithetic.', { min: 2, max: 1_000_000 }),
  sigma: optional(
    schedule('Scale of the perturbations, in units of the parameters; required without `integer`.', {
      above: 0,
    }),
  ),
  rank: integer('Rank of the perturbation of a matrix.', { min: 1, max: 64 }).default(1),
  learningRate: schedule('Step size of the optimizer.', { min: 0 }).default(0.01),
  antithetic: boolean('Members come in pairs that go opposite ways along one direction.').default(true),
  shaping: optional(
    choice(
      'How fitness becomes the weight of a member; `sign`: which of a pair won. Default: centered-rank, sign with `integer`.',
      ['centered-rank', 'z-score', 'raw', 'sign'],
    ),
  ),
  groupSize: optional(
    integer('Consecutive members that share data and are shaped against each other. Default: all.', {
      min: 2,
      max: 1_000_000,
    }),
  ),
  noiseReuse: integer('Steps that keep the same noise; 0: for ever.', { min: 0, max: MAX_STEP }).default(1),
  vectors: choice('Tensors of fewer than two axes: perturbed at full rank, or never moved.', [
    'full',
    'frozen',
  ]).default('full'),
  frozen: z
    .array(text('Name of a tensor, or the beginning of names and `*`.', 256), {
      error: 'must be a list of names',
    })
    .max(4096, { error: 'must be a list of at most 4096 names' })
    .default([])
    .describe('Tensors that never move: names, or beginnings of names that end in `*`.'),
  optimizer: optimizer.default({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
  weightDecay: real('λ of λ·parameters added to the gradient.', { min: 0 }).default(0),
  integer: optional(integerNetworks),
})
  .refine((options) => !options.antithetic || options.population % 2 === 0, { ...EVEN })
  .refine(
    ({ integer, sigma }) => integer !== null || sigma !== null,
    rule(
      'sigma',
      'must be a finite number above 0, or a mapping { schedule: ... }',
      ({ sigma }) => sigma === null,
    ),
  )
  .refine(
    ({ integer, sigma }) => integer === null || sigma === null,
    rule(
      'sigma',
      'must be left out with `integer`, where sigma is 2^−sigmaShift',
      ({ integer }) => integer !== null,
    ),
  )
  .refine(
    ({ integer, rank }) => integer === null || rank === 1,
    rule('rank', 'must be 1 with `integer`', ({ integer }) => integer !== null),
  )
  .refine(
    ({ integer, antithetic }) => integer === null || antithetic,
    rule(
      'antithetic',
      'must be true with `integer`, whose weights move by the signs of pairs',
      ({ integer }) => integer !== null,
    ),
  )
  .refine(
    ({ integer, shaping }) => integer === null || shaping === null || shaping === 'sign',
    rule('shaping', 'must be sign with `integer`', ({ integer }) => integer !== null),
  )
  .refine(
    ({ shaping, antithetic }) => shaping !== 'sign' || antithetic,
    rule(
      'shaping',
      'must be centered-rank, z-score or raw without antithetic pairs',
      ({ shaping, antithetic }) => shaping === 'sign' && typeof antithetic === 'boolean',
    ),
  )
  .refine(
    ({ groupSize, population }) => groupSize === null || population % groupSize === 0,
    rule(
      'groupSize',
      'must divide the population',
      ({ groupSize, population }) => whole(groupSize) && whole(population),
    ),
  )
  .refine(
    ({ groupSize, antithetic }) => groupSize === null || !antithetic || groupSize % 2 === 0,
    rule(
      'groupSize',
      'must be even when antithetic is true',
      ({ groupSize, antithetic }) => whole(groupSize) && typeof antithetic === 'boolean',
    ),
  );

/** Every method's options; the order is that of the documentation. */
export const METHOD_OPTIONS = [es, eggroll] as const;

const METHOD_NAMES = METHOD_OPTIONS.map((schema) => schema.shape.name.value);

export const methodOptions = z
  .discriminatedUnion('name', METHOD_OPTIONS, { error: `must be one of ${METHOD_NAMES.join(', ')}` })
  .describe('The method and its options.');

export type EsOptions = DeepReadonly<z.output<typeof es>>;
export type EggrollOptions = DeepReadonly<z.output<typeof eggroll>>;
export type MethodOptions = EsOptions | EggrollOptions;

/**
 * Value of a schedule at a step (0, 1, 2, ...): the same bits on every machine, since only + − × ÷, comparisons and
 * our own cosine of float64 are used, in a fixed order.
 * linear: from + (to − from)·(step/over), and exactly `to` from step `over` on.
 * exponential: max(floor, from·decay^step), the power by repeated squaring from the lowest bit of `step`.
 * cosine: to + (from − to)·½(1 + cos(π·(step/over))), and exactly `to` from step `over` on.
 */
export function scheduleValue(schedule: Schedule, step: number): number {
  if (typeof schedule === 'number') return schedule;
  switch (schedule.schedule) {
    case 'linear':
      return step >= schedule.over
        ? schedule.to
        : schedule.from + (schedule.to - schedule.from) * (step / schedule.over);
    case 'exponential': {
      const value = schedule.from * integerPower(schedule.decay, step);
      return value > schedule.floor ? value : schedule.floor;
    }
    case 'cosine':
      return step >= schedule.over
        ? schedule.to
        : schedule.to + (schedule.from - schedule.to) * (0.5 * (1 + cos(Math.PI * (step / schedule.over))));
  }
}

/** Value of a share's schedule; decay: 1/((2^halvings − 1)·(step/over) + 1), and on beyond step `over`. */
export function shareValue(schedule: ShareSchedule, step: number): number {
  if (typeof schedule === 'number' || schedule.schedule !== 'decay') return scheduleValue(schedule, step);
  return 1 / ((pow(2, schedule.halvings) - 1) * (step / schedule.over) + 1);
}

/** base^exponent for a whole exponent from 0 to 2^32 − 1: multiplications in the order of the exponent's bits, lowest first. */
function integerPower(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
