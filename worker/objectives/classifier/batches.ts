// Which examples a step sees: a pure function of the step's seed.
import { fillUniform01 } from '../../../shared/random/noise.js';
import { PURPOSE } from '../../../shared/random/purposes.js';

/**
 * `size` distinct indices below `count`, all of them where there are fewer: the first entries of a random order of
 * 0 ... count − 1 (Fisher and Yates, stopped early), in that order.
 */
export function drawBatch(seed: number, count: number, size: number): Uint32Array {
  const length = Math.min(size, count);
  const uniform = new Float64Array(length);
  fillUniform01([seed, 0], PURPOSE.objectiveBatch, 0, 0, 0, 0, uniform);
  const batch = new Uint32Array(length);
  const moved = new Map<number, number>();
  for (let i = 0; i < length; i++) {
    const j = i + Math.floor((uniform[i] ?? 0) * (count - i));
    batch[i] = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
  }
  return batch;
}
