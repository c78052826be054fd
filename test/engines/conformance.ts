// The conformance suite: every engine runs the same cases against the same explicit formulas. An engine that cannot be
// opened here is skipped, with its reason. To be called at the top of a test file.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { SeedcastError } from '../../shared/errors.js';
import type { Engine, PopulationSource, Tensor, Weight } from '../../shared/objectives/engine.js';
import type { Case, Data, Few, InputCase } from './cases.js';
import { KEY, memberWeights, NOISE_STEP } from './explicit.js';
import { floatCases } from './float-cases.js';
import { everyUnitStep, integerCases } from './integer-cases.js';

export interface EngineUnderTest {
  readonly name: string;
  /** Opens an engine, or says why there is none. */
  readonly open: () => Promise<Engine | { readonly unavailable: string }>;
  readonly close?: (engine: Engine) => Promise<void>;
  /** Factor on the float tolerances, for devices with short mantissas. Default 1. */
  readonly slack?: number;
  /**
   * True where the engine promises that a member's bits depend neither on the other members of the call nor on whether its
   * input was shared. Default true.
   */
  readonly independent?: boolean;
  /** False leaves out the walk over all states of the integer unit, which takes hours on an emulated device. Default true. */
  readonly exhaustive?: boolean;
}

interface Outcome {
  readonly shape: readonly number[];
  readonly data: Data;
}

export function conformance({
  name,
  open,
  close,
  slack = 1,
  independent = true,
  exhaustive = true,
}: EngineUnderTest): void {
  describe(`the ${name} engine`, () => {
    let engine: Engine | null = null;
    let reason = '';
    before(async () => {
      const opened = await open();
      if ('unavailable' in opened) {
        reason = opened.unavailable;
        console.log(`# the ${name} engine is not tested: ${reason}`);
      } else engine = opened;
    });
    after(async () => {
      if (engine !== null) await close?.(engine);
    });
    const test = (title: string, body: (engine: Engine) => Promise<void>): void => {
      it(title, async (context) => {
        if (engine === null) context.skip(reason);
        else await body(engine);
      });
    };

    for (const group of grouped([...floatCases, ...integerCases])) {
      const [operation, cases] = group;
      describe(operation, () => {
        for (const one of cases) {
          test(one.name, async (opened) => {
            const results = await run(opened, one);
            compare(one, results, slack);
          });
        }
        if (!independent) return;
        test('gives a member the same bits alone, in any order and with an input of its own', async (opened) => {
          for (const one of cases) await compareIndependent(opened, one);
        });
      });
    }

    describe('integerGru', { skip: exhaustive ? false : 'too long for this engine' }, () => {
      test('steps every state, gate and candidate exactly', async (opened) => {
        for (let state = -127; state <= 126; state++) {
          const one = everyUnitStep(state);
          compare(one, await run(opened, one), 1);
        }
      });
    });

    describe('a call', () => {
      refusals(test);
    });
  });
}

function grouped(cases: readonly Case[]): ReadonlyMap<string, readonly Case[]> {
  const groups = new Map<string, Case[]>();
  for (const one of cases) groups.set(one.operation, [...(groups.get(one.operation) ?? []), one]);
  return groups;
}

export function sourceOf({ weights, members, name, operation }: Case): PopulationSource {
  return {
    version: `${operation} ${name}`,
    key: KEY,
    noiseStep: NOISE_STEP,
    members,
    tensors: weights,
  };
}

async function run(engine: Engine, one: Case): Promise<Outcome[]> {
  return engine.run(sourceOf(one), async (population) => {
    assert.equal(population.size, one.members.length);
    const inputs = one.inputs.map((input) => upload(engine, input));
    const results = one.run(engine, inputs as unknown as Few<Tensor>, (weight) => population.weight(weight));
    return Promise.all(
      results.map(async (tensor) => ({ shape: tensor.shape, data: await engine.read(tensor) })),
    );
  });
}

function upload(engine: Engine, { shape, values }: InputCase): Tensor {
  const full = [values.length, ...shape];
  const [first] = values;
  const all = values.length === 1 && first !== undefined ? first : values.flatMap((data) => [...data]);
  if (first instanceof Float32Array) return engine.float32(Float32Array.from(all), full);
  if (first instanceof Int32Array) return engine.int32(Int32Array.from(all), full);
  return engine.int8(Int8Array.from(all), full);
}

function compare(one: Case, results: readonly Outcome[], slack: number): void {
  const { members, weights, inputs, tolerance } = one;
  for (const [index, member] of members.entries()) {
    const expected = one.expected(
      inputs.map(({ values }) => copyOf(values, index)) as unknown as Few<Data>,
      memberWeights(weights, member),
    );
    assert.equal(results.length, expected.length);
    for (const [place, { shape, values }] of expected.entries()) {
      const { shape: full, data } = results[place] ?? { shape: [], data: new Int8Array() };
      const copies = full[0] ?? 0;
      assert.ok(
        copies === 1 || copies === members.length,
        `first axis ${copies} of ${members.length} members`,
      );
      assert.deepEqual(full.slice(1), shape);
      const got = part(data, copies, index);
      assert.equal(got.length, values.length);
      for (let i = 0; i < values.length; i++) {
        const want = values[i] ?? NaN;
        const have = got[i] ?? NaN;
        const ok =
          tolerance === 0 ? have === want : Math.abs(have - want) <= slack * tolerance * (1 + Math.abs(want));
        if (!ok)
          assert.fail(
            `member ${index} (${member.sign}), result ${place}, element ${i}: ${have}, not ${want}`,
          );
      }
    }
  }
}

