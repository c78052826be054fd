// The members of one `run` on a device: shared arrays, uploaded once a version, and for each weight what its members add:
// the factors of low-rank noise, [members, rank, length], or, for full-rank noise and vectors, the members' own arrays in
// blocks of bounded size. W + σE of a low-rank matrix is formed only where an operation has no other way: a table that is
// added or multiplied element by element.
import { SeedcastError } from '../../../shared/errors.js';
import type {
  Population,
  PopulationSource,
  PopulationTensor,
  TensorPerturbation,
  Weight,
} from '../../../shared/objectives/engine.js';
import type { Device, Tf, Value } from './device.js';

/** Bytes of members' own arrays that are held at once; larger populations go in blocks of members. */
export const BLOCK_BYTES = 64 * 2 ** 20;
/** Bytes of full-rank noise of one tensor in one call, past which uploading would dwarf the evaluation: refused. */
export const FULL_RANK_LIMIT = 2 ** 30;

export interface Factors {
  /** [members, rank, rows], times the member's sign (and scale, for float32). */
  readonly a: Value;
  /** [members, rank, columns]. */
  readonly b: Value;
}

/** Shared arrays on the device, and what is known of them, kept from call to call while the version is the same. */
export class BaseCache {
  readonly #values = new Map<string, { readonly base: PopulationTensor['base']; readonly value: Value }>();
  readonly #numbers = new Map<string, { readonly base: PopulationTensor['base']; readonly value: number }>();
  #version = '';

  /** Drops what belongs to another version. */
  use(version: string): void {
    if (version === this.#version) return;
    for (const { value } of this.#values.values()) value.dispose();
    this.#values.clear();
    this.#numbers.clear();
    this.#version = version;
  }

  get(name: string, base: PopulationTensor['base'], make: () => Value): Value {
    const kept = this.#values.get(name);
    if (kept?.base === base) return kept.value;
    kept?.value.dispose();
    const value = make();
    this.#values.set(name, { base, value });
    return value;
  }

  number(name: string, base: PopulationTensor['base'], make: () => number): number {
    const kept = this.#numbers.get(name);
    if (kept?.base === base) return kept.value;
    const value = make();
    this.#numbers.set(name, { base, value });
    return value;
  }
}

/**
 * A weight as members [from, to) see it. Values are made when first asked for and kept: of the whole population until the end
 * of the run, of a part of it until the end of the `tidy` in which they were made, so a loop of inner ones asks before it.
 */
export class WeightView {
  #factors: Factors | null = null;
  #formed: Value | null = null;

  constructor(
    readonly weight: TensorflowWeight,
    readonly from: number,
    readonly to: number,
  ) {}

  get #whole(): boolean {
    return this.to - this.from === this.weight.population.size;
  }

  /** Low-rank factors; null where nothing is added. */
  factors(): Factors | null {
    const { perturbation, population, rows, columns } = this.weight;
    if (perturbation.kind !== 'low-rank' && perturbation.kind !== 'integer-low-rank') return null;
    if (population.unperturbed) return null;
    if (this.#factors !== null) return this.#factors;
    const rank = perturbation.kind === 'low-rank' ? perturbation.rank : 1;
    const scale = perturbation.kind === 'low-rank' ? perturbation.scale : 1;
    const make = (tensor: number, length: number, signed: boolean): Value =>
      this.#own(() => {
        const { tf } = population;
        const noise = tf.reshape(population.noise('binomial', tensor, rank * length, this.from, this.to), [
          -1,
          rank,
          length,
        ]);
        return signed ? tf.mul(noise, population.signs(scale, 3, this.from, this.to)) : noise;
      });
    const factors = { a: make(perturbation.a, rows, true), b: make(perturbation.b, columns, false) };
    this.#factors = factors;
    return factors;
  }

