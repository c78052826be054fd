// Moves a benchmark function about: f(x) = base(R (x − o) + x*), with the optimum o drawn from a seed and R a random
// rotation from a seed. Without a shift o = x*, without a rotation R is the identity. The same on every machine, since
// both come from counter draws and basic arithmetic.
import type { TensorArray } from '../../../shared/objectives/types.js';
import { Draws } from '../draws.js';
import type { BenchmarkFunction } from './functions.js';

const STREAM = { shift: 1, rotation: 2 } as const;

/** The optimum of a shifted function: uniform in the middle 80 % of the search interval, per coordinate. */
export function shiftedOptimum(base: BenchmarkFunction, dimension: number, seed: number): Float64Array {
  const draws = new Draws(seed, STREAM.shift);
  const centre = (base.low + base.high) / 2;
  const half = 0.4 * (base.high - base.low);
  return Float64Array.from({ length: dimension }, () => draws.uniform(centre - half, centre + half));
}

/**
 * A random orthogonal matrix, row major, d × d: Gram–Schmidt over rows of normal draws, each orthogonalised twice so that
 * rows stay orthogonal to rounding. Haar distributed up to the draws' resolution.
 */
export function randomRotation(dimension: number, seed: number): Float64Array {
  const draws = new Draws(seed, STREAM.rotation);
  const matrix = new Float64Array(dimension * dimension);
  for (let i = 0; i < dimension; i++) {
    const row = matrix.subarray(i * dimension, (i + 1) * dimension);
    for (let k = 0; k < dimension; k++) row[k] = draws.normal();
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const other = matrix.subarray(j * dimension, (j + 1) * dimension);
        const along = dot(row, other);
        for (let k = 0; k < dimension; k++) row[k] = (row[k] ?? 0) - along * (other[k] ?? 0);
      }
      const length = Math.sqrt(dot(row, row));
      for (let k = 0; k < dimension; k++) row[k] = (row[k] ?? 0) / length;
    }
  }
  return matrix;
}

/** The function to call with a point; it keeps its buffers, so one per thread. */
export function transformed(
  base: BenchmarkFunction,
  dimension: number,
  shift: number | null,
  rotation: number | null,
): (x: TensorArray) => number {
  if (shift === null && rotation === null) return base.value;
  const optimum =
    shift === null ? new Float64Array(dimension).fill(base.optimum) : shiftedOptimum(base, dimension, shift);
  const difference = new Float64Array(dimension);
  const moved = new Float64Array(dimension);
  if (rotation === null) {
    return (x) => {
      for (let i = 0; i < dimension; i++) moved[i] = (x[i] ?? 0) - (optimum[i] ?? 0) + base.optimum;
      return base.value(moved);
    };
  }
  const matrix = randomRotation(dimension, rotation);
  return (x) => {
    for (let i = 0; i < dimension; i++) difference[i] = (x[i] ?? 0) - (optimum[i] ?? 0);
    for (let i = 0, at = 0; i < dimension; i++) {
      let sum = base.optimum;
      for (let k = 0; k < dimension; k++) sum += (matrix[at++] ?? 0) * (difference[k] ?? 0);
      moved[i] = sum;
    }
    return base.value(moved);
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
