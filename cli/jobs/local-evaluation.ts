// Evaluations in this process, without a pool: for `eval`, and to time one for an estimate.
import type { JobSpec } from '../../shared/job/spec.js';
import type { PopulationSource, PopulationTensor } from '../../shared/objectives/engine.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import { deriveKey } from '../../shared/random/key.js';
import { evaluationSeed } from '../../shared/random/noise.js';
import { applyBounds } from '../../shared/tensors/bounds.js';
import { initialValues } from '../../shared/tensors/init.js';
import { lazyEngine } from '../../worker/engines/providers.js';
import { type EvaluationOutcome, ObjectiveRunner } from '../../worker/objectives/run.js';
import type { Host } from '../host.js';
import type { LocalObjective } from './costs.js';

export interface Evaluations {
  /** In the user's units, by tensor. */
  readonly parameters: ReadonlyMap<string, TensorArray>;
  readonly step: number;
  readonly statistics: Float64Array;
  readonly seed: string | number;
  readonly repeats: number;
}

/** Of this process. */
const engine = lazyEngine('auto');

/** Tells engines apart what is evaluated here one after another. */
let sources = 0;

/** Each with a seed of its own, in order; stops early when the signal is aborted. */
export async function evaluateHere(
  host: Host,
  { loaded, description }: LocalObjective,
  evaluations: Evaluations,
  signal: AbortSignal,
): Promise<EvaluationOutcome[]> {
  const { parameters, step, statistics, seed, repeats } = evaluations;
  const runner = new ObjectiveRunner(loaded, description, {
    thread: 0,
    clock: host.clock,
    log: (message) => host.io.message(message),
    engine,
  });
  const key = deriveKey(seed);
  const population: PopulationSource = {
    version: `local ${sources++}`,
    key,
    noiseStep: step,
    members: [{ direction: 0, sign: 0 }],
    tensors: description.tensors.flatMap(({ name, shape }): PopulationTensor[] => {
      const base = parameters.get(name);
      return base === undefined ? [] : [{ name, shape, base, perturbation: { kind: 'none' } }];
    }),
  };
  const outcomes: EvaluationOutcome[] = [];
  await runner.start();
  try {
    for (let i = 0; i < repeats && !signal.aborted; i++) {
      const request = {
        parameters: Object.fromEntries([...parameters].map(([name, array]) => [name, array.slice()])),
        population,
        seed: evaluationSeed(key, step, i),
        step,
        member: null,
        point: 'held-out' as const,
        part: null,
        statistics,
        wantsAuxiliary: false,
      };
      outcomes.push(...(await runner.evaluate([request], signal)));
    }
  } finally {
    await runner.dispose();
  }
  return outcomes;
}

/** Seconds that one evaluation of the start values takes here; the second of two, since the first one warms up. */
export async function timeEvaluation(host: Host, objective: LocalObjective, spec: JobSpec): Promise<number> {
  const key = deriveKey(spec.seed);
  const parameters = new Map(
    objective.description.tensors.map((tensor, t) => {
      const array = initialValues(tensor, t, key);
      applyBounds(tensor, array, array);
      return [tensor.name, array] as const;
    }),
  );
  const statistics = new Float64Array(objective.description.auxiliary?.length ?? 0);
  let begun = 0;
  const timed: Host = { ...host };
  const { signal } = new AbortController();
  await evaluateHere(
    timed,
    objective,
    { parameters, step: 0, statistics, seed: spec.seed, repeats: 1 },
    signal,
  );
  begun = host.clock.now();
  await evaluateHere(
    timed,
    objective,
    { parameters, step: 0, statistics, seed: spec.seed, repeats: 1 },
    signal,
  );
  return (host.clock.now() - begun) / 1000;
}
