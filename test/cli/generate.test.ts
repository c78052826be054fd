// `seedcast generate` as a user has it: a small language model trained for a few steps, from its job and from its file.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { folder, seedcast } from '../support/command.js';
import { suite } from '../support/suite.js';

const TEXT = 'the whale and the sea and the ship and the sky, '.repeat(40);

function job(name: string, method: string, objective: string): string {
  return `apiVersion: seedcast/v1
kind: Job
metadata: { name: ${name} }
spec:
  seed: 3
  method: ${method}
  objective: ${objective}
  evaluation: { final: 2 }
  stop: { steps: 3 }
`;
}

void describe('seedcast generate', () => {
  const s = suite();
  let dir = '';
  const run = (...args: string[]) => seedcast(s, args, { cwd: dir });

  before(async () => {
    dir = folder(s);
    writeFileSync(join(dir, 'text'), TEXT);
    writeFileSync(
      join(dir, 'model.yaml'),
      job(
        'model',
        '{ name: eggroll, population: 16, groupSize: 2, integer: {} }',
        `{ name: language-model, data: ${join(dir, 'text')}, model: { kind: integer, layers: 1, width: 16 }, sequence: 20 }`,
      ),
    );
    writeFileSync(
      join(dir, 'sphere.yaml'),
      job('sphere', '{ name: es, population: 8, sigma: 0.1 }', '{ name: sphere, dimension: 3 }'),
    );
    for (const name of ['model', 'sphere']) {
      const ran = await run('run', `${name}.yaml`, '--id', name);
      assert.equal(ran.code, 0, ran.stderr);
    }
  });

  void it('writes the prompt and what the model adds to stdout, the same for the same seed', async () => {
    const first = await run('generate', 'model', '--prompt', 'the ', '--length', '30', '--seed', '1');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^the [\s\S]+\n$/);
    assert.match(first.stderr, /model step 3, seed 1/);
    const again = await run('generate', 'model', '--prompt', 'the ', '--length', '30', '--seed', '1');
    assert.equal(again.stdout, first.stdout);
    const other = await run('generate', 'model', '--prompt', 'the ', '--length', '30', '--seed', '2');
    assert.notEqual(other.stdout, first.stdout);
    const before = await run(
      'generate',
      'model',
      '--step',
      '0',
      '--prompt',
      'the ',
      '--length',
      '30',
      '--seed',
      '1',
    );
    assert.notEqual(before.stdout, first.stdout);
  });

  void it('writes the same by the file that pull made, without the pool', async () => {
    const file = join(dir, 'model.safetensors');
    const pulled = await run('pull', 'model', '--out', file);
    assert.equal(pulled.code, 0, pulled.stderr);
    const here = await run('generate', 'model', '--length', '40', '--top', '5', '--seed', 'x');
    const elsewhere = folder(s);
    const there = await seedcast(
      s,
      ['generate', '--file', file, '--length', '40', '--top', '5', '--seed', 'x'],
      { cwd: elsewhere },
    );
    assert.equal(there.code, 0, there.stderr);
    assert.equal(there.stdout, here.stdout);
  });

  void it('says of an objective that cannot that it cannot', async () => {
    const refused = await run('generate', 'sphere');
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /objective sphere of sphere step 3 does not say how to generate text.*SC_USAGE/,
    );
    assert.equal(refused.stdout, '');
  });

  void it('refuses neither job nor file, both, and a step of a file', async () => {
    for (const args of [
      [],
      ['model', '--file', 'a'],
      ['--file', 'a', '--step', '1'],
      ['model', '--temperature', '-1'],
    ]) {
      const refused = await run('generate', ...args);
      assert.equal(refused.code, 2, args.join(' '));
      assert.match(refused.stderr, /SC_USAGE/);
    }
  });
});
