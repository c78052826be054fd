import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeedcastError } from '../../../shared/errors.js';
import type { Population, PopulationSource } from '../../../shared/objectives/engine.js';
import type { EvaluationContext, ObjectiveOptions, Point } from '../../../shared/objectives/types.js';
import { writeNpy } from '../../../shared/tensors/npy.js';
import { createReferenceEngine } from '../../engines/reference/engine.js';
import { describeObjective } from '../describe.js';
import { drawBatch } from './batches.js';
import { network } from './network.js';
import { accuracyOn, classifier, type ClassifierStage } from './objective.js';
import { readClassifierOptions } from './options.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-classifier-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

// Standardised x is −1 for `left`, +1 for `right`; the test part has 4 of each and one of each in the wrong place.
const data = {
  train: write('train.csv', 'x,side\n-1,left\n1,right\n'),
  test: write('test.csv', 'x,side\n-1,left\n-1,left\n-1,left\n1,left\n1,right\n1,right\n1,right\n-1,right\n'),
  label: 'side',
};
const engine = createReferenceEngine();

async function stageOf(options: ObjectiveOptions): Promise<ClassifierStage> {
  const complete = classifier.validate?.(options) ?? options;
  return (await classifier.setup?.(complete, { log: () => undefined, thread: 0 })) as ClassifierStage;
}

/** Runs `body` with `members` that all are the centre, whose weights `fill` gives by name. */
async function centre<T>(
  stage: ClassifierStage,
  members: number,
  fill: (name: string, size: number) => Float32Array,
  body: (population: Population) => Promise<T>,
): Promise<T> {
  const source: PopulationSource = {
    version: '0',
    key: [1, 2],
    noiseStep: 0,
    members: Array.from({ length: members }, () => ({ direction: 0, sign: 0 as const })),
    tensors: Object.entries(stage.network.tensors).map(([name, { shape }]) => ({
      name,
      shape,
      base: fill(
        name,
        shape.reduce((a, b) => a * b, 1),
      ),
      perturbation: { kind: 'none' },
    })),
  };
  return engine.run(source, body);
}

function contextOf(
  resource: ClassifierStage,
  point: Point,
  seed: number,
): EvaluationContext<ClassifierStage> {
  return {
    seed,
    step: 0,
    member: point === 'member' ? 0 : null,
    point,
    part: null,
    signal: new AbortController().signal,
    options: {},
    log: () => undefined,
    resource,
    statistics: new Float64Array(0),
    wantsAuxiliary: false,
  };
}

/** Weight ±w of a linear classifier: right's logit less left's is 2 w x. */
const slope =
  (w: number) =>
  (name: string, size: number): Float32Array =>
    name.endsWith('weight') ? Float32Array.of(-w, w) : new Float32Array(size);

/** Each point by itself, as an evaluator asks for them. */
async function values(options: ObjectiveOptions, w: number, points: readonly Point[]): Promise<number[]> {
  const stage = await stageOf(options);
  const all: number[] = [];
  for (const point of points) all.push(...(await valuesOf(stage, 1, slope(w), [contextOf(stage, point, 5)])));
  return all;
}

function valuesOf(
  stage: ClassifierStage,
  members: number,
  weights: (name: string, size: number) => Float32Array,
  contexts: readonly EvaluationContext<ClassifierStage>[],
): Promise<number[]> {
  return centre(stage, members, weights, async (population) => {
    const results = await classifier.evaluatePopulation?.(engine, population, contexts);
    return (results ?? []).map((result) => (typeof result === 'number' ? result : NaN));
  });
}

const near = (got: number | undefined, want: number): void =>
  assert.ok(Math.abs((got ?? NaN) - want) < 1e-6, `${got}, not ${want}`);

