// The integer language model against the formulas of its paper, written out a second time here one position at a time, and
// against what the formulas imply.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TensorArray } from '../../../shared/objectives/types.js';
import { fillBinomial } from '../../../shared/random/noise.js';
import { PURPOSE } from '../../../shared/random/purposes.js';
import {
  CENTRE,
  initialParameters,
  KEY,
  type Members,
  populationOf,
} from '../../../test/support/language.js';
import { createReferenceEngine } from '../../engines/reference/engine.js';
import { Draws } from '../draws.js';
import { integerLogits, integerModel } from './integer-model.js';
import { integerTensors } from './integer-tensors.js';
import { bitsPerByte } from './loss.js';
import { gather } from './text.js';

const PAIR: Members = [
  { direction: 5, sign: 1 },
  { direction: 5, sign: -1 },
  { direction: 6, sign: 1 },
];
const SHIFT = 2;

function bytes(count: number, seed: number): Uint8Array {
  const draws = new Draws(seed, 0);
  return Uint8Array.from({ length: count }, () => draws.word() % 256);
}

/** The model in the paper's notation: int8 weights, the perturbation where the product is formed. */
class Paper {
  readonly #names: string[];
  readonly #layers: number;
  readonly #d: number;
  readonly #parameters: Record<string, TensorArray>;
  readonly #member: Members[number];

  constructor(layers: number, d: number, parameters: Record<string, TensorArray>, member: Members[number]) {
    this.#names = Object.keys(integerTensors({ layers, width: d }));
    this.#layers = layers;
    this.#d = d;
    this.#parameters = parameters;
    this.#member = member;
  }

  static clip(v: number): number {
    return Math.min(127, Math.max(-127, v));
  }

  #noise(name: string, length: number, factor: 0 | 1): Int8Array {
    const out = new Int8Array(length);
    const { direction, sign } = this.#member;
    fillBinomial(KEY, PURPOSE.perturbation, 2 * this.#names.indexOf(name) + factor, direction, 3, 0, out);
    return factor === 0 ? out.map((e) => sign * e) : out;
  }

