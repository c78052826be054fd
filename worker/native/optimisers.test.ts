// The addon's optimisers against shared/arithmetic/optimizers.ts, bit for bit, over values of every size: subnormal, flushed,
// overflowing, infinite and NaN.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as definition from '../../shared/arithmetic/optimizers.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import { adamStep, momentumStep, sgdStep } from './optimisers.js';

const N = 75;
const float = fc.oneof(
  fc.float({ min: -4, max: 4, noNaN: true }),
  fc.float(),
  fc.integer({ min: -140, max: 20 }).map((e) => Math.fround(1.3 * 2 ** e)),
  fc.integer({ min: -64, max: -56 }).map((e) => Math.fround(-1.7 * 2 ** e)),
);
const floats = fc.array(float, { minLength: N, maxLength: N }).map((v) => Float32Array.from(v));
const positive = fc
  .array(
    fc.integer({ min: -140, max: 60 }).map((e) => 1.4 * 2 ** e),
    { minLength: N, maxLength: N },
  )
  .map((v) => Float32Array.from(v));
const sums = fc
  .array(fc.integer({ min: -(2 ** 53), max: 2 ** 53 }), { minLength: N, maxLength: N })
  .chain((v) =>
    fc.integer({ min: 0, max: 50 }).map((e) => Float64Array.from(v, (s) => Math.trunc(s / 2 ** e))),
  );
const range = fc.tuple(fc.integer({ min: 0, max: N }), fc.integer({ min: 0, max: N })).map(([a, b]) => ({
  lo: Math.min(a, b),
  hi: Math.max(a, b),
}));
const scalars = fc.record({
  scale: fc.constantFrom(1, 2 ** -30, 1.1e-9, 3e-40),
  rate: fc.constantFrom(0.01, 0.3, 1e-20, 7),
  weightDecay: fc.constantFrom(0, 0.005, 1),
  factor: fc.constantFrom(1, 0.37, -2),
});

/** Bits, every NaN as one. */
const bits = (values: Float32Array): number[] =>
  [...new Uint32Array(values.slice().buffer)].map((word, i) => (Number.isNaN(values[i]) ? -1 : word));

interface State {
  theta: Float32Array;
  m: Float32Array;
  v: Float32Array;
}
type Step = (state: State, next: State) => void;

function compare(
  given: State,
  inPlace: boolean,
  expected: Step,
  found: (level: (typeof LEVELS)[number]) => Step,
): void {
  const run = (step: Step): number[][] => {
    const state = { theta: given.theta.slice(), m: given.m.slice(), v: given.v.slice() };
    const zeros = (): Float32Array => new Float32Array(N).fill(9);
    const next = inPlace ? state : { theta: zeros(), m: zeros(), v: zeros() };
    step(state, next);
    return [next.theta, next.m, next.v].map(bits);
  };
  const want = run(expected);
  for (const level of LEVELS) assert.deepEqual(run(found(level)), want, level.simd);
}

const state = fc.record({ theta: floats, m: floats, v: positive });

test('sgd, momentum and adam are the definition bit for bit', { skip: SKIP }, () => {
  fc.assert(
    fc.property(state, sums, range, scalars, fc.boolean(), (given, total, { lo, hi }, s, inPlace) => {
      const common = { sums: total, lo, hi };
      compare(
        given,
        inPlace,
        (now, next) => definition.sgdStep({ ...common, theta: now.theta, next: next.theta }, s),
        (level) => (now, next) => sgdStep(level, { ...common, ...s, theta: now.theta, next: next.theta }),
      );
      compare(
        given,
        inPlace,
        (now, next) =>
          definition.momentumStep(
            { ...common, theta: now.theta, next: next.theta },
            { ...s, momentum: 0.9 },
            { from: now.m, to: next.m },
          ),
        (level) => (now, next) =>
          momentumStep(level, { ...common, ...s, theta: now.theta, next: next.theta }, 0.9, {
            from: now.m,
            to: next.m,
          }),
      );
      const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
      compare(
        given,
        inPlace,
        (now, next) =>
          definition.adamStep(
            { ...common, theta: now.theta, next: next.theta },
            { ...s, ...betas },
            { from: now.m, to: next.m },
            { from: now.v, to: next.v },
          ),
        (level) => (now, next) =>
          adamStep(
            level,
            { ...common, ...s, theta: now.theta, next: next.theta },
            betas,
            { from: now.m, to: next.m },
            { from: now.v, to: next.v },
          ),
      );
    }),
    { seed: 9, numRuns: 150 },
  );
});

test('long steps are cut over threads without a trace', { skip: SKIP }, () => {
  const n = 100_001;
  const theta = Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i)));
  const total = Float64Array.from({ length: n }, (_, i) => (i * 7919) % 1000);
  const s = { scale: 1e-3, rate: 0.1, weightDecay: 0.01, factor: 1 };
  const want = new Float32Array(n);
  definition.sgdStep({ theta, next: want, sums: total, lo: 0, hi: n }, s);
  for (const level of LEVELS) {
    const next = new Float32Array(n);
    sgdStep(level, { ...s, theta, next, sums: total, lo: 0, hi: n });
    assert.deepEqual(next, want);
  }
});

test('a step over arrays that overlap in part, or without epsilon, is refused', { skip: SKIP }, () => {
  const [native] = LEVELS;
  assert.ok(native);
  const whole = new Float32Array(20);
  const s = { sums: new Float64Array(10), lo: 0, hi: 10, scale: 1, rate: 1, weightDecay: 0, factor: 1 };
  assert.throws(
    () => sgdStep(native, { ...s, theta: whole.subarray(0, 10), next: whole.subarray(5, 15) }),
    /theta overlaps its successor in part/,
  );
  const apart = { ...s, theta: whole, next: whole };
  const moment = { from: new Float32Array(10), to: new Float32Array(10) };
  assert.throws(
    () => adamStep(native, apart, { beta1: 0.9, beta2: 0.9, epsilon: 1e-60 }, moment, moment),
    /epsilon is 0/,
  );
  assert.throws(() => momentumStep(native, { ...apart, hi: 11 }, 0.9, moment), /sums holds 10/);
});
