import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import { chooseKernels } from './kernels.js';
import { typescriptKernels } from './kernels-typescript.js';

const compiled = chooseKernels('wasm');
const uint32 = fc.oneof(
  fc.constantFrom(0, 1, 0xffffffff, 0x80000000),
  fc.integer({ min: 0, max: 0xffffffff }),
);
const place = fc.tuple(uint32, uint32, uint32, uint32, uint32, uint32);

test('the compiled fills are the definition bit for bit', () => {
  assert.equal(compiled.name, 'wasm');
  fc.assert(
    fc.property(place, fc.integer({ min: 1, max: 256 }), ([first, word, direction, step, k0, k1], blocks) => {
      const call = [first, word, direction, step, k0, k1, blocks] as const;
      assert.deepEqual(
        compiled.words(...call).slice(0, 4 * blocks),
        typescriptKernels.words(...call).slice(0, 4 * blocks),
      );
      assert.deepEqual(
        compiled.binomial(...call).slice(0, 8 * blocks),
        typescriptKernels.binomial(...call).slice(0, 8 * blocks),
      );
    }),
    { seed: 11, numRuns: 200 },
  );
});

const weights = fc.oneof(
  fc.array(fc.integer({ min: -32768, max: 32767 }), { maxLength: 12 }).map((c) => Int16Array.from(c)),
  fc
    .array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 12 })
    .map((c) => Int32Array.from(c)),
  fc.array(fc.constantFrom(0, 1, -1), { maxLength: 12 }).map((c) => Int32Array.from(c)),
);

for (const [name, perBlock] of [
  ['accumulateBinomial', 8],
  ['accumulateRademacher', 128],
] as const) {
  test(`the compiled ${name} is the definition bit for bit, wrapped sums too`, () => {
    fc.assert(
      fc.property(
        place,
        weights,
        fc.integer({ min: 1, max: 32 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        ([first, word, , step, k0, k1], coefficients, blocks, headShare, lengthShare) => {
          const skip = Math.floor(headShare * perBlock * blocks);
          const count = 1 + Math.floor(lengthShare * (perBlock * blocks - skip));
          const from = Math.floor(coefficients.length / 3);
          const results = [compiled, typescriptKernels].map((kernels) => {
            const sums = new Int32Array(count + 5).fill(-7);
            kernels[name](
              first,
              word,
              step,
              k0,
              k1,
              blocks,
              coefficients,
              from,
              coefficients.length,
              skip,
              sums,
              2,
              count,
            );
            return sums;
          });
          assert.deepEqual(results[0], results[1]);
        },
      ),
      { seed: 12, numRuns: 200 },
    );
  });
}

test('more directions than the compiled kernels hold at once are summed in parts', () => {
  const coefficients = Int16Array.from({ length: 9001 }, (_, k) => (k % 5) - 2);
  const results = [compiled, typescriptKernels].map((kernels) => {
    const sums = new Int32Array(40);
    kernels.accumulateBinomial(3, 1, 2, 8, 9, 5, coefficients, 1, 9001, 0, sums, 0, 40);
    return sums;
  });
  assert.deepEqual(results[0], results[1]);
});

test('a key set once is not kept for another, the zero key included', () => {
  for (const [k0, k1] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [0, 0],
  ] as const) {
    const fresh = chooseKernels('wasm');
    const expected = typescriptKernels.words(5, 6, 7, 8, k0, k1, 1).slice(0, 4);
    assert.deepEqual(compiled.words(5, 6, 7, 8, k0, k1, 1).slice(0, 4), expected);
    assert.deepEqual(fresh.words(5, 6, 7, 8, k0, k1, 1).slice(0, 4), expected);
  }
});

test('SEEDCAST_KERNELS names the kernels, and a name that is none is refused', () => {
  assert.equal(chooseKernels('typescript').name, 'typescript');
  assert.equal(chooseKernels(undefined).name, 'wasm');
  assert.equal(chooseKernels('').name, 'wasm');
  // The addon installs itself over whichever there are.
  assert.equal(chooseKernels('native').name, 'wasm');
  assert.throws(
    () => chooseKernels('fast'),
    (e) => e instanceof SeedcastError && e.code === 'SC_USAGE' && e.message.includes("'fast'"),
  );
});

test('without WebAssembly SIMD the definition runs, and forcing compiled kernels is refused', () => {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { validate: (bytes: Uint8Array) => boolean };
  };
  const { validate } = WebAssembly;
  WebAssembly.validate = () => false;
  try {
    assert.equal(chooseKernels(undefined).name, 'typescript');
    assert.throws(
      () => chooseKernels('wasm'),
      (e) => e instanceof SeedcastError && e.code === 'SC_PLATFORM',
    );
  } finally {
    WebAssembly.validate = validate;
  }
});
