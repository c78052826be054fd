// A command objective as its YAML or JSON file declares it: read strictly, every fault with its line and column, and
// compiled to a total form. Reads the files that the code hash covers.
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { SeedcastError } from '../../../shared/errors.js';
import { DURATION_FORM, parseDuration } from '../../../shared/job/duration.js';
import { nearest } from '../../../shared/job/nearest.js';
import { type Path, readSource, type Source } from '../../../shared/job/yaml-source.js';
import type { Direction, TensorDeclaration } from '../../../shared/objectives/types.js';
import { canonicalJson, fileLines, sha256 } from '../code-hash.js';
import { OBJECTIVE_NAME, shown } from '../definition.js';
import { compileTensors } from '../compile-tensors.js';

export interface CommandDeclaration {
  readonly name: string;
  readonly direction: Direction;
  /** Program and arguments; relative paths are those of `folder`. */
  readonly command: readonly [string, ...string[]];
  readonly parameters: Readonly<Record<string, TensorDeclaration>>;
  /** Milliseconds an evaluation may take, null for any time. */
  readonly timeout: number | null;
  /** Milliseconds from the start of the process to its first answer, beside that evaluation's own; null for any time. */
  readonly startTimeout: number | null;
  readonly encoding: 'json' | 'base64';
  readonly batch: boolean;
  /** Environment variables that pass beside PATH, HOME and LANG. */
  readonly env: readonly string[];
  readonly seeds: 'per-step' | 'per-direction' | 'per-member';
  /** Folder of the declaring file: the process's working directory. */
  readonly folder: string;
  readonly code: string;
}

const DEFAULT_START_TIMEOUT = 60_000;

const duration = z
  .string({ error: `must be ${DURATION_FORM}` })
  .refine((given) => milliseconds(given) !== null, { error: `must be ${DURATION_FORM}, more than 0` });
const number = z.number({ error: 'must be a finite number' });
const text = (what: string) => z.string({ error: `must be ${what}` }).min(1, { error: `must be ${what}` });

const INIT_FORM = 'must be a mapping with kind: zeros, constant, uniform, normal or unit-rows';
const INIT = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('zeros') }),
    z.strictObject({ kind: z.literal('constant'), value: number }),
    z.strictObject({ kind: z.literal('uniform'), low: number, high: number }),
    z.strictObject({ kind: z.literal('normal'), mean: number.optional(), std: number.optional() }),
    z.strictObject({ kind: z.literal('unit-rows'), gain: number.optional() }),
  ],
  { error: INIT_FORM },
);

const LENGTH = 'must be a positive integer';
const TENSOR = z.strictObject(
  {
    shape: z.array(z.int({ error: LENGTH }).positive({ error: LENGTH }), {
      error: 'must be a list of positive integers',
    }),
    dtype: z.enum(['float32', 'float64', 'int8'], { error: 'must be float32, float64 or int8' }).optional(),
    init: INIT.optional(),
    low: number.optional(),
    high: number.optional(),
    scale: z.enum(['linear', 'log'], { error: 'must be linear or log' }).optional(),
    sigma: number.positive({ error: 'must be a number above 0' }).optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type' ? 'must be a mapping such as { shape: [10] }' : undefined,
  },
);

const SEEDS = ['per-step', 'per-direction', 'per-member'] as const;
const DECLARATION = z.strictObject({
  name: z
    .string({ error: 'must be a name' })
    .regex(OBJECTIVE_NAME, { error: 'must be 1 to 64 of A-Z a-z 0-9 _ -' }),
  direction: z.enum(['minimize', 'maximize'], { error: 'must be minimize or maximize' }),
  command: z
    .array(text('text'), { error: 'must be a list, the program and its arguments' })
    .nonempty({ error: 'must name a program' }),
  parameters: z.record(z.string(), TENSOR, {
    error: 'must be a mapping of tensors, such as { x: { shape: [10] } }',
  }),
  timeout: duration.optional(),
  startTimeout: duration.optional(),
  encoding: z.enum(['json', 'base64'], { error: 'must be json or base64' }).default('json'),
  batch: z.boolean({ error: 'must be true or false' }).default(false),
  env: z
    .array(
      z
        .string({ error: 'must be text' })
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of an environment variable' }),
      { error: 'must be a list of names' },
    )
    .default([]),
  files: z.array(text('a path'), { error: 'must be a list of paths' }).default([]),
  seeds: z.enum(SEEDS, { error: `must be ${SEEDS.join(', ')}` }).default('per-direction'),
});

type Declared = z.infer<typeof DECLARATION>;

