// Start values against the tensors that an objective declares: all that does not fit is listed at once. Pure.

import { SeedcastError } from '../errors.js';
import { nearest } from '../job/nearest.js';
import type { CompiledTensor, TensorArray } from '../objectives/types.js';
import { allocate, dtypeOf, shapeText, type StoredTensor } from './stored.js';

/**
 * The given values in the declared order and type, in the units of the file (bounds not yet undone).
 * Float64 becomes float32 by one rounding; int8 takes only whole numbers in range.
 * @param map name in the file → name in the objective, for those that differ.
 * @param file how messages call the source.
 * @throws SC_TENSOR_MISMATCH listing every tensor that is missing, extra, of another shape, or of values that do not fit its type.
 */
export function matchTensors(
  declared: readonly CompiledTensor[],
  given: ReadonlyMap<string, StoredTensor>,
  map: Readonly<Record<string, string>> = {},
  file = 'the start values',
): TensorArray[] {
  const problems: string[] = [];
  const renamed = rename(given, map, problems);
  const names = new Set(declared.map(({ name }) => name));
  const extra = [...renamed.keys()].filter((name) => !names.has(name));
  const arrays = declared.map((tensor): TensorArray => {
    const found = renamed.get(tensor.name);
    if (found === undefined) {
      const guess = nearest(tensor.name.split('.').at(-1) ?? '', extra) ?? nearest(tensor.name, extra);
      problems.push(
        `missing: ${tensor.name} ${shapeText(tensor.shape)}${guess === null ? '' : ` (${guess} renamed?)`}`,
      );
      return allocate(tensor.dtype, 0);
    }
    if (shapeText(found.shape) !== shapeText(tensor.shape)) {
      problems.push(
        `other shape: ${tensor.name} is ${shapeText(found.shape)}, the objective declares ${shapeText(tensor.shape)}`,
      );
      return allocate(tensor.dtype, 0);
    }
    return converted(tensor, found.array, problems);
  });
  for (const name of extra)
    problems.push(
      `extra: ${name} ${shapeText(renamed.get(name)?.shape ?? [])}, which the objective does not declare`,
    );
  refuse(problems, file);
  return arrays;
}

/**
 * Refuses start values beyond the bounds of their tensors, in the units of the file. For a job that is to be made: one that was
 * made begins with what its bounds make of them.
 * @throws SC_TENSOR_MISMATCH naming the tensors, their first such value and the bounds.
 */
export function checkWithinBounds(
  declared: readonly CompiledTensor[],
  arrays: readonly TensorArray[],
  file = 'the start values',
): void {
  refuse(
    declared.flatMap((tensor, t) => beyond(tensor, arrays[t] ?? allocate(tensor.dtype, 0))),
    file,
  );
}

function refuse(problems: readonly string[], file: string): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, 50).map((problem) => `\n  ${problem}`);
  const more = problems.length > 50 ? `\n  and ${problems.length - 50} more` : '';
  throw new SeedcastError(
    'SC_TENSOR_MISMATCH',
    `the tensors do not fit the objective:${shown.join('')}${more}\n `,
    {
      place: { file },
      hint: 'rename by spec.init.map: { name in the file: name in the objective }',
    },
  );
}

function rename(
  given: ReadonlyMap<string, StoredTensor>,
  map: Readonly<Record<string, string>>,
  problems: string[],
): Map<string, StoredTensor> {
  const renamed = new Map<string, StoredTensor>();
  for (const [name, tensor] of given) {
    const target = Object.hasOwn(map, name) ? (map[name] ?? name) : name;
    if (renamed.has(target)) problems.push(`twice: ${target}, once renamed from ${name}`);
    renamed.set(target, tensor);
  }
  for (const name of Object.keys(map)) {
    if (given.has(name)) continue;
    const guess = nearest(name, given.keys());
    problems.push(
      `spec.init.map names ${name}, which is not in the file${guess === null ? '' : ` (did you mean ${guess}?)`}`,
    );
  }
  return renamed;
}

/** Relative to the interval, for what a float32 made of a bound. */
const BEYOND = 1e-6;

function beyond({ name, bounds }: CompiledTensor, values: TensorArray): string[] {
  if (bounds === null) return [];
  const { low, high } = bounds;
  const slack = BEYOND * Math.max(high - low, Math.abs(low), Math.abs(high));
  const at = values.findIndex((value) => value < low - slack || value > high + slack);
  return at < 0 ? [] : [`value: ${name}[${at}] is ${values[at]}, beyond the bounds ${low} to ${high}`];
}

function converted(tensor: CompiledTensor, values: TensorArray, problems: string[]): TensorArray {
  const result = allocate(tensor.dtype, values.length);
  const whole = tensor.dtype === 'int8';
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    result[i] = value;
    if (!Number.isFinite(whole ? value : result[i]) || (whole && result[i] !== value)) {
      problems.push(
        `value: ${tensor.name}[${i}] is ${value}, not one of ${tensor.dtype}${dtypeOf(values) === tensor.dtype ? ' that is finite' : ''}`,
      );
      break;
    }
  }
  return result;
}
