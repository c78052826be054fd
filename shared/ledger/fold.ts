// The fold that decides who committed. Everyone (replica, coordinator, CLI) feeds the records of a ledger in stream
// order; a record counts if its parent is the head, its epoch is the ledger's (a `leader` record's: the next one) and
// its step is the next. Everything else is skipped, whoever wrote it.
import type { StopRules } from '../job/spec.js';
import { methodNamed } from '../methods/registry.js';
import { sameBytes } from '../wire/codec.js';
import {
  type FinalStatus,
  type Genesis,
  type LedgerRecord,
  NO_PARENT,
  type StepFitness,
  type StepUpdate,
  type StoppedBy,
  decodeRecord,
  recordHash,
} from './records.js';

/** What a ledger says, apart from the parameters it stands for. */
export interface LedgerView {
  readonly genesis: Genesis;
  /** SHA-256 of the last accepted record. */
  readonly head: Uint8Array;
  /** Stream sequence of the last record *seen* on the subject: what the server's expected-sequence check compares. */
  readonly sequence: number;
  readonly epoch: number;
  /** Steps committed; the state is state(steps). */
  readonly steps: number;
  readonly status: 'running' | 'paused' | 'ended';
  readonly stop: StopRules;
  /** Hash of the objective code that may evaluate. */
  readonly code: string;
  readonly evaluations: number;
  readonly failed: number;
  readonly last: StepFitness | null;
  /** Best single value of any member so far. */
  readonly best: number | null;
  /** Best centre so far and the step it was seen at: for `stop.plateau`. */
  readonly bestCentre: { readonly value: number; readonly step: number } | null;
  readonly lastCentre: number | null;
  /** The last validation and the step of the state it was measured at. */
  readonly lastValidation: { readonly value: number; readonly step: number } | null;
  readonly lastDigest: { readonly step: number; readonly digest: string } | null;
  readonly end: {
    readonly status: FinalStatus;
    readonly stoppedBy: StoppedBy;
    readonly reason: string | null;
    readonly centre: number | null;
    readonly validation: number | null;
    readonly digest: string | null;
  } | null;
}

export type Folded =
  | { readonly accepted: true; readonly view: LedgerView; readonly record: LedgerRecord }
  | { readonly accepted: false; readonly view: LedgerView | null; readonly reason: string };

/** `view` null: nothing accepted yet, only a genesis record can be. Bytes that are no record are skipped, not thrown. */
export function fold(view: LedgerView | null, bytes: Uint8Array, sequence: number): Folded {
  const seen = view === null ? null : { ...view, sequence };
  let record: LedgerRecord;
  try {
    record = decodeRecord(bytes);
  } catch (error) {
    return { accepted: false, view: seen, reason: error instanceof Error ? error.message : 'unreadable' };
  }
  const refuse = (reason: string): Folded => ({ accepted: false, view: seen, reason });
  if (seen === null) {
    if (record.kind !== 'genesis') return refuse(`a ${record.kind} record before genesis`);
    if (!sameBytes(record.parent, NO_PARENT)) return refuse('a genesis record with a parent');
    return { accepted: true, record, view: begin(record, recordHash(bytes), sequence) };
  }
  if (record.kind === 'genesis') return refuse('a second genesis record');
  if (!sameBytes(record.parent, seen.head)) return refuse('its parent is not the head');
  const epoch = record.kind === 'leader' ? seen.epoch + 1 : seen.epoch;
  if (record.epoch !== epoch) return refuse(`epoch ${record.epoch}, expected ${epoch}`);
  const next = { ...seen, epoch, head: recordHash(bytes) };
  switch (record.kind) {
    case 'leader':
      return { accepted: true, record, view: next };
    case 'step': {
      if (seen.status === 'ended') return refuse('the job has ended');
      if (record.step !== seen.steps) return refuse(`step ${record.step}, expected ${seen.steps}`);
      const misfit = misfitOf(seen.genesis, record.update);
      if (misfit !== null) return refuse(misfit);
      return { accepted: true, record, view: afterStep(next, record.fitness, record.digest) };
    }
    case 'control': {
      const { control } = record;
      switch (control.action) {
        case 'pause':
          if (seen.status !== 'running') return refuse(`pause while ${seen.status}`);
          return { accepted: true, record, view: { ...next, status: 'paused' } };
        case 'resume':
          if (seen.status !== 'paused') return refuse(`resume while ${seen.status}`);
          return { accepted: true, record, view: { ...next, status: 'running' } };
        case 'accept-code':
          return { accepted: true, record, view: { ...next, code: control.code } };
        case 'extend':
          return {
            accepted: true,
            record,
            view: {
              ...next,
              stop: control.stop,
              status: seen.status === 'ended' ? 'running' : seen.status,
              end: null,
            },
          };
        case 'end': {
          if (seen.status === 'ended') return refuse('the job has ended already');
          const { status, stoppedBy, reason, centre, validation, digest } = control;
          return {
            accepted: true,
            record,
            view: {
              ...next,
              status: 'ended',
              end: { status, stoppedBy, reason, centre, validation, digest },
            },
          };
        }
      }
    }
  }
}

