// Which code runs, as one hash: what a job's genesis pins and a worker must match. Reads the files it hashes.
//
// A set of files is hashed as the SHA-256 of one line a file, `<path> <SHA-256 of the content, hex>\n`, sorted by path in
// code units, paths relative to the declaring file's folder with `/` between parts.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { typescriptFor } from './module-rules.js';

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The lines that stand for `files` (absolute paths), relative to `folder`. */
export function fileLines(folder: string, files: Iterable<string>): string {
  const lines = [...new Set(files)].map(
    (file) => `${relative(folder, file).split(sep).join('/')} ${sha256(readFileSync(file))}\n`,
  );
  return lines.sort().join('');
}

/** Code hash of a module: the file and every local file that it names in an import, export … from or new URL, transitively. */
export function moduleCode(file: string): string {
  const seen = new Set<string>();
  const open = [resolve(file)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (/\.(?:m|c)?[jt]s$/.test(next)) open.push(...localImports(next));
  }
  return sha256(fileLines(dirname(resolve(file)), seen));
}

const LOCAL_NAME =
  /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\(|\bnew\s+URL\s*\()\s*(['"`])(\.{1,2}\/[^'"`\n]+)\1/g;

/** Files beside this one that its text names; a name in a comment counts too, which only makes the hash stricter. */
function localImports(file: string): string[] {
  const found: string[] = [];
  for (const [, , name] of readFileSync(file, 'utf8').matchAll(LOCAL_NAME)) {
    const path = resolve(dirname(file), name ?? '');
    const target = typescriptFor(path) ?? path;
    if (existsSync(target) && statSync(target).isFile()) found.push(target);
  }
  return found;
}

/** JSON with keys sorted at every level: one text for one value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
