// What an objective is: the contract that users write against (`defineObjective`), and the tensors it declares.
// No I/O here; workers load and run objectives (worker/objectives).
import type { Engine, Population } from './engine.js';

export type Direction = 'minimize' | 'maximize';
export type Dtype = 'float32' | 'float64' | 'int8';

/** How a tensor starts. `unit-rows`: each row (a unit's incoming weights) normal, then scaled to norm `gain`. */
export type InitSpec =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  | { readonly kind: 'normal'; readonly mean?: number; readonly std?: number }
  | { readonly kind: 'unit-rows'; readonly gain?: number };

/** A tensor as an objective declares it. Everything but `shape` has a default. */
export interface TensorDeclaration {
  readonly shape: readonly number[];
  /** Default float32; `minimize` and class F methods default to float64. */
  readonly dtype?: Dtype;
  /** Default zeros. With bounds, in the mapped (user's) units. */
  readonly init?: InitSpec;
  /** Bounds of what `evaluate` and `pull` see; the optimiser works on the unbounded value. Both or neither. */
  readonly low?: number;
  readonly high?: number;
  /** `log` needs low > 0: the value is spread evenly in its logarithm. Default linear. */
  readonly scale?: 'linear' | 'log';
  /** Factor on the method's sigma and step for this tensor, > 0. Default 1. */
  readonly sigma?: number;
}

/** A declaration with every default filled in, as the genesis record holds it. Order matters: it is the state's order. */
export interface CompiledTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  readonly dtype: Dtype;
  readonly init: InitSpec;
  readonly bounds: { readonly low: number; readonly high: number; readonly scale: 'linear' | 'log' } | null;
  readonly sigma: number;
}

export type TensorArray = Float32Array | Float64Array | Int8Array;

/** Tensors by name, in the order of the state. */
export type TensorDeclarations = Readonly<Record<string, TensorDeclaration>>;

interface Arrays {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int8: Int8Array;
}

type ArrayOf<T, Default extends Dtype> = T extends TensorDeclaration
  ? Arrays['dtype' extends keyof T
      ? (undefined extends T['dtype'] ? Default : never) | NonNullable<T['dtype']>
      : Default]
  : T;

/**
 * The arrays of these declarations by name: of the `dtype` that each has, of `Default` where it names none. Declarations whose
 * names or types the compiler cannot see give `TensorArray`.
 */
export type ArraysOf<P extends TensorDeclarations, Default extends Dtype = 'float32'> = {
  -readonly [K in keyof P]: ArrayOf<P[K], Default>;
};

export type OptionValue =
  string | number | boolean | null | readonly OptionValue[] | { readonly [key: string]: OptionValue };
export type ObjectiveOptions = Readonly<Record<string, OptionValue>>;

export type Point = 'member' | 'centre' | 'held-out' | 'validation';

export interface EvaluationContext<Resource = unknown> {
  /** uint32; a function of job seed, step and direction, never of worker or retry. Both members of a pair get the same. */
  readonly seed: number;
  readonly step: number;
  /** Null at the centre, for held-out evaluations and for validation. */
  readonly member: number | null;
  readonly point: Point;
  /** Which share of the validation this is, index 0 to count − 1; null for every other point. */
  readonly part: { readonly index: number; readonly count: number } | null;
  /** Aborted when the evaluation is no longer wanted, or past its timeout. */
  readonly signal: AbortSignal;
  readonly options: ObjectiveOptions;
  readonly log: (message: string) => void;
  /** What `setup` returned on this thread. */
  readonly resource: Resource;
  /** The replica's running statistics (sum of all contributed auxiliaries), length `auxiliary.length`; else empty. */
  readonly statistics: Float64Array;
  /** True where this evaluation is asked for an auxiliary vector. */
  readonly wantsAuxiliary: boolean;
}

/**
 * A figure of its own that the unperturbed parameters are measured by now and then, apart from the fitness: of a part of the
 * data that training never sees. `evaluate` (or its kin) is called with point `validation` once a part, and the mean of the
 * parts is the value; so parts should hold equally much.
 */
export interface ValidationDeclaration {
  /** What it is called in progress and curves: `accuracy`, `bits-per-byte`. A letter, then letters, digits, _ and -; at most 32. */
  readonly metric: string;
  /** Which way is better. */
  readonly direction: Direction;
  /** Evaluations it is cut into, to 65,536: as many workers can share it. 0: nothing to measure by with these options. */
  parts(options: ObjectiveOptions): number;
}

export interface AuxiliaryDeclaration {
  readonly length: number;
  /** Default 16. */
  readonly every?: number;
}

/** A bare number, or a number with the auxiliary vector that was asked for. */
export type Evaluation = number | { readonly value: number; readonly auxiliary?: Float64Array };

/** One member's failure within `evaluateMany`; the others of the slice still count. */
export interface EvaluationFailure {
  readonly error: string;
  /** True: not to be tried again in this thread (it ran into its timeout). */
  readonly final?: boolean;
}

