// The benchmark functions as objectives, and `timer`, which only takes time. No I/O.
import type { ObjectiveDefinition, ObjectiveOptions, TensorArray } from '../../../shared/objectives/types.js';
import { type Clock, systemClock } from '../../../shared/ports.js';
import { choice, integer, number, optional, readOptions, refuse, seeded } from '../options.js';
import { BENCHMARK_FUNCTIONS, type BenchmarkName } from './functions.js';
import { transformed } from './transform.js';

/** The product of a rotation costs d² a member and its construction d³ a thread: past this, minutes. */
const LARGEST_ROTATION = 1_000;
const LARGEST = 100_000_000;
const BOUND = 1e12;

const BENCHMARK_OPTIONS = {
  dimension: integer(1, LARGEST),
  shift: seeded(),
  rotation: seeded(),
  dtype: choice(['float32', 'float64'], 'float64'),
  low: optional(number(-BOUND, BOUND)),
  high: optional(number(-BOUND, BOUND)),
};

type Value = (x: TensorArray) => number;

/**
 * A benchmark function as an objective (minimised, optimum value 0). Parameter `x` of shape [dimension], drawn uniformly
 * from [low, high] (default: the published interval).
 */
function benchmark(name: BenchmarkName): ObjectiveDefinition<Value> {
  const base = BENCHMARK_FUNCTIONS[name];
  const read = (options: ObjectiveOptions) => {
    const { low: givenLow, high: givenHigh, ...rest } = readOptions(name, options, BENCHMARK_OPTIONS);
    const low = givenLow ?? base.low;
    const high = givenHigh ?? base.high;
    if (low >= high)
      throw refuse(
        name,
        givenHigh === null ? 'low' : 'high',
        givenHigh ?? givenLow,
        `low < high, but they are ${low} and ${high}`,
      );
    if (rest.dimension < base.smallest)
      throw refuse(name, 'dimension', rest.dimension, `an integer from ${base.smallest}`);
    if (rest.rotation !== null && rest.dimension > LARGEST_ROTATION) {
      throw refuse(
        name,
        'rotation',
        options.rotation,
        `a rotation only up to dimension ${LARGEST_ROTATION}, here it is ${rest.dimension}`,
      );
    }
    return { ...rest, low, high };
  };
  return {
    name,
    direction: 'minimize',
    validate: (options) => {
      const { shift, rotation, ...rest } = read(options);
      return { ...rest, shift: shift ?? false, rotation: rotation ?? false };
    },
    parameters: (options) => {
      const { dimension, dtype, low, high } = read(options);
      return { x: { shape: [dimension], dtype, init: { kind: 'uniform', low, high } } };
    },
    setup: (options) => {
      const { dimension, shift, rotation } = read(options);
      return transformed(base, dimension, shift, rotation);
    },
    evaluate: (parameters, context) => context.resource(parameters.x as TensorArray),
  };
}

const TIMER_OPTIONS = {
  milliseconds: number(0, 86_400_000),
  dimension: integer(1, LARGEST, 10),
  dtype: choice(['float32', 'float64'], 'float32'),
};

/**
 * `timer`: every evaluation waits `milliseconds` without using the processor, then answers Σ x². For measuring a pool
 * apart from any objective's cost.
 */
export function timer(clock: Clock = systemClock): ObjectiveDefinition<number> {
  const name = 'timer';
  return {
    name,
    direction: 'minimize',
    validate: (options) => readOptions(name, options, TIMER_OPTIONS),
    parameters: (options) => {
      const { dimension, dtype } = readOptions(name, options, TIMER_OPTIONS);
      return { x: { shape: [dimension], dtype, init: { kind: 'uniform', low: -1, high: 1 } } };
    },
    setup: (options) => readOptions(name, options, TIMER_OPTIONS).milliseconds,
    evaluate: async (parameters, context) => {
      await wait(clock, context.resource, context.signal);
      return BENCHMARK_FUNCTIONS.sphere.value(parameters.x as TensorArray);
    },
  };
}

function wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      cancel();
      reject(new Error('the evaluation is no longer wanted'));
    };
    const cancel = clock.after(milliseconds, () => {
      signal.removeEventListener('abort', aborted);
      resolve();
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}

export const benchmarkObjectives: readonly ObjectiveDefinition<Value>[] = (
  Object.keys(BENCHMARK_FUNCTIONS) as BenchmarkName[]
).map(benchmark);
