// Which of the optional packages are installed, found without loading them.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EngineProbe } from '../open.js';

const require = createRequire(import.meta.url);

/** Versions in the order of the names, or the names that are not there. */
export function installed(
  names: readonly string[],
): { readonly versions: readonly string[] } | { readonly missing: readonly string[] } {
  const found = names.map(versionOf);
  const absent = names.filter((_, i) => found[i] === null);
  return absent.length > 0 ? { missing: absent } : { versions: found.map(String) };
}

export function versionOf(name: string): string | null {
  for (const folder of require.resolve.paths(name) ?? [])
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'));
      if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
        return String(manifest.version);
    } catch {
      // Not in this folder.
    }
  return null;
}

/** The folder of an installed package's main file. */
export function folderOf(name: string): string {
  return dirname(require.resolve(name));
}

export function missing(
  backend: string,
  names: readonly string[],
  absent: readonly string[],
): Extract<EngineProbe, { available: false }> {
  return {
    available: false,
    backend,
    why: `${absent.join(' and ')} ${absent.length === 1 ? 'is' : 'are'} not installed`,
    mend: `npm install ${names.join(' ')}`,
  };
}
