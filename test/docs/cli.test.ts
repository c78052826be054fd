// docs/cli.md has every verb and every option, and no others.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Interrupts } from '../../cli/interrupts.js';
import { Io } from '../../cli/io.js';
import { createProgram } from '../../cli/program.js';
import { systemClock, systemEntropy } from '../../shared/ports.js';
import { packageRoot } from '../../worker/objectives/package-root.js';

const sink = { write: (): void => undefined };
const program = createProgram({
  io: new Io(sink, sink, {}),
  env: {},
  clock: systemClock,
  entropy: systemEntropy,
  interrupts: new Interrupts(),
  exitCode: 0,
});
const text = readFileSync(join(packageRoot(), 'docs', 'cli.md'), 'utf8');

void describe('docs/cli.md', () => {
  void it('has a row for each verb, in the order of the help', () => {
    const rows = [...text.matchAll(/^\| `([a-z]+)(?: [A-Z.a-z]+)?` +\|/gm)].map(([, verb]) => verb);
    assert.deepEqual(
      rows,
      program.commands.map((command) => command.name()),
    );
  });

  void it('names each option, and only options that there are', () => {
    const options = new Set(
      program.commands.flatMap((command) => command.options.map(({ long }) => long ?? '')),
    );
    const named = new Set([...text.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option));
    named.delete('--help');
    named.delete('--json');
    options.delete('--json');
    assert.deepEqual([...named].sort(), [...options].sort());
  });
});
