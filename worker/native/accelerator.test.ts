// The addon as accelerator gives what the TypeScript gives, through the functions that replicas call.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { installAccelerator } from '../../shared/accelerator.js';
import { adamStep, momentumStep, sgdStep } from '../../shared/arithmetic/optimizers.js';
import * as noise from '../../shared/random/noise.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import { nativeAccelerator } from './accelerator.js';

afterEach(() => installAccelerator(null));

const N = 1003;
const theta = Float32Array.from({ length: N }, (_, i) => Math.sin(i));
const v = Float32Array.from({ length: N }, (_, i) => Math.sin(i) ** 2);
const coefficients = Int32Array.from({ length: 9 }, (_, k) => 2 * k - 8);

function work(): unknown[] {
  const key = [3, 4] as const;
  const [bytes, signs] = [new Int8Array(N), new Int8Array(N)];
  noise.fillBinomial(key, 0, 5, 6, 7, 11, bytes);
  noise.fillRademacher(key, 0, 5, 6, 7, 11, signs);
  const [a, b] = [new Int32Array(N), new Int32Array(N)];
  noise.accumulateBinomial(key, 0, 5, 7, coefficients, 1, 9, 13, a);
  noise.accumulateRademacher(key, 0, 5, 7, coefficients, 1, 9, 13, b);
  const next = (): Float32Array => new Float32Array(N);
  const range = { theta, sums: Float64Array.from(a), lo: 0, hi: N };
  const scalars = { scale: 1e-3, rate: 0.1, weightDecay: 0.01, factor: 0.5 };
  const [x, y, z, m1, m2, v2] = [next(), next(), next(), next(), next(), next()];
  sgdStep({ ...range, next: x }, scalars);
  momentumStep({ ...range, next: y }, { ...scalars, momentum: 0.9 }, { from: theta, to: m1 });
  const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  adamStep({ ...range, next: z }, { ...scalars, ...betas }, { from: theta, to: m2 }, { from: v, to: v2 });
  return [bytes, signs, a, b, x, y, z, m1, m2, v2];
}

test('what a replica computes is the same with the addon at every level', { skip: SKIP }, () => {
  const plain = work();
  for (const native of LEVELS) {
    let asked = 0;
    const counted = {
      ...native,
      call: (name: string, ...rest: unknown[]) => (asked++, native.call(name, ...rest)),
    };
    installAccelerator(nativeAccelerator(counted));
    assert.deepEqual(work(), plain, native.simd);
    assert.equal(asked, 7);
  }
});
