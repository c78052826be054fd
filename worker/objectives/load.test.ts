import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SeedcastError } from '../../shared/errors.js';
import { moduleCode } from './code-hash.js';
import { loadObjectives } from './load.js';
import { BUILT_IN_OBJECTIVES } from './registry.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-load-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const OBJECTIVE = (name: string): string =>
  `{ name: '${name}', direction: 'minimize', parameters: () => ({ x: { shape: [2] } }), evaluate: ({ x }) => x[0] }`;

function put(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const own = async (...paths: string[]) => (await loadObjectives(paths)).slice(BUILT_IN_OBJECTIVES.length);
const names = async (...paths: string[]): Promise<string[]> =>
  (await own(...paths)).map(({ definition }) => definition.name);

async function refused(path: string): Promise<SeedcastError> {
  try {
    await loadObjectives([path]);
  } catch (error) {
    assert.ok(error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_FILE', String(error));
    return error;
  }
  throw new Error(`accepted ${path}`);
}

describe('loading objectives', () => {
  it('offers the built-in ones, each with a hash of its own and no source', async () => {
    const loaded = await loadObjectives([]);
    for (const name of [
      'sphere',
      'rosenbrock',
      'rastrigin',
      'ackley',
      'griewank',
      'schwefel',
      'levy',
      'timer',
      'policy',
    ]) {
      const found = loaded.find(({ definition }) => definition.name === name);
      assert.equal(found?.source, null, name);
    }
    assert.equal(new Set(loaded.map(({ code }) => code)).size, loaded.length);
  });

  it('takes a plain object, an array of them and a JavaScript module without package.json', async () => {
    assert.deepEqual(await names(put('plain.mjs', `export default ${OBJECTIVE('plain')};`)), ['plain']);
    assert.deepEqual(
      await names(put('two.mjs', `export default [${OBJECTIVE('one')}, ${OBJECTIVE('two')}];`)),
      ['one', 'two'],
    );
    assert.deepEqual(await names(put('bare/esm.js', `export default ${OBJECTIVE('esm')};`)), ['esm']);
  });

  it('takes TypeScript with its types, importing another file as .js', async () => {
    put(
      'ts/helper.ts',
      'export interface Point { readonly at: number }\nexport const scale = (p: Point): number => p.at * 2;\n',
    );
    const file = put(
      'ts/typed.ts',
      `import { scale, type Point } from './helper.js';\nconst origin: Point = { at: 1 } satisfies Point;\nexport default { name: 'typed' as const, direction: 'minimize', parameters: () => ({ x: { shape: [scale(origin)] } }), evaluate: ({ x }: { x: Float32Array }): number => x[0]! };\n`,
    );
    const [loaded] = await own(file);
    assert.deepEqual(await loaded?.definition.parameters({}), { x: { shape: [2] } });
  });

  it('takes a command declaration', async () => {
    const file = put(
      'command.yaml',
      'name: by-command\ndirection: maximize\ncommand: [cat]\nparameters: { x: { shape: [1] } }\n',
    );
    const [loaded] = await own(file);
    assert.equal(loaded?.definition.name, 'by-command');
    assert.equal(loaded.source, file);
  });

  it('passes over what else a folder holds', async () => {
    put('mixed/a.mjs', `export default ${OBJECTIVE('a')};`);
    put('mixed/helper.mjs', 'export const x = 1;');
    put('mixed/b.yaml', 'name: b\ndirection: minimize\ncommand: [cat]\nparameters: { x: { shape: [1] } }\n');
    put('mixed/job.yaml', 'apiVersion: seedcast/v1\nkind: Job\n');
    put('mixed/tsconfig.json', '{ "compilerOptions": {} }');
    put('mixed/readme.md', '#');
    put('mixed/model.py', 'x');
    put('mixed/types.d.ts', 'export default never;');
    put('mixed/.hidden.mjs', 'throw 1;');
    put('mixed/inner/c.mjs', `export default ${OBJECTIVE('c')};`);
    assert.deepEqual(await names(join(folder, 'mixed')), ['a', 'b']);
  });

  it('names the file and the mend for every kind of bad file', async () => {
    const cases: [string, string, RegExp][] = [
      ['bad/syntax.mjs', 'export default {', /does not load/],
      ['bad/throws.mjs', 'throw new Error("no licence");', /no licence/],
      ['bad/none.mjs', 'export const x = 1;', /default export is no objective/],
      ['bad/field.mjs', `export default { ...${OBJECTIVE('f')}, evalute: 1 };`, /no field `evalute`/],
      ['bad/name.mjs', `export default { ...${OBJECTIVE('f')}, name: 'a b' };`, /the name is "a b"/],
      [
        'bad/direction.mjs',
        `export default { ...${OBJECTIVE('f')}, direction: 'up' };`,
        /the direction is "up"/,
      ],
      [
        'bad/validation.mjs',
        `export default { ...${OBJECTIVE('f')}, validation: { metric: 'a b', direction: 'maximize', parts: () => 1 } };`,
        /the validation's metric is "a b"/,
      ],
      [
        'bad/nothing.mjs',
        `export default { name: 'f', direction: 'minimize', parameters: () => ({}) };`,
        /neither `evaluate`/,
      ],
      [
        'bad/parameters.mjs',
        `export default { ...${OBJECTIVE('f')}, parameters: { x: 1 } };`,
        /`parameters` is/,
      ],
      ['bad/timeout.mjs', `export default { ...${OBJECTIVE('f')}, timeout: '30s' };`, /the timeout is "30s"/],
      ['bad/seeds.mjs', `export default { ...${OBJECTIVE('f')}, seeds: 'one' };`, /seeds is "one"/],
      ['bad/taken.mjs', `export default ${OBJECTIVE('sphere')};`, /`sphere` is already defined/],
      ['bad/yaml.yaml', 'name: [', /./],
      ['bad/notes.txt', 'x', /no objective file/],
      ['bad/typescript.ts', 'export default { name: ;', /does not load/],
    ];
    for (const [path, text, message] of cases) {
      const error = await refused(put(path, text));
      assert.match(error.message, message);
      assert.equal(error.place?.file, join(folder, path));
      assert.ok(error.hint !== undefined || path.endsWith('yaml.yaml'), path);
    }
    assert.equal((await refused(join(folder, 'bad/field.mjs'))).hint, 'did you mean `evaluate`?');
    assert.match((await refused(join(folder, 'missing.mjs'))).message, /no such file/);
  });

  it('resolves `seedcast` to the running package from a folder anywhere, in several threads', async (t) => {
    const file = put(
      'anywhere/own.ts',
      `import { defineObjective } from 'seedcast';\nexport default defineObjective(${OBJECTIVE('own')});\n`,
    );
    const { existsSync } = await import('node:fs');
    if (!existsSync(new URL('../../index.js', import.meta.url)))
      return t.skip('the package entry is not built');
    const code = `const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.load).then(({ loadObjectives }) => loadObjectives([workerData.file])).then((all) => parentPort.postMessage(all.at(-1).definition.name), (e) => parentPort.postMessage(String(e)));`;
    const workerData = { load: new URL('./load.js', import.meta.url).href, file };
    const answers = await Promise.all(
      [0, 1].map(
        () =>
          new Promise((resolve, reject) =>
            new Worker(code, { eval: true, workerData }).once('message', resolve).once('error', reject),
          ),
      ),
    );
    assert.deepEqual(answers, ['own', 'own']);
  });
});

describe('the code hash of a module', () => {
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('covers the file and its local imports, transitively, by relative path', () => {
    const texts = {
      'main.mjs': `import { a } from './lib/a.js';\nimport 'node:fs';\nexport default a;`,
      'lib/a.ts': `export { a } from './b.mjs';\nconst lazy = () => import('../lazy.mjs');`,
      'lib/b.mjs': `export const a = new URL('./data.bin', import.meta.url);`,
      'lib/data.bin': 'data',
      'lazy.mjs': 'export {};',
      'unused.mjs': 'export {};',
    };
    for (const [path, text] of Object.entries(texts)) put(join('hash', path), text);
    const lines = (['lazy.mjs', 'lib/a.ts', 'lib/b.mjs', 'lib/data.bin', 'main.mjs'] as const).map(
      (path) => `${path} ${sha(texts[path])}\n`,
    );
    assert.equal(moduleCode(join(folder, 'hash', 'main.mjs')), sha(lines.join('')));
  });

  it('changes with an import and not with a stranger', () => {
    const main = put('hash2/main.mjs', `import './a.mjs';`);
    put('hash2/a.mjs', '1');
    const before = moduleCode(main);
    put('hash2/b.mjs', '2');
    assert.equal(moduleCode(main), before);
    put('hash2/a.mjs', '3');
    assert.notEqual(moduleCode(main), before);
  });
});
