// The addon's integer kernels against their formulas in plain TypeScript (shared/objectives/engine.ts): equal at every SIMD
// level and number of threads, for shapes of any size, values at both ends of int8, members alone and with noise.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Random } from '../../test/simulation/random.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import * as native from './integer.js';

const clip = (v: number): number => Math.min(127, Math.max(-127, v));
const name = (level: (typeof LEVELS)[number]) => `${level.simd}, ${level.threads} threads`;
const at = (array: ArrayLike<number>, i: number): number => {
  const value = array[i];
  assert.ok(value !== undefined, `element ${i} of ${array.length}`);
  return value;
};

/** Random arrays of a case: values in ±limit, in one case of four only the ends. */
class Draw {
  private readonly random: Random;
  constructor(seed: number) {
    this.random = new Random(seed);
  }
  integer(low: number, high: number): number {
    return this.random.integer(low, high);
  }
  int8(length: number, limit = 127): Int8Array {
    const ends = this.integer(0, 3) === 0;
    return Int8Array.from({ length }, () =>
      ends ? limit * (2 * this.integer(0, 1) - 1) : this.integer(-limit, limit),
    );
  }
  int32(length: number, low: number, high: number): Int32Array {
    return Int32Array.from({ length }, () => this.integer(low, high));
  }
}

interface Population {
  readonly members: number;
  readonly rows: native.MemberRows;
  readonly directions: number;
}

function population(draw: Draw): Population {
  const members = draw.integer(1, 7);
  const directions = draw.integer(1, 4);
  return {
    members,
    directions,
    rows: {
      directions: draw.int32(members, 0, directions - 1),
      signs: Int8Array.from(draw.int32(members, -1, 1)),
    },
  };
}

function noiseOf(draw: Draw, { directions }: Population, out: number, inner: number): native.IntegerNoise {
  return {
    a: draw.int8(directions * out, 8),
    b: draw.int8(directions * inner, 8),
    shift: draw.integer(0, 5),
  };
}

/** clip((u Wᵀ + (((u·B)·s A_i) >> noise.shift)) >> shift) for one row u of member p. */
function product(
  u: ArrayLike<number>,
  w: Int8Array,
  out: number,
  shift: number,
  noise: native.IntegerNoise | null,
  { directions, signs }: native.MemberRows,
  p: number,
): Int8Array {
  const inner = u.length;
  let along = 0;
  if (noise !== null)
    for (let k = 0; k < inner; k++) along += at(u, k) * at(noise.b, at(directions, p) * inner + k);
  return Int8Array.from({ length: out }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += at(u, k) * at(w, i * inner + k);
    if (noise !== null)
      sum += (along * at(signs, p) * at(noise.a, at(directions, p) * out + i)) >> noise.shift;
    return clip(sum >> shift);
  });
}

function property(numRuns: number, body: (draw: Draw) => void): void {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => body(new Draw(seed))),
    { seed: 1, numRuns },
  );
}

test(
  'integerLinear is its formula for any shape, shared and own inputs, with noise and without',
  { skip: SKIP },
  () => {
    property(60, (draw) => {
      const p = population(draw);
      const { members } = p;
      const [rows, inner, out] = [draw.integer(1, 19), draw.integer(1, 150), draw.integer(1, 140)];
      const xMembers = draw.integer(0, 1) === 0 ? 1 : members;
      const x = draw.int8(xMembers * rows * inner);
      const w = draw.int8(out * inner);
      const noise = draw.integer(0, 3) === 0 ? null : noiseOf(draw, p, out, inner);
      const shift = draw.integer(0, 10);
      const expected = Int8Array.from(
        Array.from({ length: members * rows }, (_, i) => {
          const member = Math.floor(i / rows);
          const from = xMembers === 1 ? i % rows : i;
          const row = x.subarray(from * inner, (from + 1) * inner);
          return [...product(row, w, out, shift, noise, p.rows, member)];
        }).flat(),
      );
      for (const level of LEVELS) {
        const packed = native.packInt8(level, w, out, inner);
        const result = new Int8Array(members * rows * out);
        const given = { data: x, members: xMembers };
        native.integerLinear(level, given, members, rows, inner, packed, out, shift, noise, p.rows, result);
        assert.deepEqual(result, expected, name(level));
      }
    });
  },
);

