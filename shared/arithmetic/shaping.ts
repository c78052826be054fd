// Fitness shaping: how the scalars of a step become the integer coefficients of its record. Larger fitness is better. Runs
// at the coordinator only, once a step; replicas read the integers, so sorting and rounding here need no agreement.
//
// Members 2k (+) and 2k+1 (−) of an antithetic population share direction k; otherwise member i has direction i. The
// estimate is g = (1/M) Σ_i p_i·ε_i over the M members that count, ε = ±e/2 with e binomial noise of standard deviation 2.
//
// Centred ranks, doubled so that averaged ties are integers: R_i in [0, 2(M−1)], p_i = R_i/(2(M−1)) − ½. Then
//   antithetic  g = (1/M) Σ_k (p_2k − p_2k+1)·e_k/2 = Σ_k c_k·e_k / (4M(M−1)),   c_k = R_2k − R_2k+1
//   otherwise   g = Σ_i c_i·e_i / (4M(M−1)),                                     c_i = R_i − (M−1)
// z-scores and raw fitness fold 1/(2M) into the coefficient before it is rounded, so that g = 2^exponent·Σ c·e.
//
// With a group size, consecutive blocks of that many members are shaped against each other: ranks run within the block, over
// its own R_i in [0, 2(G−1)], so that 4M(M−1) becomes 4M(G−1); z-scores and raw fitness take the block's mean off, and z
// divides by the deviation of all (EGGROLL, arXiv 2511.16652, section 6.3).
//
// A member whose evaluation failed and is to be skipped does not count: in an antithetic population its partner neither,
// their pair's coefficient is 0; ranks, mean and deviation are taken over the rest, and M is the number of the rest.
import { SeedcastError } from '../errors.js';
import { canonicalSum } from './class-f.js';
import { exponentOf, powerOfTwo } from './float-bits.js';

/** Members to leave out: one entry a member, nonzero = skipped. */
export type SkippedMask = ArrayLike<number | boolean>;

/** Integer coefficients and the power of two they are scaled by: weight_k = coefficients[k]·2^exponent. */
export interface ScaledCoefficients {
  readonly coefficients: Int32Array;
  readonly exponent: number;
}

/** Largest |c| of scaled coefficients. */
export const COEFFICIENT_LIMIT = 2 ** 23;

// The exponent's range: below it an update is lost in any dtype; above it (weights over 2^39) weights saturate, so that
// no fitness, however large, makes the float32 moments overflow.
const MIN_EXPONENT = -100;
const MAX_EXPONENT = 16;

/**
 * Doubled average ranks: 0 for the worst value to 2(M−1) for the best, ties sharing the mean of their places, so the sum is
 * always M(M−1). NaN counts as −Infinity.
 */
export function doubledAverageRanks(values: Float64Array): Int32Array {
  const keys = Float64Array.from(values, (value) => (value !== value ? -Infinity : value));
  const order = Int32Array.from(keys.keys());
  order.sort((i, j) => {
    const a = keys[i] as number;
    const b = keys[j] as number;
    return a < b ? -1 : a > b ? 1 : 0;
  });
  const ranks = new Int32Array(keys.length);
  for (let from = 0; from < order.length;) {
    const value = keys[order[from] as number] as number;
    let to = from + 1;
    while (to < order.length && keys[order[to] as number] === value) to++;
    for (let place = from; place < to; place++) ranks[order[place] as number] = from + to - 1;
    from = to;
  }
  return ranks;
}

/** The members that count, ascending; in an antithetic population whole pairs only. */
export function countedMembers(members: number, antithetic: boolean, skipped?: SkippedMask): Int32Array {
  if (antithetic && members % 2 !== 0) {
    throw new SeedcastError('SC_SPEC_INVALID', `an antithetic population of ${members} members is not even`, {
      place: { field: 'spec.method.population' },
      hint: `use ${members + 1}`,
    });
  }
  const failed = (i: number): boolean => skipped !== undefined && Boolean(skipped[i]);
  const all = Array.from({ length: members }, (_, i) => i);
  return Int32Array.from(all.filter((i) => !failed(i) && !(antithetic && failed(i ^ 1))));
}

