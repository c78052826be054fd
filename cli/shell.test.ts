// The commands in messages can be copied into a shell as they are, however this one was started.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../test/support/command.js';
import type { Host } from './host.js';
import { createProgram } from './program.js';
import { elsewhere, invocation, runnable } from './shell.js';

void describe('how the command is called again', () => {
  const layout = (t: Parameters<typeof folder>[0]) => {
    const root = folder(t);
    const at = (...parts: string[]): string => join(root, ...parts);
    for (const dir of ['bin', 'project/node_modules/.bin', 'project/inside', 'checkout/sub', 'elsewhere'])
      mkdirSync(at(dir), { recursive: true });
    const main = at('main.js');
    writeFileSync(main, '');
    chmodSync(main, 0o755);
    return { at, main };
  };

  void it('is its name where PATH has this program, not where only npm put it there or another has that name', (t) => {
    const { at, main } = layout(t);
    symlinkSync(main, at('bin', 'seedcast'));
    symlinkSync(main, at('project', 'node_modules', '.bin', 'seedcast'));
    assert.deepEqual(invocation({ PATH: at('bin') }, at('elsewhere'), main), ['seedcast']);
    const byNpx = {
      PATH: [at('project', 'node_modules', '.bin'), '/bin'].join(delimiter),
      npm_execpath: 'npm',
    };
    assert.deepEqual(invocation(byNpx, at('project'), main), ['npx', 'seedcast']);
    const other = at('other.js');
    writeFileSync(other, '');
    assert.equal(invocation({ PATH: at('bin') }, at('elsewhere'), other).at(-1), other);
  });

  void it('is by npx where npx finds it from the folder, as in a project and in the checkout', (t) => {
    const { at, main } = layout(t);
    writeFileSync(at('project', 'node_modules', '.bin', 'seedcast'), '');
    writeFileSync(at('checkout', 'package.json'), '{"name":"seedcast"}');
    for (const cwd of [at('project'), at('project', 'inside'), at('checkout', 'sub')])
      assert.deepEqual(invocation({}, cwd, main), ['npx', 'seedcast'], cwd);
  });

  void it('is node and the file otherwise, also below another project, and by npx for another machine', (t) => {
    const { at, main } = layout(t);
    writeFileSync(at('package.json'), '{"name":"another"}');
    const called = invocation({ PATH: '/nowhere' }, at('elsewhere'), main);
    assert.deepEqual(called, [process.execPath, main]);
    assert.deepEqual(elsewhere(called), ['npx', 'seedcast']);
    assert.deepEqual(elsewhere(['seedcast']), ['seedcast']);
  });
});

void describe('a text with commands', () => {
  const called = ['node', '/a b/main.js'];

  void it('gets what works in place of the name, for every verb and nothing else', () => {
    const verbs = createProgram({ io: {} } as unknown as Host).commands.map((command) => command.name());
    for (const verb of verbs)
      assert.equal(
        runnable(`go on with: seedcast ${verb} x`, called),
        `go on with: node '/a b/main.js' ${verb} x`,
      );
    assert.equal(
      runnable('start one (seedcast up), or `seedcast coordinator`\nseedcast list', ['npx', 'seedcast']),
      'start one (npx seedcast up), or `npx seedcast coordinator`\nnpx seedcast list',
    );
    for (const text of [
      'npx seedcast run x',
      'in .seedcast up',
      'seedcast 0.1.0',
      'seedcast uploads',
      'my-seedcast run',
    ])
      assert.equal(runnable(text, called), text);
  });
});