/** Why no replica could apply the update; null when all can. */
function misfitOf({ spec, objective }: Genesis, { coefficients, auxiliary }: StepUpdate): string | null {
  const { members, group } = methodNamed(spec.method.name).layout(spec);
  if (coefficients.length !== members / group)
    return `${coefficients.length} coefficients, expected ${members / group}`;
  const expected = objective.auxiliary?.length ?? 0;
  if ((auxiliary?.length ?? 0) !== expected || auxiliary?.every(Number.isFinite) === false)
    return `statistics of length ${auxiliary?.length ?? 0}, expected ${expected} finite ones`;
  return null;
}

function begin(
  genesis: Genesis & { readonly epoch: number },
  head: Uint8Array,
  sequence: number,
): LedgerView {
  const { name, spec, objective, init, method } = genesis;
  return {
    genesis: { name, spec, objective, init, method },
    head,
    sequence,
    epoch: genesis.epoch,
    steps: 0,
    status: 'running',
    stop: spec.stop,
    code: objective.code,
    evaluations: 0,
    failed: 0,
    last: null,
    best: null,
    bestCentre: null,
    lastCentre: null,
    lastValidation: null,
    lastDigest: null,
    end: null,
  };
}

function afterStep(view: LedgerView, fitness: StepFitness, digest: string | null): LedgerView {
  const minimize = view.genesis.objective.direction === 'minimize';
  const better = (a: number, b: number): boolean => (minimize ? a < b : a > b);
  const step = view.steps;
  const { centre, validation } = fitness;
  const plateau = view.stop.plateau?.minDelta ?? 0;
  const improved =
    centre !== null &&
    (view.bestCentre === null ||
      (minimize ? centre < view.bestCentre.value - plateau : centre > view.bestCentre.value + plateau));
  return {
    ...view,
    steps: step + 1,
    evaluations: view.evaluations + view.genesis.spec.method.population,
    failed: view.failed + fitness.failed,
    last: fitness,
    best: view.best === null || better(fitness.best, view.best) ? fitness.best : view.best,
    bestCentre: improved ? { value: centre, step } : view.bestCentre,
    lastCentre: centre ?? view.lastCentre,
    lastValidation: validation === null ? view.lastValidation : { value: validation, step },
    lastDigest: digest === null ? view.lastDigest : { step, digest },
  };
}

/** The validation as people are told of it: the final one once the job has ended; null where the objective has none. */
export function validationOf(
  view: LedgerView,
): { readonly metric: string; readonly value: number | null; readonly step: number | null } | null {
  const metric = view.genesis.objective.validation?.metric;
  if (metric === undefined) return null;
  const final = view.end?.validation ?? null;
  if (final !== null) return { metric, value: final, step: view.steps };
  return { metric, value: view.lastValidation?.value ?? null, step: view.lastValidation?.step ?? null };
}

/** The same for the result: without a step, since it is the final state's where it was measured there. */
export function finalValidation(
  view: LedgerView,
): { readonly metric: string; readonly value: number | null } | null {
  const validation = validationOf(view);
  return validation === null ? null : { metric: validation.metric, value: validation.value };
}

/** Where a snapshot stands in its ledger. */
export interface LedgerPosition {
  readonly head: Uint8Array;
  readonly sequence: number;
  readonly epoch: number;
  readonly steps: number;
  readonly status: LedgerView['status'];
  readonly code: string;
}

/** A view that begins at a snapshot: what replicas need. The figures for people (best, evaluations) start empty. */
export function viewAt(genesis: Genesis, position: LedgerPosition): LedgerView {
  return { ...begin({ ...genesis, epoch: position.epoch }, position.head, position.sequence), ...position };
}
