// The float kernels against Math's functions in float64 and against explicit formulas, with the same bits at every level.
// (What whole operations give is held by the conformance suite of the engines.)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEVELS, SKIP } from '../../test/support/native.js';
import type { Native } from './addon.js';
import * as kernels from './elementwise.js';

const [native] = LEVELS as readonly [Native];

/** A unit in the last place of float32 at |x|; the smallest subnormal below the normal numbers. */
const ulp = (x: number): number => 2 ** Math.max(Math.floor(Math.log2(Math.abs(x))) - 23, -149);

/** Every 1,499th float32 from `low` to `high` in order of their bits, both signs. */
function sweep(low: number, high: number): Float32Array {
  const word = new Uint32Array(Float32Array.of(low, high).buffer);
  const words: number[] = [];
  for (let w = word[0] ?? 0; w <= (word[1] ?? 0); w += 1499) words.push(w, (w | 0x80000000) >>> 0);
  return new Float32Array(Uint32Array.from(words).buffer);
}

function largestError(
  kind: 'exp' | 'tanh' | 'sigmoid',
  xs: Float32Array,
  exact: (x: number) => number,
): number {
  const ys = new Float32Array(xs.length);
  kernels.activation(native, kind, xs, ys);
  let worst = 0;
  xs.forEach((x, i) => {
    const want = exact(x);
    if (Math.fround(want) === ys[i]) return;
    worst = Math.max(worst, Math.abs((ys[i] ?? NaN) - want) / ulp(want));
  });
  return worst;
}

test('exp, tanh and sigmoid stay within the stated units in the last place', { skip: SKIP }, () => {
  const errors = {
    exp: largestError('exp', sweep(1e-10, 87), Math.exp),
    tanh: largestError('tanh', sweep(1e-30, 20), Math.tanh),
    sigmoid: largestError('sigmoid', sweep(1e-10, 86), (x) => 1 / (1 + Math.exp(-x))),
  };
  assert.ok(errors.exp <= 1 && errors.tanh <= 2.5 && errors.sigmoid <= 2.5, JSON.stringify(errors));
});

test('the ends of the number line are what the functions tend to', { skip: SKIP }, () => {
  const xs = Float32Array.of(-Infinity, -200, -100, -0, 0, 88.7, 88.73, 200, Infinity, NaN);
  const of = (kind: 'exp' | 'tanh' | 'sigmoid' | 'relu') => {
    const ys = new Float32Array(xs.length);
    kernels.activation(native, kind, xs, ys);
    return [...ys];
  };
  const near = (x: number) => Math.fround(Math.exp(Math.fround(x)));
  const exp = of('exp');
  // e^-100 is subnormal; the last place there is 2^-149.
  assert.ok(Math.abs((exp[2] ?? 0) - near(-100)) <= 2 ** -149);
  assert.ok(Math.abs((exp[5] ?? 0) / near(88.7) - 1) < 2e-7);
  exp[2] = exp[5] = 7;
  assert.deepEqual(exp, [0, 0, 7, 1, 1, 7, Infinity, Infinity, Infinity, NaN]);
  assert.deepEqual(of('tanh'), [-1, -1, -1, -0, 0, 1, 1, 1, 1, NaN]);
  assert.deepEqual(of('relu'), [0, 0, 0, -0, 0, xs[5], xs[6], 200, Infinity, NaN]);
  const sigmoid = of('sigmoid');
  assert.ok((sigmoid[2] ?? 1) < 1e-38);
  sigmoid[2] = 0;
  assert.deepEqual(sigmoid, [0, 0, 0, 0.5, 0.5, 1, 1, 1, 1, NaN]);
});