  /** The members' own arrays, [members, ...shape]; a first axis of 1 where nothing is added. */
  formed(): Value {
    const { weight } = this;
    const { perturbation, population } = weight;
    if (perturbation.kind === 'none' || population.unperturbed) return weight.base();
    if (this.#formed !== null) return this.#formed;
    const formed = this.#own(() => this.#form());
    this.#formed = formed;
    return formed;
  }

  #form(): Value {
    const { weight, from, to } = this;
    const { perturbation, population, shape } = weight;
    const { tf } = population;
    const axes = shape.length + 1;
    const noise = (tensor: number, kind: 'binomial' | 'rademacher' = 'binomial'): Value =>
      tf.reshape(population.noise(kind, tensor, weight.size, from, to), [to - from, ...shape]);
    if (perturbation.kind === 'full') {
      const scaled = tf.mul(
        noise(perturbation.a, perturbation.noise),
        population.signs(perturbation.scale, axes, from, to),
      );
      return tf.add(weight.base(), scaled);
    }
    if (perturbation.kind === 'integer-product') {
      const product = tf.mul(
        tf.mul(noise(perturbation.a), population.signs(1, axes, from, to)),
        noise(perturbation.b),
      );
      const added = tf.floor(tf.mul(product, 2 ** -perturbation.shift));
      return tf.clipByValue(tf.add(weight.base(), added), -127, 127);
    }
    const factors = this.factors();
    if (perturbation.kind !== 'low-rank' || factors === null)
      throw internal(`weight ${weight.name} is perturbed as a matrix, but used as a vector`);
    const added = tf.matMul(tf.transpose(factors.a, [0, 2, 1]), factors.b);
    return tf.add(weight.base(), tf.reshape(added, [to - from, ...shape]));
  }

  /** Frees all but the result; of the whole population it lives until the end of the run. */
  #own(make: () => Value): Value {
    const { population } = this.weight;
    const value = population.tf.tidy(make);
    return this.#whole ? population.keep(value) : value;
  }
}

export class TensorflowWeight implements Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int8';
  readonly size: number;
  /** As a matrix: first axis, and the product of the others. */
  readonly rows: number;
  readonly columns: number;
  readonly perturbation: TensorPerturbation;
  readonly #base: Float32Array | Int8Array;
  readonly #whole: WeightView;

  constructor(
    readonly population: TensorflowPopulation,
    { name, shape, base, perturbation }: PopulationTensor,
  ) {
    this.#base = checkTensor({ name, shape, base, perturbation });
    this.name = name;
    this.shape = shape;
    this.dtype = base instanceof Float32Array ? 'float32' : 'int8';
    this.size = base.length;
    this.rows = shape[0] ?? 1;
    this.columns = base.length / this.rows;
    this.perturbation = perturbation;
    this.#whole = new WeightView(this, 0, population.size);
  }

  view(from = 0, to = this.population.size): WeightView {
    return from === 0 && to === this.population.size ? this.#whole : new WeightView(this, from, to);
  }

  /** θ, [1, ...shape]. */
  base(): Value {
    return this.#kept('base', () =>
      this.population.tf.tensor(Float32Array.from(this.#base), [1, ...this.shape], 'float32'),
    );
  }

  /** θ as the right side of a product, [columns, rows]: the layout that every backend multiplies fastest by. */
  transposed(): Value {
    return this.#kept('transposed', () => {
      const { rows, columns } = this;
      const values = new Float32Array(this.size);
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) values[j * rows + i] = this.#base[i * columns + j] as number;
      return this.population.tf.tensor(values, [columns, rows], 'float32');
    });
  }

  /** max_i Σ_k |θ_ik|: with |x| ≤ 128 no sum of a product leaves 128 times this. */
  rowBound(): number {
    return this.population.cache.number(this.name, this.#base, () => {
      let bound = 0;
      for (let i = 0; i < this.rows; i++) {
        let sum = 0;
        for (let j = 0; j < this.columns; j++) sum += Math.abs(this.#base[i * this.columns + j] as number);
        bound = Math.max(bound, sum);
      }
      return bound;
    });
  }

  /** Bytes of one member's own array, 0 where an operation never forms it. */
  formedBytes(): number {
    const { kind } = this.perturbation;
    return (kind === 'full' || kind === 'integer-product') && !this.population.unperturbed
      ? 4 * this.size
      : 0;
  }

  #kept(layout: string, make: () => Value): Value {
    const { population } = this;
    return population.cache.get(`${layout} ${this.name}`, this.#base, () => population.tf.keep(make()));
  }
}

export class TensorflowPopulation implements Population {
  readonly size: number;
  /** True where no member adds anything. */
  readonly unperturbed: boolean;
  readonly #source: PopulationSource;
  readonly #weights: ReadonlyMap<string, TensorflowWeight>;
  readonly #kept: Value[] = [];

