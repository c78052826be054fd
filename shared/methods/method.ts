// The method interface: what to evaluate, how scalars become a record (coordinator only), how a record changes the state
// (every replica). A method is one file of pure functions and one line in the registry.
import type { Key } from '../random/philox.js';
import type { JobSpec } from '../job/spec.js';
import type { Genesis, StepUpdate } from '../ledger/records.js';
import type { TensorPerturbation } from '../objectives/engine.js';
import type { CompiledTensor, Dtype, TensorArray } from '../objectives/types.js';
import type { UnitLayout } from '../wire/slices.js';
import type { ReplicaMemory } from './memory.js';

/** What the scalars of a step became, apart from the statistics that the coordinator folds itself. */
export interface Reduction {
  readonly update: Omit<StepUpdate, 'auxiliary'>;
  /** Pairs whose two members tie. */
  readonly ties: number;
}

/** The static part of a replica: all that is derived from the genesis once. */
export interface MethodContext {
  readonly spec: JobSpec;
  readonly key: Key;
  readonly tensors: readonly CompiledTensor[];
  readonly memory: ReplicaMemory;
}

/** Noise kept between the two members of a pair; one a thread. */
export interface Scratch {
  /** One value a coordinate over all tensors, or as many as the method's `scratch` says. */
  readonly noise: Int8Array;
  step: number;
  direction: number;
}

/** How a step's members differ from the shared parameters. */
export interface PopulationNoise {
  /** Step word of the noise counters. */
  readonly noiseStep: number;
  /** One a tensor, in order. */
  readonly tensors: readonly TensorPerturbation[];
}

export interface Method {
  readonly name: string;
  /** Bumped when the same record would give another state. */
  readonly version: number;
  /** Types of tensors it can move. */
  readonly dtypes: readonly Dtype[];
  /** State arrays beside the parameters, one of each tensor's shape and type. */
  slots(spec: JobSpec): readonly string[];
  /** Members a step and how many share a direction. */
  layout(spec: JobSpec): Pick<UnitLayout, 'members' | 'group'>;
  /** Members of consecutive blocks that share data (objectives of `seeds: per-step`); null for the whole population. */
  dataGroup?(spec: JobSpec): number | null;
  /** Refuses tensors that do not fit the method's options: SC_OBJECTIVE_OPTIONS naming both. */
  checkTensors?(genesis: Pick<Genesis, 'spec' | 'objective'>): void;
  /** Noise values that one direction takes in a scratch; default one a coordinate. */
  scratch?(spec: JobSpec, tensors: readonly CompiledTensor[]): number;
  /**
   * Scalars to coefficients. `fitness`: one a member, larger is better, finite where `failed` is 0.
   * A failed member counts by `spec.onFailure`: worst (below every other) or skip (no weight).
   */
  reduce(spec: JobSpec, step: number, fitness: Float64Array, failed: Uint8Array): Reduction;
  /** Perturbed parameters of `member` at `step`, unbounded, written to `out` (one array a tensor). */
  perturb(
    context: MethodContext,
    step: number,
    member: number,
    scratch: Scratch,
    out: readonly TensorArray[],
  ): void;
  /**
   * The same members as `perturb` makes, described instead of written out, for objectives that evaluate a population on an
   * engine. Members of a slice share `noiseStep` and the kinds; each has its own direction and sign.
   */
  population(context: MethodContext, step: number): PopulationNoise;
  /** Direction and sign of a member. */
  memberNoise(spec: JobSpec, member: number): { readonly direction: number; readonly sign: -1 | 1 };
  /**
   * state(step) → state(step + 1) for the coordinates [lo, hi) of all tensors laid end to end: reads the buffers of
   * `step`, writes those of `step + 1`. Tiles are disjoint, so threads may run them in any order.
   */
  apply(context: MethodContext, step: number, update: StepUpdate, lo: number, hi: number): void;
  /**
   * |g|² of the update that led from `step` to `step + 1`, over what it would be on average if fitness had nothing to do with
   * the parameters: about 1 means that the step was noise. From a sample of coordinates; null where it could not tell.
   */
  signal(context: MethodContext, step: number, update: StepUpdate): number | null;
}

/** A fresh scratch of so many noise values. */
export function createScratch(values: number): Scratch {
  return { noise: new Int8Array(values), step: -1, direction: -1 };
}
