// Tensors of the reference engine and the scope that owns them: one `run`, whose end makes every handle invalid. A tensor
// is a typed array in C order with a shape; the checks of every operation's operands are here. Touches nothing.
import { SeedcastError } from '../../../shared/errors.js';
import type { Tensor, Weight } from '../../../shared/objectives/engine.js';
import { type ReferencePopulation, ReferenceWeight } from './population.js';

export interface Arrays {
  readonly float32: Float32Array;
  readonly int32: Int32Array;
  readonly int8: Int8Array;
}
export type TensorDtype = keyof Arrays;
export type TensorData = Arrays[TensorDtype];

export class ReferenceTensor<D extends TensorData = TensorData> implements Tensor {
  readonly dtype: TensorDtype;

  constructor(
    readonly scope: Scope,
    readonly shape: readonly number[],
    readonly data: D,
  ) {
    this.dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int8';
  }

  /** One value for all members. */
  get shared(): boolean {
    return this.shape[0] === 1;
  }

  /** The values of a member, which are everyone's where the tensor is shared. */
  of(member: number): D {
    const size = this.data.length / axis(this.shape, 0);
    return this.shared ? this.data : (this.data.subarray(member * size, (member + 1) * size) as D);
  }
}

/** One `run`: its members and the tensors made for them. */
export class Scope {
  #open = true;

  constructor(readonly population: ReferencePopulation) {}

  get members(): number {
    return this.population.size;
  }

  close(): void {
    this.#open = false;
  }

  make<D extends TensorData>(operation: string, shape: readonly number[], data: D): ReferenceTensor<D> {
    if (!this.#open) throw fault(operation, 'its `run` has ended');
    if (shape.length === 0 || !shape.every((length) => Number.isInteger(length) && length > 0))
      throw fault(operation, `the shape is [${shape.join(', ')}]; axes are positive integers`);
    if (sizeOf(shape) !== data.length)
      throw fault(operation, `${data.length} values are not those of shape [${shape.join(', ')}]`);
    if (shape[0] !== 1 && shape[0] !== this.members)
      throw fault(
        operation,
        `the first axis of [${shape.join(', ')}] is neither 1 nor the population, ${this.members}`,
      );
    return new ReferenceTensor(this, [...shape], data);
  }

  /** The operand as what the operation needs; SC_INTERNAL for another type, rank or scope. */
  operand<K extends TensorDtype>(
    operation: string,
    tensor: Tensor,
    dtype: K,
    rank: number | { readonly from: number },
  ): ReferenceTensor<Arrays[K]> {
    const own = this.own(operation, tensor);
    const { shape } = tensor;
    if (tensor.dtype !== dtype)
      throw fault(operation, `an operand [${shape.join(', ')}] is ${tensor.dtype}, not ${dtype}`);
    if (typeof rank === 'number' ? shape.length !== rank : shape.length < rank.from)
      throw fault(
        operation,
        `an operand has shape [${shape.join(', ')}], not ${typeof rank === 'number' ? rank : `at least ${rank.from}`} axes`,
      );
    return own as ReferenceTensor<Arrays[K]>;
  }

  own(operation: string, tensor: Tensor): ReferenceTensor {
    if (!this.#open) throw fault(operation, 'its `run` has ended');
    if (!(tensor instanceof ReferenceTensor) || tensor.scope !== this)
      throw fault(operation, `a tensor [${tensor.shape.join(', ')}] was made outside this \`run\``);
    return tensor as ReferenceTensor;
  }

  /** The weight as this population's, of the type that the operation needs. */
  weight(operation: string, weight: Weight, dtype: 'float32' | 'int8'): ReferenceWeight {
    if (!(weight instanceof ReferenceWeight) || weight.population !== this.population)
      throw fault(operation, `weight ${weight.name} was not named by this population`);
    if (weight.dtype !== dtype)
      throw fault(operation, `weight ${weight.name} is ${weight.dtype}, not ${dtype}`);
    return weight;
  }

  /** A weight of exactly this length along one axis. */
  vector(operation: string, weight: Weight, dtype: 'float32' | 'int8', length: number): ReferenceWeight {
    const own = this.weight(operation, weight, dtype);
    if (own.shape.length !== 1 || own.shape[0] !== length)
      throw fault(operation, `weight ${own.name} has shape [${own.shape.join(', ')}], not [${length}]`);
    return own;
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Length of an axis, counted from the end where negative. */
export function axis(shape: readonly number[], index: number): number {
  return shape.at(index) ?? 1;
}

export function fault(operation: string, what: string): SeedcastError {
  return new SeedcastError('SC_INTERNAL', `${operation}: ${what}`, {
    hint: 'the model does not fit its own tensors',
  });
}
