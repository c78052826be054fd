// docs/objectives.md names every field and option that there is: the program itself tells which, in the hint of the error
// for an unknown one.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { SeedcastError } from '../../shared/errors.js';
import type { ObjectiveOptions } from '../../shared/objectives/types.js';
import { readDeclaration } from '../../worker/objectives/command/declaration.js';
import { checkDefinition } from '../../worker/objectives/definition.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { loadObjectives } from '../../worker/objectives/load.js';
import { BUILT_IN_OBJECTIVES } from '../../worker/objectives/registry.js';
import { readPage } from './markdown.js';

const page = readPage('docs/objectives.md');
/** Near nothing that exists. */
const UNKNOWN = 'qqqqqqqqqqqqq';

async function namesInHint(act: () => unknown): Promise<string[]> {
  try {
    await act();
  } catch (error) {
    assert.ok(error instanceof SeedcastError, String(error));
    const names = /(?:are|here:) (.+)$/.exec(error.hint ?? '')?.[1]?.split(', ') ?? [];
    assert.ok(names.length > 1, error.hint);
    return names;
  }
  throw new Error('an unknown name was accepted');
}

function section(title: string): string {
  const from = page.text.indexOf(`\n${title}\n`);
  assert.ok(from >= 0, title);
  const next = page.text.indexOf('\n## ', from + title.length + 1);
  return page.text.slice(from, next < 0 ? undefined : next);
}

function assertNamed(names: readonly string[], text: string): void {
  const told = new Set([...text.matchAll(/`([A-Za-z]+)[`(]/g)].map(([, name = '']) => name));
  const missing = names.filter((name) => !told.has(name) && !new RegExp(`^${name}:`, 'm').test(text));
  assert.deepEqual(missing, []);
}

describe('docs/objectives.md', () => {
  it('names every field of a module', async () => {
    const names = await namesInHint(() => checkDefinition({ [UNKNOWN]: 1 }, 'a.mjs'));
    assertNamed(names, section('## A module'));
  });

  it('names every field of a tensor', async () => {
    const [loaded] = [
      {
        definition: checkDefinition(
          {
            name: 'a',
            direction: 'minimize',
            parameters: () => ({ x: { shape: [1], [UNKNOWN]: 1 } }),
            evaluate: () => 1,
          },
          'a.mjs',
        ),
        code: '',
        source: null,
      },
    ];
    const names = await namesInHint(() => describeObjective(loaded, {}, 'float32'));
    assertNamed(names, section('## A module'));
  });

  it('names every field of a command', async () => {
    const names = await namesInHint(() => readDeclaration(`${UNKNOWN}: 1\n`, join(tmpdir(), 'a.yaml')));
    assertNamed(names, section('## A command'));
  });

  it('names every built-in objective with every option', async () => {
    const text = section('## Built in');
    const all = await loadObjectives([]);
    assert.equal(all.length, BUILT_IN_OBJECTIVES.length);
    for (const loaded of all) {
      assert.ok(text.includes(loaded.definition.name), loaded.definition.name);
      const options: ObjectiveOptions = { [UNKNOWN]: 1 };
      assertNamed(await namesInHint(() => describeObjective(loaded, options, 'float32')), text);
    }
  });
});
