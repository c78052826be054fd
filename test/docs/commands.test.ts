// Every verb, flag, npm script and environment variable that the documentation names exists in the program.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Host } from '../../cli/host.js';
import { createProgram } from '../../cli/program.js';
import { type Page, pages, root } from './markdown.js';

// Verbs are only looked at, so nothing of the host is used.
const program = createProgram({ io: {} } as unknown as Host);
const verbs = new Map(program.commands.map((command) => [command.name(), command]));
const flagsOf = (command: Command): string[] =>
  [...command.options, ...program.options].flatMap(({ long, short }) =>
    [long, short].filter((f) => typeof f === 'string'),
  );
/** The program's own text: what reads an environment variable names it. */
const sources = ['cli', 'coordinator', 'shared', 'worker']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(root, folder, file), 'utf8')),
  )
  .join('\n');
const allFlags = new Set(['--help', ...[...verbs.values()].flatMap(flagsOf)]);

/** Code spans, and the lines of blocks that are not code of a language. */
function code({ blocks, prose }: Page): string[] {
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  const lines = blocks
    .filter(({ language }) => ['', 'sh'].includes(language))
    .flatMap(({ text }) => text.split('\n'));
  return [...spans, ...lines.map((line) => line.replace(/\s#.*$/, ''))];
}

/** `seedcast VERB ...` within a line, several times if it is there several times. */
function invocations(line: string): { verb: string; flags: string[] }[] {
  return [...line.matchAll(/(?:^|[\s;&])seedcast ([a-z]+)((?: [^;&]*)?)/g)].map(
    ([, verb = '', rest = '']) => ({
      verb,
      flags: [...rest.matchAll(/(?:^|\s)(--?[a-z][a-z-]*)/g)].map(([, flag = '']) => flag),
    }),
  );
}

describe('what the documentation names', () => {
  const seen = { verbs: 0, flags: 0, scripts: 0 };
  for (const page of pages()) {
    it(`${page.path}: verbs and flags are those of the program`, () => {
      for (const line of code(page)) {
        for (const { verb, flags } of invocations(line)) {
          const command = verbs.get(verb);
          if (verb === 'help') continue;
          assert.ok(command, `${page.path}: there is no verb ${verb} in \`${line}\``);
          seen.verbs += 1;
          for (const flag of flags) {
            assert.ok(
              ['--help', ...flagsOf(command)].includes(flag),
              `${page.path}: ${verb} has no ${flag} in \`${line}\``,
            );
            seen.flags += 1;
          }
        }
        const [word = '', ...rest] = line.split(' ');
        const command = verbs.get(word);
        if (command !== undefined)
          for (const flag of rest.filter((part) => part.startsWith('--')))
            assert.ok(flagsOf(command).includes(flag), `${page.path}: ${word} has no ${flag} in \`${line}\``);
        if (/^--[a-z]/.test(word)) assert.ok(allFlags.has(word), `${page.path}: no verb has ${word}`);
      }
    });

    it(`${page.path}: npm scripts are those of package.json`, () => {
      const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
        scripts: Record<string, string>;
      };
      for (const line of code(page)) {
        for (const [, run, short] of line.matchAll(/npm (?:run ([a-z:]+)|(start|test)\b)/g)) {
          const script = run ?? short ?? '';
          assert.ok(Object.hasOwn(scripts, script), `${page.path}: there is no script ${script}`);
          seen.scripts += 1;
        }
      }
    });

    it(`${page.path}: environment variables are read somewhere`, () => {
      for (const [name] of page.text.matchAll(/\b(?:NATS|SEEDCAST)_[A-Z_]+\b/g)) {
        if (/^SEEDCAST_(?:LEDGER|EVIDENCE|EVENTS|BLOBS)$/.test(name)) continue;
        assert.ok(sources.includes(name), `${page.path}: ${name} means nothing`);
      }
    });
  }

  it('were found at all', () => {
    assert.ok(seen.verbs > 20 && seen.flags > 10 && seen.scripts > 5, JSON.stringify(seen));
  });
});