/**
 * The integer coefficients of centred ranks, one a direction; Int16Array if every |c| ≤ 32,767 is certain from M, that is
 * 2(M−1) ≤ 32,767 antithetic, M−1 ≤ 32,767 otherwise (G of a group in place of M); else Int32Array. Scale:
 * `centeredRankScale(M)`, M = `countedMembers(...).length`, or `centeredRankScale(M, G)`.
 */
export function centeredRankCoefficients(
  values: Float64Array,
  antithetic: boolean,
  skipped?: SkippedMask,
  groupSize = values.length,
): Int16Array | Int32Array {
  const all = countedMembers(values.length, antithetic, skipped);
  const directions = antithetic ? values.length / 2 : values.length;
  const largest = (antithetic ? 2 : 1) * (groupSize - 1);
  const coefficients = largest <= 32767 ? new Int16Array(directions) : new Int32Array(directions);
  for (const counted of blocksOf(all, groupSize)) {
    const ranks = doubledAverageRanks(Float64Array.from(counted, (i) => values[i] as number));
    // Ranks of a whole population are over the members that count; a block that lost some is spread over the range of the
    // others, lest its members weigh less for that.
    const stretch = groupSize === values.length ? 1 : (groupSize - 1) / Math.max(1, counted.length - 1);
    if (antithetic) {
      for (let at = 0; at < counted.length; at += 2) {
        const difference = (ranks[at] as number) - (ranks[at + 1] as number);
        coefficients[(counted[at] as number) / 2] = roundHalfEven(stretch * difference);
      }
    } else {
      counted.forEach((i, at) => {
        coefficients[i] = roundHalfEven(stretch * ((ranks[at] as number) - (counted.length - 1)));
      });
    }
  }
  return coefficients;
}

/**
 * k = 1/(4M(M−1)) for M counted members, 1/(4M(G−1)) in groups of G, binomial noise of standard deviation 2; 0 for fewer
 * than two.
 */
export function centeredRankScale(members: number, groupSize = members): number {
  return members < 2 ? 0 : 1 / (4 * members * (groupSize - 1));
}

/**
 * Who of each pair won: c_k = sign(F_2k − F_2k+1) in {−1, 0, 1}, 0 where they tie or the pair is left out. As p = ±½ gives
 * g = (1/M) Σ_k c_k·e_k/2, its scale is 1/(2M) for M counted members.
 */
export function pairSigns(values: Float64Array, skipped?: SkippedMask): Int16Array {
  const signs = new Int16Array(values.length / 2);
  for (const i of countedMembers(values.length, true, skipped)) {
    const a = values[i] as number;
    const b = values[i + 1] as number;
    if (i % 2 === 0) signs[i / 2] = a > b ? 1 : a < b ? -1 : 0;
  }
  return signs;
}

/** The counted members of each block of `groupSize`, ascending; blocks without any are left out. */
function blocksOf(counted: Int32Array, groupSize: number): Int32Array[] {
  const blocks: Int32Array[] = [];
  for (let from = 0; from < counted.length;) {
    const block = Math.floor((counted[from] as number) / groupSize);
    let to = from;
    while (to < counted.length && Math.floor((counted[to] as number) / groupSize) === block) to++;
    blocks.push(counted.subarray(from, to));
    from = to;
  }
  return blocks;
}

/** Takes the mean of its block off each value; `x` stands in the order of `counted`. */
function centredWithinBlocks(x: Float64Array, counted: Int32Array, groupSize: number): Float64Array {
  const result = new Float64Array(x.length);
  let at = 0;
  for (const block of blocksOf(counted, groupSize)) {
    const values = x.subarray(at, at + block.length);
    const mean = canonicalSum(values) / values.length;
    values.forEach((value, i) => (result[at + i] = value - mean));
    at += block.length;
  }
  return result;
}

/**
 * z-scores: weight_k = (z_2k − z_2k+1)/(2M) or z_i/(2M), z = (F − mean)/deviation, the deviation over M (not M−1); all 0 if
 * the deviation is 0. g = 2^exponent·Σ c_k·e_k. A counted value that is not finite: SC_EVALUATION.
 */
