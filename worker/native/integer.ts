// The integer kernels of the addon, typed: packed weights, products, recurrent cells and losses of int8 networks. Their
// definition is the integer part of shared/objectives/engine.ts; every SIMD level and number of threads gives the same
// bits. Arrays are row-major and begin at their first element; the addon checks lengths, indices and ranges. Writes only
// the arrays named `result` or `packed`.
import type { Native } from './addon.js';

/** Which direction each member has, as a row of the factors, and its sign: −1, 0 or 1. */
export interface MemberRows {
  readonly directions: Int32Array;
  readonly signs: Int8Array;
}

/** Low-rank noise of one weight: `a` [directions, out], `b` [directions, in], |a|, |b| ≤ 8; the division is by 2^shift. */
export interface IntegerNoise {
  readonly a: Int8Array;
  readonly b: Int8Array;
  readonly shift: number;
}

/** An array with one slab a member, or one for all. */
export interface PerMember<A> {
  readonly data: A;
  readonly members: number;
}

const NONE = [null, null, 0] as const;
const noiseArguments = (noise: IntegerNoise | null): readonly unknown[] =>
  noise === null ? NONE : [noise.a, noise.b, noise.shift];

/** A weight int8 [out, in] in the order that this level's products read it. `in` is at most 65,536. */
export function packInt8(native: Native, weight: Int8Array, out: number, inner: number): Uint8Array {
  const packed = new Uint8Array(native.call('packedInt8Bytes', out, inner) as number);
  native.call('packInt8', weight, out, inner, packed);
  return packed;
}

/** x [members or 1, rows, in] → result [members, rows, out]: clip((x Wᵀ + (((x·B)·s A) >> noise.shift)) >> shift). */
export function integerLinear(
  native: Native,
  x: PerMember<Int8Array>,
  members: number,
  rows: number,
  inner: number,
  packed: Uint8Array,
  out: number,
  shift: number,
  noise: IntegerNoise | null,
  { directions, signs }: MemberRows,
  result: Int8Array,
): void {
  native.call(
    'integerLinear',
    x.data,
    x.members,
    members,
    rows,
    inner,
    packed,
    out,
    shift,
    result,
    ...noiseArguments(noise),
    directions,
    signs,
  );
}

/** One of the two products of the recurrent cell: U packed, and the bias [members or 1, width]. */
export interface IntegerGate {
  readonly packed: Uint8Array;
  readonly bias: PerMember<Int8Array>;
  readonly noise: IntegerNoise | null;
}

/** xf, xh, result [members, batch, steps, width]; resets [members or 1, batch, steps]. */
export function integerGru(
  native: Native,
  xf: Int8Array,
  xh: Int8Array,
  [members, batch, steps, width]: readonly [number, number, number, number],
  forget: IntegerGate,
  candidate: IntegerGate,
  shift: number,
  resets: PerMember<Int32Array>,
  { directions, signs }: MemberRows,
  result: Int8Array,
): void {
  native.call(
    'integerGru',
    xf,
    xh,
    members,
    batch,
    steps,
    width,
    forget.packed,
    candidate.packed,
    shift,
    forget.bias.data,
    forget.bias.members,
    candidate.bias.data,
    candidate.bias.members,
    resets.data,
    resets.members,
    result,
    ...noiseArguments(forget.noise),
    ...noiseArguments(candidate.noise),
    directions,
    signs,
  );
}

/** x [members or 1, rows, width], gain [members or 1, width] → result [members, rows, width]. */
export function integerNorm(
  native: Native,
  x: PerMember<Int8Array>,
  members: number,
  rows: number,
  width: number,
  gain: PerMember<Int8Array>,
  result: Int8Array,
): void {
  native.call('integerNorm', x.data, x.members, members, rows, width, gain.data, gain.members, result);
}

/** clip(x + y), [members or 1, size] each. */
export function integerAdd(
  native: Native,
  x: PerMember<Int8Array>,
  y: PerMember<Int8Array>,
  members: number,
  size: number,
  result: Int8Array,
): void {
  native.call('integerAdd', x.data, x.members, y.data, y.members, members, size, result);
}

/** tokens [members or 1, rows], weight [vocabulary, width] → result [members, rows, width]; `noise.a` is over the vocabulary. */
export function integerEmbedding(
  native: Native,
  tokens: PerMember<Int32Array>,
  members: number,
  rows: number,
  [vocabulary, width]: readonly [number, number],
  weight: Int8Array,
  noise: IntegerNoise | null,
  { directions, signs }: MemberRows,
  result: Int8Array,
): void {
  native.call(
    'integerEmbedding',
    tokens.data,
    tokens.members,
    members,
    rows,
    vocabulary,
    width,
    weight,
    result,
    ...noiseArguments(noise),
    directions,
    signs,
  );
}

/** result [members, width]: clip(θ + ((s a b) >> shift)) of each member. */
export function integerVectors(
  native: Native,
  theta: Int8Array,
  members: number,
  noise: IntegerNoise,
  { directions, signs }: MemberRows,
  result: Int8Array,
): void {
  native.call(
    'integerVectors',
    theta,
    theta.length,
    members,
    result,
    noise.a,
    noise.b,
    noise.shift,
    directions,
    signs,
  );
}

/** logits [members, rows, 256], targets [members or 1, rows] → result [members, rows], in 1/16 bit. */
export function integerLogLikelihood(
  native: Native,
  logits: Int8Array,
  members: number,
  rows: number,
  targets: PerMember<Int32Array>,
  result: Int32Array,
): void {
  native.call('integerLogLikelihood', logits, members, rows, targets.data, targets.members, result);
}