test('integerLinear holds the greatest sums: width 65,536, every factor at an end', { skip: SKIP }, () => {
  const inner = 65_536;
  const rows: native.MemberRows = { directions: Int32Array.of(0, 0), signs: Int8Array.of(1, -1) };
  for (const [value, weight] of [
    [127, 127],
    [127, -127],
    [-127, -127],
  ] as const) {
    const x = { data: new Int8Array(inner).fill(value), members: 1 };
    const noise = { a: Int8Array.of(8), b: new Int8Array(inner).fill(8), shift: 4 };
    const along = inner * value * 8;
    const expected = [1, -1].map((sign) =>
      clip((inner * value * weight + Math.floor((along * sign * 8) / 16)) / 2 ** 24 - 0.5),
    );
    for (const level of LEVELS) {
      const packed = native.packInt8(level, new Int8Array(inner).fill(weight), 1, inner);
      const result = new Int8Array(2);
      native.integerLinear(level, x, 2, 1, inner, packed, 1, 24, noise, rows, result);
      result.forEach((found, p) =>
        assert.ok(Math.abs(found - at(expected, p)) <= 0.5, `${name(level)}: ${found}, ${at(expected, p)}`),
      );
    }
  }
});

test(
  'integerGru is its recurrence: gates, exact s′, resets, biases, noise of both products',
  { skip: SKIP },
  () => {
    property(40, (draw) => {
      const p = population(draw);
      const { members } = p;
      const [batch, steps, width] = [draw.integer(1, 4), draw.integer(1, 7), draw.integer(1, 75)];
      const [xf, xh] = [
        draw.int8(members * batch * steps * width),
        draw.int8(members * batch * steps * width),
      ];
      const [uf, uh] = [draw.int8(width * width, draw.integer(5, 127)), draw.int8(width * width, 30)];
      const noisy = draw.integer(0, 3) > 0;
      const [noiseF, noiseH] = noisy
        ? [noiseOf(draw, p, width, width), noiseOf(draw, p, width, width)]
        : [null, null];
      const shared = (): number => (draw.integer(0, 1) === 0 ? 1 : members);
      const bf = { members: shared(), data: draw.int8(members * width) };
      const bh = { members: shared(), data: draw.int8(members * width) };
      const resets = { members: shared(), data: draw.int32(members * batch * steps, 0, 2) };
      const shift = draw.integer(0, 8);
      const expected = new Int8Array(xf.length);
      for (let member = 0; member < members; member++)
        for (let b = 0; b < batch; b++) {
          let s: number[] = new Array<number>(width).fill(0);
          for (let t = 0; t < steps; t++) {
            const place = ((resets.members === 1 ? 0 : member) * batch + b) * steps + t;
            if (resets.data[place] === 1) s = s.map(() => 0);
            const from = ((member * batch + b) * steps + t) * width;
            const su = product(s, uf, width, shift, noiseF, p.rows, member);
            const bias = (of: typeof bf, j: number): number =>
              at(of.data, (of.members === 1 ? 0 : member) * width + j);
            const f = s.map((_, j) => clip(at(xf, from + j) + at(su, j) + bias(bf, j)));
            const g = s.map((v, j) => ((at(f, j) + 127) * v) >> 8);
            const gu = product(g, uh, width, shift, noiseH, p.rows, member);
            const h = s.map((_, j) => clip(at(xh, from + j) + at(gu, j) + bias(bh, j)));
            s = s.map((v, j) => v + (((at(f, j) + 127) * (at(h, j) - v)) >> 8));
            expected.set(s, from);
          }
        }
      for (const level of LEVELS) {
        const [packedF, packedH] = [
          native.packInt8(level, uf, width, width),
          native.packInt8(level, uh, width, width),
        ];
        const result = new Int8Array(xf.length);
        native.integerGru(
          level,
          xf,
          xh,
          [members, batch, steps, width],
          { packed: packedF, bias: bf, noise: noiseF },
          { packed: packedH, bias: bh, noise: noiseH },
          shift,
          resets,
          p.rows,
          result,
        );
        assert.deepEqual(result, expected, name(level));
      }
    });
  },
);