describe('the classifier', () => {
  it('gives members and the centre the loss on a batch, held-out evaluations that on the test part', async () => {
    const w = 0.75;
    const right = Math.log1p(Math.exp(-2 * w));
    const wrong = Math.log1p(Math.exp(2 * w));
    const [member, atCentre, heldOut] = await values({ data, hidden: [], batch: 3 }, w, [
      'member',
      'centre',
      'held-out',
    ]);
    near(member, right);
    near(atCentre, right);
    near(heldOut, (6 * right + 2 * wrong) / 8);
  });

  it('gives members of other groups the loss on their own batch, as each would get alone', async () => {
    const stage = await stageOf({ data: 'mnist', hidden: [4], batch: 8 });
    const random = (name: string, size: number): Float32Array =>
      Float32Array.from({ length: size }, (_, i) => Math.sin(i + name.length) / 8);
    const contexts = [5, 5, 6, 6].map((seed) => contextOf(stage, 'member', seed));
    const together = await valuesOf(stage, 4, random, contexts);
    const alone: number[] = [];
    for (const context of contexts) alone.push(...(await valuesOf(stage, 1, random, [context])));
    together.forEach((value, i) => near(value, alone[i] ?? NaN));
    assert.ok(Math.abs((together[0] ?? 0) - (together[2] ?? 0)) > 1e-4, together.join(' '));
  });

  it('can minimise the share of wrong answers', async () => {
    const points: Point[] = ['member', 'held-out'];
    assert.deepEqual(await values({ data, hidden: [], fitness: 'error-rate' }, 1, points), [0, 0.25]);
    assert.deepEqual(await values({ data, hidden: [], fitness: 'error-rate' }, -1, points), [1, 0.75]);
  });

  it('starts near the loss of a guess: ln(classes) where all weights are 0', async () => {
    const stage = await stageOf({ data: 'mnist', hidden: [8], batch: 16 });
    const zero = (_name: string, size: number): Float32Array => new Float32Array(size);
    const [value] = (await centre(stage, 1, zero, async (population) =>
      classifier.evaluatePopulation?.(engine, population, [contextOf(stage, 'member', 1)]),
    )) as number[];
    near(value, Math.log(10));
  });

  it('measures parts of the test data that add up to the whole', async () => {
    const stage = await stageOf({ data, hidden: [], batch: 2 });
    const [whole, ...parts] = await centre(stage, 2, slope(1), async (population) => [
      await accuracyOn(engine, population, stage, 0, 1),
      await accuracyOn(engine, population, stage, 0, 3),
      await accuracyOn(engine, population, stage, 1, 3),
      await accuracyOn(engine, population, stage, 2, 3),
    ]);
    assert.deepEqual([...whole.correct], [6, 6]);
    assert.equal(whole.examples, 8);
    assert.equal(
      parts.reduce((sum, part) => sum + part.examples, 0),
      8,
    );
    assert.equal(
      parts.reduce((sum, part) => sum + (part.correct[1] ?? NaN), 0),
      6,
    );
  });

  it('has the code hash change with its data files', async () => {
    const own = {
      train: write('own.csv', '1,a\n2,b\n'),
      test: write('own-test.csv', '1,a\n2,b\n'),
      label: 1,
    };
    const loaded = { definition: classifier, code: 'c', source: null } as never;
    const before = await describeObjective(loaded, { data: own }, 'float32');
    assert.equal((await describeObjective(loaded, { data: own }, 'float32')).code, before.code);
    write('own-test.csv', '1,b\n2,b\n');
    assert.notEqual((await describeObjective(loaded, { data: own }, 'float32')).code, before.code);
  });
});

describe('its networks', () => {
  it('have the layers of PyTorch in order, rows of deviation 1/√fan-in, biases 0', () => {
    const { tensors } = network(readClassifierOptions({ hidden: [256, 32] }), [28, 28, 1], 10);
    assert.deepEqual(
      Object.entries(tensors).map(([name, { shape }]) => [name, ...shape]),
      [
        ['layers.0.weight', 256, 784],
        ['layers.0.bias', 256],
        ['layers.1.weight', 32, 256],
        ['layers.1.bias', 32],
        ['layers.2.weight', 10, 32],
        ['layers.2.bias', 10],
      ],
    );
    assert.deepEqual(tensors['layers.0.weight']?.init, { kind: 'normal', std: 1 / 28 });
    assert.deepEqual(tensors['layers.2.bias']?.init, { kind: 'zeros' });
  });

  it('of kind cnn halve the image at each convolution', () => {
    const { tensors } = network(
      readClassifierOptions({ model: 'cnn', channels: [4, 6], hidden: [] }),
      [28, 29, 1],
      10,
    );
    assert.deepEqual(
      Object.entries(tensors).map(([name, { shape }]) => [name, ...shape]),
      [
        ['convolutions.0.weight', 4, 3, 3, 1],
        ['convolutions.0.bias', 4],
        ['convolutions.1.weight', 6, 3, 3, 4],
        ['convolutions.1.bias', 6],
        ['layers.0.weight', 10, 7 * 7 * 6],
        ['layers.0.bias', 10],
      ],
    );
  });

  it('of kind cnn see where a pixel lies: a kernel that copies, then the greatest of each quarter', async () => {
    const inputs = write(
      'images.npy',
      writeNpy({
        shape: [2, 4, 4],
        array: Float32Array.from({ length: 32 }, (_, i) => (i === 5 || i === 31 ? 1 : 0)),
      }),
    );
    const labels = write('labels.npy', writeNpy({ shape: [2], array: Int8Array.of(0, 1) }));
    const stage = await stageOf({
      data: { train: { inputs, labels }, test: { inputs, labels } },
      model: 'cnn',
      channels: [1],
      hidden: [],
    });
    const fill = (name: string, size: number): Float32Array => {
      const values = new Float32Array(size);
      if (name === 'convolutions.0.weight') values[4] = 1;
      // Class 0 looks at the first quarter, class 1 at the last.
      if (name === 'layers.0.weight') values[0] = values[7] = 1;
      return values;
    };
    const logits = await centre(stage, 1, fill, async (population) =>
      engine.read(
        stage.network.logits(
          engine,
          population,
          Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? 3 : i === 31 ? 2 : -1)),
          2,
        ),
      ),
    );
    assert.deepEqual([...logits], [3, 0, 0, 2]);
  });

  it('normalise before the activation where asked: sums of another scale give the same logits', async () => {
    const logits = async (normalization: string, factor: number): Promise<number[]> => {
      const stage = await stageOf({ data, hidden: [3], normalization });
      const fill = (name: string, size: number): Float32Array => {
        if (name === 'layers.0.weight') return Float32Array.of(3, -1, 5).map((value) => value * factor);
        return name.endsWith('weight') ? Float32Array.of(1, -1, 2, 0.5, 1, 1) : new Float32Array(size);
      };
      return centre(stage, 1, fill, async (population) => [
        ...(await engine.read(stage.network.logits(engine, population, Float32Array.of(1), 1))),
      ]);
    };
    const [one, hundred] = [await logits('layer', 1), await logits('layer', 100)];
    one.forEach((value, i) => assert.ok(Math.abs(value - (hundred[i] ?? NaN)) < 1e-4));
    const [plain, scaled] = [await logits('none', 1), await logits('none', 100)];
    assert.deepEqual(plain, [3 + 10, 1.5 + 5]);
    assert.deepEqual(scaled, [1300, 650]);
  });
});

