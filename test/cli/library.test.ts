// The library from code: a pool of its own, and `minimize` on functions, defined objectives and bad input.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type MinimizeOptions, Pool, type SeedcastError, defineObjective, minimize } from '../../index.js';
import { folder } from '../support/command.js';
import { findNatsServer } from '../support/nats.js';
import { suite } from '../support/suite.js';

const METHOD = { name: 'es', population: 32, sigma: 0.1, learningRate: 0.05 } as const;
const coded =
  (code: string, words: RegExp) =>
  (error: SeedcastError): boolean =>
    error.code === code && words.test(error.message);

void describe('minimize', () => {
  void it('finds the minimum of a function with bounded and unbounded tensors', async () => {
    // (x − 1)² + (ln y − ln 20)²: least at x = 1, y = 20.
    const result = await minimize(({ x, y }) => ((x[0] ?? 0) - 1) ** 2 + Math.log((y[0] ?? 1) / 20) ** 2, {
      parameters: { x: { shape: [1] }, y: { shape: [1], low: 1, high: 100, scale: 'log' } },
      method: METHOD,
      stop: { fitness: 1e-6, steps: 2000 },
    });
    assert.equal(result.stoppedBy, 'fitness');
    assert.ok(result.parameters.x instanceof Float64Array);
    assert.ok(Math.abs((result.parameters.x[0] ?? 0) - 1) < 1.1e-3);
    assert.ok(Math.abs(Math.log((result.parameters.y[0] ?? 0) / 20)) < 1.1e-3);
  });

  void it('maximises where the direction says so, and reports in its units', async () => {
    const result = await minimize(({ x }) => 5 - (x[0] ?? 0) ** 2, {
      direction: 'maximize',
      parameters: { x: { shape: [1], init: { kind: 'constant', value: 2 } } },
      method: METHOD,
      stop: { fitness: 4.99, steps: 500 },
    });
    assert.ok((result.fitness ?? 0) >= 4.99 && (result.fitness ?? 0) <= 5);
  });

  for (const method of [METHOD, { ...METHOD, name: 'eggroll', rank: 2, noiseReuse: 3 } as const])
    void it(`gives the same ledger twice, awaiting or not: ${method.name}`, () => sameLedger(method));

  void it('moves whole numbers by eggroll with `integer`', async () => {
    const target = [9, -7, 3, 0, 5, -2];
    const result = await minimize(({ w }) => target.reduce((sum, v, i) => sum + (v - (w[i] ?? 0)) ** 2, 0), {
      parameters: { w: { shape: [2, 3], dtype: 'int8' } },
      method: { name: 'eggroll', population: 64, integer: { alpha: 0.5, sigmaShift: 2 } },
      stop: { fitness: 4, steps: 200 },
    });
    assert.equal(result.stoppedBy, 'fitness', String(result.fitness));
    assert.ok(result.parameters.w instanceof Int8Array);
  });

  const sameLedger = async (method: MinimizeOptions['method']): Promise<void> => {
    const options = { parameters: { x: { shape: [3, 2] } }, method, stop: { steps: 20 } };
    const square = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, v) => sum + (v - 1) ** 2, 0);
    const definition = (evaluate: (x: ArrayLike<number>) => number | Promise<number>) =>
      defineObjective({
        name: 'square',
        direction: 'minimize',
        parameters: () => options.parameters,
        evaluate: ({ x }) => evaluate(x),
      });
    const now = await minimize(definition(square), options);
    const later = await minimize(
      definition((x) => new Promise((resolve) => setImmediate(() => resolve(square(x))))),
      options,
    );
    assert.equal(now.digest, later.digest);
    assert.equal(now.ledger.length, 22);
  };

  void it('measures the validation of an objective apart from its fitness, and at the end', async () => {
    const told: (number | null)[] = [];
    const objective = defineObjective({
      name: 'validated',
      direction: 'minimize',
      parameters: () => ({ x: { shape: [2] } }),
      evaluate: ({ x }, { part, point }) =>
        point === 'validation' && part !== null
          ? 10 * part.index + (x[0] ?? 0)
          : x.reduce((sum, v) => sum + (v - 1) ** 2, 0),
      validation: { metric: 'shift', direction: 'minimize', parts: () => 3 },
    });
    const result = await minimize(objective, {
      method: METHOD,
      stop: { steps: 5 },
      evaluation: { validateEvery: 2 },
      onProgress: ({ validation }) => told.push(validation?.value ?? null),
    });
    // The mean of 0, 10 and 20 and the parameter, 0 at first; steps 1 and 3 measure nothing new.
    assert.equal(told[0], 10);
    assert.deepEqual([told[1], told[3]], [told[0], told[2]]);
    assert.equal(result.evaluations, 5 * METHOD.population);
    assert.equal(result.validation?.metric, 'shift');
    const x = result.parameters['x'][0] ?? Number.NaN;
    assert.ok(Math.abs((result.validation.value ?? 0) - (10 + x)) < 1e-12);
  });

  void it('tells progress, and stops after the step when its signal is aborted', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const result = await minimize('sphere', {
      options: { dimension: 2 },
      method: METHOD,
      stop: { steps: 1000 },
      signal: controller.signal,
      onProgress: ({ step }) => {
        seen.push(step);
        // Step 8 is under way when step 7 is told.
        if (step === 7) controller.abort();
      },
    });
    assert.deepEqual([result.status, result.steps, seen], ['stopped', 8, [1, 2, 3, 4, 5, 6, 7, 8]]);
  });

  void it('refuses bad input by name', async () => {
    const options = { method: METHOD, stop: { steps: 1 } };
    await assert.rejects(minimize('spehre', options), coded('SC_USAGE', /no built-in objective "spehre"/));
    await assert.rejects(
      minimize('sphere', { ...options, options: { dimension: -1 } }),
      coded('SC_OBJECTIVE_OPTIONS', /dimension/),
    );
    await assert.rejects(
      minimize('sphere', { ...options, method: { ...METHOD, population: 3 } }),
      coded('SC_SPEC_INVALID', /even/),
    );
    await assert.rejects(
      minimize(
        () => {
          throw new Error('no fuel');
        },
        { ...options, parameters: { x: { shape: [1] } } },
      ),
      coded('SC_JOB_FAILED', /no fuel/),
    );
  });
});

