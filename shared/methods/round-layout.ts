// What a round of a job evaluates, from its genesis: which evaluations are due at a step, and how the units of a round are
// laid out. Coordinator, workers and local runs all ask here. Pure.
import type { JobSpec } from '../job/spec.js';
import type { Genesis } from '../ledger/records.js';
import type { UnitLayout } from '../wire/slices.js';
import { methodNamed } from './registry.js';

/** Steps between validations where the spec names none. */
export const VALIDATE_EVERY = 10;

/** Beside the members: repeats of the centre (held-out ones in phase 1), and parts of the validation. */
export type Due = Pick<UnitLayout, 'repeats' | 'validation'>;

/** Phase 0: what is due with the members of `step`; phase 1: after the last step. */
export function dueAt(
  { spec, objective }: Pick<Genesis, 'spec' | 'objective'>,
  step: number,
  phase: 0 | 1,
): Due {
  const { every, repeats, final, validateEvery = VALIDATE_EVERY } = spec.evaluation;
  const parts = objective.validation?.parts ?? 0;
  if (phase === 1) return { repeats: final, validation: parts };
  return {
    repeats: step % every === 0 ? repeats : 0,
    validation: validateEvery > 0 && step % validateEvery === 0 ? parts : 0,
  };
}

/** The units of a round that says what is due. */
export function roundLayout(
  spec: JobSpec,
  { phase, repeats, validation }: Due & { readonly phase: 0 | 1 },
): UnitLayout {
  const members = phase === 1 ? { members: 0, group: 1 } : methodNamed(spec.method.name).layout(spec);
  return { ...members, repeats, validation };
}
