// The transformer read byte by byte, for generation: keys and values of what was read are kept. When all positions are
// taken, it begins again with the second half of what it read. Pure.
import { tanh } from '../../../shared/arithmetic/polynomials.js';
import type { TensorArray } from '../../../shared/objectives/types.js';
import { affine, normalise, row, softmax, sum } from './float-steps.js';
import { type Stepper, valuesOf } from './model.js';
import { transformerNames, type TransformerShape, transformerTensors } from './transformer-tensors.js';

/** √(2/π) and the cubic coefficient of gelu's tanh form. */
const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

interface Memory {
  readonly keys: Float64Array[];
  readonly values: Float64Array[];
}

export class TransformerStepper implements Stepper {
  readonly #shape: TransformerShape;
  readonly #tensors: ReadonlyMap<string, TensorArray>;
  #read: number[] = [];
  #memories: readonly Memory[] = [];

  constructor(shape: TransformerShape, parameters: Readonly<Record<string, TensorArray>>) {
    this.#shape = shape;
    this.#tensors = new Map(
      Object.entries(transformerTensors(shape)).map(([name, declared]) => [
        name,
        valuesOf(
          parameters,
          name,
          declared.shape.reduce((product, length) => product * length, 1),
        ),
      ]),
    );
    this.#forget();
  }

  next(token: number): Float64Array {
    const { positions } = this.#shape;
    if (this.#read.length === positions) {
      const again = this.#read.slice(Math.ceil(positions / 2));
      this.#forget();
      for (const earlier of again) this.#advance(earlier);
    }
    return this.#advance(token);
  }

  #forget(): void {
    this.#read = [];
    this.#memories = Array.from({ length: this.#shape.layers }, () => ({ keys: [], values: [] }));
  }

  #advance(token: number): Float64Array {
    const { width } = this.#shape;
    const position = this.#read.length;
    this.#read.push(token);
    let y = sum(
      row(this.#weight('embedding.weight'), token, width),
      row(this.#weight('positions.weight'), position, width),
    );
    this.#memories.forEach((memory, layer) => {
      const names = transformerNames(layer);
      const apply = (name: string, x: Float64Array, bias: string | null = null) =>
        affine(this.#weight(name), x, bias === null ? null : this.#weight(bias));
      const x = normalise(y, this.#weight(names.gain1), this.#weight(names.bias1));
      memory.keys.push(apply(names.key, x));
      memory.values.push(apply(names.value, x));
      y = sum(y, apply(names.out, attend(apply(names.query, x), memory, this.#shape.heads)));
      const normed = normalise(y, this.#weight(names.gain2), this.#weight(names.bias2));
      y = sum(y, apply(names.down, apply(names.up, normed, names.upBias).map(gelu), names.downBias));
    });
    const normed = normalise(y, this.#weight('norm.gain'), this.#weight('norm.bias'));
    return affine(this.#weight('head.weight'), normed, this.#weight('head.bias'));
  }

  #weight(name: string): TensorArray {
    const values = this.#tensors.get(name);
    if (values === undefined) throw new Error(`the transformer has no tensor ${name}`);
    return values;
  }
}

function gelu(x: number): number {
  return (x / 2) * (1 + tanh(ROOT * (x + CUBIC * x * x * x)));
}

/** softmax(q Kᵀ/√(D/heads)) V, each head by itself, over all that is remembered. */
function attend(query: Float64Array, { keys, values }: Memory, heads: number): Float64Array {
  const columns = query.length / heads;
  const result = new Float64Array(query.length);
  for (let from = 0; from < query.length; from += columns) {
    const scores = Float64Array.from(keys, (key) => {
      let product = 0;
      for (let i = from; i < from + columns; i++) product += (query[i] ?? 0) * (key[i] ?? 0);
      return product / Math.sqrt(columns);
    });
    softmax(scores).forEach((weight, t) => {
      for (let i = from; i < from + columns; i++)
        result[i] = (result[i] ?? 0) + weight * (values[t]?.[i] ?? 0);
    });
  }
  return result;
}
