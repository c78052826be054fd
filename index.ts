// The library: `import { minimize, Pool, defineObjective } from 'seedcast'`.
import type {
  ArraysOf,
  Evaluation,
  EvaluationContext,
  ObjectiveDefinition,
  TensorDeclarations,
} from './shared/objectives/types.js';
import type { MinimizeOptions, MinimizeResult, ObjectiveFunction } from './cli/library/minimize.js';

export { SeedcastError, type ErrorCode, type ErrorPlace } from './shared/errors.js';
export { SpecError, type SpecIssue } from './shared/job/issues.js';
export type { JobFile, JobSpec } from './shared/job/spec.js';
export {
  defineObjective,
  type ArraysOf,
  type AuxiliaryDeclaration,
  type Direction,
  type Dtype,
  type Evaluation,
  type EvaluationContext,
  type InitSpec,
  type ObjectiveDefinition,
  type ObjectiveOptions,
  type OptionValue,
  type Point,
  type TensorArray,
  type TensorDeclaration,
  type TensorDeclarations,
} from './shared/objectives/types.js';
export type { Activation, Engine, Population, Tensor, Weight } from './shared/objectives/engine.js';
export type { JobResult, JobState, Progress } from './shared/wire/reports.js';
export {
  Job,
  Pool,
  type PoolConnectOptions,
  type PoolStartOptions,
  type ResultOptions,
  type SubmitOptions,
} from './cli/library/pool.js';
export type {
  MinimizeOptions,
  MinimizeProgress,
  MinimizeResult,
  ObjectiveFunction,
} from './cli/library/minimize.js';

/**
 * Optimises `f` in this process, without NATS: see MinimizeOptions and MinimizeResult.
 * @param f a function of named arrays (float64 unless `parameters` say otherwise), an objective made by `defineObjective`, or
 *   the name of a built-in objective.
 * @throws SpecError for bad options, SC_OBJECTIVE_OPTIONS and SC_OBJECTIVE_FILE for a faulty objective, SC_JOB_FAILED.
 */
export async function minimize<const P extends TensorDeclarations>(
  f: (parameters: ArraysOf<P, 'float64'>, context: EvaluationContext) => Evaluation | Promise<Evaluation>,
  options: MinimizeOptions & { readonly parameters: P },
): Promise<MinimizeResult & { readonly parameters: ArraysOf<P, 'float64'> }>;
export async function minimize<Resource, P extends TensorDeclarations>(
  f: ObjectiveDefinition<Resource, P>,
  options: MinimizeOptions,
): Promise<MinimizeResult & { readonly parameters: ArraysOf<P> }>;
export async function minimize(
  f: ObjectiveDefinition | string,
  options: MinimizeOptions,
): Promise<MinimizeResult>;
export async function minimize(f: unknown, options: MinimizeOptions): Promise<MinimizeResult> {
  // Loaded only now: objective files import this module in every compute thread.
  const { minimize: run } = await import('./cli/library/minimize.js');
  return run(f as ObjectiveFunction | ObjectiveDefinition | string, options);
}
