// Acrobot-v1: a two-link arm driven at its elbow must lift its tip a link's length above the shoulder (Sutton 1996; Sutton
// and Barto's equations, constants of Gymnasium's Acrobot-v1). One RK4 step of 0.2 s; reward −1 a step, 0 at the goal;
// 500 steps at most.
import type { Draws } from '../../draws.js';
import { clip, type Environment, wrapAngle } from '../environment.js';

export const ACROBOT = {
  dt: 0.2,
  gravity: 9.8,
  /** Both links: length 1 m, mass 1 kg, centre of mass at 0.5 m, moment of inertia 1 kg m². */
  length: 1,
  mass: 1,
  centre: 0.5,
  inertia: 1,
  maxSpeed1: 4 * Math.PI,
  maxSpeed2: 9 * Math.PI,
  torques: [-1, 0, 1],
  initial: 0.1,
} as const;

const { gravity: g, length: l, mass: m, centre: c, inertia } = ACROBOT;

/** d(θ1, θ2, θ̇1, θ̇2)/dt into `out`; angles from hanging down, θ2 relative to the first link. */
export function acrobotDerivative(state: Float64Array, torque: number, out: Float64Array): void {
  const [angle1 = 0, angle2 = 0, speed1 = 0, speed2 = 0] = state;
  const d1 = m * c * c + m * (l * l + c * c + 2 * l * c * Math.cos(angle2)) + 2 * inertia;
  const d2 = m * (c * c + l * c * Math.cos(angle2)) + inertia;
  const phi2 = m * c * g * Math.cos(angle1 + angle2 - Math.PI / 2);
  const phi1 =
    -m * l * c * speed2 * speed2 * Math.sin(angle2) -
    2 * m * l * c * speed2 * speed1 * Math.sin(angle2) +
    (m * c + m * l) * g * Math.cos(angle1 - Math.PI / 2) +
    phi2;
  const acceleration2 =
    (torque + (d2 / d1) * phi1 - m * l * c * speed1 * speed1 * Math.sin(angle2) - phi2) /
    (m * c * c + inertia - (d2 * d2) / d1);
  out[0] = speed1;
  out[1] = speed2;
  out[2] = -(d2 * acceleration2 + phi1) / d1;
  out[3] = acceleration2;
}

/** Observation: cos θ1, sin θ1, cos θ2, sin θ2, θ̇1, θ̇2. Actions: torque −1, 0, 1 at the elbow. */
export class Acrobot implements Environment {
  readonly observations = 6;
  readonly actions = { kind: 'discrete', count: 3 } as const;
  readonly maxSteps = 500;
  terminated = false;
  readonly state = new Float64Array(4);
  readonly #slopes = [
    new Float64Array(4),
    new Float64Array(4),
    new Float64Array(4),
    new Float64Array(4),
  ] as const;
  readonly #probe = new Float64Array(4);

  reset(draws: Draws, observation: Float64Array): void {
    for (let i = 0; i < 4; i++) this.state[i] = draws.uniform(-ACROBOT.initial, ACROBOT.initial);
    this.terminated = false;
    this.#observe(observation);
  }

  step(action: Float64Array, observation: Float64Array): number {
    this.#integrate(ACROBOT.torques[action[0] ?? 1] ?? 0);
    const { state } = this;
    state[0] = wrapAngle(state[0] ?? 0);
    state[1] = wrapAngle(state[1] ?? 0);
    state[2] = clip(state[2] ?? 0, -ACROBOT.maxSpeed1, ACROBOT.maxSpeed1);
    state[3] = clip(state[3] ?? 0, -ACROBOT.maxSpeed2, ACROBOT.maxSpeed2);
    this.terminated = -Math.cos(state[0]) - Math.cos(state[0] + state[1]) > 1;
    this.#observe(observation);
    return this.terminated ? 0 : -1;
  }

  dispose(): void {
    // Nothing outside the heap.
  }

  /** Classical Runge–Kutta over one step, the torque held. */
  #integrate(torque: number): void {
    const { state } = this;
    const [k1, k2, k3, k4] = this.#slopes;
    const probe = this.#probe;
    const { dt } = ACROBOT;
    const advance = (slope: Float64Array, by: number): void => {
      for (let i = 0; i < 4; i++) probe[i] = (state[i] ?? 0) + by * (slope[i] ?? 0);
    };
    acrobotDerivative(state, torque, k1);
    advance(k1, dt / 2);
    acrobotDerivative(probe, torque, k2);
    advance(k2, dt / 2);
    acrobotDerivative(probe, torque, k3);
    advance(k3, dt);
    acrobotDerivative(probe, torque, k4);
    for (let i = 0; i < 4; i++) {
      state[i] =
        (state[i] ?? 0) + (dt / 6) * ((k1[i] ?? 0) + 2 * (k2[i] ?? 0) + 2 * (k3[i] ?? 0) + (k4[i] ?? 0));
    }
  }

  #observe(observation: Float64Array): void {
    const [angle1 = 0, angle2 = 0, speed1 = 0, speed2 = 0] = this.state;
    observation[0] = Math.cos(angle1);
    observation[1] = Math.sin(angle1);
    observation[2] = Math.cos(angle2);
    observation[3] = Math.sin(angle2);
    observation[4] = speed1;
    observation[5] = speed2;
  }
}
