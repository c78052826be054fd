import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import type { CompiledTensor, InitSpec } from '../objectives/types.js';
import { deriveKey } from '../random/key.js';
import { uniform01 } from '../random/noise.js';
import { normalTable } from '../random/normal-table.js';
import { PURPOSE } from '../random/purposes.js';
import { applyBounds, checkBounds, removeBounds } from './bounds.js';
import { initialValues, START_LIMIT } from './init.js';
import { checkWithinBounds, matchTensors } from './match.js';
import type { StoredTensor } from './stored.js';

const KEY = deriveKey('values');

function tensor(change: Partial<CompiledTensor>): CompiledTensor {
  const shape = change.shape ?? [4];
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    name: 'x',
    shape,
    size,
    dtype: 'float64',
    init: { kind: 'zeros' },
    bounds: null,
    sigma: 1,
    ...change,
  };
}

const code = (expected: string) => (error: unknown) =>
  error instanceof SeedcastError && error.code === expected;

describe('bounds', () => {
  const linear = tensor({ bounds: { low: -1, high: 3, scale: 'linear' } });
  const log = tensor({ bounds: { low: 1e-4, high: 10, scale: 'log' } });
  const map = (t: CompiledTensor, values: number[]) => {
    const out = new Float64Array(values.length);
    applyBounds(t, Float64Array.from(values), out);
    return [...out];
  };

  it('map 0 to the middle, arithmetic or geometric, and infinity to the bounds', () => {
    assert.deepEqual(map(linear, [0, -Infinity, Infinity]), [1, -1, 3]);
    const [middle, low, high] = map(log, [0, -Infinity, Infinity]);
    assert.ok(Math.abs((middle ?? 0) - Math.sqrt(1e-3)) < 1e-15);
    assert.ok(Math.abs((low ?? 0) - 1e-4) < 1e-18 && (low ?? 0) >= 1e-4);
    assert.ok(Math.abs((high ?? 0) - 10) < 1e-13 && (high ?? 0) <= 10);
  });

  it('follow the formulas', () => {
    fc.assert(
      fc.property(fc.double({ min: -6, max: 6, noNaN: true }), (u) => {
        const half = (1 + Math.tanh(u)) / 2;
        assert.ok(Math.abs((map(linear, [u])[0] ?? 0) - (-1 + 4 * half)) < 1e-14);
        const expected = 1e-4 * (10 / 1e-4) ** half;
        assert.ok(Math.abs((map(log, [u])[0] ?? 0) / expected - 1) < 1e-13);
      }),
    );
  });

  it('are undone, and never left, in float64 and float32', () => {
    const pair = fc.tuple(
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
    );
    fc.assert(
      fc.property(
        pair,
        fc.double({ min: -5, max: 5, noNaN: true }),
        fc.double({ noNaN: true }),
        ([low, width], u, wild) => {
          const t = tensor({ bounds: { low, high: low + width, scale: 'linear' } });
          const there = Float64Array.from(map(t, [u]));
          const back = new Float64Array(1);
          removeBounds(t, there, back);
          // dx/du is at least 1.8e-4 of the width for |u| ≤ 5; x carries an error of the bounds' last place.
          assert.ok(Math.abs((back[0] ?? 0) - u) < 1e-11 + (1e-11 * (Math.abs(low) + width)) / width);
          for (const dtype of ['float64', 'float32'] as const) {
            const narrow = { ...t, dtype };
            if (dtype === 'float32' && width < Math.abs(low) * 1e-6) continue;
            const out = dtype === 'float32' ? new Float32Array(3) : new Float64Array(3);
            applyBounds(narrow, Float64Array.of(wild, -Infinity, Infinity), out);
            for (const x of out)
              assert.ok(x >= low && x <= low + width, `${dtype} ${x} ${low} ${low + width}`);
          }
        },
      ),
    );
  });

  it('turn values on or beyond them into a finite unbounded one', () => {
    const out = new Float64Array(4);
    removeBounds(log, Float64Array.of(-1, 0, 1e-4, 11), out, 7);
    assert.deepEqual([...out], [-7, -7, -7, 7]);
  });

  it('are refused when nothing lies between them or they cannot be mapped', () => {
    const refused: Partial<CompiledTensor>[] = [
      { bounds: { low: 1, high: 1, scale: 'linear' } },
      { bounds: { low: 2, high: 1, scale: 'linear' } },
      { bounds: { low: NaN, high: 1, scale: 'linear' } },
      { bounds: { low: -1e308, high: 1e308, scale: 'linear' } },
      { bounds: { low: 0, high: 1, scale: 'log' } },
      { dtype: 'int8', bounds: { low: 0, high: 1, scale: 'linear' } },
      { dtype: 'float32', bounds: { low: 1, high: 1 + 1e-9, scale: 'linear' } },
    ];
    for (const change of refused)
      assert.throws(() => checkBounds(tensor(change)), code('SC_OBJECTIVE_OPTIONS'));
    checkBounds(linear);
    checkBounds(tensor({}));
  });
});

