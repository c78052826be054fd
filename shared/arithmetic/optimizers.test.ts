import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeedcastError } from '../errors.js';
import { floatOfBits, readVectors, ulpsBetween } from '../vectors/read.js';
import { adamRate, adamStep, momentumStep, sgdStep, type FloatArray } from './optimizers.js';

interface Case {
  optimizer: 'sgd' | 'momentum' | 'adam';
  dtype: 'float32' | 'float64';
  scalars: Record<string, string>;
  theta: string[];
  sums: number[];
  next: string[];
  first?: string[];
  firstNext?: string[];
  second?: string[];
  secondNext?: string[];
}
const vectors = readVectors('optimizers') as {
  cases: Case[];
  rates: { learningRate: string; beta1: string; beta2: string; t: number; nearest: string }[];
};

function run(c: Case, lo: number, hi: number, inPlace: boolean) {
  const make = (hex: string[] = []): FloatArray =>
    c.dtype === 'float32' ? Float32Array.from(hex, floatOfBits) : Float64Array.from(hex, floatOfBits);
  const theta = make(c.theta);
  const next = inPlace ? theta : theta.slice();
  const first = { from: make(c.first), to: make(c.first) };
  const second = { from: make(c.second), to: make(c.second) };
  const scalar = (name: string): number => floatOfBits(c.scalars[name] ?? '7ff8000000000000');
  const range = { theta, next, sums: Float64Array.from(c.sums.slice(lo, hi)), lo, hi };
  const scalars = {
    scale: scalar('scale'),
    rate: scalar('rate'),
    weightDecay: scalar('weightDecay'),
    factor: scalar('factor'),
  };
  if (c.optimizer === 'sgd') sgdStep(range, scalars);
  else if (c.optimizer === 'momentum')
    momentumStep(range, { ...scalars, momentum: scalar('momentum') }, first);
  else {
    const betas = { beta1: scalar('beta1'), beta2: scalar('beta2'), epsilon: scalar('epsilon') };
    adamStep(range, { ...scalars, ...betas }, first, second);
  }
  return { next, first: first.to, second: second.to };
}

test('each optimiser rounds as exact rationals rounded once per operation do', () => {
  assert.equal(vectors.cases.length, 12);
  for (const c of vectors.cases) {
    for (const inPlace of [false, true]) {
      const { next, first, second } = run(c, 0, c.theta.length, inPlace);
      const label = `${c.optimizer} ${c.dtype}`;
      assert.deepEqual([...next], c.next.map(floatOfBits), label);
      if (c.firstNext) assert.deepEqual([...first], c.firstNext.map(floatOfBits), label);
      if (c.secondNext) assert.deepEqual([...second], c.secondNext.map(floatOfBits), label);
    }
  }
});

test('a range touches its own elements only, and ranges together are the whole', () => {
  for (const c of vectors.cases) {
    const part = run(c, 3, 7, false);
    const expected = c.next.map(floatOfBits);
    assert.deepEqual([...part.next.subarray(3, 7)], expected.slice(3, 7));
    assert.deepEqual([...part.next.subarray(0, 3)], c.theta.slice(0, 3).map(floatOfBits));
    assert.deepEqual([...part.next.subarray(7)], c.theta.slice(7).map(floatOfBits));
  }
});

test('nothing becomes −0 or subnormal: no gradient at zero leaves moments +0', () => {
  for (const Float of [Float32Array, Float64Array]) {
    const zero = () => new Float([0, -0]);
    const first = { from: new Float([-(2 ** -60), 2 ** -61]), to: zero() };
    const second = { from: new Float([2 ** -120, 2 ** -121]), to: zero() };
    const range = { theta: zero(), next: zero(), sums: new Float64Array(2), lo: 0, hi: 2 };
    const scalars = { scale: 1, rate: 0.1, weightDecay: 0.1, factor: 1 };
    adamStep(range, { ...scalars, beta1: 0.5, beta2: 0.5, epsilon: 1e-8 }, first, second);
    for (const x of [...first.to, ...second.to]) assert.ok(Object.is(x, 0));
    momentumStep(range, { ...scalars, momentum: 0.5 }, { from: first.from, to: first.to });
    for (const x of first.to) assert.ok(Object.is(x, 0));
  }
});

test("Adam's rate is the bias correction of the paper within 4 floats", () => {
  for (const { learningRate, beta1, beta2, t, nearest } of vectors.rates) {
    const rate = adamRate(floatOfBits(learningRate), floatOfBits(beta1), floatOfBits(beta2), t);
    // 1 − β2^t magnifies the rounding of β2^t while t is small.
    const bound = t < 10 ? 400 : 4;
    assert.ok(ulpsBetween(rate, floatOfBits(nearest)) <= bound, `t = ${t}: ${rate}`);
  }
  assert.equal(adamRate(0.5, 0.5, 0.75, 1), 0.5);
  assert.throws(() => adamRate(0.1, 0.9, 0.999, 0), SeedcastError);
});

test('an epsilon that vanishes in the dtype, and buffers that do not fit, are refused', () => {
  const range = {
    theta: new Float32Array(2),
    next: new Float32Array(2),
    sums: new Float64Array(2),
    lo: 0,
    hi: 2,
  };
  const scalars = { scale: 1, rate: 1, weightDecay: 0, factor: 1 };
  const moment = { from: new Float32Array(2), to: new Float32Array(2) };
  const code = (name: string) => (error: unknown) => error instanceof SeedcastError && error.code === name;
  assert.throws(
    () => adamStep(range, { ...scalars, beta1: 0.9, beta2: 0.999, epsilon: 1e-60 }, moment, moment),
    code('SC_SPEC_INVALID'),
  );
  assert.throws(() => sgdStep({ ...range, next: new Float64Array(2) }, scalars), code('SC_INTERNAL'));
  assert.throws(() => sgdStep({ ...range, hi: 3 }, scalars), code('SC_INTERNAL'));
  assert.throws(() => sgdStep({ ...range, sums: new Float64Array(1) }, scalars), code('SC_INTERNAL'));
});
