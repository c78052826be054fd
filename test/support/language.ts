// Populations of a language model for tests: initial values, and members perturbed as the methods do.
import type { PopulationSource, TensorPerturbation } from '../../shared/objectives/engine.js';
import type { TensorArray, TensorDeclaration } from '../../shared/objectives/types.js';
import type { Key } from '../../shared/random/philox.js';
import { initialValues } from '../../shared/tensors/init.js';
import { compileTensors } from '../../worker/objectives/compile-tensors.js';

export type Members = PopulationSource['members'];

/** The unperturbed model, once. */
export const CENTRE: Members = [{ direction: 0, sign: 0 }];
export const KEY: Key = [11, 22];

export function initialParameters(
  tensors: Readonly<Record<string, TensorDeclaration>>,
  key: Key = KEY,
): Record<string, TensorArray> {
  const compiled = compileTensors(tensors, 'float32', { objective: 'test', source: null });
  return Object.fromEntries(
    compiled.map((tensor, index) => [tensor.name, initialValues(tensor, index, key)]),
  );
}

/** Matrices low-rank, vectors at full rank; int8 tensors in integers, by 2^−shift; noise tensors 2t and 2t + 1. */
export function populationOf(
  tensors: Readonly<Record<string, TensorDeclaration>>,
  parameters: Readonly<Record<string, TensorArray>>,
  members: Members,
  { sigma = 0.05, shift = 2 } = {},
): PopulationSource {
  return {
    version: 'test',
    key: KEY,
    noiseStep: 3,
    members,
    tensors: Object.entries(tensors).map(([name, { shape, dtype }], t) => ({
      name,
      shape,
      base: parameters[name] ?? new Float32Array(0),
      perturbation: perturbation(t, shape.length, dtype === 'int8', sigma, shift),
    })),
  };
}

function perturbation(
  t: number,
  axes: number,
  integer: boolean,
  sigma: number,
  shift: number,
): TensorPerturbation {
  const [a, b] = [2 * t, 2 * t + 1];
  if (integer) return { kind: axes > 1 ? 'integer-low-rank' : 'integer-product', shift, a, b };
  if (axes > 1) return { kind: 'low-rank', rank: 1, scale: sigma / 4, a, b };
  return { kind: 'full', noise: 'binomial', scale: sigma / 2, a };
}
