// What a job will cost before it runs: bytes on the wire and in the store, memory of a replica, and the share of time that
// goes into applying steps, which more workers cannot shorten. And the two refusals that follow: sums that might not be
// exact, and ledgers that cannot fit. Pure arithmetic on the compiled spec.

import { SeedcastError } from '../errors.js';
import type { CompiledTensor, Dtype, ObjectiveDescription } from '../objectives/types.js';
import { MAX_COEFFICIENT_BYTES } from '../ledger/limits.js';
import { PRODUCT_MAX } from '../methods/low-rank.js';
import { methodNamed } from '../methods/registry.js';
import { VALIDATE_EVERY } from '../methods/round-layout.js';
import { BINOMIAL_MAX, RADEMACHER_MAX } from '../random/noise.js';
import { MAX_UNITS } from '../wire/messages.js';
import type { JobSpec } from './spec.js';

const WIDTH: Readonly<Record<Dtype, number>> = { float64: 8, float32: 4, int8: 1 };
const INT16_MAX = 32_767;

// Bytes of a message or record beside its arrays, measured on typical ones; they vary by a few with the digits of steps and
// the lengths of names.
const RECORD = 270;
const ROUND = 120;
const RESULT = 130;
const EVIDENCE = 75;
/** Bytes that the store keeps beside each message: its header and subject. */
const STORED = 100;

/**
 * Nanoseconds a coordinate and direction that rebuilding and adding noise takes without SIMD, on one thread; `product`: of
 * one component of low-rank noise, whose factors cost next to nothing.
 */
const APPLY_NANOSECONDS = { binomial: 6, rademacher: 2.5, product: 0.6 } as const;

export interface Costs {
  /** Seconds of one evaluation on one worker, E; without it no times are estimated. */
  readonly evaluation?: number;
  /** Seconds to apply one pair (two members), A; default from the number of parameters and the plain engine's speed. */
  readonly applyPair?: number;
  /** Length of the objective's statistics vector. Default 0. */
  readonly statistics?: number;
  /** Parts of the objective's validation. Default 0. */
  readonly validation?: number;
}

export interface JobEstimate {
  readonly parameters: number;
  readonly members: number;
  /** Random directions a step; half the members when antithetic. */
  readonly directions: number;
  /** Steps until `stop.steps` or `stop.evaluations`; null when neither is set. */
  readonly steps: number | null;
  /** Payload bytes a step. `down` goes to every worker; `up` comes from all together. */
  readonly wire: {
    readonly downPerWorker: number;
    readonly down: number;
    readonly up: number;
    readonly total: number;
  };
  /** Bytes in the store: a step of ledger, a step of evidence, and the whole job (null when the steps are not known). */
  readonly store: { readonly ledger: number; readonly evidence: number; readonly total: number | null };
  /** Bytes of memory: one replica, shared by the threads of a worker, and what each thread adds. */
  readonly memory: { readonly replica: number; readonly perThread: number };
  /** Seconds a step, T(W) = E·M/W + A·M/2, and the share of it that applying takes; null when E is not known. */
  readonly time: {
    readonly evaluation: number;
    readonly applyPair: number;
    readonly step: number;
    readonly applyShare: number;
  } | null;
}