/** True where a text found in a folder declares a command; job files and settings of other programs do not. */
export function looksLikeDeclaration(content: string): boolean {
  const source = readSource(content, '');
  // What cannot be read may still be meant as one: then its own fault is told.
  if (source.value === undefined) return /^\s*["']?command["']?\s*:/m.test(content);
  return source.has(['command']) && !source.has(['apiVersion']);
}

/**
 * @param file absolute path of the declaration.
 * @throws SC_OBJECTIVE_FILE with line, column and field of the first fault, and the likely meaning.
 */
export function readDeclaration(content: string, file: string): CommandDeclaration {
  const source = readSource(content, file);
  const [syntax] = source.issues;
  if (syntax !== undefined)
    throw new SeedcastError('SC_OBJECTIVE_FILE', syntax.message, { place: syntax.place });
  const result = DECLARATION.safeParse(source.value);
  if (!result.success) throw explain(result.error.issues, source);
  const declared = result.data;
  const folder = dirname(file);
  const parameters = declared.parameters as Readonly<Record<string, TensorDeclaration>>;
  checkTensors(declared.name, parameters, source);
  const timeout = milliseconds(declared.timeout);
  return {
    name: declared.name,
    direction: declared.direction,
    command: declared.command as [string, ...string[]],
    parameters,
    timeout,
    startTimeout: milliseconds(declared.startTimeout) ?? (timeout === null ? null : DEFAULT_START_TIMEOUT),
    encoding: declared.encoding,
    batch: declared.batch,
    env: declared.env,
    seeds: declared.seeds,
    folder,
    code: codeOf(declared, folder, source),
  };
}

/** The rules between a tensor's fields, told with the place in the file. */
function checkTensors(
  objective: string,
  parameters: Readonly<Record<string, TensorDeclaration>>,
  source: Source,
): void {
  try {
    compileTensors(parameters, 'float32', { objective, source: null });
  } catch (thrown) {
    if (!(thrown instanceof SeedcastError)) throw thrown;
    const path = pathOf(thrown.place?.field ?? '', parameters);
    throw new SeedcastError('SC_OBJECTIVE_FILE', thrown.message, {
      place: source.place(path),
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
}

/** Declaration as canonical JSON, then the scripts among the arguments and the files named. */
function codeOf(declared: Declared, folder: string, source: Source): string {
  const covered = declared.command.map((argument) => resolve(folder, argument)).filter(isFile);
  declared.files.forEach((name, index) => {
    const path = resolve(folder, name);
    if (!isFile(path)) {
      throw new SeedcastError('SC_OBJECTIVE_FILE', `there is no file \`${name}\``, {
        place: source.place(['files', String(index)]),
        hint: 'paths are those of the declaring file',
      });
    }
    covered.push(path);
  });
  return sha256(`${canonicalJson(source.value)}\n${fileLines(folder, covered)}`);
}

function explain(issues: readonly z.core.$ZodIssue[], source: Source): SeedcastError {
  // A mistyped key also leaves its own missing: the key is the fault to name.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path: Path = issue?.path.map(String) ?? [];
  const refuse = (message: string, place = source.place(path), hint?: string): SeedcastError =>
    new SeedcastError('SC_OBJECTIVE_FILE', message, { place, ...(hint === undefined ? {} : { hint }) });
  if (issue?.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = knownKeys(path, source.value);
    const near = nearest(key, known);
    const hint = near === null ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
    return refuse(`unknown key ${JSON.stringify(key)}`, source.keyPlace([...path, key]), hint);
  }
  if (path.length === 0) return refuse('must be a mapping with name, direction, command and parameters');
  const must = issue?.message ?? 'is not allowed';
  const value = valueAt(source.value, path);
  if (value !== undefined) return refuse(`${must}, not ${source.text(path) ?? shown(value)}`);
  return refuse(`is missing; it ${must}`, { ...source.place(path), field: path.join('.') });
}

function knownKeys(path: Path, value: unknown): string[] {
  if (path.length === 0) return Object.keys(DECLARATION.shape);
  if (path.at(-1) !== 'init') return Object.keys(TENSOR.shape);
  const init = valueAt(value, path) as { readonly kind?: unknown };
  const branch = INIT.options.find((option) => option.shape.kind.value === init.kind);
  return Object.keys(branch?.shape ?? {});
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (part, key) =>
      typeof part === 'object' && part !== null
        ? (part as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

/** `parameters.a.b.shape` as a path, where `a.b` is the name of a tensor. */
function pathOf(field: string, parameters: Readonly<Record<string, unknown>>): string[] {
  const inner = field.slice('parameters.'.length);
  const fits = (name: string): boolean => inner === name || inner.startsWith(`${name}.`);
  const name = Object.keys(parameters).find(fits);
  if (name === undefined) return ['parameters'];
  const rest = inner.slice(name.length).split('.');
  return ['parameters', name, ...rest.filter((part) => part !== '')];
}

function milliseconds(given: string | undefined): number | null {
  if (given === undefined) return null;
  try {
    const ms = parseDuration(given);
    return ms > 0 ? ms : null;
  } catch {
    return null;
  }
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
