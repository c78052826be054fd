// Runs one objective in one thread: setup, evaluations one after another with one retry, timeouts, disposal. What it cannot
// do from inside, ending code that never returns, it reports, so that the thread's owner replaces the thread.
import { messageOf } from '../../shared/errors.js';
import type { Engine, PopulationSource } from '../../shared/objectives/engine.js';
import type {
  Evaluation,
  EvaluationContext,
  EvaluationFailure,
  ObjectiveDescription,
  Point,
  TensorArray,
} from '../../shared/objectives/types.js';
import type { Clock } from '../../shared/ports.js';
import { shown } from './definition.js';
import { EvaluationTimeout } from './failures.js';
import type { LoadedObjective } from './load.js';

export interface EvaluationRequest {
  /** Named arrays as `evaluate` sees them. The runner does not change or keep them. */
  readonly parameters: Record<string, TensorArray>;
  /** The one member, for `evaluatePopulation`, which gets no arrays; all of a batch share everything but the member. */
  readonly population?: PopulationSource;
  readonly seed: number;
  readonly step: number;
  readonly member: number | null;
  readonly point: Point;
  readonly part: EvaluationContext['part'];
  readonly statistics: Float64Array;
  readonly wantsAuxiliary: boolean;
}

/** `value` may be NaN or infinite: the coordinator rules on that. `untried`: give it to another thread, it was not evaluated. */
export type EvaluationOutcome =
  | { readonly value: number; readonly auxiliary?: Float64Array }
  | { readonly error: string; readonly untried?: true };

export interface RunnerPorts {
  readonly clock: Clock;
  readonly log: (message: string) => void;
  /** Which thread this is, from 0; `setup` is told. */
  readonly thread: number;
  /** The engine for `evaluatePopulation`, opened when first asked for. */
  readonly engine?: () => Promise<Engine>;
}

/** After its signal is aborted, an evaluation may take this long to stop by itself, ms. */
const GRACE = 1_000;

/** NEW → start → READY → dispose → DISPOSED; STUCK once an evaluation did not return, from where only the thread's end leads. */
type Lifecycle = 'NEW' | 'READY' | 'STUCK' | 'DISPOSED';

export class ObjectiveRunner {
  /** Milliseconds one evaluation may take, null for any time: the owner's limit for code that blocks this thread. */
  readonly timeout: number | null;
  readonly #loaded: LoadedObjective;
  readonly #description: ObjectiveDescription;
  readonly #ports: RunnerPorts;
  #resource: unknown;
  #state: Lifecycle = 'NEW';

  constructor(loaded: LoadedObjective, description: ObjectiveDescription, ports: RunnerPorts) {
    this.#loaded = loaded;
    this.#description = description;
    this.#ports = ports;
    this.timeout = loaded.definition.timeout ?? null;
  }

  /** True once an evaluation ran past its timeout and did not return: nothing more can be asked of this thread. */
  get mustReplaceThread(): boolean {
    return this.#state === 'STUCK';
  }

  /** Calls `setup`. Throws what it throws. */
  async start(): Promise<void> {
    const { log, thread } = this.#ports;
    this.#resource = await this.#loaded.definition.setup?.(this.#description.options, { log, thread });
    this.#state = 'READY';
  }

  /**
   * Evaluates in the order given; a failed evaluation is tried once more, one that ran into its timeout is not. Outcomes as
   * many as requests. Never rejects but by abort of `signal`.
   */
  async evaluate(batch: readonly EvaluationRequest[], signal: AbortSignal): Promise<EvaluationOutcome[]> {
    if (this.#state !== 'READY') throw new Error(`the objective runner is ${this.#state}`);
    const { definition } = this.#loaded;
    if (definition.evaluateMany !== undefined || definition.evaluatePopulation !== undefined)
      return this.#evaluateTogether(batch, signal);
    const outcomes: EvaluationOutcome[] = [];
    for (const request of batch) {
      // No await for code that returns at once: a promise costs more than a small function.
      const outcome = this.#evaluateOne(request, signal);
      outcomes.push(outcome instanceof Promise ? await outcome : outcome);
      signal.throwIfAborted();
      if (this.mustReplaceThread) break;
    }
    while (outcomes.length < batch.length) outcomes.push({ error: 'the thread is stuck', untried: true });
    return outcomes;
  }

  async dispose(): Promise<void> {
    const wasReady = this.#state === 'READY';
    if (this.#state !== 'STUCK') this.#state = 'DISPOSED';
    if (wasReady) await this.#loaded.definition.dispose?.(this.#resource);
    this.#resource = undefined;
  }

  #evaluateOne(
    request: EvaluationRequest,
    signal: AbortSignal,
  ): EvaluationOutcome | Promise<EvaluationOutcome> {
    const attempt = (): EvaluationOutcome | Promise<EvaluationOutcome> => {
      const { definition } = this.#loaded;
      const called = this.#limited(1, signal, (inner) =>
        definition.evaluate?.(request.parameters, this.#context(request, inner)),
      );
      return called instanceof Promise
        ? called.then((result) => this.#outcome(result, request))
        : this.#outcome(called, request);
    };
    try {
      const first = attempt();
      return first instanceof Promise
        ? first.catch((thrown: unknown) => this.#again(thrown, attempt, signal))
        : first;
    } catch (thrown) {
      return this.#again(thrown, attempt, signal);
    }
  }

  async #again(
    thrown: unknown,
    attempt: () => EvaluationOutcome | Promise<EvaluationOutcome>,
    signal: AbortSignal,
  ): Promise<EvaluationOutcome> {
    if (thrown instanceof EvaluationTimeout || signal.aborted) return { error: messageOf(thrown) };
    this.#ports.log(`evaluation failed, trying once more: ${messageOf(thrown)}`);
    try {
      return await attempt();
    } catch (again) {
      return { error: messageOf(again) };
    }
  }

  /** The whole slice at once; then whatever failed once more, each by itself, so that one cannot spoil another. */
  async #evaluateTogether(
    batch: readonly EvaluationRequest[],
    signal: AbortSignal,
  ): Promise<EvaluationOutcome[]> {
    const first = await this.#many(batch, signal);
    const outcomes: EvaluationOutcome[] = [];
    for (const [index, outcome] of first.entries()) {
      const request = batch[index];
      const retry = 'error' in outcome && !outcome.final && request !== undefined;
      if (!retry) outcomes.push('error' in outcome ? { error: outcome.error } : outcome);
      else if (this.mustReplaceThread) outcomes.push({ error: outcome.error, untried: true });
      else {
        this.#ports.log(`evaluation failed, trying once more: ${outcome.error}`);
        const [second] = await this.#many([request], signal);
        outcomes.push(
          second === undefined || 'error' in second ? { error: second?.error ?? outcome.error } : second,
        );
      }
    }
    return outcomes;
  }

  async #many(
    batch: readonly EvaluationRequest[],
    signal: AbortSignal,
  ): Promise<(Exclude<EvaluationOutcome, { error: string }> | { error: string; final: boolean })[]> {
    const failed = (error: string, final: boolean) => batch.map(() => ({ error, final }));
    let results: unknown;
    try {
      results = await this.#limited(batch.length, signal, (inner) => this.#together(batch, inner));
    } catch (thrown) {
      signal.throwIfAborted();
      return failed(messageOf(thrown), thrown instanceof EvaluationTimeout);
    }
    signal.throwIfAborted();
    if (!Array.isArray(results) || results.length !== batch.length) {
      return failed(`the objective returned ${shown(results)}, not ${batch.length} results`, false);
    }
    return batch.map((request, index) => {
      const result = results[index] as Evaluation | EvaluationFailure | undefined;
      if (isFailure(result)) return { error: result.error, final: result.final === true };
      try {
        return this.#outcome(result, request);
      } catch (thrown) {
        return { error: messageOf(thrown), final: false };
      }
    });
  }