/** Estimates for `workers` ≥ 1 workers of equal speed. Bytes are within a few per cent of what is measured. */
export function estimateJob(
  spec: JobSpec,
  tensors: readonly CompiledTensor[],
  workers: number,
  costs: Costs = {},
): JobEstimate {
  const { population: members, antithetic } = spec.method;
  const directions = antithetic ? members / 2 : members;
  const statistics = costs.statistics ?? 0;
  const parameters = tensors.reduce((sum, { size }) => sum + size, 0);
  const record = RECORD + directions * coefficientWidth(spec) + 8 * statistics;
  // A centre that is evaluated every n-th step costs its repeats every n-th step.
  const { repeats, every, validateEvery = VALIDATE_EVERY } = spec.evaluation;
  const validation = validateEvery === 0 ? 0 : (costs.validation ?? 0) / validateEvery;
  const scalars = members + repeats / every + validation;
  const scalarBytes = scalars * (spec.scalars === 'float64' ? 8 : 4);
  const downPerWorker = ROUND + record;
  // A worker beyond the directions has no share and sends nothing.
  const up = scalarBytes + RESULT * Math.min(workers, directions);
  const steps = knownSteps(spec);
  const ledger = record + STORED;
  const evidence = spec.ledger.evidence === 'none' ? 0 : scalarBytes + EVIDENCE + STORED;
  const keptSteps = typeof spec.ledger.evidence === 'object' ? spec.ledger.evidence.last : Infinity;
  const applyPair = costs.applyPair ?? (applyTime(spec, tensors) * (2 * directions)) / members;
  return {
    parameters,
    members,
    directions,
    steps,
    wire: { downPerWorker, down: downPerWorker * workers, up, total: downPerWorker * workers + up },
    store: {
      ledger,
      evidence,
      total: steps === null ? null : steps * ledger + Math.min(steps, keptSteps) * evidence,
    },
    memory: memoryOf(spec, tensors, statistics),
    time: costs.evaluation === undefined ? null : timeOf(costs.evaluation, applyPair, members, workers),
  };
}

/** `estimateJob` of an objective as a worker described it: what it declares beside its tensors is counted. */
export function estimateDescribed(
  spec: JobSpec,
  { tensors, auxiliary, validation }: ObjectiveDescription,
  workers: number,
  costs: Pick<Costs, 'evaluation' | 'applyPair'> = {},
): JobEstimate {
  return estimateJob(spec, tensors, workers, {
    ...costs,
    statistics: auxiliary?.length ?? 0,
    validation: validation?.parts ?? 0,
  });
}

/** Seconds to rebuild and add the noise of one direction. */
function applyTime({ method }: JobSpec, tensors: readonly CompiledTensor[]): number {
  const nanoseconds = tensors.reduce((sum, { size, shape }) => {
    if (method.name === 'es') return sum + size * APPLY_NANOSECONDS[method.noise];
    const each = shape.length < 2 ? APPLY_NANOSECONDS.binomial : method.rank * APPLY_NANOSECONDS.product;
    return sum + size * each;
  }, 0);
  return nanoseconds / 1e9;
}

/** Bytes of a coefficient: doubled centred ranks fit 16 bits up to a population, other shapings use 32. */
function coefficientWidth({ method }: JobSpec): 2 | 4 {
  return largestCoefficient(method) <= INT16_MAX ? 2 : 4;
}

/** Largest |c| that a method's shaping can give. */
function largestCoefficient(method: JobSpec['method']): number {
  const { antithetic, population } = method;
  const group = method.name === 'eggroll' ? (method.groupSize ?? population) : population;
  const integer = method.name === 'eggroll' && method.integer !== null;
  switch (method.shaping ?? (integer ? 'sign' : 'centered-rank')) {
    case 'centered-rank':
      return (antithetic ? 2 : 1) * (group - 1);
    case 'sign':
      return 1;
    case 'z-score':
    case 'raw':
      return COEFFICIENT_LIMIT;
  }
}

/** Largest |noise| of one coordinate in one int32 term, and how many terms a direction has. */
function largestTerm(method: JobSpec['method']): { readonly noise: number; readonly terms: number } {
  if (method.name === 'es') return { noise: LARGEST_NOISE[method.noise], terms: 1 };
  return { noise: PRODUCT_MAX, terms: method.rank };
}

function knownSteps({ stop, method }: JobSpec): number | null {
  const byEvaluations =
    stop.evaluations === null ? Infinity : Math.ceil(stop.evaluations / method.population);
  const steps = Math.min(stop.steps ?? Infinity, byEvaluations);
  return Number.isFinite(steps) ? steps : null;
}