  #array(name: string): TensorArray {
    const found = this.#parameters[name];
    assert.ok(found, name);
    return found;
  }

  #vector(name: string): number[] {
    const [a, b] = [this.#noise(name, this.#d, 0), this.#noise(name, this.#d, 1)];
    return Array.from(this.#array(name), (w, i) =>
      Paper.clip(w + Math.floor(((a[i] ?? 0) * (b[i] ?? 0)) / 2 ** SHIFT)),
    );
  }

  #matrix(name: string, u: number[]): number[] {
    const w = this.#array(name);
    const n = u.length;
    const [a, b] = [this.#noise(name, w.length / n, 0), this.#noise(name, n, 1)];
    const ub = u.reduce((sum, v, j) => sum + v * (b[j] ?? 0), 0);
    return Array.from(a, (ai, i) => {
      const product = u.reduce((sum, v, j) => sum + v * (w[i * n + j] ?? 0), 0);
      return Paper.clip(Math.floor((product + Math.floor((ub * ai) / 2 ** SHIFT)) / (16 * Math.sqrt(n))));
    });
  }

  #norm(u: number[], gain: string): number[] {
    const g = this.#vector(gain);
    const a = Math.max(1, Math.floor(u.reduce((sum, v) => sum + Math.abs(v), 0) / u.length));
    return u.map((v, i) => Paper.clip(Math.floor((v * (g[i] ?? 0)) / a)));
  }

  /** Log-likelihood of each target in 1/16 bit. */
  run(tokens: ArrayLike<number>, targets: ArrayLike<number>): number[] {
    const states = Array.from({ length: this.#layers }, () => Array<number>(this.#d).fill(0));
    return Array.from(tokens, (token, t) => {
      const [a, b] = [this.#noise('embedding', 256, 0), this.#noise('embedding', this.#d, 1)];
      const e = this.#array('embedding').subarray(token * this.#d, (token + 1) * this.#d);
      let y = Array.from(e, (v, j) =>
        Paper.clip(v + Math.floor(((a[token] ?? 0) * (b[j] ?? 0)) / 2 ** SHIFT)),
      );
      states.forEach((state, l) => {
        const p = (name: string): string => `layers.${l}.${name}`;
        if (token === 0) state.fill(0);
        const x = this.#norm(y, p('norm1.gain'));
        const s = [...state];
        const sum = (u: number[], v: number[], w: number[]): number[] =>
          u.map((value, i) => Paper.clip(value + (v[i] ?? 0) + (w[i] ?? 0)));
        const f = sum(this.#matrix(p('gru.wf'), x), this.#matrix(p('gru.uf'), s), this.#vector(p('gru.bf')));
        const g = s.map((v, i) => Math.floor((((f[i] ?? 0) + 127) * v) / 256));
        const h = sum(this.#matrix(p('gru.wh'), x), this.#matrix(p('gru.uh'), g), this.#vector(p('gru.bh')));
        s.forEach((v, i) => {
          state[i] = v + Math.floor((((f[i] ?? 0) + 127) * ((h[i] ?? 0) - v)) / 256);
        });
        y = y.map((v, i) => Paper.clip(v + (state[i] ?? 0)));
        const mlp = this.#matrix(p('mlp.w2'), this.#matrix(p('mlp.w1'), this.#norm(y, p('norm2.gain'))));
        y = y.map((v, i) => Paper.clip(v + (mlp[i] ?? 0)));
      });
      const logits = this.#matrix('head', this.#norm(y, 'norm.gain'));
      const total = logits.reduce((sum, v) => sum + Math.floor(16 * 2 ** ((v + 128) / 16)), 0);
      return (logits[targets[t] ?? 0] ?? 0) + 128 - Math.floor(16 * Math.log2(total / 16));
    });
  }
}

describe('the integer language model', () => {
  it('has 513 D + l (4 D + 12 D²) int8 parameters: the sizes that the paper names', () => {
    const sizes = [
      [6, 256, 4_856_064],
      [2, 256, 1_706_240],
      [4, 64, 230_464],
      [2, 16, 14_480],
    ] as const;
    for (const [layers, width, count] of sizes) {
      const tensors = Object.values(integerTensors({ layers, width }));
      assert.equal(513 * width + layers * (4 * width + 12 * width ** 2), count);
      assert.equal(
        tensors.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0),
        count,
      );
      assert.ok(tensors.every(({ dtype }) => dtype === 'int8'));
    }
  });

  it('begins with rounded normals of deviation 16, gains of 16 and biases of 0', () => {
    const parameters = initialParameters(integerTensors({ layers: 1, width: 64 }));
    for (const [name, values] of Object.entries(parameters)) {
      if (name.endsWith('gain')) assert.ok(values.every((value) => value === 16));
      else if (/\.b[fh]$/.test(name)) assert.ok(values.every((value) => value === 0));
      else {
        const n = values.length;
        const array = Array.from(values);
        const mean = array.reduce((sum, value) => sum + value, 0) / n;
        const deviation = Math.sqrt(array.reduce((sum, value) => sum + value * value, 0) / n);
        assert.ok(Math.abs(mean) < (5 * 16) / Math.sqrt(n), `${name} mean ${mean}`);
        assert.ok(Math.abs(deviation - 16) < (5 * 16) / Math.sqrt(2 * n), `${name} deviation ${deviation}`);
        assert.ok(values.every((value) => Number.isInteger(value) && Math.abs(value) <= 127));
      }
    }
  });

  for (const [layers, width] of [
    [1, 4],
    [2, 16],
  ] as const) {
    it(`gives the paper's integers, ${layers} x ${width}, for a perturbed pair, others and the centre`, async () => {
      const shape = { layers, width };
      const model = integerModel(shape);
      const parameters = initialParameters(model.tensors);
      const members = [...PAIR, ...CENTRE];
      const text = bytes(40, 3);
      text[7] = 0;
      const count = 2;
      const length = 12;
      const { tokens, targets } = gather(text, length, [0, 20]);
      const engine = createReferenceEngine();
      const losses = await engine.run(
        populationOf(model.tensors, parameters, members, { shift: SHIFT }),
        async (population) =>
          engine.read(
            model.losses(engine, population, {
              count,
              length,
              tokens: engine.int32(tokens, [1, count * length]),
              targets: engine.int32(targets, [1, count * length]),
              starts: engine.int32(
                tokens.map((token) => (token === 0 ? 1 : 0)),
                [1, count, length],
              ),
            }),
          ),
      );
      const expected = members.flatMap((member) => {
        const paper = (at: number): number[] =>
          new Paper(layers, width, parameters, member).run(
            tokens.subarray(at, at + length),
            targets.subarray(at, at + length),
          );
        return [...paper(0), ...paper(length)];
      });
      assert.deepEqual(Array.from(losses), expected);
      assert.ok(new Set(losses).size > 10, 'the members and positions differ');
    });
  }

  it('steps through a text to the logits that the engine gives for the whole of it', async () => {
    const shape = { layers: 2, width: 16 };
    const model = integerModel(shape);
    const parameters = initialParameters(model.tensors);
    const text = bytes(31, 5);
    text[12] = 0;
    const { tokens, targets } = gather(text, 30, [0]);
    const engine = createReferenceEngine();
    const logits = await engine.run(populationOf(model.tensors, parameters, CENTRE), async (population) =>
      engine.read(
        integerLogits(shape, engine, population, {
          count: 1,
          length: 30,
          tokens: engine.int32(tokens, [1, 30]),
          targets: engine.int32(targets, [1, 30]),
          starts: engine.int32(
            tokens.map((token) => (token === 0 ? 1 : 0)),
            [1, 1, 30],
          ),
        }),
      ),
    );
    const stepper = model.stepper(parameters);
    tokens.forEach((token, t) => {
      stepper.next(token).forEach((weight, i) => {
        const expected = Math.log(Math.floor(16 * 2 ** (((logits[256 * t + i] ?? 0) + 128) / 16)));
        assert.ok(Math.abs(weight - expected) < 1e-12 * expected, `position ${t}, byte ${i}`);
      });
    });
  });

  it('gives exactly 8 bits a byte where all logits are equal', async () => {
    const model = integerModel({ layers: 1, width: 16 });
    const parameters = { ...initialParameters(model.tensors), head: new Int8Array(256 * 16) };
    const engine = createReferenceEngine();
    const [bits] = await engine.run(populationOf(model.tensors, parameters, CENTRE), (population) =>
      bitsPerByte(engine, population, model, gather(bytes(21, 1), 10, [0, 10]), { warmUp: 0, sequence: 10 }),
    );
    assert.equal(bits, 8);
  });

  it('gives 8 + ½ ln 2 − 1/32 = 8.31 bits on average for logits that know nothing', async () => {
    // E log2 Σ 2^z over 256 standard normals is 8 + ½ ln 2 − (e^(ln²2) − 1)/(512 ln 2); the loss's floor takes half of 1/16.
    const expected = 8 + Math.LN2 / 2 - (Math.exp(Math.LN2 ** 2) - 1) / (512 * Math.LN2) - 1 / 32;
    const rows = 4000;
    const draws = new Draws(1, 0);
    const logits = Int8Array.from({ length: 256 * rows }, () =>
      Math.max(-127, Math.min(127, Math.round(16 * draws.normal()))),
    );
    const targets = Int32Array.from({ length: rows }, () => draws.word() % 256);
    const engine = createReferenceEngine();
    const source = populationOf({}, {}, CENTRE);
    const sums = await engine.run(source, async () =>
      engine.read(
        engine.integerSum(
          engine.integerLogLikelihood(engine.int8(logits, [1, rows, 256]), engine.int32(targets, [1, rows])),
        ),
      ),
    );
    const bits = -(sums[0] ?? 0) / 16 / rows;
    // The target's own logit deviates by one bit: five standard errors.
    assert.ok(Math.abs(bits - expected) < 5 / Math.sqrt(rows), `${bits}, expected ${expected}`);
  });

  it('moves every state by the formula and keeps it in ±127, at the ends of gate and candidate too', async () => {
    const [count, length, width] = [200, 20, 4];
    const draws = new Draws(2, 0);
    const end = (): number => [-127, -126, -1, 0, 1, 126, 127][draws.word() % 7] ?? 0;
    const some = (): number => (draws.word() % 3 === 0 ? end() : (draws.word() % 255) - 127);
    const xf = Int8Array.from({ length: count * length * width }, some);
    const xh = Int8Array.from({ length: count * length * width }, some);
    const square = { shape: [width, width], dtype: 'int8' } as const;
    const row = { shape: [width], dtype: 'int8' } as const;
    const tensors = { uf: square, bf: row, uh: square, bh: row };
    const zeros = {
      uf: new Int8Array(16),
      bf: new Int8Array(4),
      uh: new Int8Array(16),
      bh: new Int8Array(4),
    };
    const engine = createReferenceEngine();
    const states = await engine.run(populationOf(tensors, zeros, CENTRE), async (population) => {
      const [uf, bf, uh, bh] = [
        population.weight('uf'),
        population.weight('bf'),
        population.weight('uh'),
        population.weight('bh'),
      ];
      const inTime = [1, count, length, width];
      const resets = engine.int32(new Int32Array(count * length), [1, count, length]);
      return engine.read(
        engine.integerGru(engine.int8(xf, inTime), engine.int8(xh, inTime), { uf, bf, uh, bh }, resets, 5),
      );
    });
    states.forEach((state, at) => {
      const before = Math.floor(at / width) % length === 0 ? 0 : (states[at - width] ?? 0);
      const [f, h] = [xf[at] ?? 0, xh[at] ?? 0];
      assert.equal(state, before + Math.floor(((f + 127) * (h - before)) / 256));
      assert.ok(Math.abs(state) <= 127);
    });
  });
});
