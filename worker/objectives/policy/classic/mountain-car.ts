// MountainCarContinuous-v0: an engine too weak for the hill must first back up the other side (Moore 1990; constants of
// Gymnasium's MountainCarContinuous-v0). Reward 100 at the goal, −0.1 a² a step; 999 steps at most.
import type { Draws } from '../../draws.js';
import { clip, type Environment } from '../environment.js';

export const MOUNTAIN_CAR = {
  lowest: -1.2,
  highest: 0.6,
  maxSpeed: 0.07,
  goal: 0.45,
  power: 0.0015,
  slope: 0.0025,
  initial: [-0.6, -0.4],
} as const;

/** Observation: position, velocity. Action: force in [−1, 1]. */
export class MountainCarContinuous implements Environment {
  readonly observations = 2;
  readonly actions = { kind: 'continuous', low: [-1], high: [1] } as const;
  readonly maxSteps = 999;
  terminated = false;
  position = 0;
  velocity = 0;

  reset(draws: Draws, observation: Float64Array): void {
    this.position = draws.uniform(...MOUNTAIN_CAR.initial);
    this.velocity = 0;
    this.terminated = false;
    this.#observe(observation);
  }

  step(action: Float64Array, observation: Float64Array): number {
    const { lowest, highest, maxSpeed, goal, power, slope } = MOUNTAIN_CAR;
    const force = clip(action[0] ?? 0, -1, 1);
    this.velocity = clip(
      this.velocity + force * power - slope * Math.cos(3 * this.position),
      -maxSpeed,
      maxSpeed,
    );
    this.position = clip(this.position + this.velocity, lowest, highest);
    if (this.position === lowest && this.velocity < 0) this.velocity = 0;
    this.terminated = this.position >= goal && this.velocity >= 0;
    this.#observe(observation);
    return (this.terminated ? 100 : 0) - 0.1 * force * force;
  }

  dispose(): void {
    // Nothing outside the heap.
  }

  #observe(observation: Float64Array): void {
    observation[0] = this.position;
    observation[1] = this.velocity;
  }
}