test('integerNorm divides by the mean size, rounding down, for every gain and sum', { skip: SKIP }, () => {
  property(60, (draw) => {
    const members = draw.integer(1, 4);
    const [rows, width] = [draw.integer(1, 9), draw.integer(1, 140)];
    const limit = draw.integer(1, 127);
    const x = {
      members: draw.integer(0, 1) === 0 ? 1 : members,
      data: draw.int8(members * rows * width, limit),
    };
    const gain = { members: draw.integer(0, 1) === 0 ? 1 : members, data: draw.int8(members * width) };
    const expected = new Int8Array(members * rows * width);
    for (let r = 0; r < members * rows; r++) {
      const from = (x.members === 1 ? r % rows : r) * width;
      const row = x.data.subarray(from, from + width);
      const a = Math.max(1, Math.floor(row.reduce((sum, v) => sum + Math.abs(v), 0) / width));
      const g = (gain.members === 1 ? 0 : Math.floor(r / rows)) * width;
      row.forEach((v, j) => (expected[r * width + j] = clip(Math.floor((v * at(gain.data, g + j)) / a))));
    }
    for (const level of LEVELS) {
      const result = new Int8Array(expected.length);
      native.integerNorm(level, x, members, rows, width, gain, result);
      assert.deepEqual(result, expected, name(level));
    }
  });
  // Every quotient there is: rows of one size a with every x·gain.
  for (let a = 1; a <= 127; a++) {
    const x = Int8Array.from({ length: 256 }, (_, i) => (i % 2 === 0 ? a : -a));
    for (const level of LEVELS) {
      for (let gain = -127; gain <= 127; gain++) {
        const result = new Int8Array(256);
        const gains = { members: 1, data: new Int8Array(256).fill(gain) };
        native.integerNorm(level, { members: 1, data: x }, 1, 1, 256, gains, result);
        assert.deepEqual([result[0], result[1]], [gain, 0 - gain], `${a} ${gain} ${name(level)}`);
      }
    }
  }
});

test('integerAdd, integerEmbedding and integerVectors are their formulas', { skip: SKIP }, () => {
  property(60, (draw) => {
    const p = population(draw);
    const { members } = p;
    const [rows, width, vocabulary] = [draw.integer(1, 30), draw.integer(1, 80), draw.integer(1, 40)];
    const shared = (): number => (draw.integer(0, 1) === 0 ? 1 : members);
    const size = rows * width;
    const x = { members: shared(), data: draw.int8(members * size) };
    const y = { members: shared(), data: draw.int8(members * size) };
    const sums = Int8Array.from({ length: members * size }, (_, i) =>
      clip(at(x.data, x.members === 1 ? i % size : i) + at(y.data, y.members === 1 ? i % size : i)),
    );
    const tokens = { members: shared(), data: draw.int32(members * rows, 0, vocabulary - 1) };
    const weight = draw.int8(vocabulary * width);
    const noise = draw.integer(0, 3) === 0 ? null : noiseOf(draw, p, vocabulary, width);
    const { directions, signs } = p.rows;
    const embedded = Int8Array.from({ length: members * size }, (_, i) => {
      const [member, row, j] = [Math.floor(i / size), Math.floor(i / width), i % width];
      const token = at(tokens.data, tokens.members === 1 ? row % rows : row);
      const d = at(directions, member);
      const added =
        noise === null
          ? 0
          : (at(signs, member) * at(noise.a, d * vocabulary + token) * at(noise.b, d * width + j)) >>
            noise.shift;
      return clip(at(weight, token * width + j) + added);
    });
    const theta = draw.int8(width);
    const own = noiseOf(draw, p, width, width);
    const vectors = Int8Array.from({ length: members * width }, (_, i) => {
      const [member, j] = [Math.floor(i / width), i % width];
      const from = at(directions, member) * width + j;
      return clip(at(theta, j) + ((at(signs, member) * at(own.a, from) * at(own.b, from)) >> own.shift));
    });
    for (const level of LEVELS) {
      const result = new Int8Array(members * size);
      native.integerAdd(level, x, y, members, size, result);
      assert.deepEqual(result, sums, `add, ${name(level)}`);
      native.integerEmbedding(
        level,
        tokens,
        members,
        rows,
        [vocabulary, width],
        weight,
        noise,
        p.rows,
        result,
      );
      assert.deepEqual(result, embedded, `embedding, ${name(level)}`);
      const formed = new Int8Array(members * width);
      native.integerVectors(level, theta, members, own, p.rows, formed);
      assert.deepEqual(formed, vectors, `vectors, ${name(level)}`);
    }
  });
});

