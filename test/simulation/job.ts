// The jobs that schedules run: a few hundred small specs, each with a pure objective of three to six parameters whose
// value depends on the parameters, the evaluation's seed and the replica's statistics, and which may fail by unit.
import { createHash } from 'node:crypto';
import type { GenesisRecord } from '../../shared/ledger/records.js';
import { NO_PARENT } from '../../shared/ledger/records.js';
import type { JobSpec } from '../../shared/job/spec.js';
import type { EsOptions, MethodOptions } from '../../shared/methods/options.js';
import { methodNamed } from '../../shared/methods/registry.js';
import type { CompiledTensor, TensorArray } from '../../shared/objectives/types.js';
import type { UnitLayout } from '../../shared/wire/slices.js';
import type { Replica } from '../../worker/replica/replica.js';
import { Random } from './random.js';

export const VARIANTS = 240;

export interface SimulatedJob {
  readonly variant: number;
  readonly genesis: GenesisRecord;
  /** Share of units that fail wherever they are evaluated. */
  readonly failureRate: number;
}

const CODE = createHash('sha256').update('simulated objective').digest('hex');

export function simulatedJob(variant: number): SimulatedJob {
  const random = new Random(variant + 1000);
  const antithetic = random.chance(0.75);
  const population = antithetic ? random.pick([4, 6, 8]) : random.pick([4, 5, 7]);
  const float64 = random.chance(0.3);
  const tensors: CompiledTensor[] = [
    tensor('x', random.integer(2, 4), float64 ? 'float64' : 'float32', random.chance(0.3) ? 2 : 1),
    ...(random.chance(0.5) ? [tensor('y', random.integer(1, 2), 'float32', 1)] : []),
  ];
  const steps = random.integer(3, 7);
  const es: EsOptions = {
    name: 'es',
    population,
    sigma: random.chance(0.3) ? { schedule: 'exponential', from: 0.2, decay: 0.9, floor: 0.01 } : 0.1,
    learningRate: random.pick([0.05, 0.5]),
    antithetic,
    shaping: random.pick<EsOptions['shaping']>(['centered-rank', 'centered-rank', 'z-score', 'raw']),
    optimizer: random.pick<EsOptions['optimizer']>([
      { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
      { name: 'momentum', momentum: 0.9 },
      { name: 'sgd' },
    ]),
    noise: random.pick<EsOptions['noise']>(['binomial', 'rademacher']),
    weightDecay: random.chance(0.3) ? 0.01 : 0,
  };
  const method = lowRank(variant, es, tensors);
  const validated = new Random(variant + 9000);
  const parts = validated.chance(0.35) ? validated.integer(1, 3) : 0;
  const validateEvery = validated.pick([undefined, 0, 1, 2]);
  const spec: JobSpec = {
    seed: `simulated ${variant}`,
    method,
    objective: { name: 'simulated', options: {} },
    init: null,
    stop: {
      steps,
      evaluations: random.chance(0.2) ? population * random.integer(2, steps) : null,
      fitness: random.chance(0.15) ? 2.5 : null,
      wallClock: null,
      plateau: random.chance(0.15) ? { steps: 2, minDelta: 0.01 } : null,
    },
    evaluation: {
      every: random.integer(1, 3),
      repeats: random.integer(1, 2),
      final: random.integer(1, 3),
      ...(validateEvery === undefined ? {} : { validateEvery }),
    },
    onFailure: random.pick(['worst', 'worst', 'skip', 'fail']),
    ledger: { evidence: random.chance(0.85) ? 'all' : 'none', digestEvery: random.pick([1, 2, 100]) },
    scalars: 'float64',
    engine: null,
  };
  const genesis: GenesisRecord = {
    kind: 'genesis',
    epoch: 1,
    parent: NO_PARENT,
    name: 'simulated',
    spec,
    objective: {
      name: 'simulated',
      direction: random.pick(['minimize', 'maximize']),
      options: {},
      tensors,
      auxiliary: random.chance(0.4) ? { length: 2, every: random.pick([1, 2]) } : null,
      seeds: random.pick(['per-direction', 'per-member', 'per-step']),
      code: CODE,
      ...(parts === 0 ? {} : { validation: { metric: 'accuracy', direction: 'maximize', parts } }),
    },
    init: null,
    method: { name: method.name, version: methodNamed(method.name).version },
  };
  return { variant, genesis, failureRate: random.chance(0.3) ? random.pick([0.05, 0.3]) : 0 };
}

const LOW_RANK = {
  name: 'eggroll',
  rank: 1,
  groupSize: null,
  noiseReuse: 1,
  vectors: 'full',
  frozen: [],
  integer: null,
} as const;

/** Four in ten of the jobs are of eggroll, some with groups, noise that lasts, a frozen tensor or integers; the rest stay as they are. */
function lowRank(variant: number, es: EsOptions, tensors: CompiledTensor[]): MethodOptions {
  const random = new Random(variant + 7000);
  if (!random.chance(0.4)) return es;
  const { population, sigma, learningRate, antithetic, optimizer, weightDecay } = es;
  const rest = { population, sigma, learningRate, antithetic, optimizer, weightDecay };
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8].filter((n) => n % (es.antithetic ? 2 : 1) === 0);
  const groups = sizes.filter((n) => n > 1 && es.population % n === 0);
  const [first] = tensors;
  if (first?.size === 4 || first?.size === 2) tensors[0] = { ...first, shape: [2, first.size / 2] };
  if (es.antithetic && random.chance(0.2)) {
    tensors.forEach((one, t) => {
      tensors[t] = { ...one, dtype: 'int8', bounds: null, init: { kind: 'normal', std: 2 } };
    });
    const integer = { alpha: random.pick([1, 0.5]), sigmaShift: random.pick([2, 4]) };
    return { ...rest, ...LOW_RANK, sigma: null, shaping: null, integer };
  }
  return {
    ...rest,
    ...LOW_RANK,
    rank: random.pick([1, 1, 2, 3]),
    shaping: es.antithetic && random.chance(0.2) ? 'sign' : es.shaping,
    groupSize: random.pick([null, ...groups]),
    noiseReuse: random.pick([1, 1, 2, 0]),
    frozen: tensors.length > 1 && random.chance(0.3) ? ['y*'] : [],
  };
}

