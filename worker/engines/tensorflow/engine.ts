// The tensorflow engine: the operations of the engine interface on the tfjs API, written once for all of its backends. Floats
// agree with the reference engine within the tolerances of the conformance suite, integers bit for bit. Every value that a
// `run` makes is freed by its end; the shared arrays of one version stay on the device between runs.
import { SeedcastError } from '../../../shared/errors.js';
import type { Engine, Population, PopulationSource } from '../../../shared/objectives/engine.js';
import { activate, type Device } from './device.js';
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
import { BaseCache, TensorflowPopulation } from './population.js';
import { embedding, linear } from './products.js';
import { Scope, sizeOf, type TensorflowTensor } from './scope.js';
import { attention, gru } from './sequences.js';

export function createTensorflowEngine(device: Device): Engine {
  const cache = new BaseCache();
  let current: Scope | null = null;

  const scope = (): Scope => {
    if (current === null)
      throw new SeedcastError('SC_INTERNAL', 'an engine operation was called outside `run`');
    return current;
  };

  return {
    name: 'tensorflow',
    backend: device.backend,

    async run<T>(source: PopulationSource, body: (population: Population) => Promise<T>): Promise<T> {
      if (current !== null)
        throw new SeedcastError('SC_INTERNAL', '`run` was called before the last one settled');
      activate(device);
      const population = new TensorflowPopulation(source, device, cache);
      const own = new Scope(device, population);
      cache.use(source.version);
      current = own;
      try {
        return await body(population);
      } finally {
        own.close();
        current = null;
      }
    },

    float32: (data, shape) => scope().upload('float32', 'float32', shape, data),
    int32: (data, shape) => scope().upload('int32', 'int32', shape, data),
    int8: (data, shape) => scope().upload('int8', 'int8', shape, data),
    async read(tensor) {
      const data = await download(scope().own('read', tensor));
      device.check();
      return data;
    },

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

async function download({
  dtype,
  shape,
  value,
}: TensorflowTensor): Promise<Float32Array | Int32Array | Int8Array> {
  const data = await value.data();
  const length = sizeOf(shape);
  const result =
    dtype === 'float32'
      ? new Float32Array(length)
      : dtype === 'int32'
        ? new Int32Array(length)
        : new Int8Array(length);
  // Where all members have the same numbers, the device holds them once.
  for (let at = 0; at < length; at += data.length) result.set(data, at);
  return result;
}
