// The float32 linear layer of a population from the addon (src/linear.h has the exact formulas): weights packed once a step,
// then products of the rows of all members, each with its member's perturbation. Bits depend on neither SIMD level, threads
// nor on which members share a call. Writes only `y` and packed arrays.
import type { Key } from '../../shared/random/philox.js';
import { counterWord, type Purpose } from '../../shared/random/purposes.js';
import type { Native } from './addon.js';

const PANEL = 32;

/** A weight [out, in] in the addon's layout. */
export interface PackedLinear {
  readonly out: number;
  readonly in: number;
  readonly panels: Float32Array;
}

/** Elements that `packLinear` needs for a weight [out, in]. */
export function packedLength(out: number, inputs: number): number {
  return Math.ceil(out / PANEL) * PANEL * inputs + 16;
}

/** W [out, in], row-major, packed; into `memory` (at least `packedLength` elements, shared memory too) where it is given. */
export function packLinear(
  native: Native,
  w: Float32Array,
  out: number,
  inputs: number,
  memory: Float32Array = new Float32Array(packedLength(out, inputs)),
): PackedLinear {
  native.call('packLinear', w, out, inputs, memory);
  return { out, in: inputs, panels: memory };
}

/** Which rows: x is [xMembers, rows, in] with xMembers = `members`, or 1 where all members share it; y [members, rows, out]. */
export interface LinearRows {
  readonly x: Float32Array;
  readonly xMembers: number;
  readonly members: number;
  /** Rows a member. */
  readonly rows: number;
  readonly y: Float32Array;
}

const shape = (rows: LinearRows, weight: PackedLinear, bias: Float32Array | null): readonly unknown[] => [
  rows.x,
  rows.xMembers,
  rows.members,
  rows.rows,
  weight.in,
  weight.panels,
  weight.out,
  bias,
  rows.y,
];

/** y = x Wᵀ (+ bias [out]), the same weight for every member. */
export function linear(
  native: Native,
  rows: LinearRows,
  weight: PackedLinear,
  bias: Float32Array | null = null,
): void {
  native.call('linear', ...shape(rows, weight, bias));
}

/** How members differ: member p has direction index `direction[p]` into the factors, and sign +1, −1 or 0 (unperturbed). */
export interface LowRankMembers {
  readonly direction: Uint32Array;
  readonly sign: Int8Array;
  readonly directions: number;
  readonly rank: number;
  readonly scale: number;
  /** int8 [directions, rank, out] and [directions, rank, in]. */
  readonly a: Int8Array;
  readonly b: Int8Array;
  /** Full-rank noise of the bias, int8 [directions, out], and its scale; needs a bias. */
  readonly biasNoise?: Int8Array | null;
  readonly biasScale?: number;
}

/** y = x Wᵀ + s·scale·Σ_c (x·B_c) A_cᵀ (+ b + s·biasScale·e). */
export function perturbedLinear(
  native: Native,
  rows: LinearRows,
  weight: PackedLinear,
  members: LowRankMembers,
  bias: Float32Array | null = null,
): void {
  native.call(
    'perturbedLinear',
    ...shape(rows, weight, bias),
    members.direction,
    members.sign,
    members.directions,
    members.rank,
    members.scale,
    members.a,
    members.b,
    members.biasScale ?? 0,
    members.biasNoise ?? null,
  );
}

/** How members differ by full-rank noise: the numbers of their directions, and where the noise of W comes from. */
export interface DenseMembers {
  readonly key: Key;
  readonly purpose: Purpose;
  readonly tensor: number;
  readonly step: number;
  readonly noise: 'binomial' | 'rademacher';
  /** Philox direction of each member. */
  readonly direction: Uint32Array;
  readonly sign: Int8Array;
  readonly scale: number;
  /** Noise of the bias, int8 [members, out], and its scale. */
  readonly biasNoise?: Int8Array | null;
  readonly biasScale?: number;
}

/**
 * y = x (W + s·scale·E)ᵀ (+ b + s·biasScale·e): each member's weights are formed whole from regenerated noise, as dense
 * evolution strategies must. Members 2k and 2k+1 of one direction share the noise.
 */
export function denseLinear(
  native: Native,
  rows: LinearRows,
  weight: PackedLinear,
  members: DenseMembers,
  bias: Float32Array | null = null,
): void {
  native.call(
    'denseLinear',
    ...shape(rows, weight, bias),
    members.key[0],
    members.key[1],
    counterWord(members.purpose, members.tensor),
    members.step,
    members.direction,
    members.sign,
    members.scale,
    members.noise === 'rademacher' ? 1 : 0,
    members.biasScale ?? 0,
    members.biasNoise ?? null,
  );
}