function tensor(name: string, size: number, dtype: 'float32' | 'float64', sigma: number): CompiledTensor {
  return {
    name,
    shape: [size],
    size,
    dtype,
    init: { kind: 'uniform', low: -1, high: 1 },
    bounds: name === 'y' ? { low: -2, high: 2, scale: 'linear' } : null,
    sigma,
  };
}

export type Outcome =
  { readonly value: number; readonly auxiliary: Float64Array | null } | { readonly error: string };

/** One unit as any worker evaluates it: a function of the replica's state at `step` and the unit, of nothing else. */
export function evaluateUnit(
  job: SimulatedJob,
  replica: Replica,
  step: number,
  layout: UnitLayout,
  unit: number,
  arrays: readonly TensorArray[],
): Outcome {
  const held = layout.members === 0;
  const failure = failureOf(job, step, held, unit);
  if (failure === 'throws') return { error: `no value for unit ${unit}` };
  if (failure !== null) return { value: failure, auxiliary: null };
  replica.parametersOf(step, layout, unit, arrays);
  const { seed, statistics, wantsAuxiliary, point, part } = replica.contextOf(step, layout, unit);
  // A figure that has nothing of the fitness: where it got mixed in, it shows.
  if (point === 'validation') return { value: accuracyOf(arrays, seed, part), auxiliary: null };
  let value = 0.05 * (seed / 2 ** 32);
  arrays.forEach((array, t) => {
    array.forEach((x, i) => (value += (x - 0.3 * (t + i)) * (x - 0.3 * (t + i))));
  });
  if (statistics.length > 0) value += 1e-3 * (statistics[1] ?? 0);
  return { value, auxiliary: wantsAuxiliary ? Float64Array.of(1, value / 8) : null };
}

/** In (0, 1], differing by part and by the part's seed. */
function accuracyOf(
  arrays: readonly TensorArray[],
  seed: number,
  part: { readonly index: number; readonly count: number } | null,
): number {
  if (part === null) return Number.NaN;
  let size = 0;
  for (const array of arrays) for (const x of array) size += x * x;
  return 1 / (1 + size + (part.index + 1) / part.count + seed / 2 ** 32);
}

function failureOf(job: SimulatedJob, step: number, held: boolean, unit: number): 'throws' | number | null {
  if (job.failureRate === 0) return null;
  const random = new Random(((job.variant * 64 + step) * 2 + Number(held)) * 64 + unit);
  if (!random.chance(job.failureRate)) return null;
  return random.pick<'throws' | number>(['throws', NaN, Infinity, -Infinity]);
}
