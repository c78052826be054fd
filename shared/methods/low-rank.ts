// The exact sums of low-rank noise, S = Σ_k c_k Σ_c A_kc B_kcᵀ over directions k and c < rank, for any stretch of a matrix.
// A and B are binomial noise of tensor numbers 2t and 2t + 1, rank-major: component c of A is elements c·rows ... of its
// tensor. Factors are made once for a stretch of rows and a run of directions that fit in cache-sized memory; sums stay in
// int32 while they cannot overflow and are flushed to exact float64. Pure; holds no state.
import { accelerator } from '../accelerator.js';
import { SeedcastError } from '../errors.js';
import { BINOMIAL_MAX, fillBinomial, type Coefficients } from '../random/noise.js';
import type { Key } from '../random/philox.js';
import { PURPOSE } from '../random/purposes.js';

/** Coordinates whose sums are held at once. */
const SUMS = 2 ** 18;
/** Bytes of factors held at once. */
const FACTORS = 2 ** 24;
const INT32_LIMIT = 2 ** 31;
const EXACT_LIMIT = 2 ** 53;
/** Largest |A_i B_j|. */
export const PRODUCT_MAX = BINOMIAL_MAX ** 2;

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
}

/** [out, in] of a tensor's shape, more axes flattened to [first, product of the others]; null for vectors and scalars. */
export function matrixOf(shape: readonly number[]): Matrix | null {
  const [rows, ...rest] = shape;
  if (rows === undefined || rest.length === 0) return null;
  return { rows, columns: rest.reduce((product, n) => product * n, 1) };
}

/** Where the noise of one tensor comes from. */
export interface NoiseSource {
  readonly key: Key;
  /** t: factors are tensors 2t and 2t + 1. */
  readonly tensor: number;
  readonly noiseStep: number;
}

/** Rows [row, row + height) of A's components into `out` [rank, height], columns likewise of B. */
export function fillFactor(
  { key, noiseStep }: NoiseSource,
  factor: number,
  direction: number,
  rank: number,
  length: number,
  from: number,
  count: number,
  out: Int8Array,
): void {
  for (let c = 0; c < rank; c++) {
    fillBinomial(
      key,
      PURPOSE.perturbation,
      factor,
      direction,
      noiseStep,
      c * length + from,
      out.subarray(c * count, (c + 1) * count),
    );
  }
}

/** Whole rows, or a part of one row that is longer than what is held at once. */
interface Rectangle {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

/** Rectangles of at most `SUMS` elements, one after the other in memory, that cover elements [lo, hi) of a matrix. */
function* rectangles(lo: number, hi: number, columns: number): Generator<Rectangle> {
  if (columns <= SUMS) {
    const end = Math.ceil(hi / columns);
    const height = Math.floor(SUMS / columns);
    for (let row = Math.floor(lo / columns); row < end; row += height)
      yield { row, rows: Math.min(height, end - row), column: 0, columns };
    return;
  }
  for (let at = lo; at < hi;) {
    const row = Math.floor(at / columns);
    const column = at - row * columns;
    const count = Math.min(columns - column, hi - at, SUMS);
    yield { row, rows: 1, column, columns: count };
    at += count;
  }
}

/**
 * Calls `visit(lo, hi, sums)` for stretches that together are elements [lo, hi) of the matrix: sums[i] = S of element
 * lo + i, exact; the array is good until the next call.
 * @throws SC_SPEC_BOUND when the sums could reach 2^53, or one term 2^31.
 */
export function visitLowRankSums(
  source: NoiseSource,
  coefficients: Coefficients,
  rank: number,
  { rows, columns }: Matrix,
  lo: number,
  hi: number,
  visit: (lo: number, hi: number, sums: Float64Array) => void,
): void {
  checkSums(coefficients, rank);
  const sums = new Float64Array(Math.min(SUMS, columns * Math.ceil((hi - lo) / columns + 2)));
  let part: Float64Array | null = null;
  const factors = new Factors(source, rank, { rows, columns });
  for (const rectangle of rectangles(lo, hi, columns)) {
    const from = rectangle.row * columns + rectangle.column;
    const size = rectangle.rows * rectangle.columns;
    const here = sums.subarray(0, size);
    const run = Math.max(1, Math.floor(FACTORS / (rank * (rectangle.rows + rectangle.columns))));
    for (let first = 0; first < coefficients.length; first += run) {
      const last = Math.min(first + run, coefficients.length);
      const { a, b } = factors.of(rectangle, first, last);
      const some = coefficients.subarray(first, last);
      if (first === 0) sumProducts(some, rank, a, rectangle.rows, b, rectangle.columns, here);
      else {
        part ??= new Float64Array(sums.length);
        const more = part.subarray(0, size);
        sumProducts(some, rank, a, rectangle.rows, b, rectangle.columns, more);
        for (let i = 0; i < size; i++) here[i] = (here[i] as number) + (more[i] as number);
      }
    }
    const [begin, end] = [Math.max(lo, from), Math.min(hi, from + size)];
    visit(begin, end, here.subarray(begin - from, end - from));
  }
}

/** The factors of a rectangle, kept while the next one asks for the same rows or columns. */
class Factors {
  private a = new Int8Array(0);
  private b = new Int8Array(0);
  private keyA = '';
  private keyB = '';

