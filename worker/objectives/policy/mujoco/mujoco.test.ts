import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeedcastError } from '../../../../shared/errors.js';
import { Draws } from '../../draws.js';
import { Body } from './engine.js';
import { MujocoEnvironment } from './environment.js';
import { MUJOCO_TASKS } from './tasks.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-mujoco-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const near = (actual: number | undefined, expected: number, tolerance: number): void =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

async function open(name: keyof typeof MUJOCO_TASKS) {
  const environment = await MujocoEnvironment.load(MUJOCO_TASKS[name]);
  const observation = new Float64Array(environment.observations);
  environment.reset(new Draws(1, 0), observation);
  return { environment, observation };
}

describe('MuJoCo tasks', () => {
  it('have the observation and action sizes and the step of the known tasks', async () => {
    const expected = {
      'inverted-pendulum': [4, 1, 0.04],
      swimmer: [8, 2, 0.04],
      hopper: [11, 3, 0.008],
      'half-cheetah': [17, 6, 0.05],
    } as const;
    for (const [name, [observations, actions, dt]] of Object.entries(expected)) {
      const { environment } = await open(name as keyof typeof expected);
      assert.equal(environment.observations, observations, name);
      assert.equal(
        environment.actions.kind === 'continuous' && environment.actions.low.length,
        actions,
        name,
      );
      near(environment.body.timestep * environment.task.frameSkip, dt, 1e-15);
      environment.dispose();
    }
  });

  it('start from the seed alone', async () => {
    const { environment, observation } = await open('hopper');
    const again = new Float64Array(environment.observations);
    environment.step(Float64Array.of(1, 1, 1), again);
    environment.reset(new Draws(1, 0), again);
    assert.deepEqual(again, observation);
    environment.reset(new Draws(2, 0), again);
    assert.notDeepEqual(again, observation);
    environment.dispose();
  });

  it('give the same return for the same seed and actions', async () => {
    const returns: number[] = [];
    for (let run = 0; run < 2; run++) {
      const { environment, observation } = await open('half-cheetah');
      let sum = 0;
      for (let i = 0; i < 50; i++)
        sum += environment.step(
          Float64Array.from({ length: 6 }, (_, k) => Math.sin(i + k)),
          observation,
        );
      returns.push(sum);
      environment.dispose();
    }
    assert.equal(returns[0], returns[1]);
  });

  it('let an uncontrolled inverted pendulum fall past 0.2 rad, each step before worth 1', async () => {
    const { environment, observation } = await open('inverted-pendulum');
    let sum = 0;
    let steps = 0;
    while (!environment.terminated && steps < 1_000) {
      sum += environment.step(Float64Array.of(0), observation);
      steps++;
    }
    assert.ok(steps > 5 && steps < 200, String(steps));
    assert.ok(Math.abs(observation[1] ?? 0) > 0.2);
    assert.equal(sum, steps - 1);
    environment.dispose();
  });

  it('charge the swimmer 1e-4 |a|² a step and pay its forward velocity', async () => {
    const { environment, observation } = await open('swimmer');
    const before = environment.body.qpos[0] ?? NaN;
    const reward = environment.step(Float64Array.of(1, -0.5), observation);
    near(reward, ((environment.body.qpos[0] ?? NaN) - before) / 0.04 - 1e-4 * 1.25, 1e-12);
    environment.dispose();
  });

  it('let a limp hopper fall, which ends the episode', async () => {
    const { environment, observation } = await open('hopper');
    let steps = 0;
    while (!environment.terminated && steps++ < 1_000)
      environment.step(Float64Array.of(0, 0, 0), observation);
    assert.ok(environment.terminated);
    assert.ok((observation[0] ?? 0) < 0.71 || Math.abs(observation[1] ?? 0) > 0.19);
    environment.dispose();
  });

  it('carry bodies of the standard mass', async () => {
    // A capsule of radius r and length l: density π r² (l + 4 r / 3); the half-cheetah is scaled to 14 kg.
    const capsule = (r: number, l: number): number => 1_000 * Math.PI * r * r * (l + (4 * r) / 3);
    const expected = {
      swimmer: 3 * capsule(0.1, 1),
      hopper: capsule(0.05, 0.4) + capsule(0.05, 0.45) + capsule(0.04, 0.5) + capsule(0.06, 0.39),
      'half-cheetah': 14,
    };
    for (const [name, mass] of Object.entries(expected)) {
      const { environment } = await open(name as keyof typeof expected);
      near(environment.body.mass, mass, 1e-9);
      environment.dispose();
    }
  });
});

describe('a body', () => {
  it('falls freely as s = g t² / 2', async () => {
    const path = join(folder, 'ball.xml');
    writeFileSync(
      path,
      '<mujoco><option timestep="0.001" integrator="RK4" gravity="0 0 -9.81"/><worldbody><body><joint type="slide" axis="0 0 1"/><geom size="0.1"/></body></worldbody></mujoco>',
    );
    const body = await Body.load(path);
    body.reset();
    assert.equal(body.step(1_000), true);
    near(body.qpos[0], -9.81 / 2, 1e-9);
    body.dispose();
    body.dispose();
  });

  it('keeps its views whole while other bodies are made and freed', async () => {
    const first = await Body.load(MUJOCO_TASKS.swimmer.model);
    const others: Body[] = [];
    for (let i = 0; i < 20; i++) others.push(await Body.load(MUJOCO_TASKS['half-cheetah'].model));
    for (const other of others) other.dispose();
    first.reset();
    first.ctrl[0] = 1;
    first.step(10);
    assert.equal(first.qpos.length, 5);
    assert.notEqual(first.qpos[3], 0);
    first.dispose();
  });

  it('is refused by file where the model is missing or faulty', async () => {
    const path = join(folder, 'faulty.xml');
    writeFileSync(path, '<mujoco><worldbody><boddy/></worldbody></mujoco>');
    for (const file of [path, join(folder, 'missing.xml')]) {
      await assert.rejects(
        Body.load(file),
        (error) =>
          error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_FILE' && error.place?.file === file,
      );
    }
    // The engine goes on after a refusal.
    const body = await Body.load(MUJOCO_TASKS.hopper.model);
    body.reset();
    assert.equal(body.step(1), true);
    body.dispose();
  });
});
