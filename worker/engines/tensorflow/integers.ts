// The integer model's operations, bit for bit as the reference engine: int8 as whole numbers in float32, each operation with
// a bound of its sums that is known before it runs. Products of int8 are exact on every device: a short mantissa (TF32 has 11
// bits, bf16 has 8) holds ±128, and the sums are accumulated in float32.
import { SeedcastError } from '../../../shared/errors.js';
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import { EXP2, LEAST_SUM } from '../reference/integer-tables.js';
import type { Tf, Value } from './device.js';
import { pairedMembers } from './elementwise.js';
import { picked, targetMembers } from './losses.js';
import type { TensorflowWeight, WeightView } from './population.js';
import { along, rowsOfFactor, sharedProduct } from './products.js';
import { fault, list, type Scope, type TensorflowTensor } from './scope.js';
import {
  addWide,
  clip,
  clipWide,
  EXACT,
  floorDivide,
  multiplyWide,
  shiftRight,
  shiftRightWide,
  widen,
  type Wide,
} from './whole.js';

/** Past this width an int32 sum could overflow. */
const WIDEST = 65_536;
/** |x| and |θ| of int8, and |B| of the noise. */
const BYTE = 128;
const NOISE = 8;
/** Of t − ⌊16 log2(Σ/16)⌋: 0 to 255, less 0 to 384. */
const LIKELIHOOD_BOUND = 384;
/** Columns whose products of bytes stay exact whatever they are: 128² · 1,023 < 2^24. */
const COLUMNS = 1_023;

export function integerEmbedding(scope: Scope, tokens: Tensor, weight: Weight): TensorflowTensor {
  const table = scope.weight('integerEmbedding', weight, 'int8');
  refuseProduct('integerEmbedding', table);
  const indices = scope.indices('integerEmbedding', tokens, 2, table.rows);
  const { tf, members } = scope;
  const { rows, columns, perturbation } = table;
  const count = indices.shape[1] ?? 1;
  return scope.make('integerEmbedding', 'int8', [members, count, columns], () => {
    const shared = tf.gather(tf.reshape(table.base(), [rows, columns]), indices.value);
    const factors = table.view().factors();
    if (factors === null || perturbation.kind !== 'integer-low-rank') return clip(tf, shared);
    const added = tf.mul(rowsOfFactor(scope, factors.a, indices), factors.b);
    return clip(tf, tf.add(shared, shiftRight(tf, added, perturbation.shift)));
  });
}

export function integerLinear(scope: Scope, x: Tensor, weight: Weight, shift: number): TensorflowTensor {
  const input = scope.operand('integerLinear', x, 'int8', 3);
  const matrix = integerMatrix('integerLinear', scope.weight('integerLinear', weight, 'int8'), shift);
  const [, rows = 1, inner] = input.shape;
  if (inner !== matrix.columns)
    throw fault(
      'integerLinear',
      `x ${list(input.shape)} does not fit weight ${matrix.name} ${list(matrix.shape)}`,
    );
  return scope.make('integerLinear', 'int8', [scope.members, rows, matrix.rows], () =>
    integerProduct(scope.tf, input.value, matrix.view(), shift),
  );
}

/** clip((x θᵀ + ((x·B) s A) >> own shift) >> shift), [copies, R, out]; x [1|P, R, in]. */
function integerProduct(tf: Tf, x: Value, view: WeightView, shift: number): Value {
  const { weight } = view;
  const { columns, perturbation } = weight;
  const factors = view.factors();
  const own = perturbation.kind === 'integer-low-rank' ? perturbation.shift : 0;
  const mainBound = BYTE * weight.rowBound();
  const addedBound = factors === null ? 0 : columns * BYTE * NOISE * NOISE;
  if (Math.max(addedBound, mainBound + addedBound / 2 ** own + 1) < EXACT) {
    const main = sharedProduct(tf, x, weight.transposed());
    if (factors === null) return clip(tf, shiftRight(tf, main, shift));
    const added = tf.mul(along(tf, x, factors.b), factors.a);
    return clip(tf, shiftRight(tf, tf.add(main, shiftRight(tf, added, own)), shift));
  }
  let main: Wide | null = null;
  let alongB: Wide | null = null;
  for (let from = 0; from < columns; from += COLUMNS) {
    const count = Math.min(COLUMNS, columns - from);
    const part = lastAxis(tf, x, from, count);
    const sum = widen(tf, sharedProduct(tf, part, tf.slice(weight.transposed(), [from, 0], [count, -1])));
    main = main === null ? sum : addWide(tf, main, sum);
    if (factors === null) continue;
    const product = widen(tf, along(tf, part, lastAxis(tf, factors.b, from, count)));
    alongB = alongB === null ? product : addWide(tf, alongB, product);
  }
  if (main === null) throw fault('integerLinear', `weight ${weight.name} has no columns`);
  if (factors !== null && alongB !== null)
    main = addWide(tf, main, shiftRightWide(tf, multiplyWide(tf, alongB, factors.a), own));
  return clipWide(tf, shiftRightWide(tf, main, shift));
}

