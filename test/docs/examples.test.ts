// The examples of the documentation work: job files parse, objectives load and evaluate, TypeScript compiles against the
// package's own types, and two forms of one objective agree.
import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { parseJobFile } from '../../shared/job/parse.js';
import { systemClock } from '../../shared/ports.js';
import { readDeclaration } from '../../worker/objectives/command/declaration.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { loadObjectives } from '../../worker/objectives/load.js';
import { ObjectiveRunner } from '../../worker/objectives/run.js';
import { type Block, pages, readPage, root } from './markdown.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-docs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const all = pages().flatMap((page) => page.blocks.map((block) => ({ page: page.path, block })));
const place = (page: string, { line }: Block): string => `${page}:${line}`;

/** Writes the named blocks of a page to a folder and returns it. */
function extract(path: string): string {
  const into = join(folder, path.replaceAll('/', '-'));
  mkdirSync(into, { recursive: true });
  for (const { file, text } of readPage(path).blocks)
    if (file !== null) writeFileSync(join(into, file), text);
  return into;
}

async function valueOf(file: string, x: Float32Array): Promise<number> {
  const loaded = (await loadObjectives([file])).at(-1);
  assert.ok(loaded);
  const description = await describeObjective(loaded, {}, 'float32');
  const [tensor] = description.tensors;
  assert.ok(tensor);
  const runner = new ObjectiveRunner(loaded, description, {
    clock: systemClock,
    log: () => undefined,
    thread: 0,
  });
  await runner.start();
  try {
    const request = {
      seed: 1,
      step: 0,
      member: 0,
      point: 'member',
      part: null,
      statistics: new Float64Array(0),
      wantsAuxiliary: false,
    } as const;
    const [outcome] = await runner.evaluate(
      [{ ...request, parameters: { [tensor.name]: x } }],
      new AbortController().signal,
    );
    assert.ok(outcome && 'value' in outcome, JSON.stringify(outcome));
    return outcome.value;
  } finally {
    await runner.dispose();
  }
}

describe('the examples of the documentation', () => {
  const jobs = all.filter(({ block }) => block.language === 'yaml' && /^kind: Job$/m.test(block.text));
  for (const { page, block } of jobs) {
    it(`${place(page, block)} is a job file`, () => {
      assert.ok(parseJobFile(block.text, page).spec.method.population > 0);
    });
  }

  const declarations = all.filter(({ block }) => block.language === 'yaml' && /^command:/m.test(block.text));
  for (const { page, block } of declarations) {
    it(`${place(page, block)} declares a command`, () => {
      // Files that stand for the reader's own.
      const own = join(folder, `declaration-${block.line}`);
      mkdirSync(own);
      const named =
        /files: \[([^\]]*)\]/
          .exec(block.text)?.[1]
          ?.split(',')
          .map((name) => name.trim()) ?? [];
      for (const name of named) writeFileSync(join(own, name), '');
      assert.ok(readDeclaration(block.text, join(own, 'declaration.yaml')).command.length > 0);
    });
  }

  it('were found at all', () => {
    assert.ok(jobs.length >= 3 && declarations.length >= 2);
  });

  const typed = all.filter(({ block }) => block.language === 'ts' && block.text.includes("from 'seedcast'"));
  it('compile, strictly, where they are TypeScript', () => {
    const into = join(folder, 'typed');
    mkdirSync(join(into, 'node_modules'), { recursive: true });
    symlinkSync(root, join(into, 'node_modules', 'seedcast'));
    writeFileSync(join(into, 'package.json'), '{"type":"module"}');
    const files = typed.map(({ page, block }) => {
      const file = join(into, `${page.replaceAll(/\W/g, '-')}-${block.line}.ts`);
      writeFileSync(file, block.text);
      return file;
    });
    assert.ok(files.length >= 1);
    const options = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: [],
    };
    const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram(files, options));
    const told = diagnostics.map(
      ({ messageText, file, start }) =>
        `${file?.fileName.split('/').at(-1)}:${start}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
    assert.deepEqual(told, []);
  });

  it('agree where the README gives one objective as TypeScript and as Python', async (t) => {
    if (spawnSync('python3', ['--version']).status !== 0) return t.skip('there is no python3');
    const into = extract('README.md');
    const x = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i + 1) / 4);
    const [module, command] = [
      await valueOf(join(into, 'filter.ts'), x),
      await valueOf(join(into, 'filter.yaml'), x),
    ];
    assert.ok(Math.abs(module - command) < 1e-12, `${module}, ${command}`);
    // By hand: with all taps 0 the response is 0, which misses 1 by 1.
    assert.equal(await valueOf(join(into, 'filter.ts'), new Float32Array(8)), 1);
  });

  it('minimise what the README says, from code', () => {
    const block = readPage('README.md').blocks.find(({ file }) => file === 'minimize.mjs');
    assert.ok(block);
    const into = join(folder, 'code');
    mkdirSync(join(into, 'node_modules'), { recursive: true });
    symlinkSync(root, join(into, 'node_modules', 'seedcast'));
    writeFileSync(join(into, 'minimize.mjs'), block.text);
    const { stdout, stderr, status } = spawnSync(process.execPath, ['minimize.mjs'], {
      cwd: into,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /fitness$/m);
  });

  it('run a pool as the README says, from code', () => {
    const into = extract('README.md');
    mkdirSync(join(into, 'node_modules'), { recursive: true });
    symlinkSync(root, join(into, 'node_modules', 'seedcast'));
    const { stdout, stderr, status } = spawnSync(process.execPath, ['pool.mjs'], {
      cwd: into,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const [, fitness = ''] = /^succeeded (\S+) 8$/m.exec(stdout) ?? [];
    // The optimum of the Remez exchange is 0.0238; nothing is below it, and the README says 0.0245.
    assert.ok(Number(fitness) > 0.0238 && Number(fitness) < 0.025, stdout);
  });
});
