// The choice of an engine: what `auto` prefers, what a wish that cannot be met says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeedcastError } from '../../shared/errors.js';
import { createReferenceEngine } from './reference/engine.js';
import { inTurn } from './providers.js';
import { type EngineProbe, type EngineProvider, chooseEngine, parseEngineWish } from './open.js';

function provider(name: EngineProvider['name'], ...probes: EngineProbe[]): EngineProvider {
  return {
    name,
    probe: () => Promise.resolve(probes),
    open: () => Promise.reject(new Error('not opened in this test')),
  };
}

const reference = provider('reference', {
  available: true,
  backend: 'typescript',
  details: 'plain TypeScript',
  gpu: false,
});
const native = provider('native', { available: true, backend: 'avx2', details: 'C++ addon', gpu: false });
const noNative = provider('native', {
  available: false,
  backend: 'addon',
  why: 'the addon is not built',
  mend: 'npm rebuild seedcast',
});
const device = (gpu: boolean): EngineProvider =>
  provider(
    'tensorflow',
    {
      available: false,
      backend: 'tensorflow',
      why: 'no tfjs-node',
      mend: 'npm install @tensorflow/tfjs-node',
    },
    { available: true, backend: 'webgpu', details: 'some adapter', gpu },
  );

test('auto takes a real graphics processor, else the addon, else plain TypeScript', async () => {
  const names = async (providers: readonly EngineProvider[]): Promise<string> => {
    const { name, backend } = await chooseEngine('auto', providers);
    return `${name}:${backend}`;
  };
  assert.equal(await names([device(true), native, reference]), 'tensorflow:webgpu');
  assert.equal(await names([device(false), native, reference]), 'native:avx2');
  assert.equal(await names([device(false), noNative, reference]), 'reference:typescript');
});

test('an engine that was asked for by name is taken on any device, by its backend where one is named', async () => {
  const providers = [device(false), native, reference];
  assert.equal((await chooseEngine(parseEngineWish('tensorflow'), providers)).backend, 'webgpu');
  assert.equal((await chooseEngine(parseEngineWish('tensorflow:webgpu'), providers)).name, 'tensorflow');
  assert.equal((await chooseEngine(parseEngineWish('reference'), providers)).name, 'reference');
});

test('an engine that cannot be had is refused with the reason and the mend', async () => {
  await assert.rejects(chooseEngine(parseEngineWish('native'), [noNative, reference]), (error: unknown) => {
    assert.ok(error instanceof SeedcastError);
    assert.equal(error.code, 'SC_ENGINE');
    assert.match(error.message, /engine native cannot be had here: the addon is not built/);
    assert.equal(error.hint, 'npm rebuild seedcast');
    return true;
  });
  await assert.rejects(chooseEngine(parseEngineWish('tensorflow:wasm'), [device(true)]), (error: unknown) => {
    assert.ok(error instanceof SeedcastError);
    assert.match(error.hint ?? '', /its backends are tensorflow, webgpu/);
    return true;
  });
});

test('a wish that names no engine is refused', () => {
  for (const text of ['gpu', 'native:', 'tensorflow:a:b', ''])
    assert.throws(
      () => parseEngineWish(text),
      (error: unknown) => error instanceof SeedcastError && error.code === 'SC_USAGE',
    );
});

test('jobs that share the engine of a thread are evaluated in turn, also after one that failed', async () => {
  const engine = inTurn(createReferenceEngine());
  const source = {
    version: 'one',
    key: [1, 2] as const,
    noiseStep: 0,
    members: [{ direction: 0, sign: 1 as const }],
    tensors: [],
  };
  const order: string[] = [];
  const run = (name: string) =>
    engine.run(source, async () => {
      order.push(`${name} begins`);
      await new Promise((later) => setImmediate(later));
      order.push(`${name} ends`);
      if (name === 'b') throw new Error('b fails');
      return name;
    });
  const outcomes = await Promise.allSettled([run('a'), run('b'), run('c')]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(
    order,
    ['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});
