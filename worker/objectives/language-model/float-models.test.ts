// The float language models: the engine's pass over whole sequences against the stepper, which is written apart from it, and
// laws that hold for any weights.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TensorArray } from '../../../shared/objectives/types.js';
import { CENTRE, initialParameters, populationOf } from '../../../test/support/language.js';
import { createReferenceEngine } from '../../engines/reference/engine.js';
import { Draws } from '../draws.js';
import { gruModel } from './gru-model.js';
import { bitsPerByte } from './loss.js';
import type { LanguageModel } from './model.js';
import { gather } from './text.js';
import { transformerModel } from './transformer-model.js';

const LENGTH = 12;
const MODELS: Readonly<Record<string, LanguageModel>> = {
  gru: gruModel({ layers: 2, width: 8 }),
  transformer: transformerModel({ layers: 2, width: 8, heads: 2, positions: LENGTH }),
};

/** Every tensor away from its start, so that no part of the model is idle. */
function someParameters(model: LanguageModel): Record<string, TensorArray> {
  const draws = new Draws(9, 0);
  const parameters = initialParameters(model.tensors);
  for (const values of Object.values(parameters))
    values.forEach((value, i) => (values[i] = value + 0.2 * draws.normal()));
  return parameters;
}

const draws = new Draws(4, 0);
const text = Uint8Array.from({ length: 60 }, () => draws.word() % 256);

/** Bits of each position of sequences that begin at `starts`. */
async function bitsOf(
  model: LanguageModel,
  parameters: Record<string, TensorArray>,
  bytes: Uint8Array,
  starts: readonly number[],
): Promise<number[]> {
  const { tokens, targets, count, length } = gather(bytes, LENGTH, starts);
  const engine = createReferenceEngine();
  const losses = await engine.run(populationOf(model.tensors, parameters, CENTRE), async (population) =>
    engine.read(
      model.losses(engine, population, {
        count,
        length,
        tokens: engine.int32(tokens, [1, count * length]),
        targets: engine.int32(targets, [1, count * length]),
        starts: engine.int32(new Int32Array(count * length), [1, count, length]),
      }),
    ),
  );
  return Array.from(losses, (loss) => loss * model.bits);
}

for (const [name, model] of Object.entries(MODELS)) {
  describe(`the ${name}`, () => {
    it('loses on the engine what its stepper predicts, sequence by sequence', async () => {
      const parameters = someParameters(model);
      const bits = await bitsOf(model, parameters, text, [0, 30]);
      const expected = [0, 30].flatMap((start) => {
        const stepper = model.stepper(parameters);
        return Array.from({ length: LENGTH }, (_, t) => {
          const weights = Array.from(stepper.next(text[start + t] ?? 0));
          const total = weights.reduce((sum, weight) => sum + Math.exp(weight), 0);
          return (Math.log(total) - (weights[text[start + t + 1] ?? 0] ?? 0)) / Math.LN2;
        });
      });
      bits.forEach((value, at) => {
        const other = expected[at] ?? 0;
        assert.ok(Math.abs(value - other) < 2e-4, `position ${at}: ${value}, the stepper ${other}`);
      });
      assert.ok(new Set(bits.map((value) => value.toFixed(3))).size > LENGTH, 'positions differ');
    });

    it('sees nothing of later bytes', async () => {
      const parameters = someParameters(model);
      const before = await bitsOf(model, parameters, text, [0]);
      const changed = text.slice();
      changed[6] = ((changed[6] ?? 0) + 77) % 256;
      const after = await bitsOf(model, parameters, changed, [0]);
      assert.deepEqual(after.slice(0, 5), before.slice(0, 5));
      // From the changed byte's own prediction on, each position differs.
      for (let t = 5; t < LENGTH; t++) assert.notEqual(after[t], before[t], `position ${t}`);
    });

    it('gives 8 bits a byte where the head is zero', async () => {
      const parameters = { ...someParameters(model) };
      parameters['head.weight'] = new Float32Array(256 * 8);
      parameters['head.bias'] = new Float32Array(256);
      for (const value of await bitsOf(model, parameters, text, [3])) assert.ok(Math.abs(value - 8) < 1e-6);
    });

    it('begins near 8 bits a byte', async () => {
      const engine = createReferenceEngine();
      const source = populationOf(model.tensors, initialParameters(model.tensors), CENTRE);
      const [bits = 0] = await engine.run(source, (population) =>
        bitsPerByte(engine, population, model, gather(text, LENGTH, [0, 10, 20]), {
          warmUp: 0,
          sequence: LENGTH,
        }),
      );
      assert.ok(Math.abs(bits - 8) < 0.1, `${bits}`);
    });
  });
}

describe('the transformer’s stepper', () => {
  it('goes on past the positions it has, from the second half of what it read', () => {
    const model = MODELS['transformer'] as LanguageModel;
    const parameters = someParameters(model);
    const stepper = model.stepper(parameters);
    let last = new Float64Array();
    for (let t = 0; t <= LENGTH; t++) last = Float64Array.from(stepper.next(text[t] ?? 0));
    const again = model.stepper(parameters);
    let expected = new Float64Array();
    for (let t = LENGTH / 2; t <= LENGTH; t++) expected = Float64Array.from(again.next(text[t] ?? 0));
    assert.deepEqual(last, expected);
  });
});
