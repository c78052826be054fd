// What the tensorflow engine holds on to, and what it refuses to hold. On WebAssembly, which runs everywhere.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { SeedcastError } from '../../../shared/errors.js';
import type { Engine, PopulationSource } from '../../../shared/objectives/engine.js';
import type { Device } from './device.js';
import { createTensorflowEngine } from './engine.js';
import { openWasm } from './wasm.js';

const members = [
  { direction: 1, sign: 1 },
  { direction: 1, sign: -1 },
  { direction: 2, sign: 1 },
] as const;

function source(version: string, theta = new Float32Array(12).fill(0.5)): PopulationSource {
  return {
    version,
    key: [1, 2],
    noiseStep: 0,
    members,
    tensors: [
      {
        name: 'w',
        shape: [4, 3],
        base: theta,
        perturbation: { kind: 'low-rank', rank: 2, scale: 0.1, a: 0, b: 1 },
      },
      {
        name: 'u',
        shape: [12, 4],
        base: new Float32Array(48),
        perturbation: { kind: 'full', noise: 'binomial', scale: 0.1, a: 2 },
      },
      {
        name: 'c',
        shape: [4],
        base: new Float32Array(4),
        perturbation: { kind: 'full', noise: 'rademacher', scale: 0.1, a: 3 },
      },
      {
        name: 'v',
        shape: [4, 4],
        base: new Int8Array(16),
        perturbation: { kind: 'integer-low-rank', shift: 4, a: 4, b: 5 },
      },
    ],
  };
}

async function evaluate(engine: Engine, one: PopulationSource): Promise<number> {
  return engine.run(one, async (population) => {
    const x = engine.float32(new Float32Array(15).fill(1), [1, 5, 3]);
    const y = engine.linear(x, population.weight('w'), population.weight('c'));
    const h = engine.gru(engine.float32(new Float32Array(60), [1, 1, 5, 12]), population.weight('u'), null);
    const z = engine.layerNorm(engine.add(y, engine.reshape(h, [3, 5, 4])));
    const { loss } = engine.crossEntropy(z, engine.int32(new Int32Array(5), [1, 5]));
    engine.integerLinear(engine.int8(new Int8Array(4), [1, 1, 4]), population.weight('v'), 4);
    const means = await engine.read(engine.mean(loss));
    return means[0] ?? NaN;
  });
}

describe('the memory of the tensorflow engine', () => {
  let device: Device;
  let engine: Engine;
  before(async () => {
    device = await openWasm();
    engine = createTensorflowEngine(device);
  });

  it('does not grow over 1,000 runs, of one version or many, of runs that fail', async () => {
    const theta = new Float32Array(12);
    await evaluate(engine, source('0', theta));
    const { numTensors, numBytes, numDataBuffers } = device.tf.memory();
    for (let i = 1; i <= 1_000; i++) {
      await evaluate(engine, source(String(i >> 1), theta));
      if (i % 100 === 0)
        await assert.rejects(
          engine.run(source('failing', theta), async (population) => {
            engine.addWeight(engine.float32(new Float32Array(8), [1, 2, 4]), population.weight('c'));
            engine.linear(engine.float32(new Float32Array(8), [1, 2, 4]), population.weight('w'));
            return Promise.resolve();
          }),
        );
    }
    await evaluate(engine, source('last', theta));
    const after = device.tf.memory();
    assert.deepEqual(
      [after.numTensors, after.numBytes, after.numDataBuffers],
      [numTensors, numBytes, numDataBuffers],
    );
  });

  it('uploads shared arrays again when the version changes, not before', async () => {
    const theta = new Float32Array(12).fill(0.5);
    const first = await evaluate(engine, source('a', theta));
    theta[0] = 3;
    assert.equal(await evaluate(engine, source('a', theta)), first);
    assert.notEqual(await evaluate(engine, source('b', theta)), first);
  });

  it('refuses full-rank noise of more than a gibibyte a call, with the bytes', async () => {
    // 4 MiB of parameters; 300 directions of them would be 1,258,291,200 bytes.
    const big: PopulationSource = {
      version: 'big',
      key: [1, 2],
      noiseStep: 0,
      members: Array.from({ length: 300 }, (_, direction) => ({ direction, sign: 1 as const })),
      tensors: [
        {
          name: 'w',
          shape: [1024, 1024],
          base: new Float32Array(1024 * 1024),
          perturbation: { kind: 'full', noise: 'binomial', scale: 0.1, a: 0 },
        },
      ],
    };
    await assert.rejects(
      engine.run(big, async (population) => {
        engine.linear(engine.float32(new Float32Array(1024), [1, 1, 1024]), population.weight('w'));
        return Promise.resolve();
      }),
      (error: unknown) =>
        error instanceof SeedcastError &&
        error.code === 'SC_ENGINE' &&
        error.message.includes('1258291200 bytes'),
    );
  });

  it('forms full-rank members in blocks, with the same result as one by one', async () => {
    // 40 members of 2 MiB are 80 MiB, more than one block of 64.
    const [out, inner] = [512, 1024];
    const base = Float32Array.from({ length: out * inner }, (_, i) => ((i * 7919) % 13) - 6);
    const all = Array.from(
      { length: 40 },
      (_, i) => ({ direction: i >> 1, sign: i % 2 === 0 ? 1 : -1 }) as const,
    );
    const x = Float32Array.from({ length: 2 * inner }, (_, i) => ((i * 31) % 7) - 3);
    const run = async (some: readonly (typeof all)[number][]): Promise<Float32Array> =>
      engine.run(
        {
          version: 'blocks',
          key: [3, 4],
          noiseStep: 1,
          members: some,
          tensors: [
            {
              name: 'w',
              shape: [out, inner],
              base,
              perturbation: { kind: 'full', noise: 'binomial', scale: 1, a: 0 },
            },
          ],
        },
        async (population) => {
          const y = engine.linear(engine.float32(x, [1, 2, inner]), population.weight('w'));
          return (await engine.read(y)) as Float32Array;
        },
      );
    // Whole numbers below 2^24 throughout, so that the results are exact.
    const together = await run(all);
    for (const member of [0, 1, 31, 32, 39]) {
      const alone = await run(all.slice(member, member + 1));
      assert.deepEqual(together.subarray(member * 2 * out, (member + 1) * 2 * out), alone);
    }
  });
});
