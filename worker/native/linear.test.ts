// The linear layer against its formula: exactly where every sum is an exact integer, within the rounding bound elsewhere;
// and equal bits over SIMD levels, threads and the company that a member keeps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fillBinomial, fillRademacher } from '../../shared/random/noise.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import type { Native } from './addon.js';
import { denseLinear, linear, packLinear, perturbedLinear, type LowRankMembers } from './linear.js';

const name = (native: Native) => `${native.simd}, ${native.threads} threads`;

/** A small deterministic stream, independent of Philox (Marsaglia 2003, xorshift32). */
function stream(seed: number): () => number {
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

interface Case {
  readonly members: number;
  readonly rows: number;
  readonly inputs: number;
  readonly out: number;
  readonly rank: number;
  readonly shared: boolean;
  readonly bias: boolean;
  readonly seed: number;
  readonly whole: boolean;
}

const small = fc.record({
  members: fc.integer({ min: 1, max: 40 }),
  rows: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 33 })),
  inputs: fc.integer({ min: 1, max: 150 }),
  out: fc.oneof(fc.constantFrom(1, 10, 32, 64), fc.integer({ min: 1, max: 100 })),
  rank: fc.integer({ min: 1, max: 4 }),
  shared: fc.boolean(),
  bias: fc.boolean(),
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
});

function build({ members, rows, inputs, out, rank, shared, bias, seed, whole }: Case) {
  const random = stream(seed);
  const value = () => (whole ? Math.floor(9 * random()) - 4 : 2 * random() - 1);
  const byte = () => Math.floor(17 * random()) - 8;
  const xMembers = shared ? 1 : members;
  const directions = Math.ceil(members / 2);
  const population = {
    direction: Uint32Array.from({ length: members }, () => Math.floor(random() * directions)),
    sign: Int8Array.from({ length: members }, () => Math.floor(3 * random()) - 1),
    directions,
    rank,
    scale: whole ? 2 : 0.013,
    a: Int8Array.from({ length: directions * rank * out }, byte),
    b: Int8Array.from({ length: directions * rank * inputs }, byte),
    biasNoise: bias ? Int8Array.from({ length: directions * out }, byte) : null,
    biasScale: whole ? 4 : 0.07,
  };
  return {
    x: Float32Array.from({ length: xMembers * rows * inputs }, value),
    w: Float32Array.from({ length: out * inputs }, value),
    bias: bias ? Float32Array.from({ length: out }, value) : null,
    xMembers,
    population,
  };
}

/** In float64: the value, and Σ of the sizes of all terms, for the error bound. */
function formula(c: Case, { x, w, bias, population: p }: ReturnType<typeof build>) {
  const values: number[] = [];
  const sizes: number[] = [];
  for (let m = 0; m < c.members; m++) {
    const d = p.direction[m] ?? 0;
    const s = p.sign[m] ?? 0;
    for (let r = 0; r < c.rows; r++) {
      const at = ((c.shared ? 0 : m) * c.rows + r) * c.inputs;
      const row = x.subarray(at, at + c.inputs);
      const dots = Array.from({ length: c.rank }, (_, k) => {
        const b = p.b.subarray((d * c.rank + k) * c.inputs);
        return row.reduce<readonly [number, number]>(
          ([sum, size], v, i) => [sum + v * (b[i] ?? 0), size + Math.abs(v * (b[i] ?? 0))],
          [0, 0],
        );
      });
      for (let j = 0; j < c.out; j++) {
        let sum = 0;
        let size = 0;
        const term = (v: number, extra = Math.abs(v)) => {
          sum += v;
          size += extra;
        };
        row.forEach((v, i) => term(v * (w[j * c.inputs + i] ?? 0)));
        dots.forEach(([dot, magnitude], k) => {
          const a = s * p.scale * (p.a[(d * c.rank + k) * c.out + j] ?? 0);
          term(a * dot, Math.abs(a) * magnitude);
        });
        if (bias !== null) {
          term(bias[j] ?? 0);
          if (p.biasNoise !== null) term(s * p.biasScale * (p.biasNoise[d * c.out + j] ?? 0));
        }
        values.push(sum);
        sizes.push(size);
      }
    }
  }
  return { values, sizes };
}

