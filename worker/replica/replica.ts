// A replica: the state that a ledger stands for, in one (shareable) buffer. Everything a replica computes is here and in
// shared/methods: initial values, updates, digests, snapshots, and the parameters that one evaluation sees.
import { createHash } from 'node:crypto';
import { stateDigest } from '../../shared/arithmetic/digest.js';
import { SeedcastError } from '../../shared/errors.js';
import type { Genesis, StepUpdate } from '../../shared/ledger/records.js';
import { ReplicaMemory } from '../../shared/methods/memory.js';
import { type Method, type MethodContext, type Scratch, createScratch } from '../../shared/methods/method.js';
import { methodNamed } from '../../shared/methods/registry.js';
import { shapeOf } from '../../shared/methods/shape.js';
import type { PopulationSource, PopulationTensor } from '../../shared/objectives/engine.js';
import type { Point, TensorArray } from '../../shared/objectives/types.js';
import { deriveKey } from '../../shared/random/key.js';
import { evaluationSeed } from '../../shared/random/noise.js';
import { applyBounds } from '../../shared/tensors/bounds.js';
import { initialValues } from '../../shared/tensors/init.js';
import { bytesOf } from '../../shared/wire/codec.js';
import type { UnitLayout } from '../../shared/wire/slices.js';

/** Directions of the evaluation seeds that no member has: centre repeats, held-out repeats and validation. */
const CENTRE = 2 ** 31;
const HELD_OUT = 2 ** 31 + 2 ** 30;
/** Parts of the validation: the same at every step, so that its curve compares like with like. */
const VALIDATION = 2 ** 30;

/** Replicas opened by this thread: a part of what tells an engine that weights are other weights. */
let opened = 0;

/** One unit of a round, as an evaluation sees it. */
export interface UnitContext {
  readonly seed: number;
  readonly step: number;
  readonly member: number | null;
  readonly point: Point;
  readonly part: { readonly index: number; readonly count: number } | null;
  readonly statistics: Float64Array;
  readonly wantsAuxiliary: boolean;
}

export class Replica {
  readonly memory: ReplicaMemory;
  private readonly context: MethodContext;
  private readonly method: Method;
  private readonly scratch: Scratch;
  private readonly version = `replica ${opened++}`;
  /** What `populationOf` last described: of members, or of the centre. */
  private described: Pick<PopulationSource, 'version' | 'noiseStep' | 'tensors'> | null = null;

  constructor(
    readonly genesis: Genesis,
    buffer?: ArrayBuffer | SharedArrayBuffer,
  ) {
    this.memory = new ReplicaMemory(shapeOf(genesis), buffer);
    this.method = methodNamed(genesis.spec.method.name);
    this.context = {
      spec: genesis.spec,
      key: deriveKey(genesis.spec.seed),
      tensors: genesis.objective.tensors,
      memory: this.memory,
    };
    this.scratch = createScratch(
      this.method.scratch?.(genesis.spec, genesis.objective.tensors) ?? this.memory.coordinates,
    );
  }

  /** state(0). `weights`: start values by tensor, unbounded; what is missing starts by its declaration. */
  initialise(weights: ReadonlyMap<string, TensorArray> = new Map()): void {
    new Uint8Array(this.memory.buffer).fill(0);
    const parameters = this.memory.parameters(0);
    this.genesis.objective.tensors.forEach((tensor, t) => {
      parameters[t]?.set(weights.get(tensor.name) ?? initialValues(tensor, t, this.context.key));
    });
  }

  /** state(step) → state(step + 1) for coordinates [lo, hi). */
  apply(step: number, update: StepUpdate, lo = 0, hi = this.memory.coordinates): void {
    this.method.apply(this.context, step, update, lo, hi);
  }

  /** Figures of the update from step − 1 to `step`, for hints: see Method.signal; and |step| / |parameters|. */
  figures(
    step: number,
    update: StepUpdate,
  ): { readonly signal: number | null; readonly relativeStep: number | null } {
    const before = this.memory.parameters(step - 1);
    let moved = 0;
    let size = 0;
    this.memory.parameters(step).forEach((array, t) => {
      const old = before[t];
      if (old === undefined) return;
      for (let i = 0; i < array.length; i++) {
        const value = array[i] as number;
        moved += (value - (old[i] as number)) ** 2;
        size += value * value;
      }
    });
    return {
      signal: this.method.signal(this.context, step - 1, update),
      relativeStep: size > 0 ? Math.sqrt(moved / size) : null,
    };
  }

  digest(step: number): string {
    return stateDigest(this.memory.state(step));
  }

  /** The bytes of state(step), arrays one after the other in digest order. */
  snapshot(step: number): { readonly bytes: Uint8Array; readonly sha256: string } {
    const arrays = this.memory.state(step).map(({ array }) => bytesOf(array));
    const bytes = new Uint8Array(arrays.reduce((sum, a) => sum + a.length, 0));
    let at = 0;
    for (const array of arrays) {
      bytes.set(array, at);
      at += array.length;
    }
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  }

