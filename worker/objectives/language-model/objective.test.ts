// The objective: values that depend on the member and its seed alone, the text that each kind of evaluation reads, and options.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { SeedcastError } from '../../../shared/errors.js';
import type { EvaluationContext, ObjectiveOptions, Point } from '../../../shared/objectives/types.js';
import { CENTRE, initialParameters, type Members, populationOf } from '../../../test/support/language.js';
import { createReferenceEngine } from '../../engines/reference/engine.js';
import { describeObjective } from '../describe.js';
import { loadObjectives } from '../load.js';
import { bitsPerByte, validationBits, validationSequences } from './loss.js';
import { modelOf } from './models.js';
import { languageModel } from './objective.js';
import { readLanguageOptions } from './options.js';
import { gather, loadText } from './text.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-language-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, 'text');
writeFileSync(data, Buffer.from(Array.from({ length: 400 }, (_, i) => 97 + ((i * i) % 23))));

const KINDS: Readonly<Record<string, ObjectiveOptions>> = {
  integer: { kind: 'integer', layers: 1, width: 16 },
  gru: { kind: 'gru', layers: 1, width: 8 },
  transformer: { kind: 'transformer', layers: 1, width: 8, heads: 2 },
};
const base = { data, sequence: 10, streams: 2, warmUp: 3, holdOut: 0.2 };
const MEMBERS: Members = [
  { direction: 4, sign: 1 },
  { direction: 4, sign: -1 },
  { direction: 5, sign: 1 },
  { direction: 5, sign: -1 },
];

type Context = EvaluationContext<Awaited<ReturnType<NonNullable<typeof languageModel.setup>>>>;

async function evaluate(
  options: ObjectiveOptions,
  members: Members,
  seeds: readonly number[],
  point: Point = 'member',
): Promise<unknown[]> {
  const resource = await languageModel.setup?.(options, { log: () => undefined, thread: 0 });
  assert.ok(resource);
  const contexts = seeds.map((seed, member): Context => ({
    seed,
    step: 3,
    member,
    point,
    part: null,
    signal: new AbortController().signal,
    options,
    log: () => undefined,
    resource,
    statistics: new Float64Array(0),
    wantsAuxiliary: false,
  }));
  const { tensors } = resource.model;
  const engine = createReferenceEngine();
  const values = await engine.run(
    populationOf(tensors, initialParameters(tensors), members),
    async (population) => languageModel.evaluatePopulation?.(engine, population, contexts),
  );
  return [...(values ?? [])];
}

for (const [kind, model] of Object.entries(KINDS)) {
  describe(`language-model, ${kind}`, () => {
    const options = { ...base, model };

    it('gives a member the same value in any slice and order, with other seeds beside it or not', async () => {
      const seeds = [1, 1, 2, 2];
      const together = await evaluate(options, MEMBERS, seeds);
      assert.equal(new Set(together).size, 4);
      const reversed = await evaluate(options, [...MEMBERS].reverse(), [...seeds].reverse());
      assert.deepEqual(reversed.reverse(), together);
      for (const [i, member] of MEMBERS.entries())
        assert.deepEqual(await evaluate(options, [member], [seeds[i] ?? 0]), [together[i]]);
    });

    it('reads the held-out tail in held-out evaluations, the rest in all others', async () => {
      const centre = await evaluate(options, CENTRE, [1], 'centre');
      assert.deepEqual(await evaluate(options, CENTRE, [1], 'member'), centre);
      assert.notDeepEqual(await evaluate(options, CENTRE, [1], 'held-out'), centre);
    });

    it('scores each held-out byte but the first once in validation, whatever the parts', async () => {
      const read = readLanguageOptions(options);
      const text = loadText(read);
      const languageModelHere = modelOf(read);
      const { tensors } = languageModelHere;
      const engine = createReferenceEngine();
      const material = { model: languageModelHere, text, options: read };
      await engine.run(populationOf(tensors, initialParameters(tensors), CENTRE), async (population) => {
        const count = validationSequences(text, read);
        assert.equal(count, Math.floor((Math.ceil(0.2 * 401) - 1) / 10));
        const whole = await validationBits(engine, population, material, 0, 1);
        let sum = 0;
        for (let part = 0; part < 4; part++)
          sum += (await validationBits(engine, population, material, part, 4))[0] ?? Number.NaN;
        assert.ok(Math.abs(sum / 4 - (whole[0] ?? 0)) < 1e-9);
        // Against single sequences: the one that scores bytes cut + 1 + 10 s ... begins three bytes earlier.
        let single = 0;
        for (let s = 0; s < count; s++) {
          const sequence = gather(text.all, 13, [text.cut + 10 * s - 3]);
          single +=
            (await bitsPerByte(engine, population, languageModelHere, sequence, read))[0] ?? Number.NaN;
        }
        assert.ok(Math.abs(single / count - (whole[0] ?? 0)) < 1e-9);
      });
    });
  });
}

