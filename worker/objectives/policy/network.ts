// The policy's network: a multilayer perceptron whose weights are the objective's parameters, and the choice of an action
// from its outputs. Forward passes need not be canonical: only the episode's return counts.
import type { TensorArray, TensorDeclaration } from '../../../shared/objectives/types.js';
import type { ActionSpace } from './environment.js';

export type Activation = 'tanh' | 'relu';

/** Layer widths, observations first and outputs last. */
export type Widths = readonly number[];

export const weightName = (layer: number): string => `layers.${layer}.weight`;
export const biasName = (layer: number): string => `layers.${layer}.bias`;

/**
 * The network's tensors: weights [out, in] whose rows start with norm 1 (the last layer 0.01, so that the first policy is
 * nearly indifferent), biases [out] at 0; float32.
 */
export function networkTensors(widths: Widths): Record<string, TensorDeclaration> {
  const tensors: Record<string, TensorDeclaration> = {};
  const last = widths.length - 2;
  for (let layer = 0; layer <= last; layer++) {
    const [inputs = 0, outputs = 0] = widths.slice(layer, layer + 2);
    tensors[weightName(layer)] = {
      shape: [outputs, inputs],
      dtype: 'float32',
      init: { kind: 'unit-rows', gain: layer === last ? 0.01 : 1 },
    };
    tensors[biasName(layer)] = { shape: [outputs], dtype: 'float32', init: { kind: 'zeros' } };
  }
  return tensors;
}

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  weight: TensorArray;
  bias: TensorArray;
  readonly result: Float64Array;
}

/** One network's buffers; `load` points it at a member's weights. */
export class Network {
  readonly #layers: Layer[];
  readonly #activation: Activation;

  constructor(widths: Widths, activation: Activation) {
    this.#activation = activation;
    this.#layers = widths.slice(1).map((outputs, layer) => {
      const inputs = widths[layer] ?? 0;
      return {
        inputs,
        outputs,
        weight: new Float32Array(inputs * outputs),
        bias: new Float32Array(outputs),
        result: new Float64Array(outputs),
      };
    });
  }

  load(parameters: Readonly<Record<string, TensorArray>>): void {
    this.#layers.forEach((layer, index) => {
      const weight = parameters[weightName(index)];
      const bias = parameters[biasName(index)];
      if (weight?.length !== layer.inputs * layer.outputs || bias?.length !== layer.outputs) {
        throw new Error(
          `layer ${index} needs ${weightName(index)} [${layer.outputs}, ${layer.inputs}] and ${biasName(index)} [${layer.outputs}]`,
        );
      }
      layer.weight = weight;
      layer.bias = bias;
    });
  }

  /** The outputs for an input; valid until the next call. */
  forward(input: Float64Array): Float64Array {
    let current = input;
    const last = this.#layers.length - 1;
    for (let index = 0; index <= last; index++) {
      const layer = this.#layers[index];
      if (layer === undefined) break;
      const { inputs, outputs, weight, bias, result } = layer;
      for (let row = 0, at = 0; row < outputs; row++) {
        let sum = bias[row] ?? 0;
        for (let column = 0; column < inputs; column++) sum += (weight[at++] ?? 0) * (current[column] ?? 0);
        if (index < last) sum = this.#activation === 'tanh' ? Math.tanh(sum) : sum > 0 ? sum : 0;
        result[row] = sum;
      }
      current = result;
    }
    return current;
  }
}

/** Number of network outputs that an action needs; `bins` is null for continuous outputs. */
export function outputsFor(actions: ActionSpace, bins: number | null): number {
  return actions.kind === 'discrete' ? actions.count : actions.low.length * (bins ?? 1);
}

/**
 * Writes the action for the outputs. Discrete: the greatest score, ties to the lowest index. Continuous: an output of −1
 * stands for the component's low end, +1 for its high end, clipped between. Binned: per component the greatest of `bins`
 * scores, value = low + index (high − low)/(bins − 1) (Salimans et al. 2017 used 10).
 */
export function chooseAction(
  outputs: Float64Array,
  actions: ActionSpace,
  bins: number | null,
  action: Float64Array,
): void {
  if (actions.kind === 'discrete') {
    action[0] = argmax(outputs, 0, actions.count);
    return;
  }
  for (let i = 0; i < actions.low.length; i++) {
    const low = actions.low[i] ?? 0;
    const range = (actions.high[i] ?? 0) - low;
    const share =
      bins === null
        ? Math.min(1, Math.max(0, ((outputs[i] ?? 0) + 1) / 2))
        : argmax(outputs, i * bins, bins) / (bins - 1);
    action[i] = low + share * range;
  }
}

function argmax(values: Float64Array, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if ((values[from + i] ?? 0) > (values[from + best] ?? 0)) best = i;
  return best;
}
