// Every job file of examples/ runs as it stands (here for two steps), with the command that its first line names; and so
// does what `init` makes, in each language.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../worker/objectives/package-root.js';
import { LANGUAGES } from '../../cli/scaffold.js';
import { folder, jsonLines, seedcast } from '../support/command.js';
import { suite } from '../support/suite.js';

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const python = hasPython() ? false : 'there is no python3';

void describe('examples', () => {
  const s = suite();
  const files = readdirSync(join(packageRoot(), 'examples')).filter((name) => name.endsWith('.yaml'));

  void it('are there', () => assert.ok(files.length >= 8, files.join(', ')));

  for (const file of files) {
    const text = readFileSync(join(packageRoot(), 'examples', file), 'utf8');
    const objectives = /--objectives (\S+)/.exec(text)?.[1];
    void it(`examples/${file} runs`, { skip: text.includes('Python') ? python : false }, async () => {
      const args = [
        'run',
        `examples/${file}`,
        '--json',
        '--store',
        folder(s),
        '--set',
        'spec.stop={ steps: 2 }',
        '--set',
        'spec.evaluation={ repeats: 1 }',
      ];
      const run = await seedcast(s, objectives === undefined ? args : [...args, '--objectives', objectives], {
        cwd: packageRoot(),
        timeout: 120_000,
      });
      assert.equal(run.code, 0, run.stderr);
      assert.equal(jsonLines(run.stdout).at(-1)?.['steps'], 2);
    });
  }
});

void describe('seedcast init', () => {
  const s = suite();
  for (const language of LANGUAGES) {
    void it(
      `makes a ${language} objective and a job that run by the line it prints`,
      { skip: language === 'python' ? python : false },
      async () => {
        const dir = folder(s);
        const made = await seedcast(s, ['init', 'mine', '--language', language], { cwd: dir });
        assert.equal(made.code, 0, made.stderr);
        const [, inside, line] = /^cd (\S+) && \S*node \S+main\.js (.*)$/.exec(made.stdout.trim()) ?? [];
        assert.ok(inside !== undefined && line !== undefined, made.stdout);
        const run = await seedcast(s, [...line.split(' '), '--json'], { cwd: join(dir, inside) });
        assert.equal(run.code, 0, run.stderr);
        // The samples' noise is uniform of width 0.05: its variance, 0.05²/12 = 2.1e-4, is what a perfect fit leaves.
        const { centre } = jsonLines(run.stdout).at(-1)?.['fitness'] as { centre: number };
        assert.ok(centre < 2e-3, String(centre));
      },
    );
  }
});
