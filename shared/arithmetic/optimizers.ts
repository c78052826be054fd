// Class I arithmetic, the float step: sgd, momentum and Adam, elementwise, every operation rounded once to the tensor's
// dtype in the order written here, none fused. Float32Array and Float64Array take the same road; for float64 the rounding
// is the identity. Gradual underflow must be on, as IEEE 754 and JavaScript have it. Touches only the arrays it is given.
//
// The contract. R(x) rounds to the dtype, to nearest even; every scalar is rounded once before the loop, and the
// complements are R(1 − R(b)). For each element, with S the exact integer sum:
//
//   g = R( R(S) · k )                            k: scale of the record
//   u = small( R( −g + R(λ·θ) ) )                λ: weight decay; the optimiser minimises
//   sgd       d = R( −rate · u )
//   momentum  v' = small( R( R(μ·v) + R((1−μ)·u) ) )         d = R( −rate · v' )
//   adam      m' = small( R( R(β1·m) + R((1−β1)·u) ) )
//             v' = tiny( R( R(β2·v) + R((1−β2)·R(u·u)) ) )    d = R( R(−a·m') / R( R(√v') + ε ) )
//   θ' = R( θ + R(factor · d) )                   factor: the tensor's own multiple of sigma
//
// small(x) is +0 where |x| < 2^-60, tiny(x) is +0 where x < 2^-120: values stay normal, and never −0. ε is added after
// the square root of the uncorrected v', and a already holds both bias corrections (Salimans et al. 2017, as released).
import { accelerator } from '../accelerator.js';
import { SeedcastError } from '../errors.js';
import { pow } from './power.js';

export type FloatArray = Float32Array | Float64Array;

/** Which elements: θ and the moments are indexed lo..hi−1, `sums` from 0. `next` may be `theta` or another buffer. */
export interface StepRange {
  readonly theta: FloatArray;
  readonly next: FloatArray;
  readonly sums: Float64Array;
  readonly lo: number;
  readonly hi: number;
}

export interface StepScalars {
  /** k: g = S·k. */
  readonly scale: number;
  /** Step size; for Adam the a of `adamRate`. */
  readonly rate: number;
  /** λ, coupled (inside the gradient). 0 for none. */
  readonly weightDecay: number;
  /** Multiplies the step; 1 unless the tensor has its own sigma. */
  readonly factor: number;
}

/** A moment before and after the step; both may be one array. */
export interface Moment {
  readonly from: FloatArray;
  readonly to: FloatArray;
}

const SMALL = 2 ** -60;
const TINY = 2 ** -120;

const identity = (x: number): number => x;

const small = (x: number): number => (x < SMALL && x > -SMALL ? 0 : x);
const tiny = (x: number): number => (x < TINY ? 0 : x);

/** θ' = θ + factor·(−rate·u). */
export function sgdStep(range: StepRange, scalars: StepScalars): void {
  const { theta, next, sums, lo, hi } = checked(range, []);
  const round = rounding(theta);
  const { scale, rate, weightDecay, factor } = rounded(scalars, round);
  const fast = accelerator();
  if (fast !== null && theta instanceof Float32Array && next instanceof Float32Array) {
    fast.sgd(theta, next, sums, lo, hi, scale, rate, weightDecay, factor);
    return;
  }
  for (let i = lo; i < hi; i++) {
    const t = theta[i] as number;
    const g = round(round(sums[i - lo] as number) * scale);
    const u = small(round(-g + round(weightDecay * t)));
    next[i] = round(t + round(factor * round(-rate * u)));
  }
}

/** Dampened momentum: v' = μ·v + (1−μ)·u, θ' = θ + factor·(−rate·v'). `momentum` is μ in [0, 1). */
export function momentumStep(
  range: StepRange,
  scalars: StepScalars & { readonly momentum: number },
  velocity: Moment,
): void {
  const { theta, next, sums, lo, hi } = checked(range, [velocity]);
  const round = rounding(theta);
  const { scale, rate, weightDecay, factor } = rounded(scalars, round);
  const mu = round(scalars.momentum);
  const complement = round(1 - mu);
  const { from, to } = velocity;
  const fast = accelerator();
  if (
    fast !== null &&
    theta instanceof Float32Array &&
    next instanceof Float32Array &&
    from instanceof Float32Array &&
    to instanceof Float32Array
  ) {
    fast.momentum(theta, next, sums, lo, hi, scale, rate, weightDecay, factor, mu, from, to);
    return;
  }
  for (let i = lo; i < hi; i++) {
    const t = theta[i] as number;
    const g = round(round(sums[i - lo] as number) * scale);
    const u = small(round(-g + round(weightDecay * t)));
    const v = small(round(round(mu * (from[i] as number)) + round(complement * u)));
    to[i] = v;
    next[i] = round(t + round(factor * round(-rate * v)));
  }
}

