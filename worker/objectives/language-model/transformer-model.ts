// A small float transformer with the norm before each block (Xiong et al. 2020) and learned positions:
//   y ← y + W_o attention(norm(y)),  y ← y + W_down gelu(W_up norm(y)), then a norm and the head. float32, causal.
import type { LanguageModel } from './model.js';
import { VOCABULARY } from './options.js';
import { TransformerStepper } from './transformer-stepper.js';
import { transformerNames, type TransformerShape, transformerTensors } from './transformer-tensors.js';

export function transformerModel(shape: TransformerShape): LanguageModel {
  const { layers, width, heads, positions } = shape;
  return {
    tensors: transformerTensors(shape),
    losses(engine, population, { tokens, targets, count, length }) {
      const weight = (name: string) => population.weight(name);
      let y = engine.addWeight(
        engine.embedding(tokens, weight('embedding.weight')),
        weight('positions.weight'),
      );
      const [size = 1] = y.shape;
      for (let layer = 0; layer < layers; layer++) {
        const names = transformerNames(layer);
        const x = engine.layerNorm(y, weight(names.gain1), weight(names.bias1));
        const [q, k, v] = [names.query, names.key, names.value].map((name) =>
          engine.reshape(engine.linear(x, weight(name)), [size, count, length, width]),
        ) as [typeof y, typeof y, typeof y];
        const seen = engine.attention(q, k, v, { heads, causal: true });
        y = engine.add(engine.linear(engine.reshape(seen, y.shape), weight(names.out)), y);
        const normed = engine.layerNorm(y, weight(names.gain2), weight(names.bias2));
        const hidden = engine.activation(
          'gelu',
          engine.linear(normed, weight(names.up), weight(names.upBias)),
        );
        y = engine.add(engine.linear(hidden, weight(names.down), weight(names.downBias)), y);
      }
      const normed = engine.layerNorm(y, weight('norm.gain'), weight('norm.bias'));
      return engine.crossEntropy(engine.linear(normed, weight('head.weight'), weight('head.bias')), targets)
        .loss;
    },
    bits: 1 / Math.LN2,
    // Eighteen widths and the attention's scores a layer; embedding, positions and last norm, logits and the rest.
    bytesPerPosition: 4 * ((18 * width + positions * heads) * layers + 3 * width + VOCABULARY + 5),
    stepper: (parameters) => new TransformerStepper(shape, parameters),
  };
}
