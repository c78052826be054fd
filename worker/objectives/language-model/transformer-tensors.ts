// The tensors of the transformer. Pure.
import type { TensorDeclaration } from '../../../shared/objectives/types.js';
import { bias, embedding, gain, head, matrix } from './float-tensors.js';
import { VOCABULARY } from './options.js';

export interface TransformerShape {
  readonly layers: number;
  readonly width: number;
  /** Divides the width. */
  readonly heads: number;
  /** Positions that it can tell apart. */
  readonly positions: number;
}

const POSITION_STD = 0.3;

export const transformerNames = (layer: number) =>
  ({
    gain1: `layers.${layer}.norm1.gain`,
    bias1: `layers.${layer}.norm1.bias`,
    query: `layers.${layer}.attention.query.weight`,
    key: `layers.${layer}.attention.key.weight`,
    value: `layers.${layer}.attention.value.weight`,
    out: `layers.${layer}.attention.out.weight`,
    gain2: `layers.${layer}.norm2.gain`,
    bias2: `layers.${layer}.norm2.bias`,
    up: `layers.${layer}.mlp.up.weight`,
    upBias: `layers.${layer}.mlp.up.bias`,
    down: `layers.${layer}.mlp.down.weight`,
    downBias: `layers.${layer}.mlp.down.bias`,
  }) as const;

/** What is added to the residual stream starts smaller the more layers add (1/√(2 layers), Radford et al. 2019). */
export function transformerTensors({
  layers,
  width,
  positions,
}: TransformerShape): Record<string, TensorDeclaration> {
  const tensors: Record<string, TensorDeclaration> = {
    'embedding.weight': embedding(VOCABULARY, width),
    'positions.weight': embedding(positions, width, POSITION_STD),
  };
  const added = 1 / Math.sqrt(2 * layers);
  for (let layer = 0; layer < layers; layer++) {
    const names = transformerNames(layer);
    tensors[names.gain1] = gain(width);
    tensors[names.bias1] = bias(width);
    for (const name of [names.query, names.key, names.value]) tensors[name] = matrix(width, width);
    tensors[names.out] = matrix(width, width, added);
    tensors[names.gain2] = gain(width);
    tensors[names.bias2] = bias(width);
    tensors[names.up] = matrix(4 * width, width);
    tensors[names.upBias] = bias(4 * width);
    tensors[names.down] = matrix(width, 4 * width, added);
    tensors[names.downBias] = bias(width);
  }
  return { ...tensors, ...head(width) };
}