function run(native: Native, c: Case, data: ReturnType<typeof build>): Float32Array {
  const packed = packLinear(native, data.w, c.out, c.inputs);
  const y = new Float32Array(c.members * c.rows * c.out + 9).fill(-7);
  const rows = { x: data.x, xMembers: data.xMembers, members: c.members, rows: c.rows, y };
  perturbedLinear(native, rows, packed, data.population, data.bias);
  assert.ok(
    y.subarray(-9).every((v) => v === -7),
    'nothing is written past the end',
  );
  return y.slice(0, -9);
}

test('where sums are exact integers the perturbed layer is its formula exactly', { skip: SKIP }, () => {
  fc.assert(
    fc.property(small, (shape) => {
      const c = { ...shape, whole: true };
      const data = build(c);
      const { values } = formula(c, data);
      for (const native of LEVELS)
        assert.deepEqual(
          [...run(native, c, data)],
          values.map((v) => v + 0),
          name(native),
        );
    }),
    { seed: 5, numRuns: 40 },
  );
});

test(
  'elsewhere it is within the rounding of its chain, with the same bits at every level',
  { skip: SKIP },
  () => {
    fc.assert(
      fc.property(small, (shape) => {
        const c = { ...shape, whole: false };
        const data = build(c);
        const { values, sizes } = formula(c, data);
        const [first, ...others] = LEVELS.map((native) => run(native, c, data));
        assert.ok(first);
        // Σ|terms|·(n + few)·2^-24: each of n chained roundings is at most half an ulp of a partial sum.
        first.forEach((v, i) => {
          const bound = (sizes[i] ?? 0) * (2 * c.inputs + 8) * 2 ** -24 + 1e-30;
          assert.ok(
            Math.abs(v - (values[i] ?? 0)) <= bound,
            `element ${i}: ${v} against ${values[i] ?? NaN}`,
          );
        });
        others.forEach((y, i) => assert.deepEqual(y, first, `level ${i + 1}`));
      }),
      { seed: 6, numRuns: 40 },
    );
  },
);

test('a member has the same rows alone, in company, or with its x repeated', { skip: SKIP }, () => {
  fc.assert(
    fc.property(small, fc.nat(), (shape, choice) => {
      const c = { ...shape, whole: false };
      const data = build(c);
      for (const native of LEVELS) {
        const all = run(native, c, data);
        const m = choice % c.members;
        const size = c.rows * c.inputs;
        const x = data.x.slice(c.shared ? 0 : m * size, (c.shared ? 0 : m * size) + size);
        const population: LowRankMembers = {
          ...data.population,
          direction: data.population.direction.slice(m, m + 1),
          sign: data.population.sign.slice(m, m + 1),
        };
        const y = new Float32Array(c.rows * c.out);
        const packed = packLinear(native, data.w, c.out, c.inputs);
        perturbedLinear(
          native,
          { x, xMembers: 1, members: 1, rows: c.rows, y },
          packed,
          population,
          data.bias,
        );
        assert.deepEqual(y, all.slice(m * y.length, (m + 1) * y.length), name(native));
      }
    }),
    { seed: 7, numRuns: 25 },
  );
});

test('large layers, cut in depth, rows and columns, keep the bits of one chain', { skip: SKIP }, () => {
  const random = stream(99);
  const [rows, inputs, out] = [301, 1111, 131];
  const x = Float32Array.from({ length: rows * inputs }, () => 2 * random() - 1);
  const w = Float32Array.from({ length: out * inputs }, () => 2 * random() - 1);
  const whole = LEVELS.map((native) => {
    const y = new Float32Array(rows * out);
    linear(native, { x, xMembers: rows, members: rows, rows: 1, y }, packLinear(native, w, out, inputs));
    return y;
  });
  whole.forEach((y) => assert.deepEqual(y, whole[0]));
  // One output at a time: no tile, no neighbours.
  const [native] = LEVELS;
  assert.ok(native);
  for (const [r, j] of [
    [0, 0],
    [300, 130],
    [150, 64],
    [17, 33],
  ] as const) {
    const y = new Float32Array(1);
    const row = x.slice(r * inputs, (r + 1) * inputs);
    const weight = packLinear(native, w.slice(j * inputs, (j + 1) * inputs), 1, inputs);
    linear(native, { x: row, xMembers: 1, members: 1, rows: 1, y }, weight);
    assert.equal(y[0], whole[0]?.[r * out + j]);
  }
});

