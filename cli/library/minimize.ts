// `minimize`: a job within this process, without NATS. The same coordinator core, replica and ledger as a pool has, so a
// spec gives the same records and the same digest here and there.
import { JobCore, type JobCoreEffect, type JobCoreEvent } from '../../coordinator/core/job.js';
import { SeedcastError } from '../../shared/errors.js';
import { parseJob } from '../../shared/job/parse.js';
import type { JobFile } from '../../shared/job/spec.js';
import { finalValidation, fold } from '../../shared/ledger/fold.js';
import {
  type FinalStatus,
  type GenesisRecord,
  NO_PARENT,
  type StoppedBy,
  decodeRecord,
  encodeRecord,
} from '../../shared/ledger/records.js';
import { methodNamed } from '../../shared/methods/registry.js';
import { roundLayout } from '../../shared/methods/round-layout.js';
import { checkTensors } from '../../shared/methods/shape.js';
import type {
  Direction,
  Evaluation,
  EvaluationContext,
  ObjectiveDefinition,
  ObjectiveOptions,
  TensorArray,
  TensorDeclaration,
} from '../../shared/objectives/types.js';
import { systemClock } from '../../shared/ports.js';
import type { ResultMessage, RoundMessage } from '../../shared/wire/messages.js';
import { unitCount } from '../../shared/wire/slices.js';
import { JobEvaluator } from '../../worker/compute/evaluator.js';
import { parseEngineWish } from '../../worker/engines/open.js';
import { lazyEngine } from '../../worker/engines/providers.js';
import { sha256 } from '../../worker/objectives/code-hash.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { type LoadedObjective, loadObjectives } from '../../worker/objectives/load.js';
import { accelerateReplicas } from '../../worker/native/accelerator.js';
import { Replica } from '../../worker/replica/replica.js';

/** The one worker of a job in this process. */
const WORKER = 'local';
/** Milliseconds of evaluations after which the event loop gets a turn. */
const TURN = 20;
/** Groups of members that go together where an engine evaluates them. */
const POPULATION_GROUPS = 64;

type SpecInput = JobFile['spec'];

/** What `minimize` calls: named arrays in, a number out. */
export type ObjectiveFunction = (
  parameters: Record<string, TensorArray>,
  context: EvaluationContext,
) => Evaluation | Promise<Evaluation>;

export interface MinimizeProgress {
  /** Steps done. */
  readonly step: number;
  readonly evaluations: number;
  /** In the objective's own units. `best`: best single member so far, noisy. */
  readonly fitness: {
    readonly centre: number | null;
    readonly best: number;
    readonly mean: number;
    readonly deviation: number;
  };
  /** Of an objective that declares a validation, the last one; else null. */
  readonly validation: { readonly metric: string; readonly value: number | null } | null;
}

export interface MinimizeOptions {
  /** Tensors of a bare function; float64 unless they say otherwise. Not for a defined objective, which has its own. */
  readonly parameters?: Readonly<Record<string, TensorDeclaration>>;
  /** As in a job file: `{ name: 'es', population: 64, sigma: 0.1 }`. */
  readonly method: SpecInput['method'];
  /** As in a job file; at least one rule: `{ steps: 300, fitness: 1e-6, wallClock: '10m' }`. */
  readonly stop: SpecInput['stop'];
  /** Default 1. */
  readonly seed?: string | number;
  /** Of a bare function. Default minimize. */
  readonly direction?: Direction;
  /** Options of a defined objective, `context.options` of a bare function. */
  readonly options?: ObjectiveOptions;
  readonly evaluation?: SpecInput['evaluation'];
  readonly onFailure?: SpecInput['onFailure'];
  readonly ledger?: SpecInput['ledger'];
  readonly scalars?: SpecInput['scalars'];
  /** What networks are evaluated on, as `--engine` of the command. Default auto. */
  readonly engine?: string;
  /** Name in the ledger. Default minimize. */
  readonly name?: string;
  /** After every step. */
  readonly onProgress?: (progress: MinimizeProgress) => void;
  /** Aborted: the step under way is finished, and the result has status `stopped`. */
  readonly signal?: AbortSignal;
}

