import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeedcastError } from '../../shared/errors.js';
import type { ObjectiveDefinition, TensorDeclaration } from '../../shared/objectives/types.js';
import { compileTensors } from './compile-tensors.js';
import { describeObjective } from './describe.js';
import { loadObjectives } from './load.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-describe-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const origin = { objective: 'own', source: '/objectives/own.mjs' };
const compile = (tensor: unknown, name = 'x') =>
  compileTensors({ [name]: tensor as TensorDeclaration }, 'float32', origin)[0];

function objective(extra: Partial<ObjectiveDefinition> = {}) {
  const definition: ObjectiveDefinition = {
    name: 'own',
    direction: 'minimize',
    parameters: () => ({ x: { shape: [3] } }),
    evaluate: () => 0,
    ...extra,
  };
  return { definition, code: 'c0de', source: '/objectives/own.mjs' };
}

describe('tensors', () => {
  it('get every default', () => {
    assert.deepEqual(compile({ shape: [2, 3] }), {
      name: 'x',
      shape: [2, 3],
      size: 6,
      dtype: 'float32',
      init: { kind: 'zeros' },
      bounds: null,
      sigma: 1,
    });
    assert.deepEqual(compile({ shape: [1], dtype: 'float64', init: { kind: 'normal' } })?.init, {
      kind: 'normal',
      mean: 0,
      std: 1,
    });
    assert.deepEqual(compile({ shape: [1], low: -1, high: 3 })?.init, { kind: 'constant', value: 1 });
    assert.deepEqual(compile({ shape: [1], low: 1e-4, high: 1, scale: 'log' })?.init, {
      kind: 'constant',
      value: 0.01,
    });
  });

  it('keep their order', () => {
    const tensors = compileTensors({ b: { shape: [1] }, a: { shape: [2] } }, 'float64', origin);
    assert.deepEqual(
      tensors.map(({ name, dtype }) => [name, dtype]),
      [
        ['b', 'float64'],
        ['a', 'float64'],
      ],
    );
  });

  it('are refused by field, value and mend', () => {
    const cases: [unknown, string, RegExp][] = [
      [{ shape: [] }, 'parameters.x.shape', /the shape is \[\]/],
      [{ shape: [2.5] }, 'parameters.x.shape', /the shape is \[2.5\]/],
      [{ shape: 10 }, 'parameters.x.shape', /the shape is 10/],
      [{ shape: [65_536, 32_768] }, 'parameters.x.shape', /holds 2147483648 values/],
      [{ shape: [1], dtype: 'float16' }, 'parameters.x.dtype', /"float16"/],
      [{ shape: [1], sigma: 0 }, 'parameters.x.sigma', /sigma is 0/],
      [{ shape: [1], sgma: 1 }, 'parameters.x.sgma', /no field `sgma`/],
      [{ shape: [1], low: 1 }, 'parameters.x.low', /1 and undefined/],
      [{ shape: [1], low: 1, high: 1 }, 'parameters.x', /low must be less than high/],
      [{ shape: [1], low: 0, high: 1, scale: 'log' }, 'parameters.x', /low above 0/],
      [{ shape: [1], scale: 'log' }, 'parameters.x.scale', /without bounds/],
      [{ shape: [1], low: 1, high: 2, init: { kind: 'zeros' } }, 'parameters.x', /starts at 0/],
      [{ shape: [1], init: { kind: 'gauss' } }, 'parameters.x.init', /gauss/],
      [{ shape: [1], init: { kind: 'constant' } }, 'parameters.x.init.value', /`value` is null/],
      [{ shape: [1], init: { kind: 'normal', sd: 1 } }, 'parameters.x.init.sd', /no field `sd`/],
      [{ shape: [1], init: { kind: 'normal', std: NaN } }, 'parameters.x.init.std', /`std` is/],
      [null, 'parameters.x', /the tensor is null/],
    ];
    for (const [tensor, field, message] of cases) {
      assert.throws(
        () => compile(tensor),
        (error) => {
          assert.ok(error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_FILE', String(error));
          assert.equal(error.place?.field, field);
          assert.equal(error.place.file, origin.source);
          assert.match(error.message, message);
          return error.hint !== undefined;
        },
      );
    }
    assert.throws(() => compile({ shape: [1] }, 'a b'), /"a b"/);
    assert.throws(() => compileTensors({}, 'float32', origin), /0 tensors/);
  });
});

describe('a description', () => {
  it('holds a validation only where there is one, with its parts counted from the options', async () => {
    const described = (parts: unknown) =>
      describeObjective(
        {
          definition: {
            name: 'v',
            direction: 'minimize',
            parameters: () => ({ x: { shape: [1] } }),
            evaluate: () => 0,
            validation: { metric: 'accuracy', direction: 'maximize', parts: () => parts as number },
          },
          code: 'c',
          source: null,
        },
        {},
        'float32',
      );
    assert.deepEqual((await described(4)).validation, {
      metric: 'accuracy',
      direction: 'maximize',
      parts: 4,
    });
    assert.equal((await described(0)).validation, undefined);
    for (const parts of [-1, 1.5, 65_537, '4', undefined]) {
      await assert.rejects(described(parts), /the validation has .* parts/);
    }
  });

  it('holds completed options, compiled tensors, seeds, auxiliary and code', async () => {
    const sphere = (await loadObjectives([])).find(({ definition }) => definition.name === 'sphere');
    assert.ok(sphere);
    assert.deepEqual(await describeObjective(sphere, { dimension: 4 }, 'float32'), {
      name: 'sphere',
      direction: 'minimize',
      options: { dimension: 4, dtype: 'float64', shift: false, rotation: false, low: -5, high: 5 },
      tensors: [
        {
          name: 'x',
          shape: [4],
          size: 4,
          dtype: 'float64',
          init: { kind: 'uniform', low: -5, high: 5 },
          bounds: null,
          sigma: 1,
        },
      ],
      auxiliary: null,
      seeds: 'per-direction',
      code: sphere.code,
    });
  });

  it('compiles a policy with its statistics', async () => {
    const policy = (await loadObjectives([])).find(({ definition }) => definition.name === 'policy');
    assert.ok(policy);
    const { tensors, auxiliary } = await describeObjective(
      policy,
      { environment: 'hopper', normalizeObservations: true },
      'float64',
    );
    assert.deepEqual(
      tensors.map(({ name, shape }) => [name, shape]),
      [
        ['layers.0.weight', [32, 11]],
        ['layers.0.bias', [32]],
        ['layers.1.weight', [32, 32]],
        ['layers.1.bias', [32]],
        ['layers.2.weight', [3, 32]],
        ['layers.2.bias', [3]],
      ],
    );
    assert.deepEqual(auxiliary, { length: 23, every: 16 });
  });

  it('asks every 16th member for an auxiliary by default', async () => {
    assert.deepEqual(
      (await describeObjective(objective({ auxiliary: () => ({ length: 5 }) }), {}, 'float32')).auxiliary,
      { length: 5, every: 16 },
    );
    await assert.rejects(
      describeObjective(objective({ auxiliary: () => ({ length: 0 }) }), {}, 'float32'),
      /auxiliary length is 0/,
    );
  });

  it('passes options through where there is no validate, and the user’s own refusal in its words', async () => {
    assert.deepEqual((await describeObjective(objective(), { a: [1, { b: null }] }, 'float32')).options, {
      a: [1, { b: null }],
    });
    const validate = (): never => {
      throw new Error('blades must be odd');
    };
    await assert.rejects(
      describeObjective(objective({ validate }), {}, 'float32'),
      (error) =>
        error instanceof SeedcastError &&
        error.code === 'SC_OBJECTIVE_OPTIONS' &&
        /blades must be odd/.test(error.message),
    );
  });

  it('refuses options that JSON cannot hold', async () => {
    const validate = () => ({ limit: Infinity });
    await assert.rejects(describeObjective(objective({ validate }), {}, 'float32'), /option `limit`/);
  });

  it('puts data files into the code hash', async () => {
    const file = join(folder, 'model.xml');
    const hash = async (): Promise<string> =>
      (await describeObjective(objective({ files: () => [file] }), {}, 'float32')).code;
    writeFileSync(file, 'one');
    const first = await hash();
    assert.notEqual(first, 'c0de');
    assert.equal(await hash(), first);
    writeFileSync(file, 'two');
    assert.notEqual(await hash(), first);
    rmSync(file);
    await assert.rejects(
      hash(),
      (error) => error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_OPTIONS',
    );
  });
});