  constructor(
    source: PopulationSource,
    readonly device: Device,
    readonly cache: BaseCache,
  ) {
    if (source.members.length === 0) throw internal('a population has no members');
    this.#source = source;
    this.size = source.members.length;
    this.unperturbed = source.members.every(({ sign }) => sign === 0);
    this.#weights = new Map(
      source.tensors.map((tensor) => [tensor.name, new TensorflowWeight(this, tensor)]),
    );
  }

  get tf(): Tf {
    return this.device.tf;
  }

  weight(name: string): TensorflowWeight {
    const weight = this.#weights.get(name);
    if (weight === undefined)
      throw internal(
        `there is no weight ${JSON.stringify(name)}; there are ${[...this.#weights.keys()].join(', ')}`,
      );
    return weight;
  }

  /** Holds a value until the end of the run, past any `tidy`. */
  keep(value: Value): Value {
    this.#kept.push(this.tf.keep(value));
    return value;
  }

  close(): void {
    for (const value of this.#kept) value.dispose();
    this.#kept.length = 0;
  }

  /** sign·scale of members [from, to) as [members, 1, ...] of so many axes. */
  signs(scale: number, axes: number, from: number, to: number): Value {
    const values = Float32Array.from(this.#source.members.slice(from, to), ({ sign }) => sign * scale);
    return this.tf.tensor(values, [to - from, ...new Array<number>(axes - 1).fill(1)], 'float32');
  }

  /** Noise of members [from, to), [members, length]; made once a direction. A centre's is anyone's: its sign is 0. */
  noise(kind: 'binomial' | 'rademacher', tensor: number, length: number, from: number, to: number): Value {
    const { tf } = this;
    const places = new Map<number, number>();
    const rows = Int32Array.from(this.#source.members.slice(from, to), ({ direction, sign }) => {
      if (sign === 0) return 0;
      const place = places.get(direction) ?? places.size;
      places.set(direction, place);
      return place;
    });
    const directions = places.size === 0 ? [0] : [...places.keys()];
    this.#checkNoise(tensor, directions.length, length);
    const { key, noiseStep: step } = this.#source;
    const noise = this.device.noise({ kind, key, tensor, step, directions, length });
    const ordered = directions.length === rows.length && rows.every((place, i) => place === i);
    return ordered ? noise : tf.gather(noise, tf.tensor1d(rows, 'int32'));
  }

  #checkNoise(tensor: number, directions: number, length: number): void {
    const all = new Set(this.#source.members.map(({ direction }) => direction)).size;
    const bytes = 4 * length * (this.device.uploadsNoise ? Math.max(all, directions) : directions);
    if (bytes <= FULL_RANK_LIMIT) return;
    throw new SeedcastError(
      'SC_ENGINE',
      `the noise of tensor number ${tensor} is ${length} numbers for ${all} directions, ${bytes} bytes a call; engine tensorflow (${this.device.backend}) takes ${FULL_RANK_LIMIT}`,
      { hint: 'use method eggroll (low-rank noise), fewer members a worker, or engine native' },
    );
  }
}

const FLOAT_KINDS: readonly TensorPerturbation['kind'][] = ['none', 'full', 'low-rank'];
const INT8_KINDS: readonly TensorPerturbation['kind'][] = ['none', 'integer-low-rank', 'integer-product'];

function checkTensor({ name, shape, base, perturbation }: PopulationTensor): Float32Array | Int8Array {
  const { kind } = perturbation;
  if (base instanceof Float64Array)
    throw internal(`tensor ${name} is float64; engines take float32 and int8`);
  if (base.length !== shape.reduce((product, length) => product * length, 1))
    throw internal(`tensor ${name} has ${base.length} values, not those of shape [${shape.join(', ')}]`);
  if (!(base instanceof Int8Array ? INT8_KINDS : FLOAT_KINDS).includes(kind))
    throw internal(
      `tensor ${name} is ${base instanceof Int8Array ? 'int8' : 'float32'} and cannot have ${kind} noise`,
    );
  if ((kind === 'low-rank' || kind === 'integer-low-rank') && shape.length < 2)
    throw internal(`tensor ${name} has one axis and cannot have ${kind} noise`);
  return base;
}

function internal(what: string): SeedcastError {
  return new SeedcastError('SC_INTERNAL', what);
}
