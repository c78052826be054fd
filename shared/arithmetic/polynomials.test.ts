import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitsOf, floatOfBits, readVectors, ulpsBetween } from '../vectors/read.js';
import { powerOfTwo, scaleByPowerOfTwo } from './float-bits.js';
import { normalQuantile } from './normal-quantile.js';
import { LN2_HIGH, LN2_LOW, exp, expm1, log, sigmoid, tanh } from './polynomials.js';
import { pow } from './power.js';
import { HALF_PI_1, HALF_PI_2, HALF_PI_3, HALF_PI_REST, cos, piOverTwo, sin } from './trigonometry.js';

const FUNCTIONS = { exp, expm1, log, tanh, sigmoid, cos, sin };
type Name = keyof typeof FUNCTIONS;
const vectors = readVectors('polynomials') as Record<Name, [string, string, string][]> & {
  pow: [string, string, string, string][];
};

// Distance from the correctly rounded value: the stated bound in ulp plus the half by which that value is off, as a whole
// number of floats.
const STEPS: Record<Name | 'pow', number> = {
  exp: 1,
  expm1: 2,
  log: 1,
  tanh: 3,
  sigmoid: 3,
  cos: 1,
  sin: 1,
  pow: 1,
};

for (const name of Object.keys(FUNCTIONS) as Name[]) {
  test(`${name} gives the bits of a second transcription, within its bound of the true value`, () => {
    assert.ok(vectors[name].length > 100);
    for (const [x, bits, nearest] of vectors[name]) {
      const y = FUNCTIONS[name](floatOfBits(x));
      assert.equal(bitsOf(y), bits, `${name}(${floatOfBits(x)})`);
      assert.ok(ulpsBetween(y, floatOfBits(nearest)) <= STEPS[name], `${name}(${floatOfBits(x)})`);
    }
  });
}

test('pow gives the bits of a second transcription, within its bound of the true value', () => {
  for (const [x, y, bits, nearest] of vectors.pow) {
    const power = pow(floatOfBits(x), floatOfBits(y));
    assert.equal(bitsOf(power), bits, `${floatOfBits(x)}^${floatOfBits(y)}`);
    assert.ok(ulpsBetween(power, floatOfBits(nearest)) <= STEPS.pow);
  }
});

test('every function stays within 3 floats of libm over 20,000 arguments spread over its range', () => {
  const ranges: [Name, (x: number) => number, number, number][] = [
    ['exp', Math.exp, -745, 709.7],
    ['exp', Math.exp, -2, 2],
    ['expm1', Math.expm1, -40, 700],
    ['expm1', Math.expm1, -1, 1],
    ['log', Math.log, 1e-3, 4],
    ['tanh', Math.tanh, -3, 3],
    ['cos', Math.cos, -1e6, 1e6],
    ['sin', Math.sin, -1e6, 1e6],
    ['cos', Math.cos, -1e9, 1e9],
  ];
  for (const [name, libm, low, high] of ranges) {
    for (let i = 0; i < 20000; i++) {
      const x = low + (high - low) * ((i * 0.6180339887498949) % 1);
      const ulps = ulpsBetween(FUNCTIONS[name](x), libm(x));
      assert.ok(ulps <= 3, `${name}(${x}) is ${ulps} floats away`);
    }
  }
});

test('special values are those of IEEE 754', () => {
  const table: [(x: number) => number, number, number][] = [
    [exp, -Infinity, 0],
    [exp, Infinity, Infinity],
    [exp, NaN, NaN],
    [exp, 0, 1],
    [exp, -0, 1],
    [exp, 710, Infinity],
    [exp, -746, 0],
    [exp, -745.13, 5e-324],
    [expm1, -0, -0],
    [expm1, -Infinity, -1],
    [expm1, Infinity, Infinity],
    [expm1, NaN, NaN],
    [log, 0, -Infinity],
    [log, -0, -Infinity],
    [log, -1, NaN],
    [log, Infinity, Infinity],
    [log, NaN, NaN],
    [log, 1, 0],
    [tanh, Infinity, 1],
    [tanh, -Infinity, -1],
    [tanh, -0, -0],
    [tanh, NaN, NaN],
    [tanh, 5e-324, 5e-324],
    [sigmoid, 0, 0.5],
    [sigmoid, -Infinity, 0],
    [sigmoid, Infinity, 1],
    [sigmoid, NaN, NaN],
    [cos, 0, 1],
    [cos, -0, 1],
    [cos, Infinity, NaN],
    [cos, -Infinity, NaN],
    [cos, NaN, NaN],
    [sin, -0, -0],
    [sin, Infinity, NaN],
    [sin, NaN, NaN],
  ];
  for (const [f, x, y] of table) assert.ok(Object.is(f(x), y), `${f.name}(${x}) = ${f(x)}, not ${y}`);
});

test('pow has the special values of IEEE 754', () => {
  const specials = [
    0,
    -0,
    1,
    -1,
    2,
    -2,
    3,
    -3,
    0.5,
    -0.5,
    Infinity,
    -Infinity,
    NaN,
    2 ** 53,
    -(2 ** 53),
    5e-324,
    1.5,
  ];
  for (const x of specials) {
    for (const y of specials) {
      // Where ECMAScript alone differs from IEEE 754: a base of magnitude 1 with an infinite or NaN exponent.
      const expected = x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
      const ulps = ulpsBetween(pow(x, y), expected);
      assert.ok(
        ulps <= 1 && (Number.isFinite(expected) || ulps === 0),
        `${x}^${y} = ${pow(x, y)}, not ${expected}`,
      );
    }
  }
});