export interface MinimizeResult {
  /** In the units that the objective sees. */
  readonly parameters: Readonly<Record<string, TensorArray>>;
  /** Of the centre, `evaluation.final` repeats; null when none was finite. */
  readonly fitness: number | null;
  /** Best single member, noisy; null without a step. */
  readonly best: number | null;
  /** Of the final state, where the objective declares one. */
  readonly validation: { readonly metric: string; readonly value: number | null } | null;
  /** SHA-256 of the whole final state, hex. */
  readonly digest: string;
  readonly steps: number;
  readonly evaluations: number;
  readonly status: FinalStatus;
  readonly stoppedBy: StoppedBy;
  /** The records, as a pool would store them. */
  readonly ledger: readonly Uint8Array[];
}

/**
 * Optimises `f` in this process.
 * @param f a function, an objective made by `defineObjective`, or the name of a built-in objective. A defined or built-in
 *   objective gives the digest that a pool gives for the same spec.
 * @throws SpecError for bad options, SC_OBJECTIVE_OPTIONS and SC_OBJECTIVE_FILE for a faulty objective, SC_JOB_FAILED when
 *   a step had no finite value (or any failure, with `onFailure: 'fail'`).
 */
export async function minimize(
  f: ObjectiveFunction | ObjectiveDefinition | string,
  options: MinimizeOptions,
): Promise<MinimizeResult> {
  const loaded = await objectiveOf(f, options);
  const { name: objective } = loaded.definition;
  const { method, stop, seed = 1, evaluation, onFailure, ledger, scalars } = options;
  const { name, spec } = parseJob(
    {
      apiVersion: 'seedcast/v1',
      kind: 'Job',
      metadata: { name: options.name ?? 'minimize' },
      spec: {
        seed,
        method,
        objective: { ...options.options, name: objective },
        stop,
        ...given({ evaluation, onFailure, ledger, scalars }),
      },
    },
    'minimize',
  );
  const description = await describeObjective(
    loaded,
    spec.objective.options,
    typeof f === 'function' ? 'float64' : 'float32',
  );
  checkTensors({ spec, objective: description });
  const { name: methodName, version } = methodNamed(spec.method.name);
  const genesis: GenesisRecord = {
    kind: 'genesis',
    epoch: 1,
    parent: NO_PARENT,
    name,
    spec,
    objective: description,
    init: null,
    method: { name: methodName, version },
  };
  const run = new LocalRun(genesis, loaded, options);
  return run.toEnd();
}

/** Only what is defined. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function objectiveOf(
  f: ObjectiveFunction | ObjectiveDefinition | string,
  { parameters, direction = 'minimize' }: MinimizeOptions,
): Promise<LoadedObjective> {
  if (typeof f === 'string') {
    const all = await loadObjectives([]);
    const found = all.find(({ definition }) => definition.name === f);
    if (found !== undefined) return found;
    throw new SeedcastError('SC_USAGE', `minimize: there is no built-in objective ${JSON.stringify(f)}`, {
      hint: `there are ${all.map(({ definition }) => definition.name).join(', ')}`,
    });
  }
  if (typeof f === 'object')
    return { definition: f, code: sha256(Object.values(f).map(String).join('\n')), source: null };
  if (parameters === undefined)
    throw new SeedcastError('SC_USAGE', 'minimize: a bare function needs `parameters`', {
      hint: '{ parameters: { x: { shape: [10] } } }',
    });
  const definition: ObjectiveDefinition = {
    name: 'function',
    direction,
    parameters: () => parameters,
    evaluate: f,
  };
  return { definition, code: sha256(String(f)), source: null };
}

/** Carries out the effects of a job's core with one replica and a list of records. */
class LocalRun {
  private readonly ledger: Uint8Array[] = [];
  private readonly replica: Replica;
  private readonly evaluator: JobEvaluator;
  private readonly population: boolean;
  private readonly core: JobCore;
  private readonly effects: JobCoreEffect[] = [];
  private turnAt: number;

  constructor(
    genesis: GenesisRecord,
    objective: LoadedObjective,
    private readonly options: MinimizeOptions,
  ) {
    const bytes = encodeRecord(genesis);
    this.ledger.push(new Uint8Array(bytes));
    const folded = fold(null, bytes, 1);
    if (!folded.accepted) throw new SeedcastError('SC_INTERNAL', folded.reason);
    accelerateReplicas();
    this.replica = new Replica(genesis);
    this.replica.initialise();
    this.population = objective.definition.evaluatePopulation !== undefined;
    this.evaluator = new JobEvaluator(this.replica, objective, {
      thread: 0,
      clock: systemClock,
      log: (message) => process.stderr.write(`${message}\n`),
      engine: lazyEngine(parseEngineWish(options.engine ?? 'auto')),
    });
    const now = systemClock.now();
    this.turnAt = now;
    this.core = new JobCore({ holder: WORKER, fresh: true, elapsed: 0 }, folded.view, bytes, now);
  }

