// The integer model's operations: int8 in ±127, int32 sums, divisions by powers of two as arithmetic shifts. Every engine
// gives these bits. Source: "Evolution Strategies at the Hyperscale", arXiv 2511.16652, appendix H, with binomial noise.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import { EXP2, log2Sixteenths } from './integer-tables.js';
import { pairedMembers } from './elementwise.js';
import { targetMembers } from './losses.js';
import { clip, type IntegerFactors, type ReferenceWeight } from './population.js';
import { checkTokens } from './products.js';
import { axis, fault, type ReferenceTensor, type Scope, sizeOf } from './tensors.js';

/** Past this width an int32 sum could overflow. */
const WIDEST = 65_536;

export function integerEmbedding(scope: Scope, tokens: Tensor, weight: Weight): ReferenceTensor {
  const indices = scope.operand('integerEmbedding', tokens, 'int32', 2);
  const table = scope.weight('integerEmbedding', weight, 'int8');
  const { rows, columns, base } = table;
  refuseProduct('integerEmbedding', table);
  checkTokens('integerEmbedding', indices.data, rows);
  const count = axis(indices.shape, 1);
  const result = new Int8Array(scope.members * count * columns);
  for (let member = 0; member < scope.members; member++) {
    const factors = table.integerFactors(member);
    indices.of(member).forEach((token, i) => {
      for (let j = 0; j < columns; j++) {
        const added =
          factors === null
            ? 0
            : (factors.sign * (factors.a[token] as number) * (factors.b[j] as number)) >> factors.shift;
        result[(member * count + i) * columns + j] = clip((base[token * columns + j] as number) + added);
      }
    });
  }
  return scope.make('integerEmbedding', [scope.members, count, columns], result);
}

/** Σ_k x[row, k] w[out, k], exact, [rows, outs]. */
function integerProduct(x: Int8Array, rows: number, inner: number, w: Int8Array, outs: number): Int32Array {
  const result = new Int32Array(rows * outs);
  for (let out = 0; out < outs; out++)
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let k = 0; k < inner; k++)
        sum = (sum + (x[row * inner + k] as number) * (w[out * inner + k] as number)) | 0;
      result[row * outs + out] = sum;
    }
  return result;
}

/** out ← clip((main + (((x·B)·sign A) >> s)) >> shift), [rows, outs]. */
function integerFinish(
  main: Int32Array,
  x: Int8Array,
  rows: number,
  inner: number,
  factors: IntegerFactors | null,
  shift: number,
  out: Int8Array,
): void {
  const outs = main.length / rows;
  for (let row = 0; row < rows; row++) {
    let along = 0;
    if (factors !== null)
      for (let k = 0; k < inner; k++)
        along = (along + (x[row * inner + k] as number) * (factors.b[k] as number)) | 0;
    for (let i = 0, at = row * outs; i < outs; i++, at++) {
      const added = factors === null ? 0 : (along * factors.sign * (factors.a[i] as number)) >> factors.shift;
      out[at] = clip(((main[at] as number) + added) >> shift);
    }
  }
}

export function integerLinear(scope: Scope, x: Tensor, weight: Weight, shift: number): ReferenceTensor {
  const input = scope.operand('integerLinear', x, 'int8', 3);
  const matrix = integerMatrix('integerLinear', scope.weight('integerLinear', weight, 'int8'), shift);
  const [, rows = 1, inner = 1] = input.shape;
  if (inner !== matrix.columns)
    throw fault(
      'integerLinear',
      `x [${input.shape.join(', ')}] does not fit weight ${matrix.name} [${matrix.shape.join(', ')}]`,
    );
  const outs = matrix.rows;
  const size = rows * outs;
  const base = matrix.base as Int8Array;
  const once = input.shared ? integerProduct(input.data, rows, inner, base, outs) : null;
  const result = new Int8Array(scope.members * size);
  for (let member = 0; member < scope.members; member++) {
    const values = input.of(member);
    integerFinish(
      once ?? integerProduct(values, rows, inner, base, outs),
      values,
      rows,
      inner,
      matrix.integerFactors(member),
      shift,
      result.subarray(member * size, (member + 1) * size),
    );
  }
  return scope.make('integerLinear', [scope.members, rows, outs], result);
}