describe('initial values', () => {
  const many = (init: InitSpec, change: Partial<CompiledTensor> = {}, index = 3) =>
    initialValues(tensor({ shape: [200, 500], init, ...change }), index, KEY);

  it('are zeros, a constant, or uniform of the documented stream', () => {
    assert.deepEqual(initialValues(tensor({}), 0, KEY), new Float64Array(4));
    assert.deepEqual(
      initialValues(tensor({ dtype: 'float32', init: { kind: 'constant', value: 0.1 } }), 0, KEY),
      new Float32Array(4).fill(0.1),
    );
    const uniform = many({ kind: 'uniform', low: -2, high: 6 });
    for (const i of [0, 1, 99_999])
      assert.equal(uniform[i], -2 + 8 * uniform01(KEY, PURPOSE.init, 3, 0, 0, i));
  });

  it('have the mean and variance of their kind within five standard errors', () => {
    const moments = (values: ArrayLike<number>) => {
      const n = values.length;
      const mean = Array.from(values).reduce((a, b) => a + b, 0) / n;
      return { mean, variance: Array.from(values).reduce((a, b) => a + (b - mean) ** 2, 0) / n };
    };
    const n = 100_000;
    const uniform = moments(many({ kind: 'uniform', low: -2, high: 6 }));
    assert.ok(Math.abs(uniform.mean - 2) < 5 * Math.sqrt(64 / 12 / n));
    assert.ok(Math.abs(uniform.variance - 64 / 12) < 5 * Math.sqrt(64 ** 2 / 180 / n));
    const normal = moments(many({ kind: 'normal', mean: 1, std: 3 }));
    assert.ok(Math.abs(normal.mean - 1) < 5 * (3 / Math.sqrt(n)));
    assert.ok(Math.abs(normal.variance - 9) < 5 * 9 * Math.sqrt(2 / n) + 9 * 2e-5);
  });

  it('of normal kind are multiples of the table in units of 2^-9', () => {
    const table = new Set(normalTable());
    for (const value of many({ kind: 'normal' })) assert.ok(table.has(value * 512));
  });

  it('of unit rows have rows of norm gain, also where a row has one element', () => {
    const values = many({ kind: 'unit-rows', gain: 0.5 });
    for (let row = 0; row < 200; row++) {
      const norm = Math.hypot(...Array.from(values.subarray(row * 500, (row + 1) * 500)));
      assert.ok(Math.abs(norm - 0.5) < 1e-14);
    }
    const single = many({ kind: 'unit-rows' }, { shape: [100_000, 1], size: 100_000 });
    assert.ok(single.every((value) => Math.abs(Math.abs(value) - 1) < 1e-15));
    assert.ok(single.some((value) => value < 0));
  });

  it('do not depend on the size of the tensor, but on its number and the seed', () => {
    const long = initialValues(tensor({ shape: [70_000], init: { kind: 'normal' } }), 1, KEY);
    const short = initialValues(tensor({ shape: [69_000], init: { kind: 'normal' } }), 1, KEY);
    assert.deepEqual(long.slice(0, 69_000), short);
    assert.notDeepEqual(
      initialValues(tensor({ shape: [8], init: { kind: 'normal' } }), 2, KEY),
      long.slice(0, 8),
    );
    assert.notDeepEqual(
      initialValues(tensor({ shape: [8], init: { kind: 'normal' } }), 1, deriveKey('other')),
      long.slice(0, 8),
    );
  });

  it('are rounded once to float32, and to whole numbers within ±127 for int8', () => {
    const init: InitSpec = { kind: 'normal', std: 100 };
    const exact = many(init);
    assert.deepEqual(many(init, { dtype: 'float32' }), Float32Array.from(exact));
    const whole = many(init, { dtype: 'int8' });
    assert.ok(
      whole.every((value, i) => value === Math.max(-127, Math.min(127, Math.floor((exact[i] ?? 0) + 0.5)))),
    );
  });

  it('are given in user units where there are bounds, and start inside them', () => {
    const bounds = { low: 1e-3, high: 10, scale: 'log' } as const;
    const t = tensor({ bounds, init: { kind: 'constant', value: 0.5 } });
    const out = new Float64Array(4);
    applyBounds(t, initialValues(t, 0, KEY), out);
    for (const x of out) assert.ok(Math.abs(x - 0.5) < 1e-14);
    const edge = initialValues(tensor({ bounds: { low: 0, high: 1, scale: 'linear' } }), 0, KEY);
    assert.deepEqual(edge, new Float64Array(4).fill(-START_LIMIT));
  });

  it('are refused outside the bounds or when not finite', () => {
    const bounds = { low: 1, high: 2, scale: 'linear' } as const;
    const refused: Partial<CompiledTensor>[] = [
      { bounds },
      { bounds, init: { kind: 'constant', value: 3 } },
      { init: { kind: 'constant', value: NaN } },
      { init: { kind: 'uniform', low: 1, high: 0 } },
      { init: { kind: 'normal', std: Infinity } },
    ];
    for (const change of refused)
      assert.throws(() => initialValues(tensor(change), 0, KEY), code('SC_OBJECTIVE_OPTIONS'));
  });
});

