// Noise for backends that take no kernels of ours: made on the CPU, by the addon where it is there, and copied over.
import { accelerator } from '../../../shared/accelerator.js';
import { fillBinomial, fillRademacher } from '../../../shared/random/noise.js';
import { counterWord, PURPOSE } from '../../../shared/random/purposes.js';
import type { NoiseRequest, Tf, Value } from './device.js';

export function uploadNoise(tf: Tf, { kind, key, tensor, step, directions, length }: NoiseRequest): Value {
  const values = new Float32Array(directions.length * length);
  const noise = new Int8Array(length);
  const fast = accelerator();
  const word = counterWord(PURPOSE.perturbation, tensor);
  directions.forEach((direction, row) => {
    if (fast !== null) {
      if (kind === 'binomial') fast.fillBinomial(key[0], key[1], word, direction, step, 0, noise);
      else fast.fillRademacher(key[0], key[1], word, direction, step, 0, noise);
    } else {
      const fill = kind === 'binomial' ? fillBinomial : fillRademacher;
      fill(key, PURPOSE.perturbation, tensor, direction, step, 0, noise);
    }
    values.set(noise, row * length);
  });
  return tf.tensor(values, [directions.length, length], 'float32');
}
