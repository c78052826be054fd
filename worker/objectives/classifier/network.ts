// The classifier's networks, written once against the engine: a multilayer perceptron, and one with convolutions before it.
// Names and layouts are those of PyTorch where it has them (weights [out, in]); convolution weights are [out, kh, kw, in].
import type { Engine, Population, Tensor } from '../../../shared/objectives/engine.js';
import type { InitSpec, TensorDeclaration } from '../../../shared/objectives/types.js';
import { refuse } from '../options.js';
import { CLASSIFIER, type ClassifierOptions } from './options.js';

/** Sides of a convolution's kernel, and of the pooling after it. */
const KERNEL = 3;
const POOL = 2;

export interface Network {
  readonly tensors: Readonly<Record<string, TensorDeclaration>>;
  /** Floats that the activations of one example take, for all layers together. */
  readonly activations: number;
  /**
   * inputs standardised, `examples` a member: for one, when all members see the same, or for each in turn → logits
   * [P, examples, classes].
   */
  logits(engine: Engine, population: Population, inputs: Float32Array, examples: number): Tensor;
}

/** Rows normal with deviation 1/√fan-in, so that standard inputs give standard sums; biases 0. */
function weight(shape: readonly number[]): TensorDeclaration {
  const inputs = shape.slice(1).reduce((product, length) => product * length, 1);
  const init: InitSpec = { kind: 'normal', std: 1 / Math.sqrt(inputs) };
  return { shape, dtype: 'float32', init };
}

function bias(outputs: number): TensorDeclaration {
  return { shape: [outputs], dtype: 'float32', init: { kind: 'zeros' } };
}

/**
 * hidden layers of linear, layer normalisation over the units (`layer`; no gain, no bias), activation; then linear to the
 * classes. `cnn`: before them, per entry of `channels`, a 3 x 3 convolution (same), normalisation over the channels,
 * activation, 2 x 2 maximum. Throws SC_OBJECTIVE_OPTIONS where a `cnn` meets inputs that are no images or are too small.
 */
export function network(options: ClassifierOptions, shape: readonly number[], classes: number): Network {
  const { hidden, activation, normalization } = options;
  const tensors: Record<string, TensorDeclaration> = {};
  const convolutions = options.model === 'cnn' ? options.channels : [];
  let size = shape.reduce((product, length) => product * length, 1);
  const inputSize = size;
  let activations = size;

  const [height = 0, width = 0, depth = 0] = shape;
  if (convolutions.length > 0) {
    if (shape.length !== 3)
      throw refuse(
        CLASSIFIER,
        'model',
        'cnn',
        `mlp for inputs of shape [${shape.join(', ')}]; cnn needs images: mnist, or .npy inputs [examples, height, width] or [examples, height, width, channels]`,
      );
    const least = POOL ** convolutions.length;
    if (Math.min(height, width) < least)
      throw refuse(
        CLASSIFIER,
        'channels',
        [...convolutions],
        `fewer entries for images of ${height} x ${width}: each halves the side`,
      );
    let [h, w, channels] = [height, width, depth];
    convolutions.forEach((outputs, layer) => {
      tensors[`convolutions.${layer}.weight`] = weight([outputs, KERNEL, KERNEL, channels]);
      tensors[`convolutions.${layer}.bias`] = bias(outputs);
      // Patches, sums, normalised, activated.
      activations += h * w * (KERNEL * KERNEL * channels + 3 * outputs);
      [h, w, channels] = [Math.floor(h / POOL), Math.floor(w / POOL), outputs];
    });
    size = h * w * channels;
    activations += size;
  }
  const widths = [size, ...hidden, classes];
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [inputs = 0, outputs = 0] = widths.slice(layer, layer + 2);
    tensors[`layers.${layer}.weight`] = weight([outputs, inputs]);
    tensors[`layers.${layer}.bias`] = bias(outputs);
    activations += 3 * outputs;
  }

  const settle = (engine: Engine, sums: Tensor): Tensor =>
    engine.activation(activation, normalization === 'layer' ? engine.layerNorm(sums) : sums);

  return {
    tensors,
    activations,
    logits(engine, population, inputs, examples) {
      const apply = (
        name: string,
        layer: number,
      ): [ReturnType<Population['weight']>, ReturnType<Population['weight']>] => [
        population.weight(`${name}.${layer}.weight`),
        population.weight(`${name}.${layer}.bias`),
      ];
      const first = inputs.length / (examples * inputSize);
      let x: Tensor;
      if (convolutions.length > 0) {
        x = engine.float32(inputs, [first, examples, height, width, depth]);
        for (let layer = 0; layer < convolutions.length; layer++) {
          const sums = engine.conv2d(x, ...apply('convolutions', layer), { stride: 1, padding: 'same' });
          x = engine.maxPool2d(settle(engine, sums), { size: POOL, stride: POOL });
        }
        x = engine.reshape(x, [x.shape[0] ?? first, examples, size]);
      } else x = engine.float32(inputs, [first, examples, size]);
      for (let layer = 0; layer <= hidden.length; layer++) {
        const sums = engine.linear(x, ...apply('layers', layer));
        x = layer === hidden.length ? sums : settle(engine, sums);
      }
      return x;
    },
  };
}
