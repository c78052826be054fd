// The native engine: the reference engine's tensors and checks with the C++ addon's kernels underneath. Integer operations
// give the reference's bits. Float operations are float32 chains in a fixed order, deterministic by themselves: results
// depend on neither SIMD level, threads nor the other members of a call.
import { SeedcastError } from '../../../shared/errors.js';
import type { Engine, PopulationSource } from '../../../shared/objectives/engine.js';
import { type Native, openNative } from '../../native/addon.js';
import { reshape } from '../reference/elementwise.js';
import { integerSum } from '../reference/integers.js';
import { ReferencePopulation } from '../reference/population.js';
import { Scope } from '../reference/tensors.js';
import { Buffers } from './buffers.js';
import * as float from './float.js';
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

    linear: (x, weight, bias = null) => float.linear(run(), x, weight, bias),
    embedding: (tokens, weight) => float.embedding(run(), tokens, weight),
    multiplyWeight: (x, weight) => float.combineWeight(run(), 'multiplyWeight', x, weight),
    addWeight: (x, weight) => float.combineWeight(run(), 'addWeight', x, weight),
    conv2d: (x, weight, bias, options) => float.conv2d(run(), x, weight, bias, options),
    maxPool2d: (x, options) => float.maxPool2d(run(), x, options),

    activation: (kind, x) => float.activation(run(), kind, x),
    add: (x, y) => float.combine(run(), 'add', x, y),
    multiply: (x, y) => float.combine(run(), 'multiply', x, y),
    scale: (x, factor) => float.scaled(run(), x, factor),
    reshape: (x, shape) => reshape(scope(), x, shape),
    layerNorm: (x, gain = null, bias = null) => float.normalise(run(), 'layerNorm', x, gain, bias),
    rmsNorm: (x, gain = null) => float.normalise(run(), 'rmsNorm', x, gain, null),

    gru: (projections, recurrent, bias) => float.gru(run(), projections, recurrent, bias),
    attention: (q, k, v, options) => float.attention(run(), q, k, v, options),

    crossEntropy: (logits, targets) => float.crossEntropy(run(), logits, targets),
    mean: (x) => float.mean(run(), x),

    integerEmbedding: (tokens, weight) => integerEmbedding(run(), tokens, weight),
    integerLinear: (x, weight, shift) => integerLinear(run(), x, weight, shift),
    integerAdd: (x, y) => integerAdd(run(), x, y),
    integerNorm: (x, gain) => integerNorm(run(), x, gain),
    integerGru: (xf, xh, recurrent, resets, shift) => integerGru(run(), xf, xh, recurrent, resets, shift),
    integerLogLikelihood: (logits, targets) => integerLogLikelihood(run(), logits, targets),
    integerSum: (x) => integerSum(scope(), x),
  };
}
