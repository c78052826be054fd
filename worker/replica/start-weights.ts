// Given start weights of a job, verified by their hash, as the values its replica begins with.
import type { BlobStore } from '../../shared/bus/port.js';
import { SeedcastError } from '../../shared/errors.js';
import type { Genesis } from '../../shared/ledger/records.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import { removeBounds } from '../../shared/tensors/bounds.js';
import { matchTensors } from '../../shared/tensors/match.js';
import { readSafetensors } from '../../shared/tensors/safetensors.js';

/** In the optimiser's unbounded values, by tensor; null when the job begins by its declarations. */
export async function startWeights(
  blobs: BlobStore,
  { init, spec, objective }: Genesis,
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
  return new Map(
    objective.tensors.map((tensor, t) => {
      const array = arrays[t] ?? new Float32Array(tensor.size);
      removeBounds(tensor, array, array);
      return [tensor.name, array];
    }),
  );
}