  async #together(batch: readonly EvaluationRequest[], signal: AbortSignal): Promise<unknown> {
    const { definition } = this.#loaded;
    const contexts = batch.map((request) => this.#context(request, signal));
    const source = batch[0]?.population;
    if (definition.evaluatePopulation === undefined || source === undefined)
      return definition.evaluateMany?.(
        batch.map(({ parameters }, i) => ({ parameters, context: contexts[i] as EvaluationContext })),
      );
    if (this.#ports.engine === undefined) throw new Error('there is no engine to evaluate a population on');
    const engine = await this.#ports.engine();
    const members = batch.flatMap(({ population }) => population?.members ?? []);
    return engine.run({ ...source, members }, async (population) =>
      definition.evaluatePopulation?.(engine, population, contexts),
    );
  }

  /** Calls with a signal that also ends at the timeout; rejects with EvaluationTimeout then, STUCK where it does not stop. */
  #limited<T>(
    members: number,
    signal: AbortSignal,
    call: (signal: AbortSignal) => T | Promise<T>,
  ): T | Promise<T> {
    if (this.timeout === null) return call(signal);
    const limit = this.timeout * members;
    const { clock } = this.#ports;
    const abort = new AbortController();
    const called = call(AbortSignal.any([signal, abort.signal]));
    if (!(called instanceof Promise)) return called;
    const late = new EvaluationTimeout(`the evaluation took longer than ${limit} ms`);
    return new Promise<T>((resolve, reject) => {
      let cancel = clock.after(limit, () => {
        abort.abort(late);
        cancel = clock.after(GRACE, () => {
          this.#state = 'STUCK';
          reject(late);
        });
      });
      const settle = (act: () => void): void => {
        cancel();
        if (abort.signal.aborted) reject(late);
        else act();
      };
      called.then(
        (value) => settle(() => resolve(value)),
        (thrown: unknown) => settle(() => reject(asError(thrown))),
      );
    });
  }

  #context(request: EvaluationRequest, signal: AbortSignal): EvaluationContext {
    const { seed, step, member, point, part, statistics, wantsAuxiliary } = request;
    return {
      seed,
      step,
      member,
      point,
      part,
      signal,
      options: this.#description.options,
      log: this.#ports.log,
      resource: this.#resource,
      statistics,
      wantsAuxiliary,
    };
  }

  /** Throws where the objective returned what is no evaluation. */
  #outcome(
    result: Evaluation | undefined,
    { wantsAuxiliary }: EvaluationRequest,
  ): Exclude<EvaluationOutcome, { error: string }> {
    const value = typeof result === 'object' ? (result as { value?: unknown } | null)?.value : result;
    if (typeof value !== 'number') throw new Error(`the objective returned ${shown(result)}, not a number`);
    const declared = this.#description.auxiliary;
    if (!wantsAuxiliary || declared === null) return { value };
    const auxiliary = typeof result === 'object' ? result.auxiliary : undefined;
    if (!(auxiliary instanceof Float64Array) || auxiliary.length !== declared.length) {
      throw new Error(
        `the objective returned no auxiliary Float64Array of ${declared.length}, which it declares`,
      );
    }
    // Nothing that is not finite may enter a replica's state; such a member contributes nothing.
    return {
      value,
      auxiliary: auxiliary.every(Number.isFinite) ? auxiliary : new Float64Array(declared.length),
    };
  }
}

function isFailure(result: unknown): result is EvaluationFailure {
  return (
    typeof result === 'object' && result !== null && 'error' in result && typeof result.error === 'string'
  );
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
