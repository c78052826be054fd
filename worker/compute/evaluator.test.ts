// An evaluator on an engine that keeps what it prepared: what it evaluates is always what the replica holds.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectiveDefinition } from '../../shared/objectives/types.js';
import { systemClock } from '../../shared/ports.js';
import { exampleGenesis, exampleTensor } from '../../test/support/example-genesis.js';
import { parseEngineWish } from '../engines/open.js';
import { lazyEngine } from '../engines/providers.js';
import { nativeStatus } from '../native/addon.js';
import { Replica } from '../replica/replica.js';
import { JobEvaluator } from './evaluator.js';

const LAYOUT = { members: 0, group: 1, repeats: 1, validation: 0 };

/** The sum of the products of the weights [2, 3] with a vector of ones. */
const definition: ObjectiveDefinition = {
  name: 'example',
  direction: 'minimize',
  parameters: () => ({ w: { shape: [2, 3], dtype: 'float32' } }),
  evaluatePopulation: async (engine, population) => {
    const ones = engine.float32(new Float32Array(3).fill(1), [1, 1, 3]);
    return [...(await engine.read(engine.mean(engine.linear(ones, population.weight('w')))))];
  },
};

describe('an evaluator', () => {
  for (const engine of ['reference', 'native'])
    it(`sees with ${engine} the state that was restored, not weights kept from the one it replaced`, async (t) => {
      const status = nativeStatus();
      if (engine === 'native' && !status.available) return t.skip(status.reason);
      const tensor = { ...exampleTensor('w', 6, 'float32'), shape: [2, 3] };
      const replica = new Replica(
        exampleGenesis({
          objective: { tensors: [tensor] },
          method: { optimizer: { name: 'sgd' } },
        }),
      );
      const evaluator = new JobEvaluator(
        replica,
        { definition, code: 'c', source: null },
        {
          thread: 0,
          log: () => undefined,
          clock: systemClock,
          engine: lazyEngine(parseEngineWish(engine)),
        },
      );
      await evaluator.start();
      const meanOf = async (generation: number): Promise<number | undefined> =>
        (await evaluator.evaluate(generation, 4, LAYOUT, 0, 1, () => true))?.scalars[0];
      const state = (value: number): Uint8Array => {
        const array = new Float32Array(replica.snapshot(4).bytes.length / 4);
        array.fill(value, 0, 6);
        return new Uint8Array(array.buffer);
      };
      replica.restore(4, state(1));
      assert.equal(await meanOf(1), 3);
      // Built again after a disagreement: the same step, memory and replica, other values.
      replica.restore(4, state(2));
      assert.equal(await meanOf(2), 6);
      await evaluator.dispose();
    });
});
