// The bytes of a replica: parameters twice (state(t) lives in buffer t & 1, so that a late evaluation of step t never
// sees a half-written step t + 1), the method's slots, and the statistics. One buffer, shareable between threads.
import type { CompiledTensor, TensorArray } from '../objectives/types.js';

/** Every array starts on a cache line. */
const ALIGN = 64;
const BYTES = { float32: 4, float64: 8, int8: 1 } as const;

export interface MemoryShape {
  readonly tensors: readonly Pick<CompiledTensor, 'name' | 'size' | 'dtype'>[];
  readonly slots: readonly string[];
  /** Length of the statistics vector, 0 for none. */
  readonly statistics: number;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN;
}

/** Bytes that a replica of this shape takes. */
export function memoryBytes(shape: MemoryShape): number {
  const parameters = shape.tensors.reduce((sum, t) => sum + aligned(t.size * BYTES[t.dtype]), 0);
  return parameters * (2 + shape.slots.length) + 2 * aligned(8 * shape.statistics);
}

export class ReplicaMemory {
  private readonly theta: readonly [TensorArray[], TensorArray[]];
  private readonly slotArrays: ReadonlyMap<string, TensorArray[]>;
  private readonly statisticsArrays: readonly [Float64Array, Float64Array];
  /** First coordinate of each tensor in the row of all tensors laid end to end, then the total. */
  readonly offsets: readonly number[];
  readonly coordinates: number;

  constructor(
    readonly shape: MemoryShape,
    readonly buffer: ArrayBuffer | SharedArrayBuffer = new ArrayBuffer(memoryBytes(shape)),
  ) {
    let at = 0;
    const take = (dtype: CompiledTensor['dtype'], length: number): TensorArray => {
      const start = at;
      at += aligned(length * BYTES[dtype]);
      if (dtype === 'float32') return new Float32Array(buffer, start, length);
      if (dtype === 'float64') return new Float64Array(buffer, start, length);
      return new Int8Array(buffer, start, length);
    };
    const all = (): TensorArray[] => shape.tensors.map((t) => take(t.dtype, t.size));
    this.theta = [all(), all()];
    this.slotArrays = new Map(shape.slots.map((name) => [name, all()]));
    const statistics = (): Float64Array => {
      const start = at;
      at += aligned(8 * shape.statistics);
      return new Float64Array(buffer, start, shape.statistics);
    };
    this.statisticsArrays = [statistics(), statistics()];
    const offsets: number[] = [];
    let coordinates = 0;
    for (const tensor of shape.tensors) {
      offsets.push(coordinates);
      coordinates += tensor.size;
    }
    offsets.push(coordinates);
    this.offsets = offsets;
    this.coordinates = coordinates;
  }

  /** Parameters of state(step), unbounded, one array a tensor. */
  parameters(step: number): readonly TensorArray[] {
    return this.theta[(step & 1) as 0 | 1];
  }

  slot(name: string): readonly TensorArray[] {
    return this.slotArrays.get(name) ?? [];
  }

  statistics(step: number): Float64Array {
    return this.statisticsArrays[(step & 1) as 0 | 1];
  }

  /** All arrays of state(step) in the order that digests and snapshots use: parameters, slots, statistics. */
  state(step: number): { readonly name: string; readonly array: TensorArray }[] {
    const named = (prefix: string, arrays: readonly TensorArray[]): { name: string; array: TensorArray }[] =>
      this.shape.tensors.flatMap((tensor, i) => {
        const array = arrays[i];
        return array === undefined ? [] : [{ name: `${prefix}/${tensor.name}`, array }];
      });
    return [
      ...named('theta', this.parameters(step)),
      ...this.shape.slots.flatMap((slot) => named(slot, this.slot(slot))),
      { name: 'statistics', array: this.statistics(step) },
    ];
  }
}
