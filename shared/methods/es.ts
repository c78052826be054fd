// Evolution strategies (Salimans, Ho, Chen, Sidor, Sutskever 2017, arXiv 1703.03864, Algorithm 2) with integer noise.
//
//   member 2k:   θ + σ_t f ε_k        member 2k+1:  θ − σ_t f ε_k        ε = e / s,  e integer noise of deviation s
//   g = (1/M) Σ_i p_i ε_i             p: shaped fitness, larger is better; σ is absorbed in the learning rate (not for `raw`)
//   u = −g + λ θ,   θ ← θ + f · optimiser(u)
//
// With centred ranks p is a multiple of 1/(2 (M−1)), so g = S · scale with S = Σ c_k e_k an exact integer: that sum is what
// replicas rebuild, in any order. f is a tensor's own factor (`sigma` of its declaration). Arithmetic class I.
import { SeedcastError } from '../errors.js';
import { directionBlocks, exactSums } from '../arithmetic/class-i.js';
import {
  centeredRankCoefficients,
  centeredRankScale,
  countedMembers,
  rawCoefficients,
  zScoreCoefficients,
} from '../arithmetic/shaping.js';
import type { JobSpec } from '../job/spec.js';
import type { StepUpdate } from '../ledger/records.js';
import type { TensorArray } from '../objectives/types.js';
import {
  BINOMIAL_MAX,
  BINOMIAL_VARIANCE,
  RADEMACHER_MAX,
  accumulateBinomial,
  accumulateRademacher,
  fillBinomial,
  fillRademacher,
} from '../random/noise.js';
import { PURPOSE } from '../random/purposes.js';
import type { Method, MethodContext, Reduction, Scratch } from './method.js';
import { advanceStatistics, floatStep, optimizerSlots, recordedRate } from './float-step.js';
import {
  countTies,
  DIRECTIONS_TO_TELL,
  pairedLayout,
  pairedNoise,
  SIGNAL_SAMPLE,
  withWorst,
} from './members.js';
import { type EsOptions, scheduleValue } from './options.js';

/** Standard deviation and largest magnitude of each integer noise. */
const NOISE = {
  binomial: {
    deviation: Math.sqrt(BINOMIAL_VARIANCE),
    largest: BINOMIAL_MAX,
    fill: fillBinomial,
    accumulate: accumulateBinomial,
  },
  rademacher: {
    deviation: 1,
    largest: RADEMACHER_MAX,
    fill: fillRademacher,
    accumulate: accumulateRademacher,
  },
} as const;

/** Coordinates whose sums are held at once: they stay in the first-level cache over all directions. */
const TILE = 4096;

function options({ method }: JobSpec): EsOptions {
  if (method.name === 'es') return method;
  throw new SeedcastError('SC_INTERNAL', `es was asked for a step of ${method.name}`);
}

