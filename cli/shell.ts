// Command lines to be copied from a message into a shell. Messages and hints everywhere write `seedcast VERB`; the io puts
// what works here in its place when it prints them. Looks at PATH and at the folders that npx looks at, changes nothing.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const VERBS =
  'run|up|coordinator|worker|submit|list|describe|watch|events|pause|resume|stop|cancel|delete|extend|pull|replay|history|eval|generate|workers|schema|validate|init|doctor|help';
const COMMAND = new RegExp(`(?<=^|(?<!npx)\\s|[\`(])seedcast(?= (?:${VERBS})(?![\\w-]))`, 'gm');

export function commandLine(...parts: readonly (readonly string[])[]): string {
  return parts.flat().map(quoted).join(' ');
}

/**
 * How this command is called again from this folder: `seedcast` where PATH has it, `npx seedcast` where npm or npx started it
 * or npx would find it, else node with the file.
 */
export function invocation(
  env: NodeJS.ProcessEnv,
  cwd: string = process.cwd(),
  main: string = MAIN,
): readonly string[] {
  // npm and npx put the project's own programs on the PATH of what they start, which the user's shell does not have.
  const path = (env.PATH ?? '').split(delimiter).filter((dir) => !dir.endsWith(join('node_modules', '.bin')));
  if (path.some((dir) => isSame(join(dir, 'seedcast'), main))) return ['seedcast'];
  if (env.npm_execpath !== undefined || npxFinds(cwd)) return ['npx', 'seedcast'];
  return [path.some((dir) => isSame(join(dir, 'node'), process.execPath)) ? 'node' : process.execPath, main];
}

/** The same for another machine or a file, where a path of this machine means nothing. */
export function elsewhere(called: readonly string[]): readonly string[] {
  return called[0] === 'seedcast' ? called : ['npx', 'seedcast'];
}

/** The text with every `seedcast VERB` as it is called. */
export function runnable(text: string, called: readonly string[]): string {
  return called[0] === 'seedcast' ? text : text.replace(COMMAND, () => commandLine(called));
}

/** npx looks into the nearest folder with a package.json or node_modules, from here upwards. */
function npxFinds(cwd: string): boolean {
  for (let dir = cwd; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'node_modules', '.bin', 'seedcast'))) return true;
    if (existsSync(join(dir, 'package.json'))) return nameIn(join(dir, 'package.json')) === 'seedcast';
    if (existsSync(join(dir, 'node_modules')) || dirname(dir) === dir) return false;
  }
}

function nameIn(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly name?: unknown }).name;
  } catch {
    return undefined;
  }
}

function isSame(path: string, file: string): boolean {
  try {
    return path.startsWith(sep) && realpathSync(path) === realpathSync(file);
  } catch {
    return false;
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
