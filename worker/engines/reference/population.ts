// The members of one call as the reference engine sees them: for each weight the shared array θ and, a member, either the
// array formed with its noise or the factors that an operation adds beside θ. Noise comes from shared/random and is kept
// for the last direction of each tensor, which serves both members of a pair. Touches nothing.
import { SeedcastError } from '../../../shared/errors.js';
import type {
  Population,
  PopulationSource,
  PopulationTensor,
  TensorPerturbation,
  Weight,
} from '../../../shared/objectives/engine.js';
import type { TensorArray } from '../../../shared/objectives/types.js';
import { fillBinomial, fillRademacher } from '../../../shared/random/noise.js';
import { PURPOSE } from '../../../shared/random/purposes.js';

/** scale·Σ_c A_c B_cᵀ beside θ: `a` [rank, rows], `b` [rank, columns]; the member's sign is in `scale`. */
export interface Factors {
  readonly rank: number;
  readonly scale: number;
  readonly a: Int8Array;
  readonly b: Int8Array;
}

/** ((u·b)·sign a_i) >> shift beside an int8 product. */
export interface IntegerFactors {
  readonly sign: number;
  readonly shift: number;
  readonly a: Int8Array;
  readonly b: Int8Array;
}

export class ReferenceWeight implements Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int8';
  /** As a matrix: first axis, and the product of the others. */
  readonly rows: number;
  readonly columns: number;

  constructor(
    readonly population: ReferencePopulation,
    readonly base: Float32Array | Int8Array,
    { name, shape }: PopulationTensor,
    readonly perturbation: TensorPerturbation,
  ) {
    this.name = name;
    this.shape = shape;
    this.dtype = base instanceof Float32Array ? 'float32' : 'int8';
    this.rows = shape[0] ?? 1;
    this.columns = base.length / this.rows;
  }

  /** The member's float32 values; θ itself where nothing is added. */
  formed(member: number): Float32Array {
    const { base, perturbation } = this;
    if (!(base instanceof Float32Array)) throw internal(`weight ${this.name} is int8`);
    if (perturbation.kind === 'full') return this.population.full(base, perturbation, member);
    const factors = this.factors(member);
    if (factors === null) return base;
    const values = new Float32Array(base.length);
    for (let row = 0; row < this.rows; row++)
      this.formRow(base, factors, row, values.subarray(row * this.columns, (row + 1) * this.columns));
    return values;
  }

  /** One row of θ + scale·Σ_c A_c B_cᵀ, each element rounded once. */
  formRow(base: Float32Array, { rank, scale, a, b }: Factors, row: number, out: Float32Array): void {
    const { rows, columns } = this;
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let c = 0; c < rank; c++) sum += (a[c * rows + row] as number) * (b[c * columns + j] as number);
      out[j] = (base[row * columns + j] as number) + scale * sum;
    }
  }

  /** The member's low-rank factors; null where it has none. */
  factors(member: number): Factors | null {
    const { perturbation, population } = this;
    const { direction, sign } = population.member(member);
    if (perturbation.kind !== 'low-rank' || sign === 0) return null;
    const { rank, scale, a, b } = perturbation;
    return {
      rank,
      scale: sign * scale,
      a: population.noise('binomial', a, direction, rank * this.rows),
      b: population.noise('binomial', b, direction, rank * this.columns),
    };
  }

  /** The member's int8 factors; null where it has none. */
  integerFactors(member: number): IntegerFactors | null {
    const { perturbation, population } = this;
    const { direction, sign } = population.member(member);
    if (perturbation.kind !== 'integer-low-rank' || sign === 0) return null;
    return {
      sign,
      shift: perturbation.shift,
      a: population.noise('binomial', perturbation.a, direction, this.rows),
      b: population.noise('binomial', perturbation.b, direction, this.columns),
    };
  }

  /** The member's int8 vector clip(θ + ((s a b) >> shift)); θ itself where nothing is added. */
  integerFormed(member: number): Int8Array {
    const { base, perturbation, population } = this;
    if (!(base instanceof Int8Array)) throw internal(`weight ${this.name} is not int8`);
    const { direction, sign } = population.member(member);
    if (perturbation.kind === 'integer-low-rank')
      throw internal(`weight ${this.name} is perturbed as a matrix, but used as a vector`);
    if (perturbation.kind !== 'integer-product' || sign === 0) return base;
    const a = population.noise('binomial', perturbation.a, direction, base.length);
    const b = population.noise('binomial', perturbation.b, direction, base.length);
    return base.map((value, i) =>
      clip(value + ((sign * (a[i] as number) * (b[i] as number)) >> perturbation.shift)),
    );
  }
}