describe('its batches', () => {
  it('are distinct examples, a function of the seed', () => {
    const batch = drawBatch(7, 60_000, 256);
    assert.equal(new Set(batch).size, 256);
    assert.ok(batch.every((index) => index < 60_000));
    assert.deepEqual(drawBatch(7, 60_000, 256), batch);
    assert.notDeepEqual(drawBatch(8, 60_000, 256), batch);
  });

  it('hold every example once where they are as large as the data', () => {
    assert.deepEqual([...drawBatch(3, 9, 100)].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('hold each example equally often', () => {
    const [count, size, draws] = [20, 5, 8_000];
    const seen = new Array<number>(count).fill(0);
    for (let seed = 0; seed < draws; seed++)
      for (const index of drawBatch(seed, count, size)) seen[index] = (seen[index] ?? 0) + 1;
    // Each count is binomial(8000, 1/4): mean 2000, deviation 38.7; five deviations.
    for (const times of seen) assert.ok(Math.abs(times - (draws * size) / count) < 5 * 38.8, String(times));
  });
});

describe('its options', () => {
  const refusal = (options: ObjectiveOptions): string => {
    try {
      classifier.validate?.(options);
    } catch (error) {
      assert.ok(error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_OPTIONS', String(error));
      return `${error.message} (${error.hint ?? ''})`;
    }
    return 'accepted';
  };

  it('have defaults', () => {
    assert.deepEqual(classifier.validate?.({}), {
      data: 'mnist',
      model: 'mlp',
      hidden: [256],
      activation: 'relu',
      normalization: 'none',
      batch: 256,
      fitness: 'cross-entropy',
    });
  });

  it('are refused with what is allowed', () => {
    assert.match(refusal({ batchSize: 3 }), /unknown option `batchSize`/);
    assert.match(refusal({ hiden: [3] }), /did you mean `hidden`\?/);
    assert.match(refusal({ data: 'cifar' }), /allowed: mnist; \{ train: FILE\.csv/);
    assert.match(refusal({ data: { train: 'a.csv', test: 'b.csv' } }), /label: column name or index/);
    assert.match(refusal({ data: { train: 'a.csv', test: 'b.csv', lable: 1 } }), /label: column/);
    assert.match(refusal({ channels: [4] }), /left out for `model: mlp`/);
    assert.match(refusal({ batch: 0 }), /an integer from 1/);
  });

  it('refuse convolutions over what is no image, or too small a one', async () => {
    const code = (error: unknown): boolean =>
      error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_OPTIONS';
    await assert.rejects(stageOf({ data, model: 'cnn' }), code);
    await assert.rejects(stageOf({ model: 'cnn', channels: [1, 1, 1, 1, 1] }), code);
  });
});