  constructor(
    private readonly source: NoiseSource,
    private readonly rank: number,
    private readonly matrix: Matrix,
  ) {}

  of(rectangle: Rectangle, first: number, last: number): { readonly a: Int8Array; readonly b: Int8Array } {
    const { rank } = this;
    const { tensor } = this.source;
    const { row, rows, column, columns } = rectangle;
    const directions = last - first;
    const keyA = `${first} ${last} ${row} ${rows}`;
    if (keyA !== this.keyA) {
      if (this.a.length < directions * rank * rows) this.a = new Int8Array(directions * rank * rows);
      this.fill(this.a, 2 * tensor, first, last, this.matrix.rows, row, rows);
      this.keyA = keyA;
    }
    const keyB = `${first} ${last} ${column} ${columns}`;
    if (keyB !== this.keyB) {
      if (this.b.length < directions * rank * columns) this.b = new Int8Array(directions * rank * columns);
      this.fill(this.b, 2 * tensor + 1, first, last, this.matrix.columns, column, columns);
      this.keyB = keyB;
    }
    return {
      a: this.a.subarray(0, directions * rank * rows),
      b: this.b.subarray(0, directions * rank * columns),
    };
  }

  private fill(
    out: Int8Array,
    factor: number,
    first: number,
    last: number,
    length: number,
    from: number,
    count: number,
  ): void {
    const each = this.rank * count;
    for (let k = first; k < last; k++) {
      const at = (k - first) * each;
      fillFactor(this.source, factor, k, this.rank, length, from, count, out.subarray(at, at + each));
    }
  }
}

/** Refuses coefficients whose sums could be inexact, with the number. */
function checkSums(coefficients: Coefficients, rank: number): void {
  let whole = 0;
  for (let k = 0; k < coefficients.length; k++) {
    const weight = PRODUCT_MAX * Math.abs(coefficients[k] as number);
    whole += rank * weight;
    if (weight >= INT32_LIMIT || whole >= EXACT_LIMIT) {
      throw new SeedcastError(
        'SC_SPEC_BOUND',
        `sums over ${coefficients.length} directions of rank ${rank} could reach ${Math.max(weight, whole)}, and must stay below 2^31 for one direction and 2^53 for all`,
        { hint: 'lower the population or the rank' },
      );
    }
  }
}

/** wide[i·columns + j] = Σ_k c_k Σ_c A_k,c,i B_k,c,j: A [directions, rank, rows], B [directions, rank, columns]. */
export function sumProducts(
  coefficients: Coefficients,
  rank: number,
  a: Int8Array,
  rows: number,
  b: Int8Array,
  columns: number,
  wide: Float64Array,
): void {
  const fast = accelerator();
  if (fast !== null) {
    fast.lowRankSums(coefficients, rank, a, rows, b, columns, 0, wide);
    return;
  }
  const terms = coefficients.length * rank;
  const expanded =
    rank === 1
      ? coefficients
      : Int32Array.from({ length: terms }, (_, i) => coefficients[Math.floor(i / rank)] ?? 0);
  const scalars = new Int32Array(terms);
  const starts = new Int32Array(terms);
  const sums = new Int32Array(columns);
  for (let i = 0; i < rows; i++) {
    const row = wide.subarray(i * columns, (i + 1) * columns);
    row.fill(0);
    let count = 0;
    let bound = 0;
    for (let term = 0; term < terms; term++) {
      const scalar = (expanded[term] as number) * (a[term * rows + i] as number);
      if (scalar === 0) continue;
      const weight = BINOMIAL_MAX * Math.abs(scalar);
      if (bound + weight >= INT32_LIMIT) {
        flush(scalars, starts, count, b, sums, row);
        count = 0;
        bound = 0;
      }
      bound += weight;
      scalars[count] = scalar;
      starts[count] = term * columns;
      count++;
    }
    flush(scalars, starts, count, b, sums, row);
  }
}

/** row[j] += Σ scalar·B_start+j, in int32 that the caller keeps within range. */
function flush(
  scalars: Int32Array,
  starts: Int32Array,
  count: number,
  b: Int8Array,
  sums: Int32Array,
  row: Float64Array,
): void {
  const columns = row.length;
  sums.fill(0);
  let k = 0;
  // Four at a time: the sums are read and written a quarter as often.
  for (; k + 3 < count; k += 4) {
    const s0 = scalars[k] as number;
    const s1 = scalars[k + 1] as number;
    const s2 = scalars[k + 2] as number;
    const s3 = scalars[k + 3] as number;
    const b0 = starts[k] as number;
    const b1 = starts[k + 1] as number;
    const b2 = starts[k + 2] as number;
    const b3 = starts[k + 3] as number;
    for (let j = 0; j < columns; j++) {
      const even = Math.imul(s0, b[b0 + j] as number) + Math.imul(s1, b[b1 + j] as number);
      const odd = Math.imul(s2, b[b2 + j] as number) + Math.imul(s3, b[b3 + j] as number);
      sums[j] = ((sums[j] as number) + even + odd) | 0;
    }
  }
  for (; k < count; k++) {
    const s = scalars[k] as number;
    const start = starts[k] as number;
    for (let j = 0; j < columns; j++)
      sums[j] = ((sums[j] as number) + Math.imul(s, b[start + j] as number)) | 0;
  }
  for (let j = 0; j < columns; j++) row[j] = (row[j] as number) + (sums[j] as number);
}
