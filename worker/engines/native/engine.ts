// The native engine: the reference engine's tensors and checks with the C++ addon's kernels underneath. Integer operations
// give the reference's bits. Deterministic by itself: results depend on neither SIMD level, threads nor the other members
// of a call. Float operations without a kernel of their own are the reference's.
import { SeedcastError } from '../../../shared/errors.js';
import type { Engine, PopulationSource } from '../../../shared/objectives/engine.js';
import { type Native, openNative } from '../../native/addon.js';
import {
  activation,
  combine,
  combineWeight,
  layerNorm,
  reshape,
  rmsNorm,
  scaled,
} from '../reference/elementwise.js';
import { conv2d, maxPool2d } from '../reference/images.js';
import { integerSum } from '../reference/integers.js';
import { crossEntropy, mean } from '../reference/losses.js';
import { ReferencePopulation } from '../reference/population.js';
import { embedding, linear } from '../reference/products.js';
import { attention, gru } from '../reference/sequences.js';
import { Scope } from '../reference/tensors.js';
import { Buffers } from './buffers.js';
import {
  integerAdd,
  integerEmbedding,
  integerGru,
  integerLinear,
  integerLogLikelihood,
  integerNorm,
} from './integer.js';
import { NativeRun, PackedWeights } from './run.js';

/** An engine of its own on `native`; refused as `openNative` refuses where the addon is missing. */
export function createNativeEngine(native: Native = openNative()): Engine {
  const buffers = new Buffers();
  const weights = new PackedWeights();
  let current: NativeRun | null = null;

  const run = (): NativeRun => {
    if (current === null)
      throw new SeedcastError('SC_INTERNAL', 'an engine operation was called outside `run`');
    return current;
  };
  const scope = (): Scope => run().scope;

  return {
    name: 'native',
    backend: native.simd,

    async run<T>(
      source: PopulationSource,
      body: (population: ReferencePopulation) => Promise<T>,
    ): Promise<T> {
      if (current !== null)
        throw new SeedcastError('SC_INTERNAL', '`run` was called before the last one settled');
      const population = new ReferencePopulation(source);
      const own = new Scope(population);
      current = new NativeRun(native, source, own, buffers, weights);
      try {
        return await body(population);
      } finally {
        own.close();
        buffers.recycle();
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

    integerEmbedding: (tokens, weight) => integerEmbedding(run(), tokens, weight),
    integerLinear: (x, weight, shift) => integerLinear(run(), x, weight, shift),
    integerAdd: (x, y) => integerAdd(run(), x, y),
    integerNorm: (x, gain) => integerNorm(run(), x, gain),
    integerGru: (xf, xh, recurrent, resets, shift) => integerGru(run(), xf, xh, recurrent, resets, shift),
    integerLogLikelihood: (logits, targets) => integerLogLikelihood(run(), logits, targets),
    integerSum: (x) => integerSum(scope(), x),
  };
}