void describe('Pool', () => {
  const s = suite();

  void it('starts, runs a job given as an object with an objective from a file, and gives minimize’s digest', async () => {
    process.env.SEEDCAST_NATS_SERVER ??= await findNatsServer();
    const dir = folder(s);
    writeFileSync(
      join(dir, 'tilted.mjs'),
      `import { defineObjective } from 'seedcast';
       export default defineObjective({ name: 'tilted', direction: 'minimize', parameters: () => ({ x: { shape: [4] } }), evaluate: ({ x }) => x.reduce((s, v, i) => s + (v - i) ** 2, 0) });`,
    );
    const pool = await Pool.start({
      workers: 2,
      threads: 1,
      store: join(dir, 'store'),
      objectives: [join(dir, 'tilted.mjs')],
    });
    s.after(() => pool.close());
    const spec = { seed: 3, method: METHOD, objective: { name: 'tilted' }, stop: { steps: 30 } };
    const job = await pool.submit({
      apiVersion: 'seedcast/v1',
      kind: 'Job',
      metadata: { name: 'tilted' },
      spec,
    });
    const result = await job.result();
    const tilted = defineObjective({
      name: 'tilted',
      direction: 'minimize',
      parameters: () => ({ x: { shape: [4] } }),
      evaluate: ({ x }) => x.reduce((sum, v, i) => sum + (v - i) ** 2, 0),
    });
    const here = await minimize(tilted, { seed: 3, method: METHOD, stop: { steps: 30 } });
    assert.deepEqual([result.status, result.digest], ['succeeded', here.digest]);
    assert.deepEqual([...((await job.parameters()).x ?? [])], [...here.parameters.x]);
    await assert.rejects(
      pool.submit({
        apiVersion: 'seedcast/v1',
        kind: 'Job',
        metadata: { name: 'none' },
        spec: { ...spec, objective: { name: 'tilt' } },
      }),
      coded('SC_SPEC_INVALID', /no worker has the objective "tilt"/),
    );
  });
});
