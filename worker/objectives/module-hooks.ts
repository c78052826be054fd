// Puts the rules of module-rules.ts into Node's module loading, once a thread and only when an objective file asks for it.
// In-thread hooks where Node has them (22.15 and later), else the older hooks on a thread of their own.
import nodeModule from 'node:module';
import { mapSpecifier, moduleSource } from './module-rules.js';

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}
interface Loaded {
  readonly format: string;
  readonly source?: unknown;
  readonly shortCircuit?: boolean;
}
interface ResolveContext {
  readonly parentURL?: string;
}
type Resolve<R> = (
  specifier: string,
  context: ResolveContext,
  next: (specifier: string, context: ResolveContext) => R,
) => R | Resolved;
type Load<L> = (url: string, context: unknown, next: (url: string, context: unknown) => L) => L | Loaded;

/** For `module.register`, and for `module.registerHooks`: they differ only in what `next` returns. */
export const resolve: Resolve<unknown> = (specifier, context, next) => {
  const url = mapSpecifier(specifier, context.parentURL);
  return url === null ? next(specifier, context) : { url, shortCircuit: true };
};

export const load: Load<unknown> = (url, context, next) => {
  const source = moduleSource(url);
  return source === null ? next(url, context) : { format: 'module', source, shortCircuit: true };
};

let installed = false;

export function installModuleHooks(): void {
  if (installed) return;
  installed = true;
  const { registerHooks } = nodeModule as {
    registerHooks?: (hooks: { resolve: Resolve<unknown>; load: Load<unknown> }) => void;
  };
  if (registerHooks === undefined) nodeModule.register(import.meta.url);
  else registerHooks({ resolve, load });
}
