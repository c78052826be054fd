// What a worker tells the coordinator about an objective with given options: options with their defaults, tensors compiled
// to a total form, and the code hash. Calls the objective's own functions; reads its data files for the hash.
import { readFileSync } from 'node:fs';
import { messageOf, SeedcastError } from '../../shared/errors.js';
import type {
  AuxiliaryDeclaration,
  CompiledTensor,
  Dtype,
  ObjectiveDescription,
  ObjectiveOptions,
} from '../../shared/objectives/types.js';
import { sha256 } from './code-hash.js';
import { compileTensors, fault, type Origin } from './compile-tensors.js';
import { shown } from './definition.js';
import type { LoadedObjective } from './load.js';

/**
 * Validates options and compiles the objective's tensors.
 * @param defaultDtype of tensors that declare none: the method's.
 * @throws SC_OBJECTIVE_OPTIONS where the objective refuses the options, SC_OBJECTIVE_FILE where its declarations are faulty.
 */
export async function describeObjective(
  loaded: LoadedObjective,
  options: ObjectiveOptions,
  defaultDtype: Dtype,
): Promise<ObjectiveDescription> {
  const { definition, source } = loaded;
  const { name } = definition;
  const complete = checkOptions(
    loaded,
    await refusing(name, () => definition.validate?.(options) ?? options),
  );
  const declared = await refusing(name, () => definition.parameters(complete));
  const auxiliary = (await refusing(name, () => definition.auxiliary?.(complete))) ?? null;
  const files = await refusing(name, () => definition.files?.(complete) ?? []);
  const tensors = compileTensors(declared, defaultDtype, { objective: name, source });
  if (definition.evaluatePopulation !== undefined) checkPopulation(tensors, { objective: name, source });
  return {
    name,
    direction: definition.direction,
    options: complete,
    tensors,
    auxiliary: auxiliary === null ? null : compileAuxiliary(auxiliary, { objective: name, source }),
    seeds: definition.seeds ?? 'per-direction',
    ...(await validationOf(loaded, complete)),
    code: files.length === 0 ? loaded.code : withFiles(loaded, files),
  };
}

/** Engines know float32 and int8, and perturb what they are given: there is no place for a mapping in between. */
function checkPopulation(tensors: readonly CompiledTensor[], origin: Origin): void {
  for (const { name, dtype, bounds } of tensors) {
    if (dtype === 'float64')
      throw fault(
        origin,
        `parameters.${name}.dtype`,
        'evaluatePopulation takes no float64',
        'give float32 or int8',
      );
    if (bounds !== null)
      throw fault(
        origin,
        `parameters.${name}.low`,
        'evaluatePopulation takes no bounds',
        'leave out low and high',
      );
  }
}

/** Part of the description only where the objective declares one. */
async function validationOf(
  { definition, source }: LoadedObjective,
  options: ObjectiveOptions,
): Promise<Pick<ObjectiveDescription, 'validation'>> {
  const { name, validation } = definition;
  if (validation === undefined) return {};
  const { metric, direction } = validation;
  const parts = await refusing(name, () => validation.parts(options));
  // Nothing to measure by with these options.
  if (parts === 0) return {};
  if (!Number.isInteger(parts) || parts < 1 || parts > 65_536)
    throw fault(
      { objective: name, source },
      'validation.parts',
      `the validation has ${shown(parts)} parts`,
      'give an integer from 1 to 65536, or 0 for no validation',
    );
  return { validation: { metric, direction, parts } };
}

function compileAuxiliary(
  { length, every = 16 }: AuxiliaryDeclaration,
  origin: Origin,
): { length: number; every: number } {
  if (!Number.isInteger(length) || length < 1 || length > 1_000_000)
    throw fault(
      origin,
      'auxiliary.length',
      `the auxiliary length is ${shown(length)}`,
      'give an integer from 1 to 1000000',
    );
  if (!Number.isInteger(every) || every < 1)
    throw fault(
      origin,
      'auxiliary.every',
      `the auxiliary is asked of every ${shown(every)}th member`,
      'give an integer from 1',
    );
  return { length, every };
}

/** What reaches the genesis must survive JSON: no functions, no infinities, nothing nested past reason. */
function checkOptions(loaded: LoadedObjective, options: ObjectiveOptions): ObjectiveOptions {
  const plain = (value: unknown, depth: number): boolean => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
    if (typeof value === 'number') return Number.isFinite(value);
    if (typeof value !== 'object' || depth > 16) return false;
    return (Array.isArray(value) ? value : Object.values(value)).every((part: unknown) =>
      plain(part, depth + 1),
    );
  };
  for (const [key, value] of Object.entries(options)) {
    if (!plain(value, 0))
      throw new SeedcastError(
        'SC_OBJECTIVE_OPTIONS',
        `option \`${key}\` of objective \`${loaded.definition.name}\` is ${shown(value)}`,
        {
          place: { field: `spec.objective.${key}` },
          hint: 'options hold text, finite numbers, true, false, null, lists and objects of them',
        },
      );
  }
  return options;
}

async function refusing<T>(objective: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    if (thrown instanceof SeedcastError) throw thrown;
    throw new SeedcastError(
      'SC_OBJECTIVE_OPTIONS',
      `objective \`${objective}\` refuses its options: ${messageOf(thrown)}`,
      { place: { field: 'spec.objective' }, cause: thrown },
    );
  }
}

function withFiles(loaded: LoadedObjective, files: readonly string[]): string {
  try {
    return sha256([loaded.code, ...files.map((file) => sha256(readFileSync(file)))].join('\n'));
  } catch (cause) {
    throw new SeedcastError(
      'SC_OBJECTIVE_OPTIONS',
      `a data file of objective \`${loaded.definition.name}\` cannot be read: ${messageOf(cause)}`,
      { place: { field: 'spec.objective' }, hint: 'paths are those of the worker', cause },
    );
  }
}
