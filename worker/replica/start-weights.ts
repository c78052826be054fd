// Given start weights of a job, verified by their hash, as the values its replica begins with.
import type { BlobStore } from '../../shared/bus/port.js';
import { SeedcastError } from '../../shared/errors.js';
import type { CompiledTensor, TensorArray } from '../../shared/objectives/types.js';
import { removeBounds } from '../../shared/tensors/bounds.js';
import { checkWithinBounds, matchTensors } from '../../shared/tensors/match.js';
import { readSafetensors } from '../../shared/tensors/safetensors.js';

/** What of a genesis (or of what may become one) says how a replica starts. */
interface Start {
  readonly init: string | null;
  readonly spec: { readonly init: { readonly map: Readonly<Record<string, string>> } | null };
  readonly objective: { readonly tensors: readonly CompiledTensor[] };
}

/**
 * In the optimiser's unbounded values, by tensor; null when the job begins by its declarations. `made`: the job is there, and
 * begins with what its bounds make of the values; else values beyond them are refused.
 * @throws SC_NOT_FOUND when the store has no such weights, SC_TENSOR_MISMATCH listing all that does not fit.
 */
export async function startWeights(
  blobs: BlobStore,
  { init, spec, objective }: Start,
  { made }: { readonly made: boolean } = { made: true },
): Promise<ReadonlyMap<string, TensorArray> | null> {
  if (init === null) return null;
  const bytes = await blobs.get(init);
  if (bytes === null)
    throw new SeedcastError('SC_NOT_FOUND', `start weights ${init.slice(0, 12)} are not in the store`);
  const arrays = matchTensors(
    objective.tensors,
    readSafetensors(bytes, 'start weights').tensors,
    spec.init?.map ?? {},
  );
  if (!made) checkWithinBounds(objective.tensors, arrays);
  return new Map(
    objective.tensors.map((tensor, t) => {
      const array = arrays[t] ?? new Float32Array(tensor.size);
      removeBounds(tensor, array, array);
      return [tensor.name, array];
    }),
  );
}