export class ReferencePopulation implements Population {
  readonly size: number;
  readonly #source: PopulationSource;
  readonly #weights: ReadonlyMap<string, ReferenceWeight>;
  readonly #noise = new Map<string, { readonly direction: number; readonly values: Int8Array }>();

  constructor(source: PopulationSource) {
    if (source.members.length === 0) throw internal('a population has no members');
    this.#source = source;
    this.size = source.members.length;
    this.#weights = new Map(
      source.tensors.map((tensor) => [
        tensor.name,
        new ReferenceWeight(this, checkTensor(tensor), tensor, tensor.perturbation),
      ]),
    );
  }

  weight(name: string): ReferenceWeight {
    const weight = this.#weights.get(name);
    if (weight === undefined)
      throw internal(
        `there is no weight ${JSON.stringify(name)}; there are ${[...this.#weights.keys()].join(', ')}`,
      );
    return weight;
  }

  member(index: number): PopulationSource['members'][number] {
    const member = this.#source.members[index];
    if (member === undefined) throw internal(`there is no member ${index} of ${this.size}`);
    return member;
  }

  /** Integer noise of a tensor number for a direction, from element 0. Not to be changed. */
  noise(kind: 'binomial' | 'rademacher', tensor: number, direction: number, length: number): Int8Array {
    const name = `${kind} ${tensor}`;
    const kept = this.#noise.get(name);
    if (kept?.direction === direction && kept.values.length === length) return kept.values;
    const values = new Int8Array(length);
    const fill = kind === 'binomial' ? fillBinomial : fillRademacher;
    fill(this.#source.key, PURPOSE.perturbation, tensor, direction, this.#source.noiseStep, 0, values);
    this.#noise.set(name, { direction, values });
    return values;
  }

  /** θ + s·scale·e, rounded as a method's `perturb` rounds. */
  full(
    base: Float32Array,
    perturbation: Extract<TensorPerturbation, { kind: 'full' }>,
    index: number,
  ): Float32Array {
    const { direction, sign } = this.member(index);
    if (sign === 0) return base;
    const noise = this.noise(perturbation.noise, perturbation.a, direction, base.length);
    const scale = Math.fround(sign * perturbation.scale);
    const values = new Float32Array(base.length);
    for (let i = 0; i < values.length; i++)
      values[i] = (base[i] as number) + Math.fround(scale * (noise[i] as number));
    return values;
  }
}

/** Integers of the int8 model never leave ±127. */
export function clip(value: number): number {
  return value > 127 ? 127 : value < -127 ? -127 : value;
}

function checkTensor({ name, shape, base, perturbation }: PopulationTensor): Float32Array | Int8Array {
  const { kind } = perturbation;
  if (base instanceof Float64Array)
    throw internal(`tensor ${name} is float64; engines take float32 and int8`);
  if (base.length !== shape.reduce((product, length) => product * length, 1))
    throw internal(`tensor ${name} has ${base.length} values, not those of shape [${shape.join(', ')}]`);
  const allowed = base instanceof Int8Array ? INT8_KINDS : FLOAT_KINDS;
  if (!allowed.includes(kind))
    throw internal(`tensor ${name} is ${dtypeOf(base)} and cannot have ${kind} noise`);
  if ((kind === 'low-rank' || kind === 'integer-low-rank') && shape.length < 2)
    throw internal(`tensor ${name} has one axis and cannot have ${kind} noise`);
  return base;
}

const FLOAT_KINDS: readonly TensorPerturbation['kind'][] = ['none', 'full', 'low-rank'];
const INT8_KINDS: readonly TensorPerturbation['kind'][] = ['none', 'integer-low-rank', 'integer-product'];

function dtypeOf(base: TensorArray): string {
  return base instanceof Int8Array ? 'int8' : 'float32';
}

function internal(what: string): SeedcastError {
  return new SeedcastError('SC_INTERNAL', what);
}
