// A MuJoCo task as an environment: observation = visible coordinates, then velocities; actions in the motors' control range.
import type { Draws } from '../../draws.js';
import { type ActionSpace, clip, type Environment } from '../environment.js';
import { Body } from './engine.js';
import type { MujocoTask } from './tasks.js';

export class MujocoEnvironment implements Environment {
  readonly observations: number;
  readonly actions: ActionSpace;
  readonly maxSteps = 1_000;
  terminated = false;

  private constructor(
    readonly task: MujocoTask,
    readonly body: Body,
  ) {
    this.observations = Math.max(0, body.qpos0.length - task.hidden) + body.qvel.length;
    this.actions = { kind: 'continuous', low: body.controlLow, high: body.controlHigh };
  }

  static async load(task: MujocoTask): Promise<MujocoEnvironment> {
    return new MujocoEnvironment(task, await Body.load(task.model));
  }

  reset(draws: Draws, observation: Float64Array): void {
    const { body, task } = this;
    body.reset();
    const { qpos, qvel } = body;
    for (let i = 0; i < qpos.length; i++)
      qpos[i] = (qpos[i] ?? 0) + draws.uniform(-task.positionNoise, task.positionNoise);
    const { kind, size } = task.velocityNoise;
    for (let i = 0; i < qvel.length; i++)
      qvel[i] = kind === 'normal' ? size * draws.normal() : draws.uniform(-size, size);
    body.forward();
    this.terminated = false;
    this.#observe(observation);
  }

  step(action: Float64Array, observation: Float64Array): number {
    const { body, task } = this;
    const { controlLow, controlHigh } = body;
    let squares = 0;
    for (let i = 0; i < controlLow.length; i++) {
      const value = clip(action[i] ?? 0, controlLow[i] ?? -1, controlHigh[i] ?? 1);
      body.ctrl[i] = value;
      squares += value * value;
    }
    const before = body.qpos[0] ?? 0;
    const stable = body.step(task.frameSkip);
    const velocity = ((body.qpos[0] ?? 0) - before) / (task.frameSkip * body.timestep);
    this.terminated = !stable || !this.#healthy();
    this.#observe(observation);
    if (!stable || !Number.isFinite(velocity)) return 0;
    return task.forward * velocity + (this.terminated ? 0 : task.alive) - task.control * squares;
  }

  dispose(): void {
    this.body.dispose();
  }

  #healthy(): boolean {
    const { qpos, qvel } = this.body;
    for (const value of qpos) if (!Number.isFinite(value)) return false;
    for (const value of qvel) if (!Number.isFinite(value)) return false;
    for (const { coordinate, low, high } of this.task.healthy) {
      const value = qpos[coordinate] ?? 0;
      if (value < low || value > high) return false;
    }
    return true;
  }

  #observe(observation: Float64Array): void {
    const { qpos, qvel } = this.body;
    const { hidden, velocityLimit } = this.task;
    let at = 0;
    for (let i = hidden; i < qpos.length; i++) observation[at++] = qpos[i] ?? 0;
    for (const value of qvel) observation[at++] = clip(value, -velocityLimit, velocityLimit);
  }
}
