import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeedcastError } from '../../../shared/errors.js';
import type {
  Evaluation,
  EvaluationContext,
  ObjectiveOptions,
  TensorArray,
} from '../../../shared/objectives/types.js';
import { chooseAction, Network, networkTensors } from './network.js';
import { contribute, Normalizer } from './normalizer.js';
import { policy } from './objective.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-policy-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Stage = EvaluationContext<never>['resource'];

async function evaluateOnce(
  options: ObjectiveOptions,
  fill: (name: string, array: Float32Array) => unknown,
  extra: Partial<EvaluationContext> = {},
): Promise<Evaluation> {
  const complete = policy.validate?.(options) ?? options;
  const parameters: Record<string, TensorArray> = {};
  for (const [name, { shape }] of Object.entries(await policy.parameters(complete))) {
    const array = new Float32Array(shape.reduce((a, b) => a * b, 1));
    fill(name, array);
    parameters[name] = array;
  }
  const resource = (await policy.setup?.(complete, { log: () => undefined, thread: 0 })) as Stage;
  const context = {
    seed: 11,
    step: 0,
    member: 0,
    point: 'member',
    part: null,
    signal: new AbortController().signal,
    options: complete,
    log: () => undefined,
    statistics: new Float64Array(0),
    wantsAuxiliary: false,
    ...extra,
    resource,
  } as const;
  const result = await policy.evaluate?.(parameters, context);
  assert.ok(result !== undefined);
  await policy.dispose?.(resource);
  return result;
}

describe('the network', () => {
  it('computes W2 tanh(W1 x + b1) + b2', () => {
    const network = new Network([2, 2, 1], 'tanh');
    network.load({
      'layers.0.weight': Float32Array.of(1, 0.5, -1, 2),
      'layers.0.bias': Float32Array.of(0.25, 0),
      'layers.1.weight': Float32Array.of(2, -1),
      'layers.1.bias': Float32Array.of(0.5),
    });
    const expected = 2 * Math.tanh(1 + 1 + 0.25) - Math.tanh(-1 + 4) + 0.5;
    assert.ok(Math.abs((network.forward(Float64Array.of(1, 2))[0] ?? NaN) - expected) < 1e-12);
  });

  it('starts its rows at norm 1 and the last layer at 0.01', () => {
    assert.deepEqual(networkTensors([4, 8, 2]), {
      'layers.0.weight': { shape: [8, 4], dtype: 'float32', init: { kind: 'unit-rows', gain: 1 } },
      'layers.0.bias': { shape: [8], dtype: 'float32', init: { kind: 'zeros' } },
      'layers.1.weight': { shape: [2, 8], dtype: 'float32', init: { kind: 'unit-rows', gain: 0.01 } },
      'layers.1.bias': { shape: [2], dtype: 'float32', init: { kind: 'zeros' } },
    });
  });

  it('refuses weights of another shape', () => {
    assert.throws(
      () =>
        new Network([2, 1], 'relu').load({
          'layers.0.weight': new Float32Array(3),
          'layers.0.bias': new Float32Array(1),
        }),
      /layers\.0\.weight \[1, 2\]/,
    );
  });

  it('chooses the greatest score, the lowest index on ties', () => {
    const action = new Float64Array(1);
    chooseAction(Float64Array.of(1, 3, 3), { kind: 'discrete', count: 3 }, null, action);
    assert.equal(action[0], 1);
  });

  it('maps outputs −1 … 1 onto the action range and clips beyond', () => {
    const space = { kind: 'continuous', low: [-2, 0, -2], high: [2, 10, 2] } as const;
    const action = new Float64Array(3);
    chooseAction(Float64Array.of(0.5, 0, 7), space, null, action);
    assert.deepEqual([...action], [1, 5, 2]);
  });

  it('maps the best of k bins evenly: low + index (high − low)/(k − 1)', () => {
    const action = new Float64Array(2);
    chooseAction(
      Float64Array.of(0, 0, 9, 0, 0, 9, 0, 0, 0, 0),
      { kind: 'continuous', low: [-1, -2], high: [1, 2] },
      5,
      action,
    );
    assert.deepEqual([...action], [0, -2]);
  });
});

describe('observation normalisation', () => {
  it('leaves observations alone before anything was contributed', () => {
    const normalizer = new Normalizer(2);
    normalizer.load(new Float64Array(5));
    const out = new Float64Array(2);
    normalizer.apply(Float64Array.of(0.5, -9), out);
    assert.deepEqual([...out], [0.5, -5]);
  });

  it('centres and scales by what was contributed', () => {
    const contribution = new Float64Array(3);
    const samples = [3, 5, 7, 9];
    for (let round = 0; round < 10_000; round++)
      for (const value of samples) contribute(Float64Array.of(value), contribution);
    assert.deepEqual([...contribution], [40_000, 240_000, 10_000 * (9 + 25 + 49 + 81)]);
    const normalizer = new Normalizer(1);
    normalizer.load(contribution);
    const out = new Float64Array(1);
    normalizer.apply(Float64Array.of(9), out);
    assert.ok(Math.abs((out[0] ?? NaN) - 3 / Math.sqrt(5)) < 1e-4);
  });

  it('never divides by less than 0.1', () => {
    const contribution = new Float64Array(3);
    for (let i = 0; i < 100_000; i++) contribute(Float64Array.of(1), contribution);
    const normalizer = new Normalizer(1);
    normalizer.load(contribution);
    const out = new Float64Array(1);
    normalizer.apply(Float64Array.of(1.2), out);
    assert.ok(Math.abs((out[0] ?? NaN) - 2) < 1e-4);
  });
});