function lastAxis(tf: Tf, x: Value, from: number, count: number): Value {
  const [copies = 1, rows = 1] = x.shape;
  return tf.slice(x, [0, 0, from], [copies, rows, count]);
}

export function integerAdd(scope: Scope, x: Tensor, y: Tensor): TensorflowTensor {
  const left = scope.operand('integerAdd', x, 'int8', { from: 1 });
  const right = scope.operand('integerAdd', y, 'int8', { from: 1 });
  const members = pairedMembers('integerAdd', left, right);
  const { tf } = scope;
  return scope.make('integerAdd', 'int8', [members, ...left.shape.slice(1)], () =>
    clip(tf, tf.add(left.value, right.value)),
  );
}

export function integerNorm(scope: Scope, x: Tensor, gain: Weight): TensorflowTensor {
  const input = scope.operand('integerNorm', x, 'int8', { from: 2 });
  const width = input.shape.at(-1) ?? 1;
  const gains = scope.vector('integerNorm', gain, 'int8', width);
  if (width * BYTE >= 2 ** 23) throw fault('integerNorm', `a width of ${width} is more than 65,535`);
  const { tf, members } = scope;
  return scope.make('integerNorm', 'int8', [members, ...input.shape.slice(1)], () => {
    const sum = tf.sum(tf.abs(input.value), -1, true);
    const divisor = tf.maximum(floorDivide(tf, sum, tf.scalar(width)), 1);
    const formed = tf.reshape(gains.view().formed(), [-1, ...input.shape.slice(1, -1).map(() => 1), width]);
    return clip(tf, floorDivide(tf, tf.mul(input.value, formed), divisor));
  });
}

export function integerGru(
  scope: Scope,
  xf: Tensor,
  xh: Tensor,
  recurrent: { readonly uf: Weight; readonly bf: Weight; readonly uh: Weight; readonly bh: Weight },
  resets: Tensor,
  shift: number,
): TensorflowTensor {
  const operation = 'integerGru';
  const gates = scope.operand(operation, xf, 'int8', 4);
  const candidates = scope.operand(operation, xh, 'int8', 4);
  const starts = scope.operand(operation, resets, 'int32', 3);
  pairedMembers(operation, gates, candidates);
  const [, batch = 1, times = 1, width = 1] = gates.shape;
  if (starts.shape[1] !== batch || starts.shape[2] !== times)
    throw fault(operation, `resets ${list(starts.shape)} do not fit xf ${list(gates.shape)}`);
  const view = (weight: Weight): WeightView => {
    const own = integerMatrix(operation, scope.weight(operation, weight, 'int8'), shift);
    if (own.shape.length !== 2 || own.rows !== width || own.columns !== width)
      throw fault(operation, `weight ${own.name} has shape ${list(own.shape)}, not [${width}, ${width}]`);
    return own.view();
  };
  const [uf, uh] = [view(recurrent.uf), view(recurrent.uh)];
  const { tf, members } = scope;
  const bias = (weight: Weight): WeightView => scope.vector(operation, weight, 'int8', width).view();
  const [bf, bh] = [bias(recurrent.bf), bias(recurrent.bh)];

  return scope.make(operation, 'int8', [members, batch, times, width], () => {
    // 0 where the state starts anew, else 1.
    const going = tf.cast(tf.notEqual(tf.cast(starts.value, 'float32'), 1), 'float32');
    const at = (x: Value, t: number): Value => {
      const [copies = 1] = x.shape;
      return tf.reshape(tf.slice(x, [0, 0, t, 0], [copies, batch, 1, width]), [copies, batch, width]);
    };
    const [fBias, hBias] = [bf, bh].map((one) => tf.reshape(one.formed(), [-1, 1, width])) as [Value, Value];
    let s: Value = tf.zeros([1, batch, width]);
    const states: Value[] = [];
    for (let t = 0; t < times; t++) {
      const previous = s;
      s = tf.tidy(() => {
        const kept = tf.slice(going, [0, 0, t], [starts.copies, batch, 1]);
        const state = tf.mul(previous, kept);
        const f = clip(tf, tf.add(tf.add(at(gates.value, t), integerProduct(tf, state, uf, shift)), fBias));
        const open = tf.add(f, 127);
        const gated = shiftRight(tf, tf.mul(open, state), 8);
        const h = clip(
          tf,
          tf.add(tf.add(at(candidates.value, t), integerProduct(tf, gated, uh, shift)), hBias),
        );
        return tf.add(state, shiftRight(tf, tf.mul(open, tf.sub(h, state)), 8));
      });
      states.push(s);
    }
    return tf.stack(states, 2);
  });
}

