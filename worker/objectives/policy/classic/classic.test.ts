import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Draws } from '../../draws.js';
import type { Environment } from '../environment.js';
import { Acrobot, ACROBOT, acrobotDerivative } from './acrobot.js';
import { CartPole, CARTPOLE, cartpoleAcceleration } from './cartpole.js';
import { MOUNTAIN_CAR, MountainCarContinuous } from './mountain-car.js';
import { Pendulum, PENDULUM } from './pendulum.js';

const near = (actual: number | undefined, expected: number, tolerance = 1e-12): void =>
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${actual} is not ${expected}`,
  );
const act = (
  environment: Environment,
  ...action: number[]
): { reward: number; observation: Float64Array } => {
  const observation = new Float64Array(environment.observations);
  return { reward: environment.step(Float64Array.from(action), observation), observation };
};

describe('CartPole-v1', () => {
  it('has the published constants', () => {
    assert.deepEqual(CARTPOLE, {
      gravity: 9.8,
      cartMass: 1,
      poleMass: 0.1,
      halfLength: 0.5,
      force: 10,
      tau: 0.02,
      angleLimit: (12 * 2 * Math.PI) / 360,
      positionLimit: 2.4,
      initial: 0.05,
    });
    assert.equal(new CartPole().maxSteps, 500);
  });

  it('moves from rest as the equations say by hand: ẍ = 400/41, θ̈ = −600/41 under a push to the right', () => {
    const environment = new CartPole();
    const { reward, observation } = act(environment, 1);
    assert.equal(reward, 1);
    near(observation[0], 0);
    near(observation[1], 0.02 * (400 / 41));
    near(observation[3], -0.02 * (600 / 41));
    const second = act(environment, 1).observation;
    near(second[0], 0.02 * 0.02 * (400 / 41));
    near(second[2], -0.02 * 0.02 * (600 / 41));
  });

  it('obeys the equations of motion of a cart with a uniform rod in any state', () => {
    const real = (size: number) => fc.double({ min: -size, max: size, noNaN: true });
    fc.assert(
      fc.property(real(1.5), real(5), fc.constantFrom(-10, 0, 10), (angle, speed, force) => {
        const [cart, pole] = cartpoleAcceleration(angle, speed, force);
        // Horizontal momentum: (M + m) ẍ + m l (θ̈ cos θ − θ̇² sin θ) = F; moments about the hinge: ẍ cos θ + 4/3 l θ̈ = g sin θ.
        near(
          1.1 * cart + 0.1 * 0.5 * (pole * Math.cos(angle) - speed * speed * Math.sin(angle)),
          force,
          1e-11,
        );
        near(cart * Math.cos(angle) + (4 / 3) * 0.5 * pole, 9.8 * Math.sin(angle), 1e-11);
      }),
    );
  });

  it('ends beyond 12 degrees and beyond 2.4 m', () => {
    const environment = new CartPole();
    environment.state[2] = 0.21;
    act(environment, 0);
    assert.equal(environment.terminated, true);
    environment.reset(new Draws(1, 0), new Float64Array(4));
    assert.equal(environment.terminated, false);
    environment.state[0] = -2.41;
    act(environment, 0);
    assert.equal(environment.terminated, true);
  });
});

describe('Pendulum-v1', () => {
  it('has the published constants', () => {
    assert.deepEqual(PENDULUM, {
      maxSpeed: 8,
      maxTorque: 2,
      dt: 0.05,
      gravity: 10,
      mass: 1,
      length: 1,
      initialSpeed: 1,
    });
    assert.equal(new Pendulum().maxSteps, 200);
  });

  it('makes a step worked out by hand', () => {
    const environment = new Pendulum();
    environment.angle = Math.PI / 2;
    environment.speed = 1;
    const { reward, observation } = act(environment, 5);
    near(reward, -(Math.PI ** 2 / 4 + 0.1 + 0.004));
    // θ̈ = 15 sin θ + 3 u = 21, so θ̇ = 2.05, θ = π/2 + 0.1025.
    near(observation[2], 2.05);
    near(observation[0], Math.cos(Math.PI / 2 + 0.1025));
  });

  it('keeps its energy without torque, up to the size of its step', () => {
    const environment = new Pendulum();
    environment.angle = Math.PI - 0.5;
    const energy = (): number => environment.speed ** 2 / 6 + 5 * Math.cos(environment.angle);
    const before = energy();
    for (let i = 0; i < 200; i++) {
      act(environment, 0);
      assert.ok(Math.abs(energy() - before) < 0.15);
    }
  });

  it('measures the angle on the nearer side', () => {
    const environment = new Pendulum();
    environment.angle = 2 * Math.PI + 0.1;
    near(act(environment, 0).reward, -0.01);
  });
});

describe('Acrobot-v1', () => {
  it('has the published constants', () => {
    assert.deepEqual(ACROBOT, {
      dt: 0.2,
      gravity: 9.8,
      length: 1,
      mass: 1,
      centre: 0.5,
      inertia: 1,
      maxSpeed1: 4 * Math.PI,
      maxSpeed2: 9 * Math.PI,
      torques: [-1, 0, 1],
      initial: 0.1,
    });
    assert.equal(new Acrobot().maxSteps, 500);
  });

  it('keeps its energy without torque', () => {
    // T and V of two rods with inertia 1 about their centres; angles from hanging down.
    const energy = (s: Float64Array): number => {
      const [a = 0, b = 0, u = 0, v = 0] = s;
      const x1 = 0.5 * u * Math.cos(a);
      const y1 = 0.5 * u * Math.sin(a);
      const x2 = u * Math.cos(a) + 0.5 * (u + v) * Math.cos(a + b);
      const y2 = u * Math.sin(a) + 0.5 * (u + v) * Math.sin(a + b);
      const kinetic = (x1 * x1 + y1 * y1 + x2 * x2 + y2 * y2 + u * u + (u + v) ** 2) / 2;
      return kinetic - 9.8 * (0.5 * Math.cos(a) + Math.cos(a) + 0.5 * Math.cos(a + b));
    };
    const environment = new Acrobot();
    environment.state.set([0.6, -0.4, 0.3, 0.2]);
    const before = energy(environment.state);
    for (let i = 0; i < 100; i++) act(environment, 1);
    assert.ok(
      Math.abs(energy(environment.state) - before) < 0.02 * Math.abs(before),
      `${energy(environment.state)} ${before}`,
    );
    const slope = new Float64Array(4);
    const state = Float64Array.from([0.6, -0.4, 0.3, 0.2]);
    acrobotDerivative(state, 0, slope);
    const h = 1e-6;
    const moved = state.map((value, i) => value + h * (slope[i] ?? 0));
    assert.ok(Math.abs(energy(moved) - energy(state)) / h < 1e-4);
  });

  it('accelerates the elbow from rest by 1 / (d − d2²/d1), hanging straight', () => {
    const slope = new Float64Array(4);
    acrobotDerivative(new Float64Array(4), 1, slope);
    // d1 = 0.25 + 2.25 + 2, d2 = 0.75 + 1, d = 1.25.
    near(slope[3], 1 / (1.25 - 1.75 ** 2 / 4.5));
    near(slope[2], (-1.75 / 4.5) * (slope[3] ?? 0));
  });

  it('ends with reward 0 once the tip is a length above the shoulder', () => {
    const environment = new Acrobot();
    assert.equal(act(environment, 1).reward, -1);
    environment.state.set([Math.PI - 0.01, 0, 0, 0]);
    assert.equal(act(environment, 1).reward, 0);
    assert.equal(environment.terminated, true);
  });
});

describe('MountainCarContinuous-v0', () => {
  it('has the published constants', () => {
    assert.deepEqual(MOUNTAIN_CAR, {
      lowest: -1.2,
      highest: 0.6,
      maxSpeed: 0.07,
      goal: 0.45,
      power: 0.0015,
      slope: 0.0025,
      initial: [-0.6, -0.4],
    });
    assert.equal(new MountainCarContinuous().maxSteps, 999);
  });

  it('makes a step worked out by hand', () => {
    const environment = new MountainCarContinuous();
    environment.position = -0.5;
    const { reward, observation } = act(environment, 0.5);
    const velocity = 0.5 * 0.0015 - 0.0025 * Math.cos(-1.5);
    near(reward, -0.025);
    near(observation[1], velocity);
    near(observation[0], -0.5 + velocity);
  });

  it('stops at the left wall and ends at the flag with 100', () => {
    const environment = new MountainCarContinuous();
    environment.position = -1.19;
    environment.velocity = -0.07;
    assert.deepEqual([...act(environment, -1).observation], [-1.2, 0]);
    environment.position = 0.44;
    environment.velocity = 0.05;
    near(act(environment, 0).reward, 100);
    assert.equal(environment.terminated, true);
  });

  it('cannot climb by full power alone', () => {
    const environment = new MountainCarContinuous();
    environment.reset(new Draws(1, 0), new Float64Array(2));
    for (let i = 0; i < 999; i++) act(environment, 1);
    assert.equal(environment.terminated, false);
  });
});

describe('initial states', () => {
  it('depend on the seed alone and stay in the published ranges', () => {
    const environment = new CartPole();
    const first = new Float64Array(4);
    const again = new Float64Array(4);
    for (let seed = 0; seed < 200; seed++) {
      environment.reset(new Draws(seed, 0), first);
      environment.reset(new Draws(seed, 0), again);
      assert.deepEqual(first, again);
      for (const value of first) assert.ok(Math.abs(value) <= 0.05);
    }
    environment.reset(new Draws(199, 1), again);
    assert.notDeepEqual(first, again);
  });
});
