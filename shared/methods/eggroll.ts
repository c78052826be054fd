// EGGROLL: evolution strategies whose perturbation of a matrix is low-rank ("Evolution Strategies at the Hyperscale",
// arXiv 2511.16652, Algorithm 1), with integer noise; and its update of integer networks (appendix H).
//
//   matrix [out, in]   E_k = (1/(4 √r)) Σ_c A_kc B_kcᵀ     A, B binomial noise of deviation 2: every entry has variance 1
//   vector, scalar     E_k = e_k / 2
//   member 2k: W + σ_t f E_k,   member 2k+1: W − σ_t f E_k,   g = (1/M) Σ_i p_i (±E_i),   then as `es`
//
//   int8 tensors       F_k = sign(score_2k − score_2k+1),   Z = Σ_k F_k A_k B_kᵀ  (vectors: Σ_k F_k a_k b_k)
//                      w ← clip(w + sign(Z)) where |Z| ≥ 4 z √Np and Z ≠ 0,   z = Φ⁻¹(1 − α_t/2)
//
// Sums over directions are exact integers; replicas rebuild them in any order. Arithmetic class I.
import { SeedcastError } from '../errors.js';
import { directionBlocks, exactSums } from '../arithmetic/class-i.js';
import { normalQuantile } from '../arithmetic/normal-quantile.js';
import {
  centeredRankCoefficients,
  centeredRankScale,
  countedMembers,
  pairSigns,
  rawCoefficients,
  zScoreCoefficients,
} from '../arithmetic/shaping.js';
import { nearest } from '../job/nearest.js';
import type { JobSpec } from '../job/spec.js';
import type { StepUpdate } from '../ledger/records.js';
import type { CompiledTensor, TensorArray } from '../objectives/types.js';
import { BINOMIAL_MAX, BINOMIAL_VARIANCE, accumulateBinomial, fillBinomial } from '../random/noise.js';
import { PURPOSE } from '../random/purposes.js';
import { advanceStatistics, floatStep, optimizerSlots, recordedRate } from './float-step.js';
import { type Matrix, fillFactor, matrixOf, visitLowRankSums } from './low-rank.js';
import {
  countTies,
  DIRECTIONS_TO_TELL,
  pairedLayout,
  pairedNoise,
  SIGNAL_SAMPLE,
  withWorst,
} from './members.js';
import type { Method, MethodContext, Reduction, Scratch } from './method.js';
import { type EggrollOptions, scheduleValue, shareValue } from './options.js';

/** Coordinates of a vector whose sums are held at once. */
const TILE = 4096;
const INT8_MAX = 127;

function options({ method }: JobSpec): EggrollOptions {
  if (method.name === 'eggroll') return method;
  throw new SeedcastError('SC_INTERNAL', `eggroll was asked for a step of ${method.name}`);
}

/** σ_t of float tensors. */
function sigmaAt({ sigma }: EggrollOptions, step: number): number {
  return sigma === null ? 0 : scheduleValue(sigma, step);
}

/** The step word of the noise counters: the step itself, or the first of the steps that share its noise. */
function noiseStepAt({ noiseReuse }: EggrollOptions, step: number): number {
  return noiseReuse === 0 ? 0 : Math.floor(step / noiseReuse);
}

/** How one tensor is perturbed; `at`: where its noise begins in a thread's scratch. */
interface Part {
  readonly kind: 'frozen' | 'matrix' | 'vector' | 'integer-matrix' | 'integer-vector';
  readonly matrix: Matrix;
  readonly rank: number;
  readonly at: number;
}

interface Plan {
  readonly parts: readonly Part[];
  /** Noise values of one direction. */
  readonly noise: number;
}

