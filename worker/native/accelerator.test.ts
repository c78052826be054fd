// The addon as accelerator gives what the TypeScript gives, through the functions that replicas call.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** Digests after five steps of four jobs, in a process of its own: kernels are chosen when modules load. */
const JOBS = `
  import { exampleGenesis } from ${url('../../test/support/example-genesis.js')};
  import { methodOptions } from ${url('../../shared/methods/options.js')};
  import { accelerator } from ${url('../../shared/accelerator.js')};
  import { Replica } from ${url('../replica/replica.js')};
  import { accelerateReplicas } from ${url('./accelerator.js')};
  accelerateReplicas();
  const tensor = (name, shape, dtype) =>
    ({ name, shape, size: shape.reduce((a, b) => a * b, 1), dtype, init: { kind: 'normal', scale: 10 }, bounds: null, sigma: 1 });
  const adam = { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const momentum = { name: 'momentum', momentum: 0.9 };
  const floats = [tensor('w', [37, 151], 'float32'), tensor('b', [301], 'float32')];
  const digests = [
    [{ name: 'es', population: 60, sigma: 0.1, learningRate: 0.1, optimizer: adam }, floats],
    [{ name: 'es', population: 60, sigma: 0.1, learningRate: 0.1, optimizer: momentum, noise: 'rademacher' }, floats],
    [{ name: 'eggroll', population: 60, sigma: 0.1, learningRate: 0.1, rank: 3, optimizer: adam }, floats],
    [{ name: 'eggroll', population: 60, integer: {} }, [tensor('w', [65, 130], 'int8'), tensor('g', [130], 'int8')]],
  ].map(([method, tensors]) => {
    const genesis = exampleGenesis({ objective: { tensors } });
    const replica = new Replica({ ...genesis, spec: { ...genesis.spec, method: methodOptions.parse(method) } });
    const integer = tensors[0].dtype === 'int8';
    replica.initialise(integer ? new Map(tensors.map(({ name, size }) => [name, new Int8Array(size)])) : undefined);
    for (let step = 0; step < 5; step++) {
      const coefficients = Int16Array.from({ length: 30 }, (_, k) => ((k * 7 + step) % 59) - 29);
      const rate = integer ? 100 : 0.1;
      replica.apply(step, { coefficients, exponent: -2, scale: 1 / 900, rate, auxiliary: null });
    }
    return replica.digest(5);
  });
  console.log([accelerator()?.name ?? 'none', ...digests].join());`;

function digests(kernels: string): { readonly kernels: string; readonly digests: readonly string[] } {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', JOBS], {
    encoding: 'utf8',
    env: { ...process.env, SEEDCAST_KERNELS: kernels, SEEDCAST_SIMD: '' },
  });
  const [name = '', ...found] = stdout.trim().split(',');
  assert.equal(found.length, 4, stderr);
  return { kernels: name, digests: found };
}

test(
  'replicas hold equal digests with TypeScript, WebAssembly and the addon: es, eggroll, integers',
  { skip: SKIP },
  () => {
    const plain = digests('typescript');
    assert.equal(plain.kernels, 'none');
    assert.equal(new Set(plain.digests).size, 4);
    const compiled = digests('wasm');
    assert.equal(compiled.kernels, 'none');
    assert.deepEqual(compiled.digests, plain.digests);
    for (const wish of ['', 'native']) {
      const native = digests(wish);
      assert.match(native.kernels, /^native/);
      assert.deepEqual(native.digests, plain.digests);
    }
  },
);