test('tanh and sin are odd, cos is even, bit for bit', () => {
  for (let i = 1; i <= 2000; i++) {
    const x = 1.0173 ** i * 1e-10;
    assert.equal(tanh(-x), -tanh(x));
    assert.equal(sin(-x), -sin(x));
    assert.equal(cos(-x), cos(x));
  }
});

test('exp, log, tanh and sigmoid do not fall from one float to the next, over runs about their seams', () => {
  const next = (x: number): number => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, x);
    view.setBigInt64(0, view.getBigInt64(0) + (x >= 0 ? 1n : -1n));
    return view.getFloat64(0);
  };
  // Where k of the reduction changes, for x and for 2x; where a branch changes; and points between.
  const positive = [0.25, 0.5, 0.75, 1.5, 2.5].map((k) => k * Math.LN2);
  positive.push(Math.SQRT1_2, Math.SQRT2, 1, 22, 2 ** -28, 0.125, 3.3);
  const seams = [...positive, ...positive.map((x) => -x), -40];
  for (const f of [exp, log, tanh, sigmoid]) {
    for (const seam of f === log ? positive : seams) {
      // 1,000 to 2,000 floats before the seam, and more after it.
      let x = seam - Math.abs(seam) * 2 ** -42;
      for (let i = 0; i < 4500; i++) {
        const y = next(x);
        assert.ok(f(y) >= f(x), `${f.name} at ${x}`);
        x = y;
      }
    }
  }
});

test('the parts of π/2 and ln 2 add up to the constants', () => {
  // Exact: a float64 times 2^200 is a whole number here.
  const scaled = (x: number): bigint => BigInt(x * 2 ** 120 * 2 ** 40) << 40n;
  const sum = [HALF_PI_1, HALF_PI_2, HALF_PI_3, HALF_PI_REST].reduce((s, part) => s + scaled(part), 0n);
  const gap = sum - piOverTwo(200n);
  assert.ok(gap < 1n << 49n && gap > -(1n << 49n), 'π/2 to 151 binary places');
  // ln 2 = Σ 1/(n·2^n).
  let ln2 = 0n;
  for (let n = 1n; n < 220n; n++) ln2 += (1n << (220n - n)) / n;
  const short = scaled(LN2_HIGH) + scaled(LN2_LOW) - (ln2 >> 20n);
  assert.ok(short < 1n << 114n && short > -(1n << 114n), 'ln 2 to 86 binary places');
  // π/2 against its published binary expansion: π = 3.243F6A8885A308D313198A2E03707344A4093822299F31D0… in hexadecimal.
  assert.equal(
    piOverTwo(193n).toString(16),
    '3243f6a8885a308d313198a2e03707344a4093822299f31d0'.slice(0, 49),
  );
});

test('powers of two and scaling by them are exact, with one rounding below the normal range', () => {
  for (let e = -1080; e <= 1030; e++) assert.equal(powerOfTwo(e), Math.pow(2, e));
  for (const x of [1, 1.5, 0.7, -1.9999999999999998, 1.0000000000000002]) {
    for (let k = -1021; k <= 1023; k++) assert.equal(scaleByPowerOfTwo(x, k), x * Math.pow(2, k));
    for (let k = 1025; k < 1300; k++) assert.equal(scaleByPowerOfTwo(x, k), Math.sign(x) * Infinity);
    for (let k = -1300; k < -1022; k++) {
      // In units of 2^-1074: a whole number over a power of two, rounded half to even.
      const whole = BigInt(Math.abs(x) * 2 ** 54);
      const shift = BigInt(54 - 1074 - k);
      const floor = whole >> shift;
      const twice = (whole - (floor << shift)) << 1n;
      const up = twice > 1n << shift || (twice === 1n << shift && (floor & 1n) === 1n);
      const units = Number(floor + (up ? 1n : 0n));
      assert.equal(scaleByPowerOfTwo(x, k), Math.sign(x) * units * 5e-324, `${x}·2^${k}`);
    }
  }
});

test('the normal quantile inverts the published percentage points', () => {
  // Φ⁻¹ to 10 digits and more: standard tables.
  const table: [number, number][] = [
    [0.5, 0],
    [0.75, 0.674489750196081743],
    [0.9, 1.281551565544600467],
    [0.975, 1.959963984540054236],
    [0.99, 2.326347874040841101],
    [0.999, 3.090232306167813542],
    [1e-6, -4.753424308822898948],
    [1e-20, -9.262340089798408176],
  ];
  for (const [p, x] of table)
    assert.ok(Math.abs(normalQuantile(p) - x) <= 4e-15 * Math.max(1, Math.abs(x)), `Φ⁻¹(${p})`);
  assert.equal(normalQuantile(0), -Infinity);
  assert.equal(normalQuantile(1), Infinity);
  for (const p of [-0.1, 1.1, NaN]) assert.ok(Number.isNaN(normalQuantile(p)));
});