function planOf(spec: JobSpec, tensors: readonly CompiledTensor[]): Plan {
  const method = options(spec);
  const frozen = frozenNames(method, tensors);
  let noise = 0;
  const parts = tensors.map((tensor): Part => {
    const matrix = matrixOf(tensor.shape);
    const at = noise;
    const integer = tensor.dtype === 'int8';
    if (frozen.has(tensor.name))
      return { kind: 'frozen', matrix: { rows: 1, columns: tensor.size }, rank: 0, at };
    if (matrix === null) {
      noise += integer ? 2 * tensor.size : tensor.size;
      return {
        kind: integer ? 'integer-vector' : 'vector',
        matrix: { rows: 1, columns: tensor.size },
        rank: 0,
        at,
      };
    }
    noise += method.rank * (matrix.rows + matrix.columns);
    return { kind: integer ? 'integer-matrix' : 'matrix', matrix, rank: method.rank, at };
  });
  return { parts, noise };
}

function frozenNames({ vectors, frozen }: EggrollOptions, tensors: readonly CompiledTensor[]): Set<string> {
  const exact = new Set(frozen.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = frozen.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return new Set(
    tensors
      .filter(
        ({ name, shape }) =>
          (vectors === 'frozen' && shape.length < 2) ||
          exact.has(name) ||
          prefixes.some((prefix) => name.startsWith(prefix)),
      )
      .map(({ name }) => name),
  );
}

const plans = new WeakMap<MethodContext, Plan>();

function planFor(context: MethodContext): Plan {
  let plan = plans.get(context);
  if (plan === undefined) {
    plan = planOf(context.spec, context.tensors);
    plans.set(context, plan);
  }
  return plan;
}

/** What S is multiplied by beside the record's scale, which is that of noise of deviation 2: E = S·this/2. */
function noiseScale({ rank }: Part): number {
  return rank === 0 ? 1 : 1 / (2 * Math.sqrt(rank));
}

export const eggroll: Method = {
  name: 'eggroll',
  version: 1,
  dtypes: ['float32', 'float64', 'int8'],

  slots(spec) {
    const { integer, optimizer } = options(spec);
    return integer === null ? optimizerSlots(optimizer) : [];
  },

  layout: (spec) => pairedLayout(options(spec)),

  dataGroup(spec) {
    return options(spec).groupSize;
  },

  checkTensors({ spec, objective }) {
    const method = options(spec);
    const { tensors, name } = objective;
    const integers = tensors.filter(({ dtype }) => dtype === 'int8');
    if (method.integer === null && integers.length > 0) {
      const list = integers.map((tensor) => tensor.name).join(', ');
      throw refusal(
        'integer',
        `objective ${name} has int8 tensors (${list})`,
        'add integer: {} and leave out sigma',
      );
    }
    if (method.integer !== null && integers.length < tensors.length) {
      const list = tensors.filter(({ dtype }) => dtype !== 'int8').map((tensor) => tensor.name);
      throw refusal(
        'integer',
        `objective ${name} has float tensors (${list.join(', ')})`,
        'give sigma in its place',
      );
    }
    for (const pattern of method.frozen) {
      const names = tensors.map((tensor) => tensor.name);
      const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : null;
      if (prefix === null ? names.includes(pattern) : names.some((n) => n.startsWith(prefix))) continue;
      const guess = nearest(prefix ?? pattern, names);
      throw refusal(
        'frozen',
        `no tensor of objective ${name} ${prefix === null ? 'is called' : 'begins with'} ${JSON.stringify(prefix ?? pattern)}`,
        guess === null ? `it has ${names.slice(0, 20).join(', ')}` : `did you mean ${guess}?`,
      );
    }
    if (frozenNames(method, tensors).size === tensors.length)
      throw refusal('frozen', `every tensor of objective ${name} is frozen`, 'leave some to train');
  },

  scratch(spec, tensors) {
    return planOf(spec, tensors).noise;
  },

  reduce(spec, step, fitness, failed): Reduction {
    const method = options(spec);
    const { antithetic, population, optimizer, learningRate } = method;
    const shaping = method.shaping ?? (method.integer === null ? 'centered-rank' : 'sign');
    const skip = spec.onFailure === 'skip';
    const byOrder = shaping === 'centered-rank' || shaping === 'sign';
    const shaped = skip ? fitness : withWorst(fitness, failed, byOrder);
    const skipped = skip ? failed : undefined;
    const ties = antithetic ? countTies(fitness, failed) : 0;
    const members = countedMembers(shaped.length, antithetic, skipped).length;
    if (method.integer !== null) {
      const alpha = shareValue(method.integer.alpha, step);
      // Φ⁻¹(1 − α/2), without the loss of a small α in the difference.
      const z = 0 - normalQuantile(alpha / 2);
      const rate = BINOMIAL_VARIANCE * z * Math.sqrt(members / 2);
      return { update: { coefficients: pairSigns(shaped, skipped), exponent: 0, scale: 1, rate }, ties };
    }
    const rate = recordedRate(optimizer, scheduleValue(learningRate, step), step);
    const group = method.groupSize === null || method.groupSize === population ? undefined : method.groupSize;
    switch (shaping) {
      case 'centered-rank':
        return {
          update: {
            coefficients: centeredRankCoefficients(shaped, antithetic, skipped, group),
            exponent: 0,
            scale: centeredRankScale(members, group),
            rate,
          },
          ties,
        };
      case 'sign':
        return {
          update: {
            coefficients: pairSigns(shaped, skipped),
            exponent: 0,
            scale: members === 0 ? 0 : 1 / (2 * members),
            rate,
          },
          ties,
        };
      case 'z-score':
      case 'raw': {
        const { coefficients, exponent } =
          shaping === 'z-score'
            ? zScoreCoefficients(shaped, antithetic, skipped, group)
            : rawCoefficients(shaped, sigmaAt(method, step), antithetic, skipped, group);
        return { update: { coefficients, exponent, scale: 1, rate }, ties };
      }
    }
  },

  perturb(context, step, member, scratch, out) {
    const method = options(context.spec);
    const { direction, sign } = eggroll.memberNoise(context.spec, member);
    const plan = planFor(context);
    fillScratch(context, plan, step, direction, scratch);
    const sigma = sigmaAt(method, step);
    const shift = (method.integer?.sigmaShift ?? 0) - 2;
    const base = context.memory.parameters(step);
    plan.parts.forEach((part, t) => {
      const from = base[t];
      const to = out[t];
      const tensor = context.tensors[t];
      if (from === undefined || to === undefined || tensor === undefined) return;
      const noise = scratch.noise.subarray(part.at);
      const scale = (sign * sigma * tensor.sigma * noiseScale(part)) / 2;
      if (part.kind === 'frozen') to.set(from);
      else if (part.kind === 'vector') addScaled(from, to, noise, scale, 0, tensor.size);
      else if (part.kind === 'matrix') addProduct(from, to, noise, part, scale);
      else addShifted(from, to, noise, part, sign, shift);
    });
  },

  population(context, step) {
    const { spec, tensors } = context;
    const method = options(spec);
    const sigma = sigmaAt(method, step);
    const shift = (method.integer?.sigmaShift ?? 0) - 2;
    const { parts } = planFor(context);
    return {
      noiseStep: noiseStepAt(method, step),
      tensors: parts.map((part, t) => {
        const scale = (sigma * (tensors[t]?.sigma ?? 1) * noiseScale(part)) / 2;
        const [a, b] = [2 * t, 2 * t + 1];
        switch (part.kind) {
          case 'frozen':
            return { kind: 'none' };
          case 'vector':
            return { kind: 'full', noise: 'binomial', scale, a };
          case 'matrix':
            return { kind: 'low-rank', rank: part.rank, scale, a, b };
          case 'integer-matrix':
            return { kind: 'integer-low-rank', shift, a, b };
          case 'integer-vector':
            return { kind: 'integer-product', shift, a, b };
        }
      }),
    };
  },

  memberNoise: (spec, member) => pairedNoise(options(spec), member),

  apply(context, step, update, lo, hi) {
    const { memory, spec } = context;
    const method = options(spec);
    planFor(context).parts.forEach((part, t) => {
      const start = memory.offsets[t] ?? 0;
      const end = memory.offsets[t + 1] ?? start;
      const [from, to] = [Math.max(lo, start) - start, Math.min(hi, end) - start];
      if (from >= to) return;
      if (part.kind === 'frozen') {
        const base = memory.parameters(step)[t];
        if (base !== undefined) memory.parameters(step + 1)[t]?.set(base.subarray(from, to), from);
        return;
      }
      visitSums(context, step, update, t, part, from, to, (first, last, sums) => {
        if (method.integer === null)
          floatStep(context, step, update, method, t, noiseScale(part), first, last, sums);
        else thresholdStep(context, step, update.rate, t, first, last, sums);
      });
    });
    if (lo === 0) advanceStatistics(context, step, update);
  },

  signal(context, step, update) {
    const { coefficients } = update;
    const { parts } = planFor(context);
    let squares = 0;
    for (const c of coefficients) squares += c * c;
    const trained = parts.reduce(
      (sum, { kind }, t) => sum + (kind === 'frozen' ? 0 : (context.tensors[t]?.size ?? 0)),
      0,
    );
    const t = parts.findIndex(({ kind }) => kind !== 'frozen');
    const part = parts[t];
    // Signs of an integer network move weights by a threshold, for which |g|² says little.
    if (part === undefined || options(context.spec).integer !== null) return null;
    if (squares === 0 || DIRECTIONS_TO_TELL * coefficients.length < trained) return null;
    const length = Math.min(context.tensors[t]?.size ?? 0, SIGNAL_SAMPLE);
    let sum = 0;
    visitSums(context, step, update, t, part, 0, length, (_first, _last, sums) => {
      for (const s of sums) sum += s * s;
    });
    // Without signal E S² = Σ c² times the variance of the noise: 4 of a vector, r·16 of a matrix.
    const variance = part.rank === 0 ? BINOMIAL_VARIANCE : part.rank * BINOMIAL_VARIANCE ** 2;
    return sum / (length * variance * squares);
  },
};

function refusal(option: string, message: string, hint: string): SeedcastError {
  return new SeedcastError('SC_OBJECTIVE_OPTIONS', `spec.method.${option}: ${message}`, {
    place: { field: `spec.method.${option}` },
    hint,
  });
}

/** All factors and vectors of one direction, kept for the other member of the pair. */
function fillScratch(
  context: MethodContext,
  { parts }: Plan,
  step: number,
  direction: number,
  scratch: Scratch,
): void {
  if (scratch.step === step && scratch.direction === direction) return;
  const { key, spec } = context;
  const noiseStep = noiseStepAt(options(spec), step);
  parts.forEach(({ kind, matrix: { rows, columns }, rank, at }, t) => {
    const source = { key, tensor: t, noiseStep };
    const noise = scratch.noise.subarray(at);
    const vector = (factor: number, from: number): void =>
      fillBinomial(
        key,
        PURPOSE.perturbation,
        factor,
        direction,
        noiseStep,
        0,
        noise.subarray(from, from + columns),
      );
    if (kind === 'frozen') return;
    if (kind === 'vector' || kind === 'integer-vector') {
      vector(2 * t, 0);
      if (kind === 'integer-vector') vector(2 * t + 1, columns);
      return;
    }
    fillFactor(source, 2 * t, direction, rank, rows, 0, rows, noise.subarray(0, rank * rows));
    fillFactor(
      source,
      2 * t + 1,
      direction,
      rank,
      columns,
      0,
      columns,
      noise.subarray(rank * rows, rank * (rows + columns)),
    );
  });
  scratch.step = step;
  scratch.direction = direction;
}

/** to[lo + j] = from[lo + j] + scale·noise[j]: one rounding of the product and one of the sum, in the tensor's type. */
function addScaled(
  from: TensorArray,
  to: TensorArray,
  noise: Int8Array | Int32Array,
  scale: number,
  lo: number,
  length: number,
): void {
  if (from instanceof Float64Array) {
    for (let j = 0; j < length; j++) to[lo + j] = (from[lo + j] as number) + scale * (noise[j] as number);
    return;
  }
  const rounded = Math.fround(scale);
  for (let j = 0; j < length; j++)
    to[lo + j] = (from[lo + j] as number) + Math.fround(rounded * (noise[j] as number));
}

/** to = from + scale·Σ_c A_c B_cᵀ, the integer sum exact. */
function addProduct(
  from: TensorArray,
  to: TensorArray,
  noise: Int8Array,
  { matrix: { rows, columns }, rank }: Part,
  scale: number,
): void {
  const sums = new Int32Array(columns);
  const b = noise.subarray(rank * rows, rank * (rows + columns));
  for (let i = 0; i < rows; i++) {
    sums.fill(0);
    for (let c = 0; c < rank; c++) {
      const a = noise[c * rows + i] as number;
      if (a === 0) continue;
      for (let j = 0; j < columns; j++)
        sums[j] = ((sums[j] as number) + Math.imul(a, b[c * columns + j] as number)) | 0;
    }
    addScaled(from, to, sums, scale, i * columns, columns);
  }
}

/**
 * int8: to = clip(from + ((s A_i B_j) >> shift)), vectors with a_i b_i. A matrix product on an engine shifts the whole
 * (u·B)·A_i instead, so for matrices this is the same perturbation up to where it is rounded.
 */
function addShifted(
  from: TensorArray,
  to: TensorArray,
  noise: Int8Array,
  { kind, matrix: { rows, columns } }: Part,
  sign: number,
  shift: number,
): void {
  const vector = kind === 'integer-vector';
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const a = noise[vector ? j : i] as number;
      const b = noise[(vector ? columns : rows) + j] as number;
      const at = i * columns + j;
      to[at] = clip((from[at] as number) + ((sign * a * b) >> shift));
    }
  }
}