async function compareIndependent(engine: Engine, one: Case): Promise<void> {
  const { members, inputs } = one;
  const together = await run(engine, one);
  const order = members.map((_, index) => index).reverse();
  const variants = [
    ...members.map((_, index) => ({ order: [index], inputs: pick(inputs, [index]) })),
    { order, inputs: pick(inputs, order) },
    // Each member its own copy of what was shared.
    {
      order: members.map((_, index) => index),
      inputs: inputs.map(({ shape, values }) => ({
        shape,
        values: members.map((_, index) => copyOf(values, index)),
      })),
    },
  ];
  for (const variant of variants) {
    const some = variant.order.map((index) => members[index] ?? { direction: 0, sign: 0 as const });
    const results = await run(engine, { ...one, members: some, inputs: variant.inputs });
    for (const [place, { shape, data }] of results.entries()) {
      const whole = together[place] ?? { shape: [1], data: new Int8Array() };
      for (const [at, index] of variant.order.entries()) {
        const have = part(data, shape[0] ?? 1, at);
        const want = part(whole.data, whole.shape[0] ?? 1, index);
        const different = have.findIndex((value, i) => !Object.is(value, want[i]));
        if (have.length !== want.length || different >= 0)
          assert.fail(
            `${one.name}: member ${index} in [${variant.order.join(', ')}], result ${place}, element ${different}: ${have[different]}, but ${want[different]} among all`,
          );
      }
    }
  }
}

function pick(inputs: readonly InputCase[], order: readonly number[]): InputCase[] {
  return inputs.map(({ shape, values }) => ({
    shape,
    values: values.length === 1 ? values : order.map((index) => copyOf(values, index)),
  }));
}

function copyOf(values: readonly Data[], index: number): Data {
  return values[values.length === 1 ? 0 : index] ?? new Int8Array();
}

function part(data: Data, copies: number, index: number): Data {
  const length = data.length / copies;
  return copies === 1 ? data : data.slice(index * length, (index + 1) * length);
}

/** What a model can do wrong is refused by every engine. */
function refusals(test: (title: string, body: (engine: Engine) => Promise<void>) => void): void {
  const source: PopulationSource = {
    version: 'refusals',
    key: KEY,
    noiseStep: 0,
    members: [
      { direction: 0, sign: 1 },
      { direction: 0, sign: -1 },
    ],
    tensors: [
      { name: 'w', shape: [3, 2], base: new Float32Array(6), perturbation: { kind: 'none' } },
      { name: 'b', shape: [3], base: new Float32Array(3), perturbation: { kind: 'none' } },
    ],
  };
  const internal = (error: unknown): boolean =>
    error instanceof SeedcastError && error.code === 'SC_INTERNAL';
  const refuses = (
    title: string,
    body: (engine: Engine, weight: (name: string) => Weight) => unknown,
  ): void =>
    test(`refuses ${title}`, async (engine) => {
      await engine.run(source, (population) =>
        Promise.resolve(assert.throws(() => body(engine, (name) => population.weight(name)), internal)),
      );
    });

  refuses('a weight that was not declared', (_engine, weight) => weight('nothing'));
  refuses('data of another length than its shape', (engine) =>
    engine.float32(new Float32Array(5), [1, 2, 3]),
  );
  refuses('an input of another width', (engine, weight) =>
    engine.linear(engine.float32(new Float32Array(3), [1, 1, 3]), weight('w')),
  );
  refuses('a bias of another length', (engine, weight) =>
    engine.linear(engine.float32(new Float32Array(2), [1, 1, 2]), weight('w'), weight('w')),
  );
  refuses('an input of another rank', (engine, weight) =>
    engine.linear(engine.float32(new Float32Array(2), [1, 2]), weight('w')),
  );
  refuses('an input of another type', (engine, weight) =>
    engine.linear(engine.int32(new Int32Array(2), [1, 1, 2]), weight('w')),
  );
  refuses('a float weight in an integer operation', (engine, weight) =>
    engine.integerLinear(engine.int8(new Int8Array(2), [1, 1, 2]), weight('w'), 0),
  );
  refuses('a token beyond the table', (engine, weight) =>
    engine.embedding(engine.int32(Int32Array.of(3), [1, 1]), weight('w')),
  );
  refuses('a sum of different shapes', (engine) =>
    engine.add(engine.float32(new Float32Array(2), [1, 2]), engine.float32(new Float32Array(3), [1, 3])),
  );
  refuses('a first axis that is neither 1 nor the population', (engine) =>
    engine.float32(new Float32Array(3), [3, 1]),
  );
  refuses('heads that do not divide the width', (engine) => {
    const x = engine.float32(new Float32Array(6), [1, 1, 2, 3]);
    return engine.attention(x, x, x, { heads: 2, causal: true });
  });

  test('refuses a tensor of an earlier run, and to overlap another', async (engine) => {
    const old = await engine.run(source, async () =>
      Promise.resolve(engine.float32(Float32Array.of(1), [1, 1])),
    );
    await engine.run(source, async () => {
      await assert.rejects(async () => engine.read(old), internal);
      await assert.rejects(async () => engine.run(source, async () => Promise.resolve()), internal);
    });
    await assert.rejects(async () => engine.read(old), internal);
  });

  test('passes on what its body throws and goes on', async (engine) => {
    await assert.rejects(
      engine.run(source, async () => Promise.reject(new Error('from the body'))),
      /from the body/,
    );
    assert.equal(await engine.run(source, async ({ size }) => Promise.resolve(size)), 2);
  });
}