export function integerAdd(scope: Scope, x: Tensor, y: Tensor): ReferenceTensor {
  const left = scope.operand('integerAdd', x, 'int8', { from: 1 });
  const right = scope.operand('integerAdd', y, 'int8', { from: 1 });
  const members = pairedMembers('integerAdd', left, right);
  const size = sizeOf(left.shape.slice(1));
  const result = new Int8Array(members * size);
  for (let member = 0; member < members; member++) {
    const [a, b] = [left.of(member), right.of(member)];
    for (let i = 0; i < size; i++) result[member * size + i] = clip((a[i] as number) + (b[i] as number));
  }
  return scope.make('integerAdd', [members, ...left.shape.slice(1)], result);
}

export function integerNorm(scope: Scope, x: Tensor, gain: Weight): ReferenceTensor {
  const input = scope.operand('integerNorm', x, 'int8', { from: 2 });
  const width = axis(input.shape, -1);
  const gains = scope.vector('integerNorm', gain, 'int8', width);
  const size = sizeOf(input.shape.slice(1));
  const result = new Int8Array(scope.members * size);
  for (let member = 0; member < scope.members; member++) {
    const values = input.of(member);
    const g = gains.integerFormed(member);
    for (let from = 0; from < size; from += width) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += Math.abs(values[from + j] as number);
      const divisor = Math.max(1, Math.floor(sum / width));
      for (let j = 0; j < width; j++)
        result[member * size + from + j] = clip(
          Math.floor(((values[from + j] as number) * (g[j] as number)) / divisor),
        );
    }
  }
  return scope.make('integerNorm', [scope.members, ...input.shape.slice(1)], result);
}

/** ((f + 127)·s) >> 8: the gated state that the candidate sees. */
export function gatedState(f: number, s: number): number {
  return ((f + 127) * s) >> 8;
}

/** s + (((f + 127)·(h − s)) >> 8), always within ±127. The inner term spans ±253 and is not clipped. */
export function nextState(f: number, h: number, s: number): number {
  return s + (((f + 127) * (h - s)) >> 8);
}

export function integerGru(
  scope: Scope,
  xf: Tensor,
  xh: Tensor,
  recurrent: { readonly uf: Weight; readonly bf: Weight; readonly uh: Weight; readonly bh: Weight },
  resets: Tensor,
  shift: number,
): ReferenceTensor {
  const operation = 'integerGru';
  const gates = scope.operand(operation, xf, 'int8', 4);
  const candidates = scope.operand(operation, xh, 'int8', 4);
  const starts = scope.operand(operation, resets, 'int32', 3);
  pairedMembers(operation, gates, candidates);
  const [, batch = 1, times = 1, width = 1] = gates.shape;
  if (axis(starts.shape, 1) !== batch || axis(starts.shape, 2) !== times)
    throw fault(operation, `resets [${starts.shape.join(', ')}] do not fit xf [${gates.shape.join(', ')}]`);
  const matrix = (weight: Weight): ReferenceWeight => {
    const own = integerMatrix(operation, scope.weight(operation, weight, 'int8'), shift);
    if (own.shape.length !== 2 || own.rows !== width || own.columns !== width)
      throw fault(
        operation,
        `weight ${own.name} has shape [${own.shape.join(', ')}], not [${width}, ${width}]`,
      );
    return own;
  };
  const [uf, uh] = [matrix(recurrent.uf), matrix(recurrent.uh)];
  const bf = scope.vector(operation, recurrent.bf, 'int8', width);
  const bh = scope.vector(operation, recurrent.bh, 'int8', width);

  const size = batch * times * width;
  const result = new Int8Array(scope.members * size);
  const [products, forget, gated] = [0, 0, 0].map(() => new Int8Array(batch * width)) as [
    Int8Array,
    Int8Array,
    Int8Array,
  ];
  for (let member = 0; member < scope.members; member++) {
    const [f, h, reset] = [gates.of(member), candidates.of(member), starts.of(member)];
    const [fBias, hBias] = [bf.integerFormed(member), bh.integerFormed(member)];
    const s = new Int8Array(batch * width);
    const multiply = (x: Int8Array, u: ReferenceWeight): void =>
      integerFinish(
        integerProduct(x, batch, width, u.base as Int8Array, width),
        x,
        batch,
        width,
        u.integerFactors(member),
        shift,
        products,
      );
    for (let t = 0; t < times; t++) {
      for (let b = 0; b < batch; b++) if (reset[b * times + t] === 1) s.fill(0, b * width, (b + 1) * width);
      multiply(s, uf);
      for (let i = 0; i < s.length; i++) {
        const from = inputAt(i, width, times, t);
        forget[i] = clip((f[from] as number) + (products[i] as number) + (fBias[i % width] as number));
        gated[i] = gatedState(forget[i] as number, s[i] as number);
      }
      multiply(gated, uh);
      for (let i = 0; i < s.length; i++) {
        const from = inputAt(i, width, times, t);
        const candidate = clip((h[from] as number) + (products[i] as number) + (hBias[i % width] as number));
        const next = nextState(forget[i] as number, candidate, s[i] as number);
        s[i] = next;
        result[member * size + from] = next;
      }
    }
  }
  return scope.make(operation, [scope.members, batch, times, width], result);
}