/** Parameters twice (this step's and the next one's), the optimizer's moments once; a thread adds one member and its noise. */
function memoryOf(
  spec: JobSpec,
  tensors: readonly CompiledTensor[],
  statistics: number,
): JobEstimate['memory'] {
  const moments = methodNamed(spec.method.name).slots(spec).length;
  const state = tensors.reduce((sum, { size, dtype }) => sum + size * WIDTH[dtype], 0);
  const noise =
    methodNamed(spec.method.name).scratch?.(spec, tensors) ??
    tensors.reduce((sum, { size }) => sum + size, 0);
  return { replica: state * (2 + moments) + 16 * statistics, perThread: state + noise };
}

function timeOf(
  evaluation: number,
  applyPair: number,
  members: number,
  workers: number,
): NonNullable<JobEstimate['time']> {
  const applying = (applyPair * members) / 2;
  const step = (evaluation * members) / workers + applying;
  return { evaluation, applyPair, step, applyShare: step === 0 ? 0 : applying / step };
}

/** Coefficients of z-score and raw shaping are rounded to at most this. */
const COEFFICIENT_LIMIT = 2 ** 23;
const LARGEST_NOISE = { binomial: BINOMIAL_MAX, rademacher: RADEMACHER_MAX } as const;

/**
 * Refuses a population whose integer sums might leave the exact range of float64: directions · largest coefficient ·
 * largest noise must stay below 2^53, one product within int32, and one round within 2^20 evaluations.
 * @throws SC_SPEC_BOUND naming the field, the sum and the limit.
 */
export function checkBound(spec: Pick<JobSpec, 'method' | 'evaluation'>): void {
  const { population, antithetic } = spec.method;
  const refuse = (field: string, message: string, hint: string): never => {
    throw new SeedcastError('SC_SPEC_BOUND', message, { place: { field }, hint });
  };
  const repeats = Math.max(spec.evaluation.repeats, spec.evaluation.final);
  if (population + repeats > MAX_UNITS) {
    const message = `${population} members and ${repeats} repeats of the centre are more than the ${MAX_UNITS} evaluations of one round`;
    refuse('spec.method.population', message, `lower it to ${MAX_UNITS - repeats} or less`);
  }
  const directions = antithetic ? population / 2 : population;
  const coefficient = largestCoefficient(spec.method);
  const bytes = directions * (coefficient <= 32767 ? 2 : 4);
  if (bytes > MAX_COEFFICIENT_BYTES) {
    refuse(
      'spec.method.population',
      `the coefficients of ${population} members take ${bytes} bytes a step; a record holds ${MAX_COEFFICIENT_BYTES}`,
      'lower it',
    );
  }
  const { noise, terms } = largestTerm(spec.method);
  const product = coefficient * noise;
  if (product >= 2 ** 31 || directions * terms * product >= 2 ** 53) {
    refuse(
      'spec.method.population',
      `sums of up to ${directions * terms * product} might not be exact in float64, whose limit is 2^53`,
      'lower it',
    );
  }
}

/**
 * Refuses a job whose records and evidence cannot fit in `available` bytes. A job whose number of steps is not known is not
 * refused: it pauses when the store is full.
 * @throws SC_SPEC_STORAGE with both sizes and what would shrink the job.
 */
export function checkStorage(estimate: JobEstimate, available: number): void {
  const { total, ledger, evidence } = estimate.store;
  if (total === null || total <= available) return;
  const steps = estimate.steps ?? 0;
  const fits = steps * ledger <= available;
  const message = `the job needs about ${bytesText(total)} of storage (${steps} steps of ${bytesText(ledger)} ledger and ${bytesText(evidence)} evidence), but ${bytesText(available)} are free`;
  throw new SeedcastError('SC_SPEC_STORAGE', message, {
    place: { field: fits ? 'spec.ledger.evidence' : 'spec.stop' },
    hint: fits
      ? 'keep less evidence: none, or { last: N }'
      : `run at most ${Math.floor(available / ledger)} steps, or give the store more space`,
  });
}

/** `1.5 MB`: powers of 1,000, three digits. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : Number(value.toPrecision(3))} ${units[unit] ?? ''}`;
}
