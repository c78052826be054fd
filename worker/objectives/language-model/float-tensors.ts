// Declarations that the float language models share: float32, rows of norm 1 so that values keep their size from layer to
// layer, and a head near zero so that the first predictions are nearly 8 bits a byte. Pure.
import type { TensorDeclaration } from '../../../shared/objectives/types.js';
import { VOCABULARY } from './options.js';

const FLOAT = { dtype: 'float32' } as const;
const HEAD_GAIN = 0.1;

export function matrix(rows: number, columns: number, scale = 1): TensorDeclaration {
  return { ...FLOAT, shape: [rows, columns], init: { kind: 'unit-rows', gain: scale } };
}

export function embedding(rows: number, width: number, std = 1): TensorDeclaration {
  return { ...FLOAT, shape: [rows, width], init: { kind: 'normal', mean: 0, std } };
}

export function bias(width: number): TensorDeclaration {
  return { ...FLOAT, shape: [width], init: { kind: 'zeros' } };
}

export function gain(width: number): TensorDeclaration {
  return { ...FLOAT, shape: [width], init: { kind: 'constant', value: 1 } };
}

/** The last norm and the projection to the logits. */
export function head(width: number): Record<string, TensorDeclaration> {
  return {
    'norm.gain': gain(width),
    'norm.bias': bias(width),
    'head.weight': matrix(VOCABULARY, width, HEAD_GAIN),
    'head.bias': bias(VOCABULARY),
  };
}