  async toEnd(): Promise<MinimizeResult> {
    const { signal } = this.options;
    const stop = (): void => this.tell({ type: 'control', request: { action: 'stop' } });
    await this.evaluator.start();
    try {
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted === true) stop();
      this.tell({ type: 'workers', ready: [WORKER] });
      for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) {
        if (effect.type === 'ended') return this.result();
        await this.carryOut(effect);
      }
      throw new SeedcastError('SC_INTERNAL', 'minimize: the job stands still');
    } finally {
      signal?.removeEventListener('abort', stop);
      await this.evaluator.dispose();
    }
  }

  private tell(event: JobCoreEvent): void {
    this.effects.push(...this.core.handle(event, systemClock.now()));
  }

  private async carryOut(effect: JobCoreEffect): Promise<void> {
    switch (effect.type) {
      case 'round':
        return this.tell({ type: 'result', result: await this.evaluate(effect.message) });
      case 'store-evidence':
        return this.tell({ type: 'evidence-stored' });
      case 'commit':
        return this.commit(effect.bytes);
      default:
        // Plans, events and the like are for others; with one worker nothing is assigned or disputed.
        return;
    }
  }

  private async evaluate(round: RoundMessage): Promise<ResultMessage> {
    const { epoch, step, phase, parent, digest } = round;
    const layout = roundLayout(this.replica.genesis.spec, round);
    const units = unitCount(layout);
    const scalars = new Float64Array(units);
    const failures: (readonly [number, string])[] = [];
    const auxiliaryUnits: number[] = [];
    const auxiliaries: number[] = [];
    const begun = systemClock.now();
    for (let from = 0; from < units;) {
      const done = await this.evaluator.evaluate(
        step,
        step,
        layout,
        from,
        Math.min(from + (this.population ? POPULATION_GROUPS : 1) * layout.group, units),
        () => true,
      );
      if (done === null || done.to === from)
        throw new SeedcastError('SC_EVALUATION', `minimize: step ${step}: an evaluation hangs`);
      scalars.set(done.scalars, from);
      failures.push(...done.failures);
      auxiliaryUnits.push(...done.auxiliaryUnits);
      auxiliaries.push(...done.auxiliaries);
      from = done.to;
      await this.turn();
    }
    return {
      epoch,
      step,
      phase,
      parent,
      worker: WORKER,
      ranges: [[0, units]],
      scalars,
      failures,
      auxiliaryUnits,
      auxiliaries: Float64Array.from(auxiliaries),
      digest: digest ? this.replica.digest(step) : null,
      busy: Math.max(systemClock.now() - begun, 1e-3),
    };
  }

  /** Functions that never wait would starve timers, signals and everyone else in the process. */
  private async turn(): Promise<void> {
    if (systemClock.now() - this.turnAt < TURN) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.turnAt = systemClock.now();
  }

  private commit(bytes: Uint8Array): void {
    this.ledger.push(new Uint8Array(bytes));
    const record = decodeRecord(bytes);
    if (record.kind === 'step') this.replica.apply(record.step, record.update);
    this.tell({ type: 'committed', sequence: this.ledger.length });
    if (record.kind !== 'step') return;
    const { steps, evaluations, best } = this.core.view;
    const { centre, mean, deviation } = record.fitness;
    this.options.onProgress?.({
      step: steps,
      evaluations,
      fitness: { centre, best: best ?? record.fitness.best, mean, deviation },
      validation: finalValidation(this.core.view),
    });
  }

  private result(): MinimizeResult {
    const { end, steps, evaluations, best, lastCentre } = this.core.view;
    if (end === null) throw new SeedcastError('SC_INTERNAL', 'minimize: no end');
    if (end.status === 'failed') throw new SeedcastError('SC_JOB_FAILED', end.reason ?? 'the job failed');
    return {
      parameters: Object.fromEntries(this.replica.exported(steps)),
      fitness: end.centre ?? lastCentre,
      best,
      validation: finalValidation(this.core.view),
      digest: end.digest ?? this.replica.digest(steps),
      steps,
      evaluations,
      status: end.status,
      stoppedBy: end.stoppedBy,
      ledger: this.ledger,
    };
  }
}
