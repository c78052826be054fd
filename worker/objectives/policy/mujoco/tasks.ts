// Tasks on MuJoCo bodies as data: the body's file, how it is stepped and observed, and the terms of the reward. The four
// built-in tasks take their constants from Gymnasium's environments of the same names (version 4).
import { join } from 'node:path';
import { packageRoot } from '../../package-root.js';

export interface CoordinateRange {
  /** Index into the body's coordinates (`qpos`). */
  readonly coordinate: number;
  readonly low: number;
  readonly high: number;
}

/** Reward of a step: forward · Δqpos[0]/Δt + alive (while healthy) − control · |a|². */
export interface MujocoTask {
  readonly model: string;
  /** Engine steps for one of the policy's. */
  readonly frameSkip: number;
  readonly forward: number;
  readonly alive: number;
  readonly control: number;
  /** The episode ends once a coordinate leaves its range (or any number is not finite). */
  readonly healthy: readonly CoordinateRange[];
  /** Leading coordinates that the policy does not see (the position along the track). */
  readonly hidden: number;
  /** Velocities are clipped to ± this in observations. */
  readonly velocityLimit: number;
  /** Initial coordinates: the model's, plus uniform ± this. */
  readonly positionNoise: number;
  /** Initial velocities: uniform ± this, or normal with this deviation. */
  readonly velocityNoise: { readonly kind: 'uniform' | 'normal'; readonly size: number };
}

const bodyFile = (name: string): string =>
  join(packageRoot(), 'worker', 'objectives', 'policy', 'mujoco', `${name}.xml`);
const uniform = (size: number) => ({ kind: 'uniform', size }) as const;

export const MUJOCO_TASKS = {
  /** Reward 1 a step while |angle| ≤ 0.2 rad: 1,000 is the pole held for the whole episode. */
  'inverted-pendulum': {
    model: bodyFile('inverted-pendulum'),
    frameSkip: 2,
    forward: 0,
    alive: 1,
    control: 0,
    healthy: [{ coordinate: 1, low: -0.2, high: 0.2 }],
    hidden: 0,
    velocityLimit: Infinity,
    positionNoise: 0.01,
    velocityNoise: uniform(0.01),
  },
  swimmer: {
    model: bodyFile('swimmer'),
    frameSkip: 4,
    forward: 1,
    alive: 0,
    control: 1e-4,
    healthy: [],
    hidden: 2,
    velocityLimit: Infinity,
    positionNoise: 0.1,
    velocityNoise: uniform(0.1),
  },
  hopper: {
    model: bodyFile('hopper'),
    frameSkip: 4,
    forward: 1,
    alive: 1,
    control: 1e-3,
    healthy: [
      { coordinate: 1, low: 0.7, high: Infinity },
      { coordinate: 2, low: -0.2, high: 0.2 },
    ],
    hidden: 1,
    velocityLimit: 10,
    positionNoise: 5e-3,
    velocityNoise: uniform(5e-3),
  },
  'half-cheetah': {
    model: bodyFile('half-cheetah'),
    frameSkip: 5,
    forward: 1,
    alive: 0,
    control: 0.1,
    healthy: [],
    hidden: 1,
    velocityLimit: Infinity,
    positionNoise: 0.1,
    velocityNoise: { kind: 'normal', size: 0.1 },
  },
} as const satisfies Readonly<Record<string, MujocoTask>>;