/** What `seedcast generate` asks of an objective. */
export interface GenerationRequest {
  readonly options: ObjectiveOptions;
  /** Text to go on from; empty: begin a new one. */
  readonly prompt: string;
  /** How much to add, in the model's tokens (bytes for `language-model`), from 1. */
  readonly length: number;
  /** Above 1 more daring, below 1 more likely; 0: always the most likely. */
  readonly temperature: number;
  /** Only from the so many most likely; null: from all. */
  readonly top: number | null;
  /** uint32: all chance. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface ObjectiveDefinition<Resource = unknown, P extends TensorDeclarations = TensorDeclarations> {
  /** ^[A-Za-z0-9_-]{1,64}$; what jobs name. */
  readonly name: string;
  /** Fitness is always reported in the objective's own units; this says which way is better. */
  readonly direction: Direction;
  /** The tensors, in the order of the state; options are as `validate` returned them. May read a file for its shapes. */
  parameters(options: ObjectiveOptions): P | Promise<P>;
  /** Data files that a value depends on, absolute paths; their contents enter the code hash. */
  files?(options: ObjectiveOptions): readonly string[];
  /** Throws to refuse options; returns options with defaults filled in, or nothing. */
  validate?(options: ObjectiveOptions): ObjectiveOptions | undefined;
  evaluate?(parameters: ArraysOf<P>, context: EvaluationContext<Resource>): Evaluation | Promise<Evaluation>;
  /** A whole slice at once; results in the order given. Preferred over `evaluate` when both are there. */
  evaluateMany?(
    members: readonly {
      readonly parameters: ArraysOf<P>;
      readonly context: EvaluationContext<Resource>;
    }[],
  ): readonly (Evaluation | EvaluationFailure)[] | Promise<readonly (Evaluation | EvaluationFailure)[]>;
  /**
   * A whole slice on the worker's engine, without any member's own arrays: `population` names the weights, `engine` adds
   * each member's perturbation inside its operations. One result a context, in order; preferred over the other two. A call has
   * members of one step, or one evaluation of another point by itself. Every tensor must be float32 or int8, without bounds.
   */
  evaluatePopulation?(
    engine: Engine,
    population: Population,
    contexts: readonly EvaluationContext<Resource>[],
  ): Promise<readonly (Evaluation | EvaluationFailure)[]>;
  /** Bytes of working memory a member takes in `evaluatePopulation`, which bounds how many go together. Default 1 MiB. */
  workspace?(options: ObjectiveOptions): number;
  /** Once a thread; its value is `context.resource`. */
  setup?(
    options: ObjectiveOptions,
    context: { readonly log: (message: string) => void; readonly thread: number },
  ): Resource | Promise<Resource>;
  dispose?(resource: Resource): void | Promise<void>;
  /** Fixed-length statistics folded in member order into the replica state; asked of every `every`-th member (default 16). */
  auxiliary?(options: ObjectiveOptions): AuxiliaryDeclaration | null | Promise<AuxiliaryDeclaration | null>;
  /** Milliseconds one evaluation may take; default none. */
  readonly timeout?: number;
  /** `per-direction` (default): pairs share a seed; `per-step`: all members share one; `per-member`: each its own. */
  readonly seeds?: 'per-step' | 'per-direction' | 'per-member';
  /** What the model adds to the prompt, for `seedcast generate`; without `setup`, in the process of the command. */
  generate?(parameters: ArraysOf<P>, request: GenerationRequest): string | Promise<string>;
  /** Every `evaluation.validateEvery` steps, and after the last. */
  readonly validation?: ValidationDeclaration;
  /** A short text for progress, from the centre's fitness. */
  summarize?(fitness: number): string;
}

/** What a worker tells the coordinator about an objective with given options: all that the genesis needs. */
export interface ObjectiveDescription {
  readonly name: string;
  readonly direction: Direction;
  readonly options: ObjectiveOptions;
  readonly tensors: readonly CompiledTensor[];
  readonly auxiliary: { readonly length: number; readonly every: number } | null;
  readonly seeds: 'per-step' | 'per-direction' | 'per-member';
  /** Absent where the objective declares none. */
  readonly validation?: { readonly metric: string; readonly direction: Direction; readonly parts: number };
  /** SHA-256 (hex) of the code or command declaration, by the rules of docs/objectives.md. */
  readonly code: string;
}

/**
 * Identity at run time; gives an objective file its types. `evaluate` and `evaluateMany` see the arrays that `parameters`
 * declares and the `resource` that `setup` returns; a `parameters` or `setup` that takes an argument must stand above them.
 */
export function defineObjective<Resource = unknown, const P extends TensorDeclarations = TensorDeclarations>(
  definition: ObjectiveDefinition<Resource, P>,
): ObjectiveDefinition<Resource, P> {
  return definition;
}