export const es: Method = {
  name: 'es',
  version: 1,
  dtypes: ['float32', 'float64'],

  slots(spec) {
    return optimizerSlots(options(spec).optimizer);
  },

  layout: (spec) => pairedLayout(options(spec)),

  reduce(spec, step, fitness, failed): Reduction {
    const { antithetic, shaping, optimizer, learningRate, sigma, noise } = options(spec);
    const skip = spec.onFailure === 'skip';
    const shaped = skip ? fitness : withWorst(fitness, failed, shaping === 'centered-rank');
    const skipped = skip ? failed : undefined;
    // The shaping functions give g for noise of deviation 2.
    const noiseScale = 2 / NOISE[noise].deviation;
    const common = { rate: recordedRate(optimizer, scheduleValue(learningRate, step), step) };
    const ties = antithetic ? countTies(fitness, failed) : 0;
    if (shaping === 'centered-rank') {
      const coefficients = centeredRankCoefficients(shaped, antithetic, skipped);
      const members = countedMembers(shaped.length, antithetic, skipped).length;
      return {
        update: { ...common, coefficients, exponent: 0, scale: noiseScale * centeredRankScale(members) },
        ties,
      };
    }
    const { coefficients, exponent } =
      shaping === 'z-score'
        ? zScoreCoefficients(shaped, antithetic, skipped)
        : rawCoefficients(shaped, scheduleValue(sigma, step), antithetic, skipped);
    return { update: { ...common, coefficients, exponent, scale: noiseScale }, ties };
  },

  perturb(context, step, member, scratch, out) {
    const { sigma, noise } = options(context.spec);
    const { direction, sign } = es.memberNoise(context.spec, member);
    fillNoise(context, step, direction, scratch);
    const base = context.memory.parameters(step);
    const scale = (sign * scheduleValue(sigma, step)) / NOISE[noise].deviation;
    context.tensors.forEach((tensor, t) => {
      const from = base[t];
      const to = out[t];
      if (from === undefined || to === undefined) return;
      const offset = context.memory.offsets[t] ?? 0;
      addNoise(
        from,
        to,
        scratch.noise.subarray(offset, offset + tensor.size),
        scale * tensor.sigma,
        NOISE[noise].largest,
      );
    });
  },

  population({ spec, tensors }, step) {
    const { sigma, noise } = options(spec);
    const scale = scheduleValue(sigma, step) / NOISE[noise].deviation;
    return {
      noiseStep: step,
      tensors: tensors.map((tensor, t) => ({ kind: 'full', noise, scale: scale * tensor.sigma, a: t })),
    };
  },

  memberNoise: (spec, member) => pairedNoise(options(spec), member),

  apply(context, step, update, lo, hi) {
    const { memory, tensors } = context;
    const { largest } = NOISE[options(context.spec).noise];
    const blocks = directionBlocks(update.coefficients, largest);
    const sums = new Int32Array(Math.min(TILE, hi - lo));
    const wide = new Float64Array(sums.length);
    for (let t = 0; t < tensors.length; t++) {
      const start = memory.offsets[t] ?? 0;
      const end = memory.offsets[t + 1] ?? start;
      for (let from = Math.max(lo, start); from < Math.min(hi, end); from += TILE) {
        const to = Math.min(from + TILE, hi, end);
        applyTile(
          context,
          step,
          update,
          t,
          from - start,
          to - start,
          blocks,
          sums.subarray(0, to - from),
          wide.subarray(0, to - from),
        );
      }
    }
    if (lo === 0) advanceStatistics(context, step, update);
  },

  signal(context, step, update) {
    const { coefficients } = update;
    const { largest, deviation } = NOISE[options(context.spec).noise];
    const parameters = context.tensors.reduce((sum, { size }) => sum + size, 0);
    let squares = 0;
    for (const c of coefficients) squares += c * c;
    const [first] = context.tensors;
    if (first === undefined || squares === 0 || DIRECTIONS_TO_TELL * coefficients.length < parameters)
      return null;
    const length = Math.min(first.size, SIGNAL_SAMPLE);
    const sums = new Int32Array(length);
    const wide = new Float64Array(length);
    sumNoise(context, step, update, 0, 0, directionBlocks(coefficients, largest), sums, wide);
    // Without signal the coefficients are independent of the noise, whatever ties, failures and shaping made of them:
    // E (Σ c_k e_k)² = deviation² Σ c_k².
    return wide.reduce((sum, s) => sum + s * s, 0) / (length * deviation ** 2 * squares);
  },
};

function fillNoise(context: MethodContext, step: number, direction: number, scratch: Scratch): void {
  if (scratch.step === step && scratch.direction === direction) return;
  const { fill } = NOISE[options(context.spec).noise];
  context.tensors.forEach((tensor, t) => {
    const offset = context.memory.offsets[t] ?? 0;
    fill(
      context.key,
      PURPOSE.perturbation,
      t,
      direction,
      step,
      0,
      scratch.noise.subarray(offset, offset + tensor.size),
    );
  });
  scratch.step = step;
  scratch.direction = direction;
}

/** to = from + scale·e, one rounding of the product and one of the sum in the tensor's type; `from` stays untouched. */
function addNoise(
  from: TensorArray,
  to: TensorArray,
  noise: Int8Array,
  scale: number,
  largest: number,
): void {
  // The product takes at most 17 values: round each once.
  const products =
    from instanceof Float64Array ? new Float64Array(2 * largest + 1) : new Float32Array(2 * largest + 1);
  const rounded = from instanceof Float64Array ? scale : Math.fround(scale);
  for (let e = -largest; e <= largest; e++) products[e + largest] = rounded * e;
  for (let j = 0; j < noise.length; j++)
    to[j] = (from[j] as number) + (products[(noise[j] as number) + largest] as number);
}

/** wide[i] = Σ_k c_k e_k of coordinate lo + i of one tensor, exactly. */
function sumNoise(
  context: MethodContext,
  step: number,
  update: StepUpdate,
  tensorIndex: number,
  lo: number,
  blocks: readonly number[],
  sums: Int32Array,
  wide: Float64Array,
): void {
  const { accumulate } = NOISE[options(context.spec).noise];
  exactSums(
    (first, last, into) =>
      accumulate(
        context.key,
        PURPOSE.perturbation,
        tensorIndex,
        step,
        update.coefficients,
        first,
        last,
        lo,
        into,
      ),
    blocks,
    sums,
    wide,
  );
}

function applyTile(
  context: MethodContext,
  step: number,
  update: StepUpdate,
  tensorIndex: number,
  lo: number,
  hi: number,
  blocks: readonly number[],
  sums: Int32Array,
  wide: Float64Array,
): void {
  sumNoise(context, step, update, tensorIndex, lo, blocks, sums, wide);
  floatStep(context, step, update, options(context.spec), tensorIndex, 1, lo, hi, wide);
}
