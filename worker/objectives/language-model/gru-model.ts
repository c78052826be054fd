// A float language model of gated recurrent units (Cho et al. 2014) behind layer norms, with residual connections:
//   y ← y + GRU(norm(y)) a layer, then a norm and the head. float32.
import type { Tensor } from '../../../shared/objectives/engine.js';
import { GruStepper } from './gru-stepper.js';
import { type GruShape, gruNames, gruTensors } from './gru-tensors.js';
import type { LanguageModel } from './model.js';
import { VOCABULARY } from './options.js';

export function gruModel(shape: GruShape): LanguageModel {
  const { layers, width } = shape;
  return {
    tensors: gruTensors(shape),
    losses(engine, population, { tokens, targets, count, length }) {
      const weight = (name: string) => population.weight(name);
      let y: Tensor = engine.embedding(tokens, weight('embedding.weight'));
      for (let layer = 0; layer < layers; layer++) {
        const names = gruNames(layer);
        const x = engine.layerNorm(y, weight(names.gain), weight(names.bias));
        const projections = engine.linear(x, weight(names.input), weight(names.inputBias));
        const states = engine.gru(
          engine.reshape(projections, [projections.shape[0] ?? 1, count, length, 3 * width]),
          weight(names.recurrent),
          weight(names.recurrentBias),
        );
        y = engine.add(engine.reshape(states, y.shape), y);
      }
      const normed = engine.layerNorm(y, weight('norm.gain'), weight('norm.bias'));
      const logits = engine.linear(normed, weight('head.weight'), weight('head.bias'));
      return engine.crossEntropy(logits, targets).loss;
    },
    bits: 1 / Math.LN2,
    // Norm, projections, states and sum a layer; embedding, last norm, logits, loss and hit, token, target and start.
    bytesPerPosition: 4 * (6 * width * layers + 2 * width + VOCABULARY + 5),
    stepper: (parameters) => new GruStepper(shape, parameters),
  };
}
