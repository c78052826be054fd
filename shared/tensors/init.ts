// Initial values of a tensor from its InitSpec and the job's key: class F arithmetic, float64 in a fixed order, rounded once
// to the tensor's type. Element i of tensor t reads the random stream (init, t, direction 0, step 0), so values do not
// depend on threads or on other tensors.

import { canonicalNorm } from '../arithmetic/class-f.js';
import { SeedcastError } from '../errors.js';
import type { CompiledTensor, InitSpec, TensorArray } from '../objectives/types.js';
import { fillNormal, fillUniform01 } from '../random/noise.js';
import { NORMAL_SCALE } from '../random/normal-table.js';
import type { Key } from '../random/philox.js';
import { PURPOSE } from '../random/purposes.js';
import { removeBounds } from './bounds.js';
import { allocate } from './stored.js';

/**
 * Start values on or beyond a bound begin at |u| = 4, that is 1/(1 + e^8) = 0.034 % of the range inside it, where steps
 * still move them.
 */
export const START_LIMIT = 4;

/**
 * Values of state(0), unbounded, in C order.
 *   zeros, constant: as they say. uniform: low + (high − low)·r, r in [0, 1) of 53 bits. normal: mean + std·(n/512), n the
 *   fixed-point normal, |n/512| ≤ 4.33. unit-rows: each slice along the first axis normal, then times gain / its norm (a row
 *   of zeros, possible when it has one element, becomes gain). int8: nearest whole number (halves up) within ±127.
 * With bounds the kinds give the bounded value, whose unbounded one is returned.
 * @param tensorIndex its place in the declared order, which is its number in the random stream.
 * @throws SC_OBJECTIVE_OPTIONS for an init that is not finite, or a constant (or zeros) outside the bounds.
 */
export function initialValues(tensor: CompiledTensor, tensorIndex: number, key: Key): TensorArray {
  checkInit(tensor);
  const values = userValues(tensor, tensorIndex, key);
  const result = allocate(tensor.dtype, tensor.size);
  if (tensor.dtype === 'int8') {
    for (let i = 0; i < result.length; i++)
      result[i] = Math.max(-127, Math.min(127, Math.round(values[i] as number)));
  } else removeBounds(tensor, values, result, START_LIMIT);
  return result;
}

function userValues({ init, shape, size }: CompiledTensor, tensor: number, key: Key): Float64Array {
  const values = new Float64Array(size);
  switch (init.kind) {
    case 'zeros':
      break;
    case 'constant':
      values.fill(init.value);
      break;
    case 'uniform': {
      const { low, high } = init;
      fillUniform01(key, PURPOSE.init, tensor, 0, 0, 0, values);
      for (let i = 0; i < size; i++) values[i] = low + (high - low) * (values[i] as number);
      break;
    }
    case 'normal': {
      const { mean = 0, std = 1 } = init;
      standardNormal(values, tensor, key);
      for (let i = 0; i < size; i++) values[i] = mean + std * (values[i] as number);
      break;
    }
    case 'unit-rows': {
      standardNormal(values, tensor, key);
      const rows = shape[0] ?? 1;
      const length = size / rows;
      for (let row = 0; row < rows; row++)
        scaleRow(values.subarray(row * length, (row + 1) * length), init.gain ?? 1);
      break;
    }
  }
  return values;
}

/** Units of 2^-9 are exact in float64. */
function standardNormal(values: Float64Array, tensor: number, key: Key): void {
  const noise = new Int16Array(Math.min(values.length, 65_536));
  for (let from = 0; from < values.length; from += noise.length) {
    const part = noise.subarray(0, Math.min(noise.length, values.length - from));
    fillNormal(key, PURPOSE.init, tensor, 0, 0, from, part);
    for (let i = 0; i < part.length; i++) values[from + i] = (part[i] as number) / NORMAL_SCALE;
  }
}

function scaleRow(row: Float64Array, gain: number): void {
  const norm = canonicalNorm(row);
  if (norm === 0) {
    row.fill(gain, 0, 1);
    return;
  }
  const factor = gain / norm;
  for (let i = 0; i < row.length; i++) row[i] = (row[i] as number) * factor;
}

/** Refuses an init that would start outside the bounds or at a value that is not finite. */
export function checkInit({ name, init, bounds }: CompiledTensor): void {
  const refuse = (reason: string, hint?: string): never => {
    throw new SeedcastError(
      'SC_OBJECTIVE_OPTIONS',
      `tensor ${name}: ${reason}`,
      hint === undefined ? {} : { hint },
    );
  };
  for (const [option, value] of Object.entries(init)) {
    if (option !== 'kind' && !Number.isFinite(value))
      refuse(`init ${option} must be a finite number, not ${value}`);
  }
  if (init.kind === 'uniform' && !(init.low <= init.high && Number.isFinite(init.high - init.low))) {
    refuse(`init low ${init.low} must be at most high ${init.high}`);
  }
  const start = constantOf(init);
  if (bounds !== null && start !== null && (start < bounds.low || start > bounds.high)) {
    refuse(
      `init ${init.kind} starts at ${start}, outside low ${bounds.low}, high ${bounds.high}`,
      'declare an init within the bounds',
    );
  }
}

function constantOf(init: InitSpec): number | null {
  return init.kind === 'zeros' ? 0 : init.kind === 'constant' ? init.value : null;
}