test('the dense layer forms W + sσE as the definition’s noise gives it', { skip: SKIP }, () => {
  const dense = fc.record({
    members: fc.integer({ min: 1, max: 9 }),
    rows: fc.integer({ min: 1, max: 20 }),
    inputs: fc.integer({ min: 1, max: 70 }),
    out: fc.integer({ min: 1, max: 70 }),
    shared: fc.boolean(),
    noise: fc.constantFrom('binomial', 'rademacher'),
    bias: fc.boolean(),
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
  });
  fc.assert(
    fc.property(dense, (c) => {
      const random = stream(c.seed);
      const byte = () => Math.floor(9 * random()) - 4;
      const xMembers = c.shared ? 1 : c.members;
      const x = Float32Array.from({ length: xMembers * c.rows * c.inputs }, byte);
      const w = Float32Array.from({ length: c.out * c.inputs }, byte);
      const direction = Uint32Array.from({ length: c.members }, (_, m) => 1000 + (m >> 1) * (c.seed % 3));
      const sign = Int8Array.from({ length: c.members }, (_, m) => (m % 5 === 4 ? 0 : 1 - 2 * (m & 1)));
      const biasNoise = c.bias ? Int8Array.from({ length: c.members * c.out }, byte) : null;
      const bias = c.bias ? Float32Array.from({ length: c.out }, byte) : null;
      const key = [c.seed, 5] as const;
      const fill = c.noise === 'binomial' ? fillBinomial : fillRademacher;
      const expected: number[] = [];
      for (let m = 0; m < c.members; m++) {
        const e = new Int8Array(c.out * c.inputs);
        fill(key, 0, 3, direction[m] ?? 0, 7, 0, e);
        for (let r = 0; r < c.rows; r++) {
          for (let j = 0; j < c.out; j++) {
            const s = sign[m] ?? 0;
            let sum = (bias?.[j] ?? 0) + s * 2 * (biasNoise?.[m * c.out + j] ?? 0);
            for (let k = 0; k < c.inputs; k++) {
              const own = (w[j * c.inputs + k] ?? 0) + (s / 4) * (e[j * c.inputs + k] ?? 0);
              sum += own * (x[((c.shared ? 0 : m) * c.rows + r) * c.inputs + k] ?? 0);
            }
            expected.push(sum + 0);
          }
        }
      }
      for (const native of LEVELS) {
        const y = new Float32Array(c.members * c.rows * c.out);
        const packed = packLinear(native, w, c.out, c.inputs);
        const members = {
          key,
          purpose: 0,
          tensor: 3,
          step: 7,
          noise: c.noise,
          direction,
          sign,
          scale: 1 / 4,
        } as const;
        denseLinear(
          native,
          { x, xMembers, members: c.members, rows: c.rows, y },
          packed,
          { ...members, biasNoise, biasScale: 2 },
          bias,
        );
        assert.deepEqual([...y], expected, name(native));
      }
    }),
    { seed: 8, numRuns: 30 },
  );
});

test('bad shapes, signs and directions are refused by name', { skip: SKIP }, () => {
  const [native] = LEVELS;
  assert.ok(native);
  const packed = packLinear(native, new Float32Array(6), 2, 3);
  const rows = { x: new Float32Array(6), xMembers: 2, members: 2, rows: 1, y: new Float32Array(4) };
  const members = {
    direction: Uint32Array.of(0, 1),
    sign: Int8Array.of(1, -1),
    directions: 2,
    rank: 1,
    scale: 1,
    a: new Int8Array(4),
    b: new Int8Array(6),
  };
  perturbedLinear(native, rows, packed, members);
  const refuse = (pattern: RegExp, change: object, rowsChange: object = {}) =>
    assert.throws(
      () => perturbedLinear(native, { ...rows, ...rowsChange }, packed, { ...members, ...change }),
      pattern,
    );
  refuse(/direction index of member 1 is 2/, { direction: Uint32Array.of(0, 2) });
  refuse(/sign of member 0 is 2/, { sign: Int8Array.of(2, 0) });
  refuse(/A holds 3 elements, needs 4/, { a: new Int8Array(3) });
  refuse(/x holds 5 elements, needs 6/, {}, { x: new Float32Array(5) });
  refuse(/y holds 3/, {}, { y: new Float32Array(3) });
  refuse(/y \(argument 11\) must be a Float32Array/, {}, { y: new Float64Array(4) });
  refuse(/xMembers is 3/, {}, { xMembers: 3, x: new Float32Array(9) });
  refuse(/noise of a bias without the bias/, { biasNoise: new Int8Array(4) });
  const both = new Float32Array(8);
  refuse(/overlap/, {}, { x: both.subarray(0, 6), y: both.subarray(4) });
});
