// Perturbed products on a device: x θᵀ of all members as one matrix product, and beside it the low-rank term (x·B) Aᵀ, so
// that W + σE of a low-rank weight never exists; full-rank members' arrays are formed in blocks. Rows of an embedding and
// convolutions (as products of patches) go the same way.
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import type { Tf, Value } from './device.js';
import { BLOCK_BYTES, type Factors, type WeightView } from './population.js';
import { fault, list, type Scope, type TensorflowTensor } from './scope.js';

/** Members [from, to) of a value; all where it is shared. */
export function slice(tf: Tf, x: Value, from: number, to: number): Value {
  const [first = 1, ...rest] = x.shape;
  if (first === 1 || (from === 0 && to === first)) return x;
  return tf.slice(x, [from, ...rest.map(() => 0)], [to - from, ...rest]);
}

/** `body` for members in blocks of at most `BLOCK_BYTES`, results one after another. */
export function inBlocks(
  { tf, members }: Scope,
  bytesPerMember: number,
  body: (from: number, to: number) => Value,
): Value {
  // An even number, so that the two members of a pair share what is made for their direction.
  const fitting = bytesPerMember === 0 ? members : Math.floor(BLOCK_BYTES / bytesPerMember);
  const block = Math.max(1, fitting > 1 ? fitting - (fitting % 2) : fitting);
  if (block >= members) return body(0, members);
  const parts: Value[] = [];
  for (let from = 0; from < members; from += block) {
    const to = Math.min(members, from + block);
    parts.push(tf.tidy(() => broadcast(tf, body(from, to), to - from)));
  }
  return tf.concat(parts, 0);
}

/** The value with a first axis of `members`. */
export function broadcast(tf: Tf, x: Value, members: number): Value {
  const [first = 1, ...rest] = x.shape;
  return first === members ? x : tf.tile(x, [members, ...rest.map(() => 1)]);
}

/** x·B_c of every member, [P, R, rank]; x [1|P, R, in], b [P, rank, in]. */
export function along(tf: Tf, x: Value, b: Value): Value {
  const [copies = 1, rows = 1, inner = 1] = x.shape;
  const [members = 1, rank = 1] = b.shape;
  if (copies === 1 && members > 1) {
    // One product with all members' factors side by side.
    const factors = tf.transpose(tf.reshape(b, [members * rank, inner]));
    const all = tf.matMul(tf.reshape(x, [rows, inner]), factors);
    return tf.transpose(tf.reshape(all, [rows, members, rank]), [1, 0, 2]);
  }
  return tf.matMul(x, tf.transpose(b, [0, 2, 1]));
}

/** Σ_c (x·B_c) A_cᵀ, [P, R, out]. */
export function lowRankTerm(tf: Tf, x: Value, { a, b }: Factors): Value {
  const product = along(tf, x, b);
  // Of rank 1 the outer product is one multiplication an element.
  return a.shape[1] === 1 ? tf.mul(product, a) : tf.matMul(product, a);
}

/** x θᵀ, [copies, R, out], with all rows as one matrix; `weight` is [in, out]. */
export function sharedProduct(tf: Tf, x: Value, weight: Value): Value {
  const [copies = 1, rows = 1, inner = 1] = x.shape;
  const product = tf.matMul(tf.reshape(x, [copies * rows, inner]), weight);
  return tf.reshape(product, [copies, rows, product.shape[1] ?? 1]);
}

/** x Wᵀ + b of the members of the views, [copies, R, out]; x [1|members, R, in]. */
export function product(tf: Tf, x: Value, view: WeightView, bias: WeightView | null): Value {
  const { weight } = view;
  const factors = view.factors();
  let result: Value;
  if (weight.formedBytes() > 0) {
    const formed = tf.reshape(view.formed(), [-1, weight.rows, weight.columns]);
    result = tf.matMul(x, formed, false, true);
  } else {
    result = sharedProduct(tf, x, weight.transposed());
    if (factors !== null) result = tf.add(result, lowRankTerm(tf, x, factors));
  }
  return bias === null ? result : tf.add(result, tf.reshape(bias.formed(), [-1, 1, weight.rows]));
}

export function linear(scope: Scope, x: Tensor, weight: Weight, bias: Weight | null): TensorflowTensor {
  const input = scope.operand('linear', x, 'float32', 3);
  const matrix = scope.weight('linear', weight, 'float32');
  const [, rows = 1, inner] = input.shape;
  if (inner !== matrix.columns)
    throw fault('linear', `x ${list(input.shape)} does not fit weight ${matrix.name} ${list(matrix.shape)}`);
  const added = bias === null ? null : scope.vector('linear', bias, 'float32', matrix.rows);
  const { tf } = scope;
  return scope.make('linear', 'float32', [scope.members, rows, matrix.rows], () =>
    inBlocks(scope, matrix.formedBytes(), (from, to) =>
      product(tf, slice(tf, input.value, from, to), matrix.view(from, to), added?.view(from, to) ?? null),
    ),
  );
}

export function embedding(scope: Scope, tokens: Tensor, weight: Weight): TensorflowTensor {
  const table = scope.weight('embedding', weight, 'float32');
  const indices = scope.indices('embedding', tokens, 2, table.rows);
  const { tf, members } = scope;
  const { rows, columns } = table;
  const count = indices.shape[1] ?? 1;
  return scope.make('embedding', 'float32', [members, count, columns], () => {
    if (table.formedBytes() > 0)
      return inBlocks(scope, table.formedBytes(), (from, to) => {
        const formed = tf.reshape(table.view(from, to).formed(), [-1, columns]);
        const own = memberRows(indices.host, indices.copies, count, rows, from, to);
        return tf.reshape(tf.gather(formed, tf.tensor1d(own, 'int32')), [to - from, count, columns]);
      });
    const shared = tf.gather(tf.reshape(table.base(), [rows, columns]), indices.value);
    const factors = table.view().factors();
    if (factors === null) return shared;
    return tf.add(shared, tf.matMul(rowsOfFactor(scope, factors.a, indices), factors.b));
  });
}

/** Elements A_t of the tokens, [P, R, rank], of factors [P, rank, rows]. */
export function rowsOfFactor(
  { tf, members }: Scope,
  a: Value,
  { host, copies, shape }: { host: Int32Array; copies: number; shape: readonly number[] },
): Value {
  const [, rank = 1, rows = 1] = a.shape;
  const count = shape[1] ?? 1;
  const byRow = tf.reshape(tf.transpose(a, [0, 2, 1]), [members * rows, rank]);
  const own = memberRows(host, copies, count, rows, 0, members);
  return tf.reshape(tf.gather(byRow, tf.tensor1d(own, 'int32')), [members, count, rank]);
}

/** Row numbers in a stack of the members' tables of `rows` rows, for members [from, to). */
function memberRows(
  host: Int32Array,
  copies: number,
  count: number,
  rows: number,
  from: number,
  to: number,
): Int32Array {
  const own = new Int32Array((to - from) * count);
  for (let member = from; member < to; member++)
    for (let i = 0; i < count; i++)
      own[(member - from) * count + i] =
        (member - from) * rows + (host[(copies === 1 ? 0 : member * count) + i] as number);
  return own;
}