export function zScoreCoefficients(
  values: Float64Array,
  antithetic: boolean,
  skipped?: SkippedMask,
  groupSize?: number,
): ScaledCoefficients {
  const counted = countedMembers(values.length, antithetic, skipped);
  const members = counted.length;
  const fitness = finiteValues(values, counted);
  // z does not change under scaling by a power of two; this one keeps the squares in range.
  const largest = fitness.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const unit = largest === 0 ? 1 : powerOfTwo(-Math.min(1000, Math.max(-1000, exponentOf(largest))));
  const scaled = fitness.map((f) => f * unit);
  const mean = members === 0 ? 0 : canonicalSum(scaled) / members;
  const deviations = scaled.map((f) => f - mean);
  const deviation = members === 0 ? 0 : Math.sqrt(canonicalSum(deviations.map((d) => d * d)) / members);
  const factor = deviation === 0 ? 0 : 1 / (2 * members * deviation);
  const centred = groupSize === undefined ? deviations : centredWithinBlocks(scaled, counted, groupSize);
  return scaledCoefficients(centred, factor, counted, values.length, antithetic);
}

/**
 * Fitness as it is: weight_k = (F_2k − F_2k+1)/(2Mσ) or F_i/(2Mσ), so that g = (1/(Mσ)) Σ F_i·ε_i = 2^exponent·Σ c_k·e_k
 * estimates the gradient itself. `sigma` > 0. A counted value that is not finite: SC_EVALUATION.
 */
export function rawCoefficients(
  values: Float64Array,
  sigma: number,
  antithetic: boolean,
  skipped?: SkippedMask,
  groupSize?: number,
): ScaledCoefficients {
  if (!(sigma > 0)) {
    throw new SeedcastError('SC_SPEC_INVALID', `sigma ${sigma} is not positive`, {
      place: { field: 'spec.method.sigma' },
      hint: 'give a positive number',
    });
  }
  const counted = countedMembers(values.length, antithetic, skipped);
  const given = finiteValues(values, counted);
  const fitness = groupSize === undefined ? given : centredWithinBlocks(given, counted, groupSize);
  return scaledCoefficients(fitness, 1 / (2 * counted.length * sigma), counted, values.length, antithetic);
}

function finiteValues(values: Float64Array, counted: Int32Array): Float64Array {
  return Float64Array.from(counted, (i) => {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      throw new SeedcastError('SC_EVALUATION', `the fitness of member ${i} is ${value}`, {
        hint: 'skip failed members or give them a penalty before shaping',
      });
    }
    return value;
  });
}

/** Weights factor·x, paired if antithetic, then rounded once, half to even, at the finest power of two that fits. */
function scaledCoefficients(
  x: Float64Array,
  factor: number,
  counted: Int32Array,
  members: number,
  antithetic: boolean,
): ScaledCoefficients {
  const weights = new Float64Array(antithetic ? members / 2 : members);
  counted.forEach((member, at) => {
    if (!antithetic) weights[member] = factor * (x[at] as number);
    else if (member % 2 === 0)
      weights[member / 2] = factor * (x[at] as number) - factor * (x[at + 1] as number);
  });
  const largest = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  // 2^e ≤ largest < 2^(e+1) maps to [2^22, 2^23], the top reached by rounding.
  const wanted = largest === 0 ? 0 : largest === Infinity ? MAX_EXPONENT : exponentOf(largest) - 22;
  const exponent = Math.min(MAX_EXPONENT, Math.max(MIN_EXPONENT, wanted));
  const coefficients = Int32Array.from(weights, (weight) => {
    const c = roundHalfEven(weight * powerOfTwo(-exponent));
    return Math.min(COEFFICIENT_LIMIT, Math.max(-COEFFICIENT_LIMIT, c));
  });
  return { coefficients, exponent };
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const fraction = x - floor;
  if (fraction < 0.5 || (fraction === 0.5 && floor % 2 === 0)) return floor;
  return floor + 1;
}
