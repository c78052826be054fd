// One `run` of the tensorflow engine: the handles made in it, the checks of their use, and the device memory they hold,
// which its end frees. A handle's value on the device may have a first axis of 1 where the handle's own is the population:
// all members then have the same numbers.
import { SeedcastError } from '../../../shared/errors.js';
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import { activate, type Device, type Tf, type Value } from './device.js';
import { TensorflowPopulation, TensorflowWeight } from './population.js';

export type TensorDtype = Tensor['dtype'];

export class TensorflowTensor implements Tensor {
  constructor(
    readonly scope: Scope,
    readonly dtype: TensorDtype,
    readonly shape: readonly number[],
    /** float32, but int32 for int32 data from the CPU. */
    readonly value: Value,
    /** int32: the numbers on the CPU, where they came from there: what tokens and targets are checked by. */
    readonly host: Int32Array | null = null,
    /** int32 made on the device: bound of |x|, below 2^24. */
    readonly bound = 0,
  ) {}

  /** First axis on the device. */
  get copies(): number {
    const [copies = 1] = this.value.shape;
    return copies;
  }
}

export class Scope {
  #open = true;
  readonly #values: Value[] = [];

  constructor(
    readonly device: Device,
    readonly population: TensorflowPopulation,
  ) {}

  get tf(): Tf {
    return this.device.tf;
  }

  get members(): number {
    return this.population.size;
  }

  close(): void {
    this.#open = false;
    activate(this.device);
    for (const value of this.#values) value.dispose();
    this.population.close();
  }

  /** Copies data in. */
  upload(
    operation: string,
    dtype: TensorDtype,
    shape: readonly number[],
    data: Float32Array | Int32Array | Int8Array,
  ): TensorflowTensor {
    this.#check(operation);
    checkShape(operation, shape, data.length, this.members);
    const values = data instanceof Int8Array ? Float32Array.from(data) : data.slice();
    const value = this.tf.tensor(values, [...shape], dtype === 'int32' ? 'int32' : 'float32');
    const host = data instanceof Int32Array ? data.slice() : null;
    return this.#handle(dtype, shape, value, host);
  }

  /** What `body` computes, all else that it made freed; `shape` is the handle's. */
  make(
    operation: string,
    dtype: TensorDtype,
    shape: readonly number[],
    body: () => Value,
    bound = 0,
  ): TensorflowTensor {
    this.#check(operation);
    return this.#handle(dtype, shape, this.tf.tidy(body), null, bound);
  }

  /** The same numbers under another shape. */
  reshaped(operation: string, x: TensorflowTensor, shape: readonly number[]): TensorflowTensor {
    this.#check(operation);
    const rest = shape.slice(1);
    return this.#handle(x.dtype, shape, this.tf.reshape(x.value, [x.copies, ...rest]), x.host, x.bound);
  }

  #handle(
    dtype: TensorDtype,
    shape: readonly number[],
    value: Value,
    host: Int32Array | null,
    bound = 0,
  ): TensorflowTensor {
    this.#values.push(value);
    return new TensorflowTensor(this, dtype, [...shape], value, host, bound);
  }

  #check(operation: string): void {
    if (!this.#open) throw fault(operation, 'its `run` has ended');
    activate(this.device);
  }

  /** SC_INTERNAL for another type, rank or scope. */
  operand(
    operation: string,
    tensor: Tensor,
    dtype: TensorDtype,
    rank: number | { readonly from: number },
  ): TensorflowTensor {
    const own = this.own(operation, tensor);
    const shape = list(own.shape);
    if (own.dtype !== dtype) throw fault(operation, `an operand ${shape} is ${own.dtype}, not ${dtype}`);
    if (typeof rank === 'number' ? own.shape.length !== rank : own.shape.length < rank.from)
      throw fault(
        operation,
        `an operand has shape ${shape}, not ${typeof rank === 'number' ? rank : `at least ${rank.from}`} axes`,
      );
    return own;
  }

  own(operation: string, tensor: Tensor): TensorflowTensor {
    this.#check(operation);
    if (!(tensor instanceof TensorflowTensor) || tensor.scope !== this)
      throw fault(operation, `a tensor ${list(tensor.shape)} was made outside this \`run\``);
    return tensor;
  }

  weight(operation: string, weight: Weight, dtype: 'float32' | 'int8'): TensorflowWeight {
    if (!(weight instanceof TensorflowWeight) || weight.population !== this.population)
      throw fault(operation, `weight ${weight.name} was not named by this population`);
    if (weight.dtype !== dtype)
      throw fault(operation, `weight ${weight.name} is ${weight.dtype}, not ${dtype}`);
    return weight;
  }

  vector(operation: string, weight: Weight, dtype: 'float32' | 'int8', length: number): TensorflowWeight {
    const own = this.weight(operation, weight, dtype);
    if (own.shape.length !== 1 || own.shape[0] !== length)
      throw fault(operation, `weight ${own.name} has shape ${list(own.shape)}, not [${length}]`);
    return own;
  }

  /** Tokens or targets [P|1, ...] as numbers, each in [0, limit). */
  indices(operation: string, tensor: Tensor, rank: number, limit: number): TokenIndices {
    const own = this.operand(operation, tensor, 'int32', rank);
    if (own.host === null)
      throw fault(
        operation,
        'the indices are a computed tensor; the tensorflow engine takes them as data only',
      );
    const bad = own.host.find((token) => token < 0 || token >= limit);
    if (bad !== undefined) throw fault(operation, `token ${bad} is not in [0, ${limit})`);
    return { copies: own.copies, host: own.host, value: own.value, shape: own.shape };
  }
}

export interface TokenIndices {
  readonly copies: number;
  readonly host: Int32Array;
  readonly value: Value;
  readonly shape: readonly number[];
}

function checkShape(operation: string, shape: readonly number[], length: number, members: number): void {
  if (shape.length === 0 || !shape.every((axis) => Number.isInteger(axis) && axis > 0))
    throw fault(operation, `the shape is ${list(shape)}; axes are positive integers`);
  if (sizeOf(shape) !== length)
    throw fault(operation, `${length} values are not those of shape ${list(shape)}`);
  if (shape[0] !== 1 && shape[0] !== members)
    throw fault(operation, `the first axis of ${list(shape)} is neither 1 nor the population, ${members}`);
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

export function list(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

export function fault(operation: string, what: string): SeedcastError {
  return new SeedcastError('SC_INTERNAL', `${operation}: ${what}`, {
    hint: 'the model does not fit its own tensors',
  });
}
