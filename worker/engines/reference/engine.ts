// The reference engine: the definition of every operation, in plain TypeScript, clear before fast. Bit-deterministic: one
// accumulation chain an element in ascending order, and functions from shared/arithmetic, so a member's values depend
// neither on the other members nor on the machine. Touches nothing; runs on the thread that calls it.
import { SeedcastError } from '../../../shared/errors.js';
import type { Engine, PopulationSource } from '../../../shared/objectives/engine.js';
import { activation, combine, combineWeight, layerNorm, reshape, rmsNorm, scaled } from './elementwise.js';
import { conv2d, maxPool2d } from './images.js';
import {
  integerAdd,
  integerEmbedding,
  integerGru,
  integerLinear,
  integerLogLikelihood,
  integerNorm,
  integerSum,
} from './integers.js';
import { crossEntropy, mean } from './losses.js';
import { ReferencePopulation } from './population.js';
import { embedding, linear } from './products.js';
import { attention, gru } from './sequences.js';
import { Scope } from './tensors.js';

/** An engine of its own; any number may live side by side. */
export function createReferenceEngine(): Engine {
  let current: Scope | null = null;

  const scope = (): Scope => {
    if (current === null)
      throw new SeedcastError('SC_INTERNAL', 'an engine operation was called outside `run`');
    return current;
  };

  return {
    name: 'reference',
    backend: 'typescript',

    async run<T>(
      source: PopulationSource,
      body: (population: ReferencePopulation) => Promise<T>,
    ): Promise<T> {
      if (current !== null)
        throw new SeedcastError('SC_INTERNAL', '`run` was called before the last one settled');
      const population = new ReferencePopulation(source);
      const own = new Scope(population);
      current = own;
      try {
        return await body(population);
      } finally {
        own.close();
        current = null;
      }
    },

    float32: (data, shape) => scope().make('float32', shape, data.slice()),
    int32: (data, shape) => scope().make('int32', shape, data.slice()),
    int8: (data, shape) => scope().make('int8', shape, data.slice()),
    read: async (tensor) => Promise.resolve(scope().own('read', tensor).data.slice()),

    linear: (x, weight, bias = null) => linear(scope(), x, weight, bias),
    embedding: (tokens, weight) => embedding(scope(), tokens, weight),
    multiplyWeight: (x, weight) => combineWeight(scope(), 'multiplyWeight', x, weight),
    addWeight: (x, weight) => combineWeight(scope(), 'addWeight', x, weight),
    conv2d: (x, weight, bias, options) => conv2d(scope(), x, weight, bias, options),
    maxPool2d: (x, options) => maxPool2d(scope(), x, options),

    activation: (kind, x) => activation(scope(), kind, x),
    add: (x, y) => combine(scope(), 'add', x, y),
    multiply: (x, y) => combine(scope(), 'multiply', x, y),
    scale: (x, factor) => scaled(scope(), x, factor),
    reshape: (x, shape) => reshape(scope(), x, shape),
    layerNorm: (x, gain = null, bias = null) => layerNorm(scope(), x, gain, bias),
    rmsNorm: (x, gain = null) => rmsNorm(scope(), x, gain),

    gru: (projections, recurrent, bias) => gru(scope(), projections, recurrent, bias),
    attention: (q, k, v, options) => attention(scope(), q, k, v, options),

    crossEntropy: (logits, targets) => crossEntropy(scope(), logits, targets),
    mean: (x) => mean(scope(), x),

    integerEmbedding: (tokens, weight) => integerEmbedding(scope(), tokens, weight),
    integerLinear: (x, weight, shift) => integerLinear(scope(), x, weight, shift),
    integerAdd: (x, y) => integerAdd(scope(), x, y),
    integerNorm: (x, gain) => integerNorm(scope(), x, gain),
    integerGru: (xf, xh, recurrent, resets, shift) => integerGru(scope(), xf, xh, recurrent, resets, shift),
    integerLogLikelihood: (logits, targets) => integerLogLikelihood(scope(), logits, targets),
    integerSum: (x) => integerSum(scope(), x),
  };
}
