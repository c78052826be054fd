// Sampling: frequencies against the probabilities asked for, and texts that depend on the seed alone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initialParameters } from '../../../test/support/language.js';
import { Draws } from '../draws.js';
import { generate, sample } from './generate.js';
import { gruModel } from './gru-model.js';
import { integerModel } from './integer-model.js';
import { transformerModel } from './transformer-model.js';

const LOG_WEIGHTS = Float64Array.from([3, 1, 6, 2], Math.log);

function frequencies(temperature: number, top: number | null, count = 20_000): number[] {
  const draws = new Draws(5, 0);
  const seen = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const index = sample(LOG_WEIGHTS, temperature, top, draws);
    seen[index] = (seen[index] ?? 0) + 1 / count;
  }
  return seen;
}

function near(found: readonly number[], expected: readonly number[]): void {
  found.forEach((value, i) => {
    const p = expected[i] ?? 0;
    assert.ok(
      Math.abs(value - p) <= 5 * Math.sqrt((p * (1 - p)) / 20_000),
      `${found.join(' ')} against ${expected.join(' ')}`,
    );
  });
}

describe('sampling', () => {
  it('draws in proportion to the weights at temperature 1', () =>
    near(frequencies(1, null), [3 / 12, 1 / 12, 6 / 12, 2 / 12]));

  it('draws in proportion to the weights to the power of 1/temperature', () =>
    near(frequencies(0.5, null), [9 / 50, 1 / 50, 36 / 50, 4 / 50]));

  it('draws from the `top` greatest only', () => near(frequencies(1, 2), [3 / 9, 0, 6 / 9, 0]));

  it('takes the greatest at temperature 0, the first of equals', () => {
    assert.deepEqual(frequencies(0, null, 10).map(Math.round), [0, 0, 1, 0]);
    assert.equal(sample(Float64Array.from([1, 4, 4]), 0, null, new Draws(1, 0)), 1);
  });
});

describe('generation', () => {
  const models = {
    integer: integerModel({ layers: 2, width: 16 }),
    gru: gruModel({ layers: 1, width: 8 }),
    transformer: transformerModel({ layers: 1, width: 8, heads: 2, positions: 16 }),
  };
  const signal = new AbortController().signal;
  const request = { prompt: 'Call me ', length: 40, temperature: 0.8, top: null, seed: 1, signal };

  for (const [name, model] of Object.entries(models)) {
    it(`by the ${name} model depends on the seed and the prompt, and on nothing else`, () => {
      const parameters = initialParameters(model.tensors);
      const write = (more: Partial<typeof request>): string =>
        generate(model.stepper(parameters), { ...request, ...more });
      assert.equal(write({}), write({}));
      assert.notEqual(write({}), write({ seed: 2 }));
      assert.notEqual(write({}), write({ prompt: 'Call you ' }));
      assert.equal(write({ temperature: 0 }), write({ temperature: 0, seed: 2 }));
      assert.doesNotMatch(write({ length: 2000 }), /\0/);
    });
  }

  it('writes as many bytes as asked', () => {
    const always = Float64Array.from({ length: 256 }, (_, i) => (i === 0x61 ? 1 : 0));
    assert.equal(generate({ next: () => always }, { ...request, length: 5, temperature: 0 }), 'aaaaa');
  });

  it('ends when it is no longer wanted', () => {
    const abort = new AbortController();
    const stepper = {
      next: () => {
        abort.abort();
        return new Float64Array(256);
      },
    };
    assert.throws(() => generate(stepper, { ...request, signal: abort.signal }), { name: 'AbortError' });
  });
});
