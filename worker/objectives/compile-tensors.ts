// A tensor's declaration with every default filled in: strict about names, shapes, types, bounds and initial values, since
// what passes here is frozen in a job's genesis. Pure.
import { messageOf, SeedcastError } from '../../shared/errors.js';
import type { CompiledTensor, Dtype, InitSpec, TensorDeclaration } from '../../shared/objectives/types.js';
import { nearest } from '../../shared/job/nearest.js';
import { checkBounds } from '../../shared/tensors/bounds.js';
import { checkInit } from '../../shared/tensors/init.js';
import { shown } from './definition.js';

const TENSOR_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const DTYPES: readonly string[] = ['float32', 'float64', 'int8'] satisfies Dtype[];
const TENSOR_KEYS: readonly string[] = [
  'shape',
  'dtype',
  'init',
  'low',
  'high',
  'scale',
  'sigma',
] satisfies (keyof TensorDeclaration)[];
const SIZE_LIMIT = 2 ** 31;
/** The random counter holds 24 bits of tensor, and a low-rank direction takes two. */
const TENSOR_LIMIT = 2 ** 23;

/** Which objective declares, and in which file, for messages. */
export interface Origin {
  readonly objective: string;
  readonly source: string | null;
}

/** Every declaration in total form, in the order declared. Throws SC_OBJECTIVE_FILE naming tensor, value and mend. */
export function compileTensors(
  declared: Readonly<Record<string, TensorDeclaration>>,
  defaultDtype: Dtype,
  origin: Origin,
): CompiledTensor[] {
  if (
    typeof (declared as unknown) !== 'object' ||
    (declared as unknown) === null ||
    Array.isArray(declared)
  ) {
    throw fault(
      origin,
      'parameters',
      `parameters are ${shown(declared)}`,
      'give an object of tensors, { x: { shape: [10] } }',
    );
  }
  const entries = Object.entries(declared);
  if (entries.length === 0 || entries.length > TENSOR_LIMIT) {
    throw fault(
      origin,
      'parameters',
      `the objective declares ${entries.length} tensors`,
      `declare from 1 to ${TENSOR_LIMIT}`,
    );
  }
  return entries.map(([name, tensor]) => compileTensor(name, tensor, defaultDtype, origin));
}

function compileTensor(
  name: string,
  tensor: TensorDeclaration,
  defaultDtype: Dtype,
  origin: Origin,
): CompiledTensor {
  const fail = (what: string, hint: string, field?: string): SeedcastError =>
    fault(origin, `parameters.${name}${field === undefined ? '' : `.${field}`}`, what, hint);
  if (!TENSOR_NAME.test(name))
    throw fail(`the tensor name is ${shown(name)}`, 'give 1 to 64 of A-Z a-z 0-9 _ . -');
  if (typeof (tensor as unknown) !== 'object' || (tensor as unknown) === null)
    throw fail(`the tensor is ${shown(tensor)}`, 'give { shape: [10] }');
  for (const key of Object.keys(tensor)) {
    if (TENSOR_KEYS.includes(key)) continue;
    const near = nearest(key, TENSOR_KEYS);
    throw fail(
      `a tensor has no field \`${key}\``,
      near === null ? `its fields are ${TENSOR_KEYS.join(', ')}` : `did you mean \`${near}\`?`,
      key,
    );
  }
  const { shape, dtype = defaultDtype, low, high, scale = 'linear', sigma = 1 } = tensor;
  if (!isShape(shape)) {
    throw fail(`the shape is ${shown(shape)}`, 'give 1 to 8 positive integers', 'shape');
  }
  const size = shape.reduce((product, length) => product * length, 1);
  if (size >= SIZE_LIMIT)
    throw fail(`the shape ${shown(shape)} holds ${size} values`, 'a tensor holds fewer than 2^31', 'shape');
  if (!DTYPES.includes(dtype))
    throw fail(`the dtype is ${shown(dtype)}`, `give one of ${DTYPES.join(', ')}`, 'dtype');
  if (!isNumber(sigma) || sigma <= 0)
    throw fail(`sigma is ${shown(sigma)}`, 'give a factor greater than 0', 'sigma');
  const bounds = compileBounds(low, high, scale, fail);
  const compiled = {
    name,
    shape: [...shape],
    size,
    dtype,
    init: compileInit(tensor.init, bounds, fail),
    bounds,
    sigma,
  };
  try {
    checkBounds(compiled);
    checkInit(compiled);
  } catch (thrown) {
    const hint = thrown instanceof SeedcastError ? thrown.hint : undefined;
    throw fail(messageOf(thrown), hint ?? 'mend the declaration');
  }
  return compiled;
}

