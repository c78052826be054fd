// The tensors of the recurrent float model. Pure.
import type { TensorDeclaration } from '../../../shared/objectives/types.js';
import { bias, embedding, gain, head, matrix } from './float-tensors.js';
import { VOCABULARY } from './options.js';

export interface GruShape {
  readonly layers: number;
  /** Of the embedding and of every layer's state. */
  readonly width: number;
}

export const gruNames = (layer: number) =>
  ({
    gain: `layers.${layer}.norm.gain`,
    bias: `layers.${layer}.norm.bias`,
    input: `layers.${layer}.gru.input.weight`,
    inputBias: `layers.${layer}.gru.input.bias`,
    recurrent: `layers.${layer}.gru.recurrent.weight`,
    recurrentBias: `layers.${layer}.gru.recurrent.bias`,
  }) as const;

export function gruTensors({ layers, width }: GruShape): Record<string, TensorDeclaration> {
  const tensors: Record<string, TensorDeclaration> = { 'embedding.weight': embedding(VOCABULARY, width) };
  for (let layer = 0; layer < layers; layer++) {
    const names = gruNames(layer);
    tensors[names.gain] = gain(width);
    tensors[names.bias] = bias(width);
    tensors[names.input] = matrix(3 * width, width);
    tensors[names.inputBias] = bias(3 * width);
    tensors[names.recurrent] = matrix(3 * width, width);
    tensors[names.recurrentBias] = bias(3 * width);
  }
  return { ...tensors, ...head(width) };
}
