// How large a replica of a job is, from its genesis alone.
import { SeedcastError } from '../errors.js';
import type { Genesis } from '../ledger/records.js';
import { MAX_UNITS } from '../wire/messages.js';
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

/** Refuses tensors that the job's method cannot move, or that its options do not fit: SC_OBJECTIVE_OPTIONS naming each. */
export function checkTensors({ spec, objective }: Pick<Genesis, 'spec' | 'objective'>): void {
  const method = methodNamed(spec.method.name);
  const { name, dtypes } = method;
  const wrong = objective.tensors.filter(({ dtype }) => !dtypes.includes(dtype));
  if (wrong.length === 0) {
    checkUnits({ spec, objective });
    method.checkTensors?.({ spec, objective });
    return;
  }
  const list = wrong.map((tensor) => `${tensor.name} (${tensor.dtype})`).join(', ');
  throw new SeedcastError(
    'SC_OBJECTIVE_OPTIONS',
    `method ${name} moves tensors of ${dtypes.join(' and ')}; objective ${objective.name} has ${list}`,
    { place: { field: 'spec.method.name' }, hint: 'declare another dtype' },
  );
}

/** A round with a validation holds its parts beside members and repeats. */
function checkUnits({ spec, objective }: Pick<Genesis, 'spec' | 'objective'>): void {
  const { repeats, final } = spec.evaluation;
  const units = spec.method.population + Math.max(repeats, final) + (objective.validation?.parts ?? 0);
  if (Number.isInteger(units) && units <= MAX_UNITS) return;
  throw new SeedcastError(
    'SC_SPEC_BOUND',
    `members, repeats of the centre and parts of the validation are ${units}, more than the ${MAX_UNITS} evaluations of one round`,
    { place: { field: 'spec.method.population' }, hint: 'lower it' },
  );
}
