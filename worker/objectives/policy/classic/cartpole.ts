// CartPole-v1: a pole on a cart, pushed left or right (Barto, Sutton and Anderson 1983, with the constants of Gymnasium's
// CartPole-v1). Explicit Euler with τ = 0.02 s; reward 1 a step, the step that fails included; 500 steps at most.
import type { Draws } from '../../draws.js';
import type { Environment } from '../environment.js';

export const CARTPOLE = {
  gravity: 9.8,
  cartMass: 1,
  poleMass: 0.1,
  /** Half the pole's length, m. */
  halfLength: 0.5,
  force: 10,
  tau: 0.02,
  angleLimit: (12 * Math.PI) / 180,
  positionLimit: 2.4,
  initial: 0.05,
} as const;

const { gravity, cartMass, poleMass, halfLength, force: pushForce, tau } = CARTPOLE;
const totalMass = cartMass + poleMass;

/** (ẍ, θ̈) of a frictionless cart and uniform pole: θ̈ = (g sin θ − cos θ·t) / (l (4/3 − m cos² θ / M)), t = (F + m l θ̇² sin θ)/M. */
export function cartpoleAcceleration(
  angle: number,
  angularVelocity: number,
  force: number,
): readonly [number, number] {
  const sine = Math.sin(angle);
  const cosine = Math.cos(angle);
  const push = (force + poleMass * halfLength * angularVelocity * angularVelocity * sine) / totalMass;
  const angular =
    (gravity * sine - cosine * push) / (halfLength * (4 / 3 - (poleMass * cosine * cosine) / totalMass));
  return [push - (poleMass * halfLength * angular * cosine) / totalMass, angular];
}

/** Observation: x (m), ẋ, θ (rad), θ̇. Actions: 0 pushes left, 1 right. */
export class CartPole implements Environment {
  readonly observations = 4;
  readonly actions = { kind: 'discrete', count: 2 } as const;
  readonly maxSteps = 500;
  terminated = false;
  readonly state = new Float64Array(4);

  reset(draws: Draws, observation: Float64Array): void {
    for (let i = 0; i < 4; i++) this.state[i] = draws.uniform(-CARTPOLE.initial, CARTPOLE.initial);
    this.terminated = false;
    observation.set(this.state);
  }

  step(action: Float64Array, observation: Float64Array): number {
    const [x = 0, velocity = 0, angle = 0, angularVelocity = 0] = this.state;
    const [acceleration, angularAcceleration] = cartpoleAcceleration(
      angle,
      angularVelocity,
      action[0] === 1 ? pushForce : -pushForce,
    );
    this.state[0] = x + tau * velocity;
    this.state[1] = velocity + tau * acceleration;
    this.state[2] = angle + tau * angularVelocity;
    this.state[3] = angularVelocity + tau * angularAcceleration;
    this.terminated =
      Math.abs(this.state[0]) > CARTPOLE.positionLimit || Math.abs(this.state[2]) > CARTPOLE.angleLimit;
    observation.set(this.state);
    return 1;
  }

  dispose(): void {
    // Nothing outside the heap.
  }
}
