// One run of the native engine: the members' directions without repetition, their noise made once a tensor for all of
// them, and the packed weights, which are kept while the version of the parameters stays. Touches its own memory only.
import type { PopulationSource } from '../../../shared/objectives/engine.js';
import { PURPOSE } from '../../../shared/random/purposes.js';
import type { Native } from '../../native/addon.js';
import {
  type IntegerNoise,
  type MemberRows,
  type PerMember,
  integerVectors,
  packInt8,
} from '../../native/integer.js';
import { type Slabs, formMembers } from '../../native/elementwise.js';
import { type PackedLinear, packLinear } from '../../native/linear.js';
import { lowRankFactors } from '../../native/noise.js';
import type { ReferenceWeight } from '../reference/population.js';
import { axis, type ReferenceTensor, type Scope } from '../reference/tensors.js';
import type { Buffers } from './buffers.js';

/** Weights in the addon's order, of one version of the parameters. */
export class PackedWeights {
  #version: string | null = null;
  #packed = new Map<string, unknown>();

  /** Forgets everything of another version. */
  use(version: string): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#packed = new Map();
  }

  /** What `pack` made for this name; `kind` tells forms of one weight apart. */
  of<T>(kind: string, name: string, pack: () => T): T {
    const key = `${kind} ${name}`;
    const kept = this.#packed.get(key);
    if (kept !== undefined) return kept as T;
    const made = pack();
    this.#packed.set(key, made);
    return made;
  }
}

export class NativeRun {
  /** Directions that members have, each once; never empty. */
  readonly directions: Uint32Array;
  /** A member's place in `directions`, and its sign. */
  readonly rows: MemberRows;
  /** `rows.directions` as the float kernels take it. */
  readonly places: Uint32Array;
  /** Whether any member differs from the centre. */
  readonly perturbed: boolean;
  readonly #factors = new Map<string, Int8Array>();
  readonly #vectors = new Map<ReferenceWeight, PerMember<Int8Array>>();
  readonly #formed = new Map<ReferenceWeight, Slabs>();

  constructor(
    readonly native: Native,
    readonly source: PopulationSource,
    readonly scope: Scope,
    readonly buffers: Buffers,
    readonly weights: PackedWeights,
  ) {
    weights.use(source.version);
    const places = new Map<number, number>();
    const directions = new Int32Array(source.members.length);
    const signs = Int8Array.from(source.members, ({ sign }) => sign);
    source.members.forEach(({ direction, sign }, member) => {
      if (sign === 0) return;
      const place = places.get(direction) ?? places.size;
      places.set(direction, place);
      directions[member] = place;
    });
    this.perturbed = places.size > 0;
    this.directions = Uint32Array.from(this.perturbed ? places.keys() : [0]);
    this.rows = { directions, signs };
    this.places = Uint32Array.from(directions);
  }

  /** Noise of a tensor number, [directions, length]. Not to be changed. */
  factors(tensor: number, length: number, noise: 'binomial' | 'rademacher' = 'binomial'): Int8Array {
    const name = `${noise} ${tensor} ${length}`;
    const kept = this.#factors.get(name);
    if (kept !== undefined) return kept;
    const { key, noiseStep: step } = this.source;
    const made = this.buffers.int8(this.directions.length * length);
    const stream = { key, purpose: PURPOSE.perturbation, tensor, step };
    lowRankFactors(this.native, stream, this.directions, length, made, noise);
    this.#factors.set(name, made);
    return made;
  }

  /** A float32 matrix packed for products. */
  packedFloat({ name, base, rows, columns }: ReferenceWeight): PackedLinear {
    return this.weights.of('float32', name, () =>
      packLinear(this.native, base as Float32Array, rows, columns),
    );
  }

  /** A float32 array as each member has it. */
  formed(weight: ReferenceWeight): Slabs {
    const { perturbation } = weight;
    const { members } = this.scope;
    if (perturbation.kind === 'none' || !this.perturbed)
      return { data: weight.base as Float32Array, members: 1 };
    const kept = this.#formed.get(weight);
    if (kept !== undefined) return kept;
    const base = weight.base as Float32Array;
    const data = this.buffers.float32(members * base.length);
    if (perturbation.kind === 'full') {
      const noise = this.factors(perturbation.a, base.length, perturbation.noise);
      const rows = { direction: this.places, sign: this.rows.signs, directions: this.directions.length };
      formMembers(this.native, base, { ...rows, scale: perturbation.scale }, noise, data);
    } else {
      for (let member = 0; member < members; member++) data.set(weight.formed(member), member * base.length);
    }
    const made = { data, members };
    this.#formed.set(weight, made);
    return made;
  }

  /** A shared tensor, once a member. */
  repeated({ data, shape }: ReferenceTensor<Float32Array>, members: number): Float32Array {
    const all = this.buffers.float32(members * data.length);
    const copies = axis(shape, 0);
    for (let at = 0; at < members; at += copies) all.set(data, at * (data.length / copies));
    return all;
  }

  /** An int8 matrix packed for products. */
  packedInt8({ name, base, rows, columns }: ReferenceWeight): Uint8Array {
    return this.weights.of('int8', name, () => packInt8(this.native, base as Int8Array, rows, columns));
  }

  /** Noise of an int8 matrix; null where no member has any. */
  integerNoise({ perturbation, rows, columns }: ReferenceWeight): IntegerNoise | null {
    if (perturbation.kind !== 'integer-low-rank' || !this.perturbed) return null;
    return {
      a: this.factors(perturbation.a, rows),
      b: this.factors(perturbation.b, columns),
      shift: perturbation.shift,
    };
  }

  /** An int8 vector as each member has it. */
  integerVector(weight: ReferenceWeight): PerMember<Int8Array> {
    const { perturbation } = weight;
    if (perturbation.kind !== 'integer-product' || !this.perturbed)
      return { data: weight.integerFormed(0), members: 1 };
    const kept = this.#vectors.get(weight);
    if (kept !== undefined) return kept;
    const { members } = this.scope;
    const base = weight.base as Int8Array;
    const data = this.buffers.int8(members * base.length);
    const [a, b] = [this.factors(perturbation.a, base.length), this.factors(perturbation.b, base.length)];
    integerVectors(this.native, base, members, { a, b, shift: perturbation.shift }, this.rows, data);
    const made = { data, members };
    this.#vectors.set(weight, made);
    return made;
  }
}