/** The greatest n with 2^(n/16)·16 ≤ sum, that is 2^(64 + n) ≤ sum^16, by whole numbers of any size. */
function log2Sixteenths(sum: number): number {
  const power = BigInt(sum) ** 16n;
  let n = 0;
  while (1n << BigInt(64 + n + 1) <= power) n++;
  return n;
}

/** The greatest whole k with k ≤ 16·2^(i/16), that is k^16 ≤ 2^(64 + i). */
function exp2Sixteenths(i: number): number {
  const limit = 1n << BigInt(64 + i);
  let k = BigInt(Math.floor(16 * 2 ** (i / 16)) + 2);
  while (k ** 16n > limit) k--;
  return Number(k);
}

test('integerLogLikelihood is its tables by whole numbers; equal logits give 8 bits', { skip: SKIP }, () => {
  const exp2 = Array.from({ length: 256 }, (_, i) => exp2Sixteenths(i));
  const rowsOf = (draw: Draw): Int8Array => {
    const limit = draw.integer(0, 127);
    const row = draw.int8(256, limit);
    // Rows near the octaves' edges: one great logit, or all of one value.
    if (draw.integer(0, 2) === 0) row.fill(draw.integer(-127, 127));
    if (draw.integer(0, 2) === 0) row[draw.integer(0, 255)] = draw.integer(-127, 127);
    return row;
  };
  property(60, (draw) => {
    const members = draw.integer(1, 3);
    const rows = draw.integer(1, 9);
    const logits = Int8Array.from(Array.from({ length: members * rows }, () => [...rowsOf(draw)]).flat());
    const targets = {
      members: draw.integer(0, 1) === 0 ? 1 : members,
      data: draw.int32(members * rows, 0, 255),
    };
    const expected = Int32Array.from({ length: members * rows }, (_, r) => {
      const row = logits.subarray(256 * r, 256 * (r + 1));
      const sum = row.reduce((total, logit) => total + at(exp2, logit + 128), 0);
      const target = at(targets.data, targets.members === 1 ? r % rows : r);
      return at(row, target) + 128 - log2Sixteenths(sum);
    });
    for (const level of LEVELS) {
      const result = new Int32Array(members * rows);
      native.integerLogLikelihood(level, logits, members, rows, targets, result);
      assert.deepEqual(result, expected, name(level));
    }
  });
  for (const level of LEVELS) {
    const result = new Int32Array(1);
    native.integerLogLikelihood(
      level,
      new Int8Array(256),
      1,
      1,
      { members: 1, data: Int32Array.of(9) },
      result,
    );
    assert.equal(result[0], -128);
  }
});

test('arguments that could leave memory are refused by name', { skip: SKIP }, () => {
  const level = LEVELS[0];
  assert.ok(level);
  const rows = { directions: Int32Array.of(1), signs: Int8Array.of(1) };
  const packed = native.packInt8(level, new Int8Array(6), 2, 3);
  const x = { members: 1, data: new Int8Array(3) };
  const noise = { a: new Int8Array(2), b: new Int8Array(3), shift: 0 };
  const run = (given: typeof x, result: Int8Array, with_: native.IntegerNoise | null) => () =>
    native.integerLinear(level, given, 1, 1, 3, packed, 2, 0, with_, rows, result);
  assert.throws(run(x, new Int8Array(1), null), /integerLinear: result holds 1 elements, needs 2/);
  assert.throws(
    run({ members: 1, data: new Int8Array(2) }, new Int8Array(2), null),
    /x holds 2 elements, needs 3/,
  );
  assert.throws(run(x, new Int8Array(2), noise), /direction 1 of member 0 is not one of the 1 in A/);
  const targets = { members: 1, data: Int32Array.of(256) };
  assert.throws(
    () => native.integerLogLikelihood(level, new Int8Array(256), 1, 1, targets, new Int32Array(1)),
    /target 256 at 0/,
  );
  const tokens = { members: 1, data: Int32Array.of(-1) };
  assert.throws(
    () =>
      native.integerEmbedding(level, tokens, 1, 1, [2, 1], new Int8Array(2), null, rows, new Int8Array(1)),
    /token -1 at 0/,
  );
});