  /** Inverse of `snapshot`; SC_LEDGER_CORRUPT when the length does not fit. */
  restore(step: number, bytes: Uint8Array): void {
    const arrays = this.memory.state(step).map(({ array }) => bytesOf(array));
    const expected = arrays.reduce((sum, a) => sum + a.length, 0);
    if (bytes.length !== expected)
      throw new SeedcastError(
        'SC_LEDGER_CORRUPT',
        `snapshot of step ${step} has ${bytes.length} bytes, expected ${expected}`,
      );
    let at = 0;
    for (const array of arrays) {
      array.set(bytes.subarray(at, at + array.length));
      at += array.length;
    }
  }

  /** One array a tensor, for `parametersOf`. */
  allocate(): TensorArray[] {
    return this.genesis.objective.tensors.map((t) =>
      t.dtype === 'float32'
        ? new Float32Array(t.size)
        : t.dtype === 'float64'
          ? new Float64Array(t.size)
          : new Int8Array(t.size),
    );
  }

  /** Writes the parameters that `unit` of the round evaluates into `out`, in the user's units. */
  parametersOf(step: number, layout: UnitLayout, unit: number, out: readonly TensorArray[]): void {
    if (unit < layout.members) this.method.perturb(this.context, step, unit, this.scratch, out);
    else this.memory.parameters(step).forEach((array, t) => out[t]?.set(array));
    this.genesis.objective.tensors.forEach((tensor, t) => {
      const array = out[t];
      if (tensor.bounds !== null && array !== undefined) applyBounds(tensor, array, array);
    });
  }

  /**
   * The same parameters as `parametersOf` writes, described for an engine: one member. `generation`: of the evaluation; another
   * one may see other parameters at the same step, since a replica that was wrong is built again in the same memory.
   */
  populationOf(generation: number, step: number, layout: UnitLayout, unit: number): PopulationSource {
    const { spec } = this.genesis;
    const version = `${this.version} evaluation ${generation}`;
    if (this.described?.version !== version) {
      const noise = this.method.population(this.context, step);
      const base = this.memory.parameters(step);
      const tensors = this.genesis.objective.tensors.flatMap(({ name, shape }, t): PopulationTensor[] => {
        const [array, perturbation] = [base[t], noise.tensors[t]];
        return array === undefined || perturbation === undefined
          ? []
          : [{ name, shape, base: array, perturbation }];
      });
      this.described = { version, noiseStep: noise.noiseStep, tensors };
    }
    const member =
      unit < layout.members ? this.method.memberNoise(spec, unit) : ({ direction: 0, sign: 0 } as const);
    return { ...this.described, key: this.context.key, members: [member] };
  }

  contextOf(step: number, layout: UnitLayout, unit: number): UnitContext {
    const { objective } = this.genesis;
    const index = unit - layout.members - layout.repeats;
    if (index >= 0) return this.partOf(step, index, layout.validation);
    const isMember = unit < layout.members;
    const point = isMember ? 'member' : layout.members > 0 ? 'centre' : 'held-out';
    const direction = isMember
      ? objective.seeds === 'per-step'
        ? this.dataGroupOf(unit)
        : objective.seeds === 'per-member'
          ? unit
          : Math.floor(unit / layout.group)
      : (layout.members > 0 ? CENTRE : HELD_OUT) + unit - layout.members;
    return {
      seed: evaluationSeed(this.context.key, step, direction),
      step,
      member: isMember ? unit : null,
      point,
      part: null,
      statistics: this.memory.statistics(step),
      wantsAuxiliary: isMember && objective.auxiliary !== null && unit % objective.auxiliary.every === 0,
    };
  }

  private partOf(step: number, index: number, count: number): UnitContext {
    return {
      seed: evaluationSeed(this.context.key, 0, VALIDATION + index),
      step,
      member: null,
      point: 'validation',
      part: { index, count },
      statistics: this.memory.statistics(step),
      wantsAuxiliary: false,
    };
  }

  /** Members that share a step's data: 0 for all, else the number of the member's block. */
  private dataGroupOf(member: number): number {
    const size = this.method.dataGroup?.(this.genesis.spec) ?? null;
    return size === null ? 0 : Math.floor(member / size);
  }

  /** Parameters of state(step) in the user's units, by tensor name: what `pull` writes. */
  exported(step: number): Map<string, TensorArray> {
    const arrays = this.allocate();
    this.parametersOf(step, { members: 0, group: 1, repeats: 1, validation: 0 }, 0, arrays);
    return new Map(
      this.genesis.objective.tensors.flatMap((tensor, t) =>
        arrays[t] === undefined ? [] : [[tensor.name, arrays[t]]],
      ),
    );
  }
}
