// The shape of an engine case: weights, members, inputs, what to call, and what a member's result is by an explicit formula.
// The cases themselves are data in float-cases.ts and integer-cases.ts.
import type { Engine, Tensor, TensorPerturbation, Weight } from '../../shared/objectives/engine.js';
import type { Member, MemberWeights, WeightCase } from './explicit.js';
import { Values } from './explicit.js';

export type Data = Float32Array | Int32Array | Int8Array;

/** As many as the case has inputs, at most three. */
export type Few<T> = readonly [T, T, T];

export interface InputCase {
  /** Without the member axis. */
  readonly shape: readonly number[];
  /** One array for all, or one a member. */
  readonly values: readonly Data[];
}

export interface Expected {
  /** Without the member axis. */
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export interface Case {
  readonly operation: string;
  readonly name: string;
  readonly weights: readonly WeightCase[];
  readonly members: readonly Member[];
  readonly inputs: readonly InputCase[];
  /** Results; a first axis of 1 is allowed where nothing of a member took part. */
  readonly run: (engine: Engine, inputs: Few<Tensor>, weight: (name: string) => Weight) => readonly Tensor[];
  /** The same results of one member. */
  readonly expected: (inputs: Few<Data>, weights: MemberWeights) => readonly Expected[];
  /** |got − want| ≤ tolerance·(1 + |want|); 0 asks for the same bits. */
  readonly tolerance: number;
}

export const CENTRE: readonly Member[] = [{ direction: 0, sign: 0 }];
export const ONE: readonly Member[] = [{ direction: 3, sign: -1 }];
/** Pairs apart, a lone member, a centre whose direction means nothing, and the largest direction there is. */
export const SEVERAL: readonly Member[] = [
  { direction: 5, sign: 1 },
  { direction: 5, sign: -1 },
  { direction: 90_001, sign: 1 },
  { direction: 4, sign: 0 },
  { direction: 0xffff_ffff, sign: -1 },
  { direction: 90_001, sign: -1 },
  { direction: 0, sign: 1 },
];

/** Perturbations of a float matrix; tensor numbers from `a` on. */
export function matrixNoise(a: number): Readonly<Record<string, TensorPerturbation>> {
  return {
    none: { kind: 'none' },
    full: { kind: 'full', noise: 'binomial', scale: 0.05, a },
    rademacher: { kind: 'full', noise: 'rademacher', scale: 0.1, a },
    'rank 1': { kind: 'low-rank', rank: 1, scale: 0.03, a, b: a + 1 },
    'rank 4': { kind: 'low-rank', rank: 4, scale: 0.015, a, b: a + 1 },
  };
}

export const FULL = (a: number): TensorPerturbation => ({ kind: 'full', noise: 'binomial', scale: 0.05, a });
export const RADEMACHER = (a: number): TensorPerturbation => ({
  kind: 'full',
  noise: 'rademacher',
  scale: 0.1,
  a,
});
export const NONE: TensorPerturbation = { kind: 'none' };

export function size(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** An input of near-normal floats, one for all or one for each of `members`. */
export function floats(values: Values, shape: readonly number[], copies: number, deviation = 1): InputCase {
  return { shape, values: Array.from({ length: copies }, () => values.floats(size(shape), deviation)) };
}

export function bytes(values: Values, shape: readonly number[], copies: number, limit = 127): InputCase {
  return { shape, values: Array.from({ length: copies }, () => values.bytes(size(shape), limit)) };
}

export function integers(
  values: Values,
  shape: readonly number[],
  copies: number,
  low: number,
  high: number,
): InputCase {
  return { shape, values: Array.from({ length: copies }, () => values.integers(size(shape), low, high)) };
}

export function floatWeight(
  values: Values,
  name: string,
  shape: readonly number[],
  perturbation: TensorPerturbation,
  deviation = 0.5,
): WeightCase {
  return { name, shape, base: values.floats(size(shape), deviation), perturbation };
}

export function byteWeight(
  values: Values,
  name: string,
  shape: readonly number[],
  perturbation: TensorPerturbation,
  limit = 127,
): WeightCase {
  return { name, shape, base: values.bytes(size(shape), limit), perturbation };
}

/** A seed for each case, so that no two share their numbers. */
let made = 0;
export function fresh(): Values {
  return new Values(++made);
}
