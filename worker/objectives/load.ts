// Loads the objectives that a worker offers: the built-in ones and those of `--objectives FILE_OR_FOLDER`. Runs in every
// evaluating thread, since functions do not cross threads. Reads files and imports modules that the operator named.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, SeedcastError } from '../../shared/errors.js';
import type { ObjectiveDefinition } from '../../shared/objectives/types.js';
import { moduleCode, sha256 } from './code-hash.js';
import { readDeclaration, looksLikeDeclaration } from './command/declaration.js';
import { commandObjective } from './command/objective.js';
import { checkDefinition } from './definition.js';
import { installModuleHooks } from './module-hooks.js';
import { BUILT_IN_OBJECTIVES, BUILT_IN_VERSION } from './registry.js';

export interface LoadedObjective {
  readonly definition: ObjectiveDefinition;
  /** SHA-256, hex, by the rules of docs/objectives.md. */
  readonly code: string;
  /** The declaring file, absolute; null for a built-in. */
  readonly source: string | null;
}

const MODULES = new Set(['.mjs', '.js', '.ts', '.mts']);
const DECLARATIONS = new Set(['.yaml', '.yml', '.json']);

/**
 * The built-in objectives, then those of each path in the order given. A file must hold objectives; a folder's other files
 * (other endings, modules without a default export, YAML and JSON without a `command`, `*.d.ts`, `*.test.*`, hidden files,
 * subfolders) are passed over.
 * @throws SC_OBJECTIVE_FILE naming the file and the mend, also where a name is taken twice.
 */
export async function loadObjectives(paths: readonly string[]): Promise<LoadedObjective[]> {
  const loaded: LoadedObjective[] = BUILT_IN_OBJECTIVES.map((definition) => ({
    definition,
    code: sha256(`seedcast built-in ${definition.name} ${BUILT_IN_VERSION}\n`),
    source: null,
  }));
  for (const path of paths) loaded.push(...(await loadPath(resolve(path))));
  const seen = new Map<string, string>();
  for (const { definition, source } of loaded) {
    const place = source ?? 'the built-in objectives';
    const before = seen.get(definition.name);
    if (before !== undefined) {
      throw new SeedcastError(
        'SC_OBJECTIVE_FILE',
        `the objective \`${definition.name}\` is already defined in ${before}`,
        {
          place: { file: place, field: 'name' },
          hint: 'give one of them another name',
        },
      );
    }
    seen.set(definition.name, place);
  }
  return loaded;
}

async function loadPath(path: string): Promise<LoadedObjective[]> {
  if (!entry(path).isDirectory()) return loadFile(path, true);
  const loaded: LoadedObjective[] = [];
  for (const name of readdirSync(path).sort()) {
    if (name.startsWith('.') || /\.d\.m?ts$|\.test\.\w+$/.test(name)) continue;
    const file = join(path, name);
    if ((MODULES.has(extname(name)) || DECLARATIONS.has(extname(name))) && entry(file).isFile())
      loaded.push(...(await loadFile(file, false)));
  }
  return loaded;
}

async function loadFile(file: string, named: boolean): Promise<LoadedObjective[]> {
  const extension = extname(file);
  if (DECLARATIONS.has(extension)) return loadDeclaration(file, named);
  if (MODULES.has(extension)) return loadModule(file, named);
  throw new SeedcastError('SC_OBJECTIVE_FILE', `\`${basename(file)}\` is no objective file`, {
    place: { file },
    hint: 'a module ends in .mjs, .js or .ts, a command declaration in .yaml, .yml or .json',
  });
}

function loadDeclaration(file: string, named: boolean): LoadedObjective[] {
  const text = readFileSync(file, 'utf8');
  if (!named && !looksLikeDeclaration(text)) return [];
  const declaration = readDeclaration(text, file);
  return [
    {
      definition: commandObjective(declaration),
      code: declaration.code,
      source: file,
    },
  ];
}

async function loadModule(file: string, named: boolean): Promise<LoadedObjective[]> {
  installModuleHooks();
  let namespace: { readonly default?: unknown };
  try {
    namespace = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (cause) {
    throw new SeedcastError('SC_OBJECTIVE_FILE', `the module does not load: ${messageOf(cause)}`, {
      place: { file },
      hint: 'run it with node to see where',
      cause,
    });
  }
  if (!('default' in namespace) && !named) return [];
  const code = moduleCode(file);
  const exported: readonly unknown[] = Array.isArray(namespace.default)
    ? namespace.default
    : [namespace.default];
  return exported.map((value) => ({ definition: checkDefinition(value, file), code, source: file }));
}

function entry(path: string): { isDirectory(): boolean; isFile(): boolean } {
  try {
    return statSync(path);
  } catch (cause) {
    throw new SeedcastError('SC_OBJECTIVE_FILE', 'there is no such file or folder', {
      place: { file: path },
      hint: 'check the path given to --objectives',
      cause,
    });
  }
}
