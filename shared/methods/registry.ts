// Every method by name. A new one is a file and a line here.
import { SeedcastError } from '../errors.js';
import { eggroll } from './eggroll.js';
import { es } from './es.js';
import type { Method } from './method.js';

const METHODS: readonly Method[] = [es, eggroll];

/** SC_SPEC_INVALID for an unknown name. */
export function methodNamed(name: string): Method {
  const method = METHODS.find((m) => m.name === name);
  if (method !== undefined) return method;
  throw new SeedcastError('SC_SPEC_INVALID', `method ${JSON.stringify(name)} is not known`, {
    hint: `one of ${METHODS.map((m) => m.name).join(', ')}`,
  });
}