describe('the policy objective', () => {
  it('balances CartPole with the hand-made rule: push where the pole leans and turns', async () => {
    const value = await evaluateOnce({ environment: 'cartpole', hidden: [], episodes: 5 }, (name, array) => {
      // score(right) − score(left) = 0.1 x + 0.1 ẋ + θ + θ̇.
      if (name === 'layers.0.weight') array.set([0, 0, 0, 0, 0.1, 0.1, 1, 1]);
    });
    assert.equal(value, 500);
  });

  it('is a function of weights and seed', async () => {
    const options = { environment: 'pendulum', hidden: [4] };
    const fill = (_name: string, array: Float32Array): unknown => array.fill(0.1);
    assert.equal(await evaluateOnce(options, fill), await evaluateOnce(options, fill));
    assert.notEqual(await evaluateOnce(options, fill), await evaluateOnce(options, fill, { seed: 12 }));
  });

  it('is the mean over its episodes and cut at maxSteps', async () => {
    const still = (): void => undefined;
    assert.equal(await evaluateOnce({ environment: 'acrobot', episodes: 3, maxSteps: 10 }, still), -10);
  });

  it('contributes count, sums and squares where asked', async () => {
    const options = { environment: 'cartpole', hidden: [], normalizeObservations: true, maxSteps: 3 };
    const complete = policy.validate?.(options) ?? options;
    assert.deepEqual(await policy.auxiliary?.(complete), { length: 9, every: 16 });
    const result = await evaluateOnce(options, () => undefined, {
      statistics: new Float64Array(9),
      wantsAuxiliary: true,
    });
    assert.ok(typeof result === 'object' && result.auxiliary?.length === 9);
    assert.equal(result.value, 3);
    assert.equal(result.auxiliary[0], 3);
  });

  it('runs every built-in environment', async () => {
    for (const environment of [
      'cartpole',
      'pendulum',
      'acrobot',
      'mountain-car-continuous',
      'inverted-pendulum',
      'swimmer',
      'hopper',
      'half-cheetah',
    ]) {
      const value = await evaluateOnce({ environment, hidden: [4], maxSteps: 20 }, (_name, array) =>
        array.fill(0.05),
      );
      assert.ok(typeof value === 'number' && Number.isFinite(value), environment);
    }
  });

  it('runs a user’s own MJCF with its reward terms', async () => {
    const model = join(folder, 'cart.xml');
    writeFileSync(
      model,
      '<mujoco><option timestep="0.01"/><worldbody><body><joint name="x" type="slide" axis="1 0 0"/><geom size="0.1" mass="1"/></body></worldbody><actuator><motor joint="x" ctrllimited="true" ctrlrange="0 1"/></actuator></mujoco>',
    );
    const options = {
      environment: 'mujoco',
      model,
      hidden: [],
      forwardReward: 1,
      controlCost: 0.5,
      resetNoise: 0,
      maxSteps: 10,
      frameSkip: 1,
    };
    // Full force 1 N on 1 kg: after 10 steps of 0.01 s of semi-implicit Euler x = 0.01² · 55, velocity rewards sum to x / 0.01.
    const value = await evaluateOnce(options, (name, array) => name === 'layers.0.bias' && array.fill(5));
    assert.ok(typeof value === 'number' && Math.abs(value - (0.01 * 55 - 10 * 0.5)) < 1e-9);
    assert.deepEqual(policy.files?.(options), [model]);
  });

  it('refuses bad options by name', () => {
    const cases: [ObjectiveOptions, RegExp][] = [
      [{}, /`environment`.*missing/],
      [{ environment: 'cartpol' }, /`environment`.* "cartpol"/],
      [{ environment: 'cartpole', hidden: [0] }, /`hidden`/],
      [{ environment: 'cartpole', hidden: 32 }, /`hidden`/],
      [{ environment: 'cartpole', actions: 'continuous' }, /`actions`/],
      [{ environment: 'hopper', actions: 'binned(1)' }, /`actions`/],
      [{ environment: 'hopper', model: 'a.xml' }, /`model`/],
      [{ environment: 'mujoco' }, /`model`/],
      [{ environment: 'mujoco', model: 'a.xml', healthy: [{ coordinate: 1, low: 2, high: 1 }] }, /`healthy`/],
      [{ environment: 'hopper', episodes: 0 }, /`episodes`/],
      [{ environment: 'hopper', normaliseObservations: true }, /unknown option `normaliseObservations`/],
    ];
    for (const [options, message] of cases) {
      assert.throws(
        () => policy.validate?.(options),
        (error) =>
          error instanceof SeedcastError &&
          error.code === 'SC_OBJECTIVE_OPTIONS' &&
          message.test(error.message),
        JSON.stringify(options),
      );
    }
  });

  it('keeps defaults in the options it returns', () => {
    assert.deepEqual(policy.validate?.({ environment: 'cartpole' }), {
      environment: 'cartpole',
      hidden: [32, 32],
      activation: 'tanh',
      normalizeObservations: false,
      episodes: 1,
    });
    const complete = policy.validate({ environment: 'hopper', actions: 'binned(10)' }) ?? {};
    assert.equal(complete.actions, 'binned(10)');
    assert.deepEqual(policy.validate(complete), complete);
  });
});
