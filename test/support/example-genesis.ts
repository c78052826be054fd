// A small genesis for unit tests, with whatever a test wants changed.
import type { JobSpec } from '../../shared/job/spec.js';
import { type GenesisRecord, NO_PARENT } from '../../shared/ledger/records.js';
import type { EsOptions } from '../../shared/methods/options.js';
import type { CompiledTensor, ObjectiveDescription } from '../../shared/objectives/types.js';

export interface GenesisChanges {
  readonly method?: Partial<EsOptions>;
  readonly spec?: Partial<Omit<JobSpec, 'method'>>;
  readonly objective?: Partial<ObjectiveDescription>;
}

export function exampleTensor(
  name: string,
  size: number,
  dtype: 'float32' | 'float64' = 'float64',
): CompiledTensor {
  return { name, shape: [size], size, dtype, init: { kind: 'zeros' }, bounds: null, sigma: 1 };
}

export function exampleGenesis(changes: GenesisChanges = {}): GenesisRecord {
  const spec: JobSpec = {
    seed: 'example',
    method: {
      name: 'es',
      population: 4,
      sigma: 0.1,
      learningRate: 1,
      antithetic: true,
      shaping: 'centered-rank',
      optimizer: { name: 'sgd' },
      noise: 'binomial',
      weightDecay: 0,
      ...changes.method,
    },
    objective: { name: 'example', options: {} },
    init: null,
    stop: { steps: 3, evaluations: null, fitness: null, wallClock: null, plateau: null },
    evaluation: { every: 1, repeats: 1, final: 1 },
    onFailure: 'worst',
    ledger: { evidence: 'all', digestEvery: 100 },
    scalars: 'float64',
    engine: null,
    ...changes.spec,
  };
  return {
    kind: 'genesis',
    epoch: 1,
    parent: NO_PARENT,
    name: 'example',
    spec,
    objective: {
      name: 'example',
      direction: 'minimize',
      options: {},
      tensors: [exampleTensor('x', 3)],
      auxiliary: null,
      seeds: 'per-direction',
      code: 'a'.repeat(64),
      ...changes.objective,
    },
    init: null,
    method: { name: 'es', version: 1 },
  };
}
