// The objective `policy`: the mean return of a network acting in an environment, to be maximised. One environment and one
// network a thread; observation statistics travel as the auxiliary vector.
import type {
  Evaluation,
  EvaluationContext,
  ObjectiveDefinition,
  TensorArray,
} from '../../../shared/objectives/types.js';
import { Draws } from '../draws.js';
import { refuse } from '../options.js';
import type { Environment } from './environment.js';
import { chooseAction, Network, networkTensors, outputsFor } from './network.js';
import { contribute, Normalizer, statisticsLength } from './normalizer.js';
import {
  completeOptions,
  modelFile,
  openEnvironment,
  POLICY,
  type PolicyOptions,
  readPolicyOptions,
} from './options.js';

/** A job's every 16th member contributes its observations. */
const CONTRIBUTE_EVERY = 16;

interface Stage {
  readonly environment: Environment;
  readonly network: Network;
  readonly normalizer: Normalizer | null;
  readonly bins: number | null;
  readonly maxSteps: number;
  readonly episodes: number;
  readonly observation: Float64Array;
  readonly input: Float64Array;
  readonly action: Float64Array;
}

export const policy: ObjectiveDefinition<Stage> = {
  name: POLICY,
  direction: 'maximize',
  validate: completeOptions,
  parameters: async (options) => {
    const read = readPolicyOptions(options);
    const environment = await openEnvironment(read);
    try {
      return networkTensors(widthsOf(environment, read));
    } finally {
      environment.dispose();
    }
  },
  files: (options) => {
    const model = modelFile(readPolicyOptions(options));
    return model === null ? [] : [model];
  },
  auxiliary: async (options) => {
    const read = readPolicyOptions(options);
    if (!read.normalizeObservations) return null;
    const environment = await openEnvironment(read);
    environment.dispose();
    return { length: statisticsLength(environment.observations), every: CONTRIBUTE_EVERY };
  },
  setup: async (options) => {
    const read = readPolicyOptions(options);
    const environment = await openEnvironment(read);
    return {
      environment,
      network: new Network(widthsOf(environment, read), read.activation),
      normalizer: read.normalizeObservations ? new Normalizer(environment.observations) : null,
      bins: read.bins,
      maxSteps: read.maxSteps ?? environment.maxSteps,
      episodes: read.episodes,
      observation: new Float64Array(environment.observations),
      input: new Float64Array(environment.observations),
      action: new Float64Array(environment.actions.kind === 'discrete' ? 1 : environment.actions.low.length),
    };
  },
  evaluate,
  dispose: ({ environment }) => environment.dispose(),
  summarize: (fitness) => `return ${fitness.toPrecision(5)}`,
};

function evaluate(parameters: Record<string, TensorArray>, context: EvaluationContext<Stage>): Evaluation {
  const { resource: stage, seed, signal, statistics, wantsAuxiliary } = context;
  const { network, normalizer, episodes } = stage;
  network.load(parameters);
  normalizer?.load(statistics);
  const contribution =
    wantsAuxiliary && normalizer !== null
      ? new Float64Array(statisticsLength(normalizer.observations))
      : null;
  let total = 0;
  for (let episode = 0; episode < episodes; episode++) {
    signal.throwIfAborted();
    total += playEpisode(stage, new Draws(seed, episode), contribution);
  }
  const value = total / episodes;
  return contribution === null ? value : { value, auxiliary: contribution };
}

/** One episode's return. Every observation that the network saw is contributed. */
function playEpisode(stage: Stage, draws: Draws, contribution: Float64Array | null): number {
  const { environment, network, normalizer, bins, maxSteps, observation, input, action } = stage;
  environment.reset(draws, observation);
  let sum = 0;
  for (let step = 0; step < maxSteps && !environment.terminated; step++) {
    if (contribution !== null) contribute(observation, contribution);
    normalizer?.apply(observation, input);
    chooseAction(
      network.forward(normalizer === null ? observation : input),
      environment.actions,
      bins,
      action,
    );
    sum += environment.step(action, observation);
  }
  return sum;
}

function widthsOf(environment: Environment, options: PolicyOptions): number[] {
  const { observations, actions } = environment;
  const outputs = outputsFor(actions, options.bins);
  if (observations === 0 || outputs === 0) {
    throw refuse(
      POLICY,
      'model',
      options.model,
      `a model with joints and actuators; this one has ${observations} observations and ${outputs} outputs`,
    );
  }
  return [observations, ...options.hidden, outputs];
}