describe('start values', () => {
  const declared = [
    tensor({ name: 'w', shape: [2, 2], dtype: 'float32' }),
    tensor({ name: 'b', shape: [2] }),
  ];
  const w: StoredTensor = { shape: [2, 2], array: Float64Array.of(0.1, 2, 3, 4) };
  const b: StoredTensor = { shape: [2], array: Float32Array.of(0.5, -1) };

  it('are put in the declared order and type, renamed where asked', () => {
    const matched = matchTensors(
      declared,
      new Map([
        ['b', b],
        ['layer.weight', w],
      ]),
      { 'layer.weight': 'w' },
    );
    assert.deepEqual(matched, [Float32Array.of(0.1, 2, 3, 4), Float64Array.of(0.5, -1)]);
  });

  it('that do not fit are listed all at once', () => {
    const given = new Map<string, StoredTensor>([
      ['weight', w],
      ['b', { shape: [3], array: new Float32Array(3) }],
      ['extra', b],
    ]);
    assert.throws(
      () => matchTensors(declared, given, { wieght: 'w' }, 'model.safetensors'),
      (error: unknown) => {
        assert.ok(error instanceof SeedcastError);
        assert.equal(error.code, 'SC_TENSOR_MISMATCH');
        assert.equal(error.place?.file, 'model.safetensors');
        for (const part of [
          /spec\.init\.map names wieght, which is not in the file \(did you mean weight\?\)/,
          /missing: w \[2, 2\]/,
          /other shape: b is \[3\], the objective declares \[2\]/,
          /extra: weight \[2, 2\]/,
          /extra: extra \[2\]/,
        ])
          assert.match(error.message, part);
        return true;
      },
    );
  });

  it('of values that do not fit are refused by name and place', () => {
    const int8 = [tensor({ name: 'q', shape: [2], dtype: 'int8' })];
    const one = (array: Float64Array) => new Map([['q', { shape: [2], array }]]);
    assert.deepEqual(matchTensors(int8, one(Float64Array.of(-128, 127))), [Int8Array.of(-128, 127)]);
    assert.throws(() => matchTensors(int8, one(Float64Array.of(1, 128))), /value: q\[1\] is 128/);
    assert.throws(() => matchTensors(int8, one(Float64Array.of(0.5, 0))), /value: q\[0\] is 0\.5/);
    const narrow = [tensor({ name: 'q', shape: [2], dtype: 'float32' })];
    assert.throws(() => matchTensors(narrow, one(Float64Array.of(0, NaN))), /q\[1\] is NaN/);
    assert.throws(() => matchTensors(narrow, one(Float64Array.of(1e300, 0))), /q\[0\] is 1e\+300/);
  });

  it('lie within the bounds of their tensor, but for what float32 made of a bound', () => {
    const bounds = { low: 0.1, high: 0.3, scale: 'linear' } as const;
    const bounded = [tensor({ name: 'q', shape: [2], dtype: 'float64', bounds })];
    const one = (array: Float64Array) => new Map([['q', { shape: [2], array }]]);
    const check = (...values: number[]) =>
      checkWithinBounds(bounded, matchTensors(bounded, one(Float64Array.of(...values))));
    assert.doesNotThrow(() => check(Math.fround(0.1), Math.fround(0.3)));
    assert.throws(() => check(0.2, 0.31), /value: q\[1\] is 0\.31, beyond the bounds 0\.1 to 0\.3/);
    assert.throws(() => check(0, 0.2), /value: q\[0\] is 0,/);
    // A job that was made before this was refused begins with what its bounds make of them.
    assert.doesNotThrow(() => matchTensors(bounded, one(Float64Array.of(0, 0.31))));
  });
});
