// The model that the options ask for.
import { gruModel } from './gru-model.js';
import { integerModel } from './integer-model.js';
import type { LanguageModel } from './model.js';
import type { LanguageModelOptions } from './options.js';
import { sequenceLength } from './text.js';
import { transformerModel } from './transformer-model.js';

export function modelOf(options: LanguageModelOptions): LanguageModel {
  const { kind, layers, width, heads } = options.model;
  switch (kind) {
    case 'integer':
      return integerModel({ layers, width });
    case 'gru':
      return gruModel({ layers, width });
    case 'transformer':
      return transformerModel({ layers, width, heads: heads ?? 1, positions: sequenceLength(options) });
  }
}
