// How large a replica of a job is, from its genesis alone.
import type { Genesis } from '../ledger/records.js';
import { type MemoryShape, memoryBytes } from './memory.js';
import { methodNamed } from './registry.js';

export function shapeOf({ spec, objective }: Pick<Genesis, 'spec' | 'objective'>): MemoryShape {
  return {
    tensors: objective.tensors,
    slots: methodNamed(spec.method.name).slots(spec),
    statistics: objective.auxiliary?.length ?? 0,
  };
}

/** Bytes a replica of this job takes. */
export function replicaBytes(genesis: Pick<Genesis, 'spec' | 'objective'>): number {
  return memoryBytes(shapeOf(genesis));
}
