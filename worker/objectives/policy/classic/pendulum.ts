// Pendulum-v1: swing a rod up and hold it with a torque too weak to lift it at once (constants of Gymnasium's Pendulum-v1).
// Semi-implicit Euler with 0.05 s; reward −(θ² + 0.1 θ̇² + 0.001 u²) with θ = 0 upright; 200 steps, never ends early.
import type { Draws } from '../../draws.js';
import { clip, type Environment, wrapAngle } from '../environment.js';

export const PENDULUM = {
  maxSpeed: 8,
  maxTorque: 2,
  dt: 0.05,
  gravity: 10,
  mass: 1,
  length: 1,
  initialSpeed: 1,
} as const;

/** Observation: cos θ, sin θ, θ̇. Action: torque u in [−2, 2]. */
export class Pendulum implements Environment {
  readonly observations = 3;
  readonly actions = { kind: 'continuous', low: [-PENDULUM.maxTorque], high: [PENDULUM.maxTorque] } as const;
  readonly maxSteps = 200;
  readonly terminated = false;
  angle = 0;
  speed = 0;

  reset(draws: Draws, observation: Float64Array): void {
    this.angle = draws.uniform(-Math.PI, Math.PI);
    this.speed = draws.uniform(-PENDULUM.initialSpeed, PENDULUM.initialSpeed);
    this.#observe(observation);
  }

  step(action: Float64Array, observation: Float64Array): number {
    const { gravity, mass, length, dt, maxSpeed, maxTorque } = PENDULUM;
    const torque = clip(action[0] ?? 0, -maxTorque, maxTorque);
    const error = wrapAngle(this.angle);
    const cost = error * error + 0.1 * this.speed * this.speed + 0.001 * torque * torque;
    const acceleration =
      ((3 * gravity) / (2 * length)) * Math.sin(this.angle) + (3 / (mass * length * length)) * torque;
    this.speed = clip(this.speed + acceleration * dt, -maxSpeed, maxSpeed);
    this.angle += this.speed * dt;
    this.#observe(observation);
    return -cost;
  }

  dispose(): void {
    // Nothing outside the heap.
  }

  #observe(observation: Float64Array): void {
    observation[0] = Math.cos(this.angle);
    observation[1] = Math.sin(this.angle);
    observation[2] = this.speed;
  }
}
