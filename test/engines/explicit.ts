// What the engine cases compare with: every member's weights written out in float64 from their definition, W + s·scale·E,
// with the noise taken bit by bit from the Philox block function. Shares no code with any engine.
import type { TensorPerturbation } from '../../shared/objectives/engine.js';
import { philox4x32, type Key } from '../../shared/random/philox.js';

export const KEY: Key = [0x243f6a88, 0x85a308d3];
export const NOISE_STEP = 7;

export interface Member {
  readonly direction: number;
  readonly sign: -1 | 0 | 1;
}

export interface WeightCase {
  readonly name: string;
  readonly shape: readonly number[];
  readonly base: Float32Array | Int8Array;
  readonly perturbation: TensorPerturbation;
}

/** One member's weights: `float` the whole array, `integer` the parts that the integer formulas take. */
export interface MemberWeights {
  float(name: string): Float64Array;
  integer(name: string): IntegerWeight;
  /** clip(θ + ⌊s a b / 2^shift⌋). */
  vector(name: string): number[];
}

export interface IntegerWeight {
  readonly base: Int8Array;
  readonly columns: number;
  /** sign·A and B; empty where there is no perturbation. */
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly shift: number;
}

/** Purpose `perturbation` is number 0, so the counter's second word is the tensor alone. */
function word(tensor: number, direction: number, block: number, index: number): number {
  const words = new Uint32Array(4);
  philox4x32(block, tensor, direction, NOISE_STEP, KEY[0], KEY[1], words);
  return words[index] ?? 0;
}

/** Ones among the 16 bits of halfword `i`, less 8. */
export function binomial(tensor: number, direction: number, length: number): number[] {
  return Array.from({ length }, (_, i) => {
    const half = i % 8;
    const bits = word(tensor, direction, Math.floor(i / 8), half >> 1) >>> (half % 2 === 0 ? 0 : 16);
    let ones = 0;
    for (let bit = 0; bit < 16; bit++) ones += (bits >>> bit) & 1;
    return ones - 8;
  });
}

/** +1 where bit `i` is set, else −1. */
export function rademacher(tensor: number, direction: number, length: number): number[] {
  return Array.from({ length }, (_, i) => {
    const bits = word(tensor, direction, Math.floor(i / 128), Math.floor(i / 32) % 4);
    return ((bits >>> (i % 32)) & 1) === 1 ? 1 : -1;
  });
}

export function clip(value: number): number {
  return Math.min(127, Math.max(-127, value));
}

/** ⌊value / 2^shift⌋. */
export function floorShift(value: number, shift: number): number {
  return Math.floor(value / 2 ** shift);
}

export function memberWeights(weights: readonly WeightCase[], { direction, sign }: Member): MemberWeights {
  const find = (name: string): WeightCase => {
    const found = weights.find((weight) => weight.name === name);
    if (found === undefined) throw new Error(`the case has no weight ${name}`);
    return found;
  };
  return {
    float(name) {
      const { base, shape, perturbation } = find(name);
      const values = Float64Array.from(base);
      if (perturbation.kind === 'full') {
        const draw = perturbation.noise === 'binomial' ? binomial : rademacher;
        const noise = draw(perturbation.a, direction, values.length);
        return values.map((value, i) => value + sign * perturbation.scale * (noise[i] ?? 0));
      }
      if (perturbation.kind !== 'low-rank') return values;
      const { rank, scale } = perturbation;
      const rows = shape[0] ?? 1;
      const columns = values.length / rows;
      const a = binomial(perturbation.a, direction, rank * rows);
      const b = binomial(perturbation.b, direction, rank * columns);
      return values.map((value, i) => {
        const row = Math.floor(i / columns);
        let sum = 0;
        for (let c = 0; c < rank; c++)
          sum += (a[c * rows + row] ?? 0) * (b[c * columns + (i % columns)] ?? 0);
        return value + sign * scale * sum;
      });
    },
    integer(name) {
      const { base, shape, perturbation } = find(name);
      const columns = base.length / (shape[0] ?? 1);
      if (perturbation.kind !== 'integer-low-rank')
        return { base: Int8Array.from(base), columns, a: [], b: [], shift: 0 };
      return {
        base: Int8Array.from(base),
        columns,
        a: binomial(perturbation.a, direction, shape[0] ?? 1).map((value) => sign * value),
        b: binomial(perturbation.b, direction, columns),
        shift: perturbation.shift,
      };
    },
    vector(name) {
      const { base, perturbation } = find(name);
      if (perturbation.kind !== 'integer-product') return [...base];
      const a = binomial(perturbation.a, direction, base.length);
      const b = binomial(perturbation.b, direction, base.length);
      return [...base].map((value, i) =>
        clip(value + floorShift(sign * (a[i] ?? 0) * (b[i] ?? 0), perturbation.shift)),
      );
    },
  };
}

/** A small generator of its own for inputs and base weights (Marsaglia's xorshift32), from a seed that is not 0. */
export class Values {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.uniform();
  }

  /** [0, 1). */
  uniform(): number {
    let s = this.#state;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.#state = s >>> 0;
    return this.#state / 2 ** 32;
  }

  /** Sum of twelve uniform numbers less 6: deviation 1. */
  normal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.uniform();
    return sum;
  }

  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  floats(length: number, deviation = 1): Float32Array {
    return Float32Array.from({ length }, () => deviation * this.normal());
  }

  bytes(length: number, limit = 127): Int8Array {
    return Int8Array.from({ length }, () => this.integer(-limit, limit));
  }

  integers(length: number, low: number, high: number): Int32Array {
    return Int32Array.from({ length }, () => this.integer(low, high));
  }
}