/**
 * Adam in the form of Salimans et al.'s released code: θ' = θ + factor·(−a·m'/(√v' + ε)), a = `rate` = `adamRate(...)` of
 * this step. ε must be positive in the dtype (SC_SPEC_INVALID), else 0/0 could arise.
 */
export function adamStep(
  range: StepRange,
  scalars: StepScalars & { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
  first: Moment,
  second: Moment,
): void {
  const { theta, next, sums, lo, hi } = checked(range, [first, second]);
  const round = rounding(theta);
  const { scale, rate, weightDecay, factor } = rounded(scalars, round);
  const beta1 = round(scalars.beta1);
  const beta2 = round(scalars.beta2);
  const complement1 = round(1 - beta1);
  const complement2 = round(1 - beta2);
  const epsilon = round(scalars.epsilon);
  if (!(epsilon > 0)) {
    throw new SeedcastError(
      'SC_SPEC_INVALID',
      `Adam's epsilon ${scalars.epsilon} is not positive in this dtype`,
      {
        place: { field: 'spec.method.optimizer.epsilon' },
        hint: 'use 1e-8',
      },
    );
  }
  const { from: m, to: mNext } = first;
  const { from: v, to: vNext } = second;
  const fast = accelerator();
  if (
    fast !== null &&
    theta instanceof Float32Array &&
    next instanceof Float32Array &&
    m instanceof Float32Array &&
    mNext instanceof Float32Array &&
    v instanceof Float32Array &&
    vNext instanceof Float32Array
  ) {
    fast.adam(
      theta,
      next,
      sums,
      lo,
      hi,
      scale,
      rate,
      weightDecay,
      factor,
      beta1,
      beta2,
      epsilon,
      m,
      mNext,
      v,
      vNext,
    );
    return;
  }
  for (let i = lo; i < hi; i++) {
    const t = theta[i] as number;
    const g = round(round(sums[i - lo] as number) * scale);
    const u = small(round(-g + round(weightDecay * t)));
    const m1 = small(round(round(beta1 * (m[i] as number)) + round(complement1 * u)));
    const v1 = tiny(round(round(beta2 * (v[i] as number)) + round(complement2 * round(u * u))));
    mNext[i] = m1;
    vNext[i] = v1;
    const d = round(round(-rate * m1) / round(round(Math.sqrt(v1)) + epsilon));
    next[i] = round(t + round(factor * d));
  }
}

/**
 * a_t = learningRate·√(1 − β2^t)/(1 − β1^t) in float64 from left to right, t ≥ 1 the number of this step; the powers by our
 * own `pow`, so the same on every machine.
 */
export function adamRate(learningRate: number, beta1: number, beta2: number, t: number): number {
  if (!Number.isInteger(t) || t < 1)
    throw new SeedcastError('SC_INTERNAL', `adamRate: step ${t} is not 1 or more`);
  return (learningRate * Math.sqrt(1 - pow(beta2, t))) / (1 - pow(beta1, t));
}

function rounding(theta: FloatArray): (x: number) => number {
  return theta instanceof Float32Array ? Math.fround : identity;
}

function rounded(scalars: StepScalars, round: (x: number) => number): StepScalars {
  return {
    scale: round(scalars.scale),
    rate: round(scalars.rate),
    weightDecay: round(scalars.weightDecay),
    factor: round(scalars.factor),
  };
}

function checked(range: StepRange, moments: readonly Moment[]): StepRange {
  const { theta, next, sums, lo, hi } = range;
  const arrays = [next, ...moments.flatMap(({ from, to }) => [from, to])];
  if (arrays.some((a) => a.BYTES_PER_ELEMENT !== theta.BYTES_PER_ELEMENT || a.length < hi)) {
    throw new SeedcastError(
      'SC_INTERNAL',
      `optimiser step: a buffer's dtype or length does not fit [${lo}, ${hi})`,
    );
  }
  if (!(lo >= 0 && lo <= hi) || theta.length < hi || sums.length < hi - lo) {
    throw new SeedcastError(
      'SC_INTERNAL',
      `optimiser step: [${lo}, ${hi}) leaves θ (${theta.length}) or its sums (${sums.length})`,
    );
  }
  return range;
}
