// What a policy acts in. An environment keeps its state in its own fields, writes observations into the caller's array
// and draws only its initial state, so an episode is a function of the policy and the seed.
import type { Draws } from '../draws.js';

/** What the policy chooses: one of `count`, or one number per component between its ends. */
export type ActionSpace =
  | { readonly kind: 'discrete'; readonly count: number }
  | { readonly kind: 'continuous'; readonly low: readonly number[]; readonly high: readonly number[] };

export interface EnvironmentSpace {
  readonly observations: number;
  readonly actions: ActionSpace;
  /** The episode is cut after this many steps unless the job says otherwise. */
  readonly maxSteps: number;
}

export interface Environment extends EnvironmentSpace {
  /** True once the last step ended the episode by the task's own rule. */
  readonly terminated: boolean;
  /** Starts an episode; writes the first observation. */
  reset(draws: Draws, observation: Float64Array): void;
  /**
   * One step. `action[0]` is the index of a discrete choice, else one number per component (clipped to its ends by the
   * environment). Writes the next observation, returns the reward.
   */
  step(action: Float64Array, observation: Float64Array): number;
  /** Frees what is outside the JavaScript heap. */
  dispose(): void;
}

export function clip(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** The angle within [−π, π). */
export function wrapAngle(angle: number): number {
  const turn = 2 * Math.PI;
  return angle - turn * Math.floor((angle + Math.PI) / turn);
}