/** Element i of a state [batch, width] at time t of [batch, times, width]. */
function inputAt(i: number, width: number, times: number, t: number): number {
  const row = Math.floor(i / width);
  return (row * times + t) * width + (i - row * width);
}

export function integerLogLikelihood(scope: Scope, logits: Tensor, targets: Tensor): ReferenceTensor {
  const operation = 'integerLogLikelihood';
  const scores = scope.operand(operation, logits, 'int8', 3);
  const labels = scope.operand(operation, targets, 'int32', 2);
  const members = targetMembers(operation, scores, labels);
  const [, rows = 1, classes = 1] = scores.shape;
  if (classes !== 256) throw fault(operation, `logits have ${classes} classes, not 256`);
  checkTokens(operation, labels.data, 256);
  const result = new Int32Array(members * rows);
  for (let member = 0; member < members; member++) {
    const values = scores.of(member);
    labels.of(member).forEach((label, row) => {
      let sum = 0;
      for (let c = 0; c < 256; c++) sum += EXP2[(values[row * 256 + c] as number) + 128] as number;
      result[member * rows + row] = (values[row * 256 + label] as number) + 128 - log2Sixteenths(sum);
    });
  }
  return scope.make(operation, [members, rows], result);
}

export function integerSum(scope: Scope, x: Tensor): ReferenceTensor {
  const input = scope.operand('integerSum', x, 'int32', { from: 2 });
  const members = axis(input.shape, 0);
  const result = new Int32Array(members);
  for (let member = 0; member < members; member++) {
    let sum = 0;
    for (const value of input.of(member)) sum += value;
    if (sum !== (sum | 0)) throw fault('integerSum', `a sum of ${sum} does not fit int32`);
    result[member] = sum;
  }
  return scope.make('integerSum', [members], result);
}

export function integerMatrix(operation: string, weight: ReferenceWeight, shift: number): ReferenceWeight {
  refuseProduct(operation, weight);
  if (weight.columns > WIDEST)
    throw fault(operation, `weight ${weight.name} is ${weight.columns} wide; int32 sums allow ${WIDEST}`);
  if (!Number.isInteger(shift) || shift < 0 || shift > 31)
    throw fault(operation, `the shift is ${shift}, not an integer from 0 to 31`);
  return weight;
}

export function refuseProduct(operation: string, weight: ReferenceWeight): void {
  if (weight.perturbation.kind === 'integer-product')
    throw fault(operation, `weight ${weight.name} is perturbed as a vector, but used as a matrix`);
}
