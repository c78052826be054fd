// The options of each method as users write them, with every default, and the schedules that some of them may be.
// One entry of METHOD_OPTIONS is one method. Pure: schemas, and fixed-order float64 arithmetic without libm.

import { z } from 'zod';
import { cos } from '../arithmetic/trigonometry.js';
import { boolean, choice, type DeepReadonly, integer, mapping, MAX_STEP, real, word } from '../job/fields.js';

const over = integer('Steps from the first value to the last; constant afterwards.', {
  min: 1,
  max: MAX_STEP,
});

/** Below this an exponential schedule stops by itself, long before it would underflow. */
const DEFAULT_FLOOR = 1e-12;

/** A positive number, or one that changes with the step (from 0) and may end in the range `last`. */
function schedule(description: string, last: { readonly min: number } | { readonly above: number }) {
  const linear = mapping('`from` at step 0, `to` from step `over` on, straight in between.', {
    schedule: word('Kind of schedule.', 'linear'),
    from: real('Value at step 0.', { above: 0 }),
    to: real('Value from step `over` on.', last),
    over,
  });
  const exponential = mapping('from · decay^step, never below `floor`.', {
    schedule: word('Kind of schedule.', 'exponential'),
    from: real('Value at step 0.', { above: 0 }),
    decay: real('Factor a step.', { above: 0, max: 1 }),
    floor: real('Smallest value.', last).default(DEFAULT_FLOOR),
  });
  const cosine = mapping('Half a cosine from `from` at step 0 to `to` from step `over` on.', {
    schedule: word('Kind of schedule.', 'cosine'),
    from: real('Value at step 0.', { above: 0 }),
    to: real('Value from step `over` on.', last),
    over,
  });
  const known = z.discriminatedUnion('schedule', [linear, exponential, cosine], {
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
  path: ['population'],
  error: 'must be even when antithetic is true',
  when: ({ value }) => {
    const { population, antithetic } = (value ?? {}) as { population?: unknown; antithetic?: unknown };
    return Number.isInteger(population) && typeof antithetic === 'boolean';
  },
});

/** Every method's options; the order is that of the documentation. */
export const METHOD_OPTIONS = [es] as const;

const METHOD_NAMES = METHOD_OPTIONS.map((schema) => schema.shape.name.value);

export const methodOptions = z
  .discriminatedUnion('name', METHOD_OPTIONS, { error: `must be one of ${METHOD_NAMES.join(', ')}` })
  .describe('The method and its options.');

export type EsOptions = DeepReadonly<z.output<typeof es>>;

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