test('gelu and silu are their formulas', { skip: SKIP }, () => {
  const xs = sweep(1e-3, 30);
  const ys = new Float32Array(xs.length);
  kernels.activation(native, 'gelu', xs, ys);
  xs.forEach((x, i) => {
    const want = (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    assert.ok(
      Math.abs((ys[i] ?? NaN) - want) <= 3e-7 * Math.max(Math.abs(x), 1),
      `gelu(${x}) = ${ys[i] ?? NaN}`,
    );
  });
  kernels.activation(native, 'silu', xs, ys);
  xs.forEach((x, i) => {
    const want = x / (1 + Math.exp(-x));
    assert.ok(Math.abs((ys[i] ?? NaN) - want) <= 4 * ulp(want), `silu(${x}) = ${ys[i] ?? NaN}`);
  });
});

test('every kernel gives the same bits at every level and with any threads', { skip: SKIP }, () => {
  for (const n of [1, 5, 16, 33, 1000, 20_001]) {
    const x = Float32Array.from({ length: n }, (_, i) => 3 * Math.sin(1.7 * i) + (i % 97 === 3 ? 90 : 0));
    const y = Float32Array.from({ length: n }, (_, i) => Math.cos(0.3 * i));
    const all = LEVELS.map((level) => {
      const results: Float32Array[] = [];
      const out = (length = n): Float32Array => {
        const array = new Float32Array(length);
        results.push(array);
        return array;
      };
      for (const kind of kernels.ACTIVATIONS) kernels.activation(level, kind, x, out());
      kernels.scale(level, x, 0.3, out());
      const slabs = { data: x, members: 1 };
      for (const operation of ['add', 'multiply'] as const)
        kernels.combine(level, operation, [1, 1, n], slabs, { data: y, members: 1, rows: 1 }, out());
      for (const centred of [true, false])
        kernels.normalise(level, [1, 1, n], x, { centred, epsilon: 1e-5, gain: slabs, bias: slabs }, out());
      kernels.crossEntropy(level, x, [1, n], Int32Array.of(n >> 1), out(1), out(1));
      kernels.mean(level, x, 1, n, out(1));
      const [width, heads] = n % 5 === 0 ? [5, 5] : [n, 1];
      if (n <= 1000) {
        kernels.attention(level, x, y, x, [1, n / width, width], { heads, causal: n % 2 === 0 }, out());
        const h = y.slice();
        results.push(h);
        const wide = Float32Array.from({ length: 3 * n }, (_, i) => Math.sin(i));
        kernels.gruStep(level, wide, 1, [1, 1, n], 0, wide, h, out());
      }
      return results;
    });
    for (const [i, results] of all.entries()) assert.deepEqual(results, all[0], LEVELS[i]?.simd);
  }
});

test('bad shapes, targets and tokens are refused by name', { skip: SKIP }, () => {
  const x = new Float32Array(12);
  assert.throws(
    () => kernels.activation(native, 'relu', x, new Float32Array(11)),
    /y holds 11 elements, needs 12/,
  );
  assert.throws(
    () => kernels.crossEntropy(native, x, [3, 4], Int32Array.of(1, 4, 0), x, x),
    /target 1 is 4, must be in \[0, 4\)/,
  );
  assert.throws(
    () =>
      kernels.combine(native, 'add', [2, 3, 2], { data: x, members: 2 }, { data: x, members: 1, rows: 2 }, x),
    /yRows \(2\) does not divide rows \(3\)/,
  );
  assert.throws(
    () => kernels.attention(native, x, x, x, [1, 3, 4], { heads: 3, causal: true }, x),
    /3 heads/,
  );
  const members = {
    direction: Uint32Array.of(0),
    sign: Int8Array.of(1),
    directions: 1,
    rank: 1,
    scale: 1,
    a: new Int8Array(3),
    b: new Int8Array(4),
  };
  assert.throws(
    () => kernels.embedding(native, Int32Array.of(3), 1, 1, x, [3, 4], members, new Float32Array(4)),
    /token 0 is 3, must be in \[0, 3\)/,
  );
  const w = {
    images: 1,
    height: 3,
    width: 4,
    channels: 1,
    kernelHeight: 2,
    kernelWidth: 2,
    stride: 2,
    top: 0,
    left: 0,
    outHeight: 2,
    outWidth: 2,
  };
  assert.throws(() => kernels.maxPool(native, x, w, new Float32Array(4)), /leave the image/);
  // A stride times a row that leaves 64 bits must not come round to within the image.
  const far = { ...w, outHeight: 2 ** 24 + 2, outWidth: 1, kernelHeight: 1, kernelWidth: 1, stride: 2 ** 40 };
  assert.throws(
    () => kernels.maxPool(native, x, far, new Float32Array(w.images * far.outHeight * w.channels)),
    /leave the image/,
  );
});

test(
  'a maximum over a window that holds what is no number is no number, wherever it stands',
  { skip: SKIP },
  () => {
    const native = LEVELS[0] as Native;
    const w = {
      images: 1,
      height: 2,
      width: 2,
      channels: 1,
      kernelHeight: 2,
      kernelWidth: 2,
      stride: 2,
      top: 0,
      left: 0,
      outHeight: 1,
      outWidth: 1,
    };
    for (let at = 0; at < 4; at++) {
      const y = new Float32Array(1);
      kernels.maxPool(native, Float32Array.of(1, 2, 3, 4).fill(NaN, at, at + 1), w, y);
      assert.ok(Number.isNaN(y[0]), `place ${at}: ${y[0]}`);
    }
  },
);
