// The integer model read byte by byte, for generation: the same integers as the engine's, in plain loops without
// perturbation. Pure.
import { log } from '../../../shared/arithmetic/polynomials.js';
import { pow } from '../../../shared/arithmetic/power.js';
import type { TensorArray } from '../../../shared/objectives/types.js';
import { type IntegerShape, layerNames, shiftOf } from './integer-tensors.js';
import { type Stepper, valuesOf } from './model.js';
import { VOCABULARY } from './options.js';
import { DOCUMENT_START } from './text.js';

interface Layer {
  readonly gain1: TensorArray;
  readonly wf: TensorArray;
  readonly uf: TensorArray;
  readonly bf: TensorArray;
  readonly wh: TensorArray;
  readonly uh: TensorArray;
  readonly bh: TensorArray;
  readonly gain2: TensorArray;
  readonly w1: TensorArray;
  readonly w2: TensorArray;
  readonly state: Int32Array;
}

/** ln ⌊16 · 2^(i/16)⌋ for i = 0 … 255: the model's weight of a logit i − 128. */
const LOG_WEIGHTS = Float64Array.from({ length: 256 }, (_, i) => log(Math.floor(16 * pow(2, i / 16))));

export class IntegerStepper implements Stepper {
  readonly #width: number;
  readonly #embedding: TensorArray;
  readonly #layers: readonly Layer[];
  readonly #gain: TensorArray;
  readonly #head: TensorArray;
  readonly #logits = new Float64Array(VOCABULARY);

  constructor({ layers, width }: IntegerShape, parameters: Readonly<Record<string, TensorArray>>) {
    const values = (name: string, length: number) => valuesOf(parameters, name, length);
    const square = width * width;
    this.#width = width;
    this.#embedding = values('embedding', VOCABULARY * width);
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const names = layerNames(layer);
      return {
        gain1: values(names.gain1, width),
        wf: values(names.wf, square),
        uf: values(names.uf, square),
        bf: values(names.bf, width),
        wh: values(names.wh, square),
        uh: values(names.uh, square),
        bh: values(names.bh, width),
        gain2: values(names.gain2, width),
        w1: values(names.w1, 4 * square),
        w2: values(names.w2, 4 * square),
        state: new Int32Array(width),
      };
    });
    this.#gain = values('norm.gain', width);
    this.#head = values('head', VOCABULARY * width);
  }

  next(token: number): Float64Array {
    const width = this.#width;
    let y = Int32Array.from(this.#embedding.subarray(token * width, (token + 1) * width));
    for (const layer of this.#layers) {
      if (token === DOCUMENT_START) layer.state.fill(0);
      y = add(recur(layer, norm(y, layer.gain1)), y);
      y = add(product(layer.w2, product(layer.w1, norm(y, layer.gain2))), y);
    }
    product(this.#head, norm(y, this.#gain)).forEach((logit, i) => {
      this.#logits[i] = LOG_WEIGHTS[logit + 128] ?? 0;
    });
    return this.#logits;
  }
}

function clip(value: number): number {
  return value > 127 ? 127 : value < -127 ? -127 : value;
}

function add(x: Int32Array, y: Int32Array): Int32Array<ArrayBuffer> {
  return Int32Array.from(x, (value, i) => clip(value + (y[i] ?? 0)));
}

/** clip((W x) >> shift). */
function product(weights: TensorArray, x: Int32Array): Int32Array<ArrayBuffer> {
  const inputs = x.length;
  const shift = shiftOf(inputs);
  const out = new Int32Array(weights.length / inputs);
  for (let row = 0, at = 0; row < out.length; row++) {
    let sum = 0;
    for (let column = 0; column < inputs; column++) sum += (weights[at++] as number) * (x[column] as number);
    out[row] = clip(sum >> shift);
  }
  return out;
}

/** a = max(1, ⌊Σ|x|/D⌋), clip(⌊x·gain/a⌋). */
function norm(x: Int32Array, gain: TensorArray): Int32Array {
  const size = x.reduce((sum, value) => sum + Math.abs(value), 0);
  const a = Math.max(1, Math.floor(size / x.length));
  return x.map((value, i) => clip(Math.floor((value * (gain[i] ?? 0)) / a)));
}

/** f gates the state that h sees, then how far the state goes towards h. */
function recur({ wf, uf, bf, wh, uh, bh, state }: Layer, x: Int32Array): Int32Array {
  const xf = product(wf, x);
  const xh = product(wh, x);
  const f = product(uf, state).map((value, i) => clip(value + (xf[i] ?? 0) + (bf[i] ?? 0)) + 127);
  const g = state.map((s, i) => ((f[i] ?? 0) * s) >> 8);
  const h = product(uh, g).map((value, i) => clip(value + (xh[i] ?? 0) + (bh[i] ?? 0)));
  for (let i = 0; i < state.length; i++) {
    const s = state[i] ?? 0;
    state[i] = s + (((f[i] ?? 0) * ((h[i] ?? 0) - s)) >> 8);
  }
  return state;
}
