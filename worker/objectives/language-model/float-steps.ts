// The float operations of the steppers, on plain arrays in float64 by the project's own elementary functions, so that a
// sampled text is the same on every machine. Pure.
import { exp } from '../../../shared/arithmetic/polynomials.js';
import type { TensorArray } from '../../../shared/objectives/types.js';

const EPSILON = 1e-5;

/** W x + b. */
export function affine(weight: TensorArray, x: Float64Array, bias: TensorArray | null): Float64Array {
  const inputs = x.length;
  const out = new Float64Array(weight.length / inputs);
  for (let row = 0, at = 0; row < out.length; row++) {
    let sum = 0;
    for (let column = 0; column < inputs; column++) sum += (weight[at++] as number) * (x[column] as number);
    out[row] = sum + (bias?.[row] ?? 0);
  }
  return out;
}

/** gain ∘ (x − mean)/√(var + 1e-5) + bias, as the engines' `layerNorm`. */
export function normalise(x: Float64Array, gain: TensorArray, bias: TensorArray): Float64Array {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const deviation = Math.sqrt(variance + EPSILON);
  return x.map((value, i) => ((value - mean) / deviation) * (gain[i] ?? 0) + (bias[i] ?? 0));
}

export function sum(x: Float64Array, y: Float64Array): Float64Array {
  return x.map((value, i) => value + (y[i] ?? 0));
}

/** Positive, summing to 1. */
export function softmax(scores: Float64Array): Float64Array {
  const greatest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const powers = scores.map((score) => exp(score - greatest));
  const total = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / total);
}

export function row(matrix: TensorArray, index: number, width: number): Float64Array {
  return Float64Array.from(matrix.subarray(index * width, (index + 1) * width));
}
