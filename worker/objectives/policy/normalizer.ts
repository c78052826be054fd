// Observation normalisation (Salimans et al. 2017): running sums of all contributed observations live in the replica state
// and reach every member alike through `context.statistics` = [count, Σ o (D values), Σ o² (D values)].

/** Before anything was contributed: count 0.01, Σ 0, Σ² 0.01, which is mean 0 and deviation 1. */
const PRIOR = 0.01;
const LEAST_VARIANCE = 0.01;
const LIMIT = 5;

export const statisticsLength = (observations: number): number => 1 + 2 * observations;

export class Normalizer {
  readonly #mean: Float64Array;
  readonly #scale: Float64Array;

  constructor(readonly observations: number) {
    this.#mean = new Float64Array(observations);
    this.#scale = new Float64Array(observations).fill(1);
  }

  /** Takes the replica's statistics; std = √max(var, 0.01). */
  load(statistics: Float64Array): void {
    const n = this.observations;
    const count = (statistics[0] ?? 0) + PRIOR;
    for (let i = 0; i < n; i++) {
      const mean = (statistics[1 + i] ?? 0) / count;
      const variance = ((statistics[1 + n + i] ?? 0) + PRIOR) / count - mean * mean;
      this.#mean[i] = mean;
      this.#scale[i] = 1 / Math.sqrt(Math.max(variance, LEAST_VARIANCE));
    }
  }

  /** out ← clip((o − mean)/std, −5, 5). */
  apply(observation: Float64Array, out: Float64Array): void {
    for (let i = 0; i < this.observations; i++) {
      const value = ((observation[i] ?? 0) - (this.#mean[i] ?? 0)) * (this.#scale[i] ?? 1);
      out[i] = Math.min(LIMIT, Math.max(-LIMIT, value));
    }
  }
}

/** Adds one observation to a contribution of length 1 + 2 D. */
export function contribute(observation: Float64Array, contribution: Float64Array): void {
  const n = observation.length;
  contribution[0] = (contribution[0] ?? 0) + 1;
  for (let i = 0; i < n; i++) {
    const value = observation[i] ?? 0;
    contribution[1 + i] = (contribution[1 + i] ?? 0) + value;
    contribution[1 + n + i] = (contribution[1 + n + i] ?? 0) + value * value;
  }
}
