// Evaluates units of one job on this thread: perturbs, maps to the user's units, hands the objective its parameters and
// context, and collects scalars. Parameter arrays are reused from one member to the next, so an objective that keeps them
// must copy. Memory of a batch (`evaluateMany`) is bounded.
import type { Clock } from '../../shared/ports.js';
import type { Engine } from '../../shared/objectives/engine.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import type { UnitLayout } from '../../shared/wire/slices.js';
import type { LoadedObjective } from '../objectives/load.js';
import { type EvaluationOutcome, type EvaluationRequest, ObjectiveRunner } from '../objectives/run.js';
import type { Replica } from '../replica/replica.js';
import type { EvaluatedUnits } from './protocol.js';

/** Bytes of parameters in one call of `evaluateMany` at most. */
const BATCH_BYTES = 64 * 2 ** 20;
/** Bytes of working memory in one call of `evaluatePopulation` at most, and what a member takes unless it says. */
const WORKSPACE_BYTES = 256 * 2 ** 20;
const MEMBER_WORKSPACE = 2 ** 20;
const MAX_BATCH = 4096;

export interface EvaluatorPorts {
  readonly thread: number;
  readonly log: (message: string) => void;
  readonly clock: Clock;
  readonly engine: () => Promise<Engine>;
}

export class JobEvaluator {
  private readonly runner: ObjectiveRunner;
  private readonly arrays: TensorArray[][] = [];
  private readonly batch: number;
  private readonly names: readonly string[];
  private readonly population: boolean;
  private controller = new AbortController();
  private running = -1;
  private attempting: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly replica: Replica,
    objective: LoadedObjective,
    ports: EvaluatorPorts,
  ) {
    this.runner = new ObjectiveRunner(objective, replica.genesis.objective, ports);
    this.names = replica.genesis.objective.tensors.map((t) => t.name);
    this.batch = batchOf(objective, replica);
    this.population = objective.definition.evaluatePopulation !== undefined;
  }

  /** Calls the objective's `setup`; throws what it throws. */
  start(): Promise<void> {
    return this.runner.start();
  }

  /** Ends the evaluation of an earlier generation, if the objective listens to its signal. */
  abort(generation: number): void {
    if (this.running >= 0 && this.running < generation) this.controller.abort();
  }

  /** Units [from, to). `wanted` is asked before each batch; null when the answer was no. */
  async evaluate(
    generation: number,
    step: number,
    layout: UnitLayout,
    from: number,
    to: number,
    wanted: () => boolean,
  ): Promise<EvaluatedUnits | null> {
    const scalars = new Float64Array(to - from).fill(Number.NaN);
    const failures: (readonly [number, string])[] = [];
    const auxiliaryUnits: number[] = [];
    const vectors: Float64Array[] = [];
    this.running = generation;
    this.controller = new AbortController();
    const { signal } = this.controller;
    let end = from;
    while (end < to && !this.runner.mustReplaceThread) {
      if (!wanted()) return null;
      const first = end;
      const attempt = this.attempt(
        this.prepare(generation, step, layout, first, this.endOfBatch(layout, first, to)),
        signal,
      );
      this.attempting = Promise.allSettled([attempt]);
      const outcomes = await attempt;
      if (outcomes === null) return null;
      for (const outcome of outcomes) {
        if ('error' in outcome && outcome.untried === true) break;
        if ('error' in outcome) failures.push([end, outcome.error]);
        else {
          scalars[end - from] = this.rounded(outcome.value);
          if (outcome.auxiliary !== undefined) {
            auxiliaryUnits.push(end);
            vectors.push(outcome.auxiliary);
          }
        }
        end++;
      }
    }
    if (this.running === generation) this.running = -1;
    if (!wanted()) return null;
    return {
      from,
      to: end,
      scalars: scalars.subarray(0, end - from),
      failures,
      auxiliaryUnits,
      auxiliaries: concatenate(vectors),
      stuck: this.runner.mustReplaceThread,
    };
  }

  /** The members of a population go together; the centre and validation, on data of their own, each by itself. */
  private endOfBatch(layout: UnitLayout, first: number, to: number): number {
    const end = Math.min(first + this.batch, to);
    if (!this.population) return end;
    return first < layout.members ? Math.min(end, layout.members) : first + 1;
  }

  /** Null when the evaluation was aborted. */
  private async attempt(
    requests: EvaluationRequest[],
    signal: AbortSignal,
  ): Promise<EvaluationOutcome[] | null> {
    try {
      return await this.runner.evaluate(requests, signal);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  private rounded(value: number): number {
    return this.replica.genesis.spec.scalars === 'float32' ? Math.fround(value) : value;
  }

  private prepare(
    generation: number,
    step: number,
    layout: UnitLayout,
    first: number,
    last: number,
  ): EvaluationRequest[] {
    return Array.from({ length: last - first }, (_, i) => {
      if (this.population)
        return {
          parameters: {},
          population: this.replica.populationOf(generation, step, layout, first + i),
          ...this.replica.contextOf(step, layout, first + i),
        };
      const arrays = (this.arrays[i] ??= this.replica.allocate());
      this.replica.parametersOf(step, layout, first + i, arrays);
      const parameters: Record<string, TensorArray> = {};
      this.names.forEach((name, t) => {
        const array = arrays[t];
        if (array !== undefined) parameters[name] = array;
      });
      return { parameters, ...this.replica.contextOf(step, layout, first + i) };
    });
  }

  async dispose(): Promise<void> {
    this.controller.abort();
    await this.runner.dispose();
    // A thread that is ended while its WebGPU device owes it numbers takes the whole process with it.
    if (this.population) await this.attempting;
  }
}

/** Units that go together in one call. */
function batchOf({ definition }: LoadedObjective, { memory, genesis }: Replica): number {
  const bounded = (count: number): number => Math.max(1, Math.min(MAX_BATCH, Math.floor(count)));
  if (definition.evaluatePopulation !== undefined) {
    const bytes = definition.workspace?.(genesis.objective.options) ?? MEMBER_WORKSPACE;
    return bounded(WORKSPACE_BYTES / Math.max(1, bytes));
  }
  if (definition.evaluateMany === undefined) return 1;
  return bounded(BATCH_BYTES / Math.max(1, 8 * memory.coordinates));
}

function concatenate(vectors: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(vectors.reduce((sum, v) => sum + v.length, 0));
  let at = 0;
  for (const vector of vectors) {
    all.set(vector, at);
    at += vector.length;
  }
  return all;
}