function clip(value: number): number {
  return value > INT8_MAX ? INT8_MAX : value < -INT8_MAX ? -INT8_MAX : value;
}

/** Calls `visit` with the exact sums of elements [lo, hi) of a tensor, in stretches. */
function visitSums(
  { key, spec }: MethodContext,
  step: number,
  { coefficients }: StepUpdate,
  t: number,
  part: Part,
  lo: number,
  hi: number,
  visit: (lo: number, hi: number, sums: Float64Array) => void,
): void {
  const noiseStep = noiseStepAt(options(spec), step);
  if (part.kind === 'matrix' || part.kind === 'integer-matrix') {
    visitLowRankSums({ key, tensor: t, noiseStep }, coefficients, part.rank, part.matrix, lo, hi, visit);
    return;
  }
  const products = part.kind === 'integer-vector';
  const blocks = directionBlocks(coefficients, products ? BINOMIAL_MAX ** 2 : BINOMIAL_MAX);
  const sums = new Int32Array(Math.min(TILE, hi - lo));
  const wide = new Float64Array(sums.length);
  const a = new Int8Array(products ? sums.length : 0);
  const b = new Int8Array(a.length);
  for (let from = lo; from < hi; from += TILE) {
    const to = Math.min(from + TILE, hi);
    const tile = wide.subarray(0, to - from);
    exactSums(
      (first, last, into) => {
        if (!products) {
          accumulateBinomial(
            key,
            PURPOSE.perturbation,
            2 * t,
            noiseStep,
            coefficients,
            first,
            last,
            from,
            into,
          );
          return;
        }
        for (let k = first; k < last; k++) {
          const c = coefficients[k] as number;
          if (c === 0) continue;
          fillBinomial(key, PURPOSE.perturbation, 2 * t, k, noiseStep, from, a.subarray(0, into.length));
          fillBinomial(key, PURPOSE.perturbation, 2 * t + 1, k, noiseStep, from, b.subarray(0, into.length));
          for (let i = 0; i < into.length; i++)
            into[i] = (into[i] as number) + c * (a[i] as number) * (b[i] as number);
        }
      },
      blocks,
      sums.subarray(0, to - from),
      tile,
    );
    visit(from, to, tile);
  }
}

/** w ← clip(w + sign(Z)) where |Z| ≥ threshold and Z ≠ 0, elements [lo, hi); `sums` from 0. */
function thresholdStep(
  { memory }: MethodContext,
  step: number,
  threshold: number,
  t: number,
  lo: number,
  hi: number,
  sums: Float64Array,
): void {
  const from = memory.parameters(step)[t];
  const to = memory.parameters(step + 1)[t];
  if (from === undefined || to === undefined) return;
  for (let i = lo; i < hi; i++) {
    const z = sums[i - lo] as number;
    const w = from[i] as number;
    to[i] = z !== 0 && Math.abs(z) >= threshold ? clip(w + Math.sign(z)) : w;
  }
}