describe('language-model, options', () => {
  async function refusal(options: ObjectiveOptions): Promise<SeedcastError> {
    const loaded = (await loadObjectives([])).find(({ definition }) => definition.name === 'language-model');
    assert.ok(loaded);
    try {
      await describeObjective(loaded, options, 'float32');
    } catch (error) {
      assert.ok(error instanceof SeedcastError, String(error));
      return error;
    }
    throw new Error(`accepted ${JSON.stringify(options)}`);
  }

  const cases: readonly (readonly [string, ObjectiveOptions, string, RegExp])[] = [
    ['no text', { model: { kind: 'gru' } }, 'data', /missing/],
    ['an empty list', { ...base, data: [], model: { kind: 'gru' } }, 'data', /\[\]/],
    ['no model', base, 'model', /missing/],
    ['another kind', { ...base, model: { kind: 'rnn' } }, 'model.kind', /rnn/],
    ['an unknown option', { ...base, model: { kind: 'gru', widht: 3 } }, 'model.widht', /widht/],
    ['a width between powers', { ...base, model: { kind: 'integer', width: 128 } }, 'model.width', /128/],
    ['heads elsewhere', { ...base, model: { kind: 'gru', heads: 2 } }, 'model.heads', /2/],
    [
      'heads that do not divide',
      { ...base, model: { kind: 'transformer', width: 8, heads: 3 } },
      'model.heads',
      /3/,
    ],
    ['no sequence', { ...base, model: { kind: 'gru' }, sequence: 1 }, 'sequence', /1/],
    ['all held out', { ...base, model: { kind: 'gru' }, holdOut: 1 }, 'holdOut', /1/],
    ['no file', { ...base, data: join(folder, 'none'), model: { kind: 'gru' } }, 'data', /none/],
  ];
  for (const [what, options, field, message] of cases) {
    it(`refuses ${what}`, async () => {
      const error = await refusal(options);
      assert.equal(error.code, 'SC_OBJECTIVE_OPTIONS');
      assert.equal(error.place?.field, `spec.objective.${field}`);
      assert.match(error.message, message);
    });
  }

  it('keeps every default in the genesis, and the text in the code hash', async () => {
    const loaded = (await loadObjectives([])).find(({ definition }) => definition.name === 'language-model');
    assert.ok(loaded);
    const options = { data, model: { kind: 'transformer' }, sequence: 20 };
    const before = await describeObjective(loaded, options, 'float32');
    assert.deepEqual(before.options, {
      data,
      model: { kind: 'transformer', layers: 2, width: 64, heads: 4 },
      sequence: 20,
      streams: 1,
      warmUp: 0,
      holdOut: 0.1,
    });
    const other = join(folder, 'other');
    writeFileSync(other, 'another text, '.repeat(50));
    const after = await describeObjective(loaded, { ...options, data: other }, 'float32');
    assert.notEqual(after.code, before.code);
  });
});
