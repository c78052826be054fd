// The integer-only recurrent language model of "Evolution Strategies at the Hyperscale" (arXiv 2511.16652, appendix G): int8
// weights and activations in ±127 of which 16 stands for 1, sums in int32, no division but shifts and the norm's, no
// activation function: saturation bends. A position passes l layers of
//   y ← clip(y + GRU(norm(y))),  y ← clip(y + W₂ (W₁ norm(y))),
// then a norm and the head, whose int8 logits are in 1/16 bit. Only the products with U follow one another in time.
import type { Engine, Population, Tensor } from '../../../shared/objectives/engine.js';
import { IntegerStepper } from './integer-stepper.js';
import { type IntegerShape, integerTensors, layerNames, ONE, shiftOf } from './integer-tensors.js';
import type { Batch, LanguageModel } from './model.js';
import { VOCABULARY } from './options.js';

export function integerModel(shape: IntegerShape): LanguageModel {
  const { layers, width } = shape;
  return {
    tensors: integerTensors(shape),
    losses: (engine, population, batch) =>
      engine.integerLogLikelihood(integerLogits(shape, engine, population, batch), batch.targets),
    bits: -1 / ONE,
    // Twelve widths a layer, embedding and last norm, logits, token, target, start and loss.
    bytesPerPosition: 12 * width * layers + 2 * width + VOCABULARY + 16,
    stepper: (parameters) => new IntegerStepper(shape, parameters),
  };
}

/** int8 [P, B·T, 256]. */
export function integerLogits(
  { layers, width }: IntegerShape,
  engine: Engine,
  population: Population,
  { tokens, count, length, starts }: Batch,
): Tensor {
  const weight = (name: string) => population.weight(name);
  const shift = shiftOf(width);
  const inTime = (x: Tensor): Tensor => engine.reshape(x, [x.shape[0] ?? 1, count, length, width]);
  let y = engine.integerEmbedding(tokens, weight('embedding'));
  for (let layer = 0; layer < layers; layer++) {
    const names = layerNames(layer);
    const x = engine.integerNorm(y, weight(names.gain1));
    const states = engine.integerGru(
      inTime(engine.integerLinear(x, weight(names.wf), shift)),
      inTime(engine.integerLinear(x, weight(names.wh), shift)),
      {
        uf: weight(names.uf),
        bf: weight(names.bf),
        uh: weight(names.uh),
        bh: weight(names.bh),
      },
      starts,
      shift,
    );
    y = engine.integerAdd(engine.reshape(states, y.shape), y);
    const hidden = engine.integerLinear(engine.integerNorm(y, weight(names.gain2)), weight(names.w1), shift);
    y = engine.integerAdd(engine.integerLinear(hidden, weight(names.w2), shiftOf(4 * width)), y);
  }
  return engine.integerLinear(engine.integerNorm(y, weight('norm.gain')), weight('head'), shift);
}
