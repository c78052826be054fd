// The recurrent float model read byte by byte, for generation. Pure.
import { sigmoid, tanh } from '../../../shared/arithmetic/polynomials.js';
import type { TensorArray } from '../../../shared/objectives/types.js';
import { affine, normalise, row, sum } from './float-steps.js';
import { type GruShape, gruNames } from './gru-tensors.js';
import { type Stepper, valuesOf } from './model.js';
import { VOCABULARY } from './options.js';

interface Layer {
  readonly gain: TensorArray;
  readonly bias: TensorArray;
  readonly input: TensorArray;
  readonly inputBias: TensorArray;
  readonly recurrent: TensorArray;
  readonly recurrentBias: TensorArray;
  state: Float64Array;
}

export class GruStepper implements Stepper {
  readonly #width: number;
  readonly #layers: readonly Layer[];
  readonly #values: (name: string, length: number) => TensorArray;

  constructor({ layers, width }: GruShape, parameters: Readonly<Record<string, TensorArray>>) {
    this.#width = width;
    this.#values = (name, length) => valuesOf(parameters, name, length);
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const names = gruNames(layer);
      return {
        gain: this.#values(names.gain, width),
        bias: this.#values(names.bias, width),
        input: this.#values(names.input, 3 * width * width),
        inputBias: this.#values(names.inputBias, 3 * width),
        recurrent: this.#values(names.recurrent, 3 * width * width),
        recurrentBias: this.#values(names.recurrentBias, 3 * width),
        state: new Float64Array(width),
      };
    });
  }

  next(token: number): Float64Array {
    const width = this.#width;
    const values = this.#values;
    let y = row(values('embedding.weight', VOCABULARY * width), token, width);
    for (const layer of this.#layers) {
      layer.state = recur(layer, normalise(y, layer.gain, layer.bias));
      y = sum(y, layer.state);
    }
    return affine(
      values('head.weight', VOCABULARY * width),
      normalise(y, values('norm.gain', width), values('norm.bias', width)),
      values('head.bias', VOCABULARY),
    );
  }
}

/** The engines' `gru`, one step. */
function recur({ input, inputBias, recurrent, recurrentBias, state }: Layer, x: Float64Array): Float64Array {
  const width = state.length;
  const fromInput = affine(input, x, inputBias);
  const fromState = affine(recurrent, state, recurrentBias);
  const at = (part: number, i: number): readonly [number, number] => [
    fromInput[part * width + i] ?? 0,
    fromState[part * width + i] ?? 0,
  ];
  return state.map((h, i) => {
    const [xr, ur] = at(0, i);
    const [xz, uz] = at(1, i);
    const [xn, un] = at(2, i);
    const z = sigmoid(xz + uz);
    return (1 - z) * tanh(xn + sigmoid(xr + ur) * un) + z * h;
  });
}
