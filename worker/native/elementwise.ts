// Float32 kernels of the addon other than products (src/elementwise.h and src/structures.cc have the exact formulas): the
// same bits at every SIMD level and with any number of threads. First axes are members, 1 where all share a tensor. Writes
// only the last argument of each, and `h` of `gruStep`.
import type { Native } from './addon.js';
import type { LowRankMembers } from './linear.js';

/** In the addon's order; `exp` is there for its own sake. */
export const ACTIVATIONS = ['relu', 'tanh', 'sigmoid', 'gelu', 'silu', 'exp'] as const;

/**
 * y[i] = f(x[i]); y may be x. Largest error in units of the last place: exp 1, tanh 2.5, sigmoid 2.5; a value below the normal
 * numbers is 0.
 */
export function activation(
  native: Native,
  kind: (typeof ACTIVATIONS)[number],
  x: Float32Array,
  y: Float32Array,
): void {
  native.call('activation', ACTIVATIONS.indexOf(kind), x, y);
}

export function scale(native: Native, x: Float32Array, factor: number, y: Float32Array): void {
  native.call('scale', x, factor, y);
}

/** An array with one slab a member, or one for all. */
export interface Slabs {
  readonly data: Float32Array;
  readonly members: number;
}

/** out[p, r, :] = x[p, r, :] + or · y[p, r mod yRows, :], over `members`, `rows` and `width`; yRows divides rows. */
export function combine(
  native: Native,
  operation: 'add' | 'multiply',
  [members, rows, width]: readonly [number, number, number],
  x: Slabs,
  y: Slabs & { readonly rows: number },
  out: Float32Array,
): void {
  const multiply = operation === 'multiply' ? 1 : 0;
  native.call('combine', multiply, members, rows, width, x.data, x.members, y.data, y.members, y.rows, out);
}

/** Rows of x [members, rows, width]: (x − mean)/√(var + ε) where centred, else x/√(mean x² + ε); then gain, then bias. */
export function normalise(
  native: Native,
  [members, rows, width]: readonly [number, number, number],
  x: Float32Array,
  options: {
    readonly centred: boolean;
    readonly epsilon: number;
    readonly gain: Slabs | null;
    readonly bias: Slabs | null;
  },
  y: Float32Array,
): void {
  const { centred, epsilon, gain, bias } = options;
  const vectors = [gain?.data ?? null, gain?.members ?? 1, bias?.data ?? null, bias?.members ?? 1];
  native.call('normalise', x, members, rows, width, centred ? 1 : 0, epsilon, ...vectors, y);
}

/** loss = log Σ exp − the target's, in nats; correct = 1 where the first greatest is the target. Row r has target r mod their number. */
export function crossEntropy(
  native: Native,
  logits: Float32Array,
  [rows, classes]: readonly [number, number],
  targets: Int32Array,
  loss: Float32Array,
  correct: Float32Array,
): void {
  native.call('crossEntropy', logits, rows, classes, targets, loss, correct);
}

/** out[p] = mean of the n values of member p. */
export function mean(native: Native, x: Float32Array, members: number, n: number, out: Float32Array): void {
  native.call('mean', x, members, n, out);
}

/** out [members, n]: θ + s·scale·e of each member, the scale, the product and the sum rounded; e int8 [directions, n]. */
export function formMembers(
  native: Native,
  theta: Float32Array,
  members: Pick<LowRankMembers, 'direction' | 'sign' | 'directions' | 'scale'>,
  e: Int8Array,
  out: Float32Array,
): void {
  const { direction, sign, directions } = members;
  native.call(
    'formMembers',
    theta,
    theta.length,
    sign.length,
    direction,
    sign,
    directions,
    members.scale,
    e,
    out,
  );
}

/** y [members, rows, width] = rows `tokens` [tokenMembers, rows] of W + s·scale·Σ_c A_c B_cᵀ, W [vocabulary, width]. */
export function embedding(
  native: Native,
  tokens: Int32Array,
  tokenMembers: number,
  rows: number,
  w: Float32Array,
  [vocabulary, width]: readonly [number, number],
  members: LowRankMembers,
  y: Float32Array,
): void {
  const { direction, sign, directions, rank, a, b } = members;
  native.call(
    'embedding',
    tokens,
    tokenMembers,
    sign.length,
    rows,
    w,
    vocabulary,
    width,
    direction,
    sign,
    directions,
    rank,
    members.scale,
    a,
    b,
    y,
  );
}

/** Windows of images [images, height, width, channels]; `top` and `left` are zeros before the first row and column. */
export interface Windows {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly top: number;
  readonly left: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

const windowArguments = (w: Windows): readonly number[] => [
  w.images,
  w.height,
  w.width,
  w.channels,
  w.kernelHeight,
  w.kernelWidth,
  w.stride,
  w.top,
  w.left,
  w.outHeight,
  w.outWidth,
];

/** columns [images·outHeight·outWidth, kernelHeight·kernelWidth·channels], zeros outside the image. */
export function windows(native: Native, x: Float32Array, w: Windows, columns: Float32Array): void {
  native.call('windows', x, ...windowArguments(w), columns);
}

/** y [images, outHeight, outWidth, channels]: the greatest of each window; none may leave the image. */
export function maxPool(native: Native, x: Float32Array, w: Windows, y: Float32Array): void {
  native.call('maxPool', x, ...windowArguments(w), y);
}

/**
 * Step t of the recurrent cell: x [xRows, steps, 3·width] (row r reads r mod xRows), u [rows, 3·width] the recurrent products
 * with their bias, h [rows, width] the state, replaced; y [rows, steps, width] gets it at t.
 */
export function gruStep(
  native: Native,
  x: Float32Array,
  xRows: number,
  [rows, steps, width]: readonly [number, number, number],
  t: number,
  u: Float32Array,
  h: Float32Array,
  y: Float32Array,
): void {
  native.call('gruStep', x, xRows, rows, steps, t, width, u, h, y);
}

/** softmax(q kᵀ/√(width/heads)) v, all [batch, steps, width]; causal: position t sees 0..t. */
export function attention(
  native: Native,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  [batch, steps, width]: readonly [number, number, number],
  options: { readonly heads: number; readonly causal: boolean },
  y: Float32Array,
): void {
  native.call('attention', q, k, v, batch, steps, width, options.heads, options.causal ? 1 : 0, y);
}