type Fail = (what: string, hint: string, field?: string) => SeedcastError;

function compileBounds(low: unknown, high: unknown, scale: unknown, fail: Fail): CompiledTensor['bounds'] {
  if (scale !== 'linear' && scale !== 'log')
    throw fail(`the scale is ${shown(scale)}`, 'give linear or log', 'scale');
  if (low === undefined && high === undefined) {
    if (scale === 'log') throw fail('the scale is log without bounds', 'give low and high, low > 0', 'scale');
    return null;
  }
  if (!isNumber(low) || !isNumber(high)) {
    throw fail(
      `the bounds are ${shown(low)} and ${shown(high)}`,
      'give both low and high, finite numbers, or neither',
      'low',
    );
  }
  return { low, high, scale };
}

const INIT_FIELDS = {
  zeros: {},
  constant: { value: null },
  uniform: { low: null, high: null },
  normal: { mean: 0, std: 1 },
  'unit-rows': { gain: 1 },
} as const satisfies Record<InitSpec['kind'], Readonly<Record<string, number | null>>>;

/** Without `init`: zeros; with bounds the middle of the interval in its scale, where the unbounded value is 0. */
function compileInit(init: unknown, bounds: CompiledTensor['bounds'], fail: Fail): InitSpec {
  if (init === undefined) {
    if (bounds === null) return { kind: 'zeros' };
    const { low, high, scale } = bounds;
    return {
      kind: 'constant',
      value: scale === 'log' ? Math.sqrt(low) * Math.sqrt(high) : low + (high - low) / 2,
    };
  }
  const { kind, ...given } = (typeof init === 'object' && init !== null ? init : {}) as Readonly<
    Record<string, unknown>
  >;
  if (typeof kind !== 'string' || !Object.hasOwn(INIT_FIELDS, kind)) {
    throw fail(`init is ${shown(init)}`, `give a kind: ${Object.keys(INIT_FIELDS).join(', ')}`, 'init');
  }
  const fields: Readonly<Record<string, number | null>> = INIT_FIELDS[kind as InitSpec['kind']];
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(fields, key))
      throw fail(
        `init ${kind} has no field \`${key}\``,
        `its fields are ${Object.keys(fields).join(', ') || 'none'}`,
        `init.${key}`,
      );
  }
  const complete: Record<string, unknown> = { kind };
  for (const [key, fallback] of Object.entries(fields)) {
    const value = given[key] ?? fallback;
    if (!isNumber(value)) throw fail(`\`${key}\` is ${shown(value)}`, 'give a finite number', `init.${key}`);
    if ((key === 'gain' && value <= 0) || (key === 'std' && value < 0))
      throw fail(`\`${key}\` is ${value}`, 'give a number above 0', `init.${key}`);
    complete[key] = value;
  }
  return complete as unknown as InitSpec;
}

/** A faulty declaration: SC_OBJECTIVE_FILE with the file and the field. */
export function fault(
  { objective, source }: Origin,
  field: string,
  what: string,
  hint: string,
): SeedcastError {
  const place = { ...(source === null ? {} : { file: source }), field };
  return new SeedcastError('SC_OBJECTIVE_FILE', `objective \`${objective}\`: ${what}`, { place, hint });
}

function isShape(value: unknown): value is readonly number[] {
  const isLength = (length: unknown): boolean =>
    typeof length === 'number' && Number.isInteger(length) && length > 0;
  return Array.isArray(value) && value.length > 0 && value.length <= 8 && value.every(isLength);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
