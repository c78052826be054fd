// How objective files are found and read as modules: `seedcast` means the running package, TypeScript loses its types, and
// an import of `./x.js` may mean `./x.ts`. Used inside Node's module hooks; reads files, nothing else.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from 'sucrase';
import { packageRoot } from './package-root.js';

const TYPESCRIPT: Readonly<Record<string, string>> = { '.js': '.ts', '.mjs': '.mts' };

/** The URL that an import means by our rules, or null where Node's own rules hold. */
export function mapSpecifier(specifier: string, parentUrl: string | undefined): string | null {
  if (specifier === 'seedcast') return pathToFileURL(join(packageRoot(), 'dist', 'index.js')).href;
  if (!/^\.{1,2}\//.test(specifier) || parentUrl?.startsWith('file:') !== true) return null;
  const path = typescriptFor(join(dirname(fileURLToPath(parentUrl)), specifier));
  return path === null ? null : pathToFileURL(path).href;
}

/** Where `x.js` does not exist but `x.ts` does, the latter. */
export function typescriptFor(path: string): string | null {
  const extension = extname(path);
  const written = TYPESCRIPT[extension];
  if (written === undefined || existsSync(path)) return null;
  const candidate = path.slice(0, -extension.length) + written;
  return existsSync(candidate) ? candidate : null;
}

/** Source text as a module, or null where Node's own rules hold: TypeScript, and `.js` that is written as a module. */
export function moduleSource(url: string): string | null {
  if (!url.startsWith('file:') || url.includes('/node_modules/')) return null;
  const path = fileURLToPath(url);
  if (/\.m?ts$/.test(path)) {
    const { code } = transform(readFileSync(path, 'utf8'), {
      transforms: ['typescript'],
      disableESTransforms: true,
      filePath: path,
    });
    return code;
  }
  if (!path.endsWith('.js') || path.startsWith(join(packageRoot(), 'dist'))) return null;
  const source = readFileSync(path, 'utf8');
  return /^\s*(?:import|export)\b/m.test(source) ? source : null;
}
