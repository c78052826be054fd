// Checks that what an objective file exports is an objective, before anything is made of it. Pure.
import { SeedcastError } from '../../shared/errors.js';
import { nearest } from '../../shared/job/nearest.js';
import type { ObjectiveDefinition } from '../../shared/objectives/types.js';

const METRIC = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;
export const OBJECTIVE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

const FUNCTIONS = [
  'parameters',
  'validate',
  'evaluate',
  'evaluateMany',
  'evaluatePopulation',
  'workspace',
  'setup',
  'dispose',
  'auxiliary',
  'files',
  'generate',
  'summarize',
] as const;
const KEYS: readonly string[] = ['name', 'direction', 'timeout', 'seeds', 'validation', ...FUNCTIONS];

/** The exported value as a definition. Throws SC_OBJECTIVE_FILE naming the file, the field and the mend. */
export function checkDefinition(value: unknown, file: string): ObjectiveDefinition {
  const fail = (message: string, hint: string, field?: string): SeedcastError =>
    new SeedcastError('SC_OBJECTIVE_FILE', message, {
      place: { file, ...(field === undefined ? {} : { field }) },
      hint,
    });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fail(
      'the default export is no objective',
      'export default defineObjective({ name, direction, parameters, evaluate }), or an array of them',
    );
  }
  const given = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(given)) {
    if (KEYS.includes(key)) continue;
    const near = nearest(key, KEYS);
    throw fail(
      `an objective has no field \`${key}\``,
      near === null ? `its fields are ${KEYS.join(', ')}` : `did you mean \`${near}\`?`,
      key,
    );
  }
  const { name, direction, timeout, seeds } = given;
  if (typeof name !== 'string' || !OBJECTIVE_NAME.test(name))
    throw fail(`the name is ${shown(name)}`, 'give 1 to 64 of A-Z a-z 0-9 _ -', 'name');
  if (direction !== 'minimize' && direction !== 'maximize')
    throw fail(`the direction is ${shown(direction)}`, 'give minimize or maximize', 'direction');
  for (const key of FUNCTIONS) {
    if (given[key] !== undefined && typeof given[key] !== 'function')
      throw fail(`\`${key}\` is ${shown(given[key])}`, 'give a function', key);
  }
  if (given['parameters'] === undefined)
    throw fail('`parameters` is missing', 'give (options) => ({ x: { shape: [10] } })', 'parameters');
  if (['evaluate', 'evaluateMany', 'evaluatePopulation'].every((key) => given[key] === undefined))
    throw fail(
      'there is neither `evaluate` nor `evaluateMany` nor `evaluatePopulation`',
      'give one of them',
      'evaluate',
    );
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout > 0 && Number.isFinite(timeout))) {
    throw fail(`the timeout is ${shown(timeout)}`, 'give milliseconds, more than 0', 'timeout');
  }
  if (seeds !== undefined && seeds !== 'per-step' && seeds !== 'per-direction' && seeds !== 'per-member') {
    throw fail(`seeds is ${shown(seeds)}`, 'give per-step, per-direction or per-member', 'seeds');
  }
  const { validation } = given;
  if (validation !== undefined) checkValidation(validation, fail);
  return value as ObjectiveDefinition;
}

function checkValidation(
  value: unknown,
  fail: (message: string, hint: string, field?: string) => SeedcastError,
): void {
  if (typeof value !== 'object' || value === null)
    throw fail(
      `the validation is ${shown(value)}`,
      "give { metric: 'accuracy', direction: 'maximize', parts: (options) => 8 }",
      'validation',
    );
  const { metric, direction, parts } = value as Readonly<Record<string, unknown>>;
  if (typeof metric !== 'string' || !METRIC.test(metric))
    throw fail(
      `the validation's metric is ${shown(metric)}`,
      'give a letter and up to 31 of A-Z a-z 0-9 _ -',
      'validation.metric',
    );
  if (direction !== 'minimize' && direction !== 'maximize')
    throw fail(
      `the validation's direction is ${shown(direction)}`,
      'give minimize or maximize',
      'validation.direction',
    );
  if (typeof parts !== 'function')
    throw fail(
      `the validation's parts are ${shown(parts)}`,
      'give a function of the options',
      'validation.parts',
    );
}

/** A short text for any value, for messages. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  const json =
    typeof value === 'bigint' || value === undefined || typeof value === 'symbol'
      ? String(value)
      : (JSON.stringify(value) as string | undefined);
  return json === undefined ? typeof value : json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
