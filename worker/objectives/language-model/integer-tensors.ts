// The tensors of the integer language model, and the shifts by which its products are divided. Pure.
import type { TensorDeclaration } from '../../../shared/objectives/types.js';
import { VOCABULARY } from './options.js';

/** 1.0 in the model's numbers. */
export const ONE = 16;

export interface IntegerShape {
  readonly layers: number;
  /** D = 4^k. */
  readonly width: number;
}

/** Division of a product over n = 4^k inputs by 16 √n, as a right shift by 4 + k. */
export function shiftOf(inputs: number): number {
  return 4 + Math.log2(inputs) / 2;
}

export const layerNames = (layer: number) =>
  ({
    gain1: `layers.${layer}.norm1.gain`,
    wf: `layers.${layer}.gru.wf`,
    uf: `layers.${layer}.gru.uf`,
    bf: `layers.${layer}.gru.bf`,
    wh: `layers.${layer}.gru.wh`,
    uh: `layers.${layer}.gru.uh`,
    bh: `layers.${layer}.gru.bh`,
    gain2: `layers.${layer}.norm2.gain`,
    w1: `layers.${layer}.mlp.w1`,
    w2: `layers.${layer}.mlp.w2`,
  }) as const;

/** 513 D + l (4 D + 12 D²) int8 parameters. */
export function integerTensors({ layers, width }: IntegerShape): Record<string, TensorDeclaration> {
  const matrix = (rows: number, columns: number): TensorDeclaration => ({
    shape: [rows, columns],
    dtype: 'int8',
    init: { kind: 'normal', mean: 0, std: ONE },
  });
  const gain: TensorDeclaration = { shape: [width], dtype: 'int8', init: { kind: 'constant', value: ONE } };
  const bias: TensorDeclaration = { shape: [width], dtype: 'int8', init: { kind: 'zeros' } };
  const tensors: Record<string, TensorDeclaration> = { embedding: matrix(VOCABULARY, width) };
  for (let layer = 0; layer < layers; layer++) {
    const names = layerNames(layer);
    tensors[names.gain1] = gain;
    for (const name of [names.wf, names.uf, names.wh, names.uh]) tensors[name] = matrix(width, width);
    for (const name of [names.bf, names.bh]) tensors[name] = bias;
    tensors[names.gain2] = gain;
    tensors[names.w1] = matrix(4 * width, width);
    tensors[names.w2] = matrix(width, 4 * width);
  }
  tensors['norm.gain'] = gain;
  tensors['head'] = matrix(VOCABULARY, width);
  return tensors;
}