export function integerLogLikelihood(scope: Scope, logits: Tensor, targets: Tensor): TensorflowTensor {
  const operation = 'integerLogLikelihood';
  const scores = scope.operand(operation, logits, 'int8', 3);
  const [, rows = 1, classes = 1] = scores.shape;
  if (classes !== 256) throw fault(operation, `logits have ${classes} classes, not 256`);
  const labels = scope.indices(operation, targets, 2, 256);
  const members = targetMembers(operation, scores, labels);
  const { tf } = scope;
  return scope.make(
    operation,
    'int32',
    [members, rows],
    () => {
      // A sum of 256 entries of EXP2 is below 2^28: entries and bounds as limbs, whose sums stay below 2^24.
      const [entries, least] = [EXP2, LEAST_SUM].map((table) => limbs(tf, table)) as [Wide, Wide];
      const places = tf.cast(tf.add(scores.value, 128), 'int32');
      const [high, low] = [entries.high, entries.low].map((table) => tf.sum(tf.gather(table, places), 2)) as [
        Value,
        Value,
      ];
      const carry = widen(tf, low);
      const sum: Wide = { high: tf.add(high, carry.high), low: carry.low };
      // 16 log2(sum / 16) by the device is near enough to be rounded to the floor or the whole number above it.
      const logarithm = tf.log(tf.add(tf.mul(sum.high, 4096 / 16), tf.mul(sum.low, 1 / 16)));
      const near = tf.cast(tf.round(tf.mul(logarithm, 16 / Math.LN2)), 'int32');
      const bound: Wide = { high: tf.gather(least.high, near), low: tf.gather(least.low, near) };
      const reached = tf.add(
        tf.cast(tf.greater(sum.high, bound.high), 'float32'),
        tf.mul(
          tf.cast(tf.equal(sum.high, bound.high), 'float32'),
          tf.cast(tf.greaterEqual(sum.low, bound.low), 'float32'),
        ),
      );
      const floor = tf.add(tf.sub(tf.cast(near, 'float32'), 1), reached);
      return tf.sub(tf.add(picked(tf, scores, labels), 128), floor);
    },
    LIKELIHOOD_BOUND,
  );
}

function limbs(tf: Tf, table: Int32Array): Wide {
  return {
    high: tf.tensor1d(
      Float32Array.from(table, (value) => Math.floor(value / 4096)),
      'float32',
    ),
    low: tf.tensor1d(
      Float32Array.from(table, (value) => value % 4096),
      'float32',
    ),
  };
}

/**
 * int32 [P, R...] → [P], exact: data from the CPU is summed there, what the device made is summed there within 2^24, past which
 * SC_ENGINE. (Backends' own sums of int32 are not to be had: WebGPU's passes through float32.)
 */
export function integerSum(scope: Scope, x: Tensor): TensorflowTensor {
  const input = scope.operand('integerSum', x, 'int32', { from: 2 });
  const { tf } = scope;
  const [first = 1, ...rest] = input.shape;
  const count = rest.reduce((product, length) => product * length, 1);
  if (input.host !== null) {
    const sums = new Int32Array(first);
    for (let member = 0; member < first; member++) {
      let sum = 0;
      for (let i = member * count; i < (member + 1) * count; i++) sum += input.host[i] as number;
      if (sum !== (sum | 0)) throw fault('integerSum', `a sum of ${sum} does not fit int32`);
      sums[member] = sum;
    }
    return scope.upload('integerSum', 'int32', [first], sums);
  }
  const bound = count * input.bound;
  if (bound >= EXACT)
    throw new SeedcastError(
      'SC_ENGINE',
      `integerSum: ${count} numbers of up to ${input.bound} may add to ${bound}; engine tensorflow sums below ${EXACT}`,
      { hint: 'evaluate fewer rows a member at once, or use engine native' },
    );
  return scope.make(
    'integerSum',
    'int32',
    [first],
    () => tf.sum(tf.reshape(input.value, [input.copies, count]), 1),
    bound,
  );
}

function integerMatrix(operation: string, weight: TensorflowWeight, shift: number): TensorflowWeight {
  refuseProduct(operation, weight);
  if (weight.columns > WIDEST)
    throw fault(operation, `weight ${weight.name} is ${weight.columns} wide; int32 sums allow ${WIDEST}`);
  if (!Number.isInteger(shift) || shift < 0 || shift > 31)
    throw fault(operation, `the shift is ${shift}, not an integer from 0 to 31`);
  return weight;
}

function refuseProduct(operation: string, weight: TensorflowWeight): void {
  if (weight.perturbation.kind === 'integer-product')
    throw fault(operation, `weight ${weight.name} is perturbed as a vector, but used as a matrix`);
}
