// Perturbed matrix products: x Wᵀ + b of every member, and rows of an embedding. One element is one chain of float64 sums
// over k in ascending order, then the low-rank term, then the bias, rounded to float32 once, so its bits depend on nothing
// but its own operands. Where all members share x, the product with θ is made once.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { Factors, ReferenceWeight } from './population.js';
import { axis, fault, type ReferenceTensor, type Scope } from './tensors.js';

/** Σ_k x[row, k] w[out, k] in float64, [rows, outs]. */
export function product(
  x: Float32Array,
  rows: number,
  inner: number,
  w: Float32Array,
  outs: number,
): Float64Array {
  const result = new Float64Array(rows * outs);
  let out = 0;
  // Four chains at once hide the latency of the additions; four rows of w stay in the first-level cache over all x.
  for (; out + 4 <= outs; out += 4) {
    const w0 = out * inner;
    const w1 = w0 + inner;
    const w2 = w1 + inner;
    const w3 = w2 + inner;
    for (let row = 0; row < rows; row++) {
      const from = row * inner;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let k = 0; k < inner; k++) {
        const value = x[from + k] as number;
        s0 += value * (w[w0 + k] as number);
        s1 += value * (w[w1 + k] as number);
        s2 += value * (w[w2 + k] as number);
        s3 += value * (w[w3 + k] as number);
      }
      const at = row * outs + out;
      result[at] = s0;
      result[at + 1] = s1;
      result[at + 2] = s2;
      result[at + 3] = s3;
    }
  }
  for (; out < outs; out++) {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += (x[row * inner + k] as number) * (w[out * inner + k] as number);
      result[row * outs + out] = sum;
    }
  }
  return result;
}

/** out ← round(main + scale·Σ_c (x·B_c) A_cᵀ + bias), [rows, outs]. */
export function finish(
  main: Float64Array,
  x: Float32Array,
  rows: number,
  inner: number,
  factors: Factors | null,
  bias: Float32Array | null,
  out: Float32Array,
): void {
  const outs = main.length / rows;
  const rank = factors?.rank ?? 0;
  const scaled = new Float64Array(rank);
  for (let row = 0; row < rows; row++) {
    if (factors !== null) {
      for (let c = 0; c < rank; c++) {
        let sum = 0;
        for (let k = 0; k < inner; k++)
          sum += (x[row * inner + k] as number) * (factors.b[c * inner + k] as number);
        scaled[c] = factors.scale * sum;
      }
    }
    for (let i = 0, at = row * outs; i < outs; i++, at++) {
      let sum = main[at] as number;
      if (factors !== null)
        for (let c = 0; c < rank; c++) sum += (scaled[c] as number) * (factors.a[c * outs + i] as number);
      out[at] = bias === null ? sum : sum + (bias[i] as number);
    }
  }
}

/**
 * x Wᵀ + b of every member, [P, rows, outs]; `rowsOf` gives a member's x [rows, columns of W], the same array for all where
 * `shared`.
 */
export function populationProduct(
  scope: Scope,
  rowsOf: (member: number) => Float32Array,
  shared: boolean,
  rows: number,
  weight: ReferenceWeight,
  bias: ReferenceWeight | null,
): Float32Array {
  const { rows: outs, columns: inner } = weight;
  const size = rows * outs;
  const result = new Float32Array(scope.members * size);
  let once: Float64Array | null = null;
  for (let member = 0; member < scope.members; member++) {
    const x = rowsOf(member);
    const factors = weight.factors(member);
    const w = factors === null ? weight.formed(member) : (weight.base as Float32Array);
    const common = shared && w === weight.base;
    const main: Float64Array = (common ? once : null) ?? product(x, rows, inner, w, outs);
    if (common) once = main;
    const out = result.subarray(member * size, (member + 1) * size);
    finish(main, x, rows, inner, factors, bias?.formed(member) ?? null, out);
  }
  return result;
}

export function linear(scope: Scope, x: Tensor, weight: Weight, bias: Weight | null): ReferenceTensor {
  const input = scope.operand('linear', x, 'float32', 3);
  const matrix = scope.weight('linear', weight, 'float32');
  const rows = axis(input.shape, 1);
  if (axis(input.shape, 2) !== matrix.columns)
    throw fault(
      'linear',
      `x [${input.shape.join(', ')}] does not fit weight ${matrix.name} [${matrix.shape.join(', ')}]`,
    );
  const added = bias === null ? null : scope.vector('linear', bias, 'float32', matrix.rows);
  const result = populationProduct(scope, (member) => input.of(member), input.shared, rows, matrix, added);
  return scope.make('linear', [scope.members, rows, matrix.rows], result);
}

export function embedding(scope: Scope, tokens: Tensor, weight: Weight): ReferenceTensor {
  const indices = scope.operand('embedding', tokens, 'int32', 2);
  const table = scope.weight('embedding', weight, 'float32');
  const { rows, columns, base } = table;
  checkTokens('embedding', indices.data, rows);
  const count = axis(indices.shape, 1);
  const result = new Float32Array(scope.members * count * columns);
  for (let member = 0; member < scope.members; member++) {
    const factors = table.factors(member);
    const values = factors === null ? table.formed(member) : (base as Float32Array);
    indices.of(member).forEach((token, i) => {
      const at = (member * count + i) * columns;
      const out = result.subarray(at, at + columns);
      if (factors === null) out.set(values.subarray(token * columns, (token + 1) * columns));
      else table.formRow(values, factors, token, out);
    });
  }
  return scope.make('embedding', [scope.members, count, columns], result);
}

export function checkTokens(operation: string, tokens: Int32Array, limit: number): void {
  const bad = tokens.find((token) => token < 0 || token >= limit);
  if (bad !== undefined) throw fault(operation, `token ${bad} is not in [0, ${limit})`);
}
