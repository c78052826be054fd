// The records of a job's ledger. Record bytes are hashed as they are stored; each carries the hash of the one before
// (`parent`), so a ledger is a chain and anyone can check it. Nothing in a record depends on who computed it or when,
// except `leader`: a second run of a spec gives the same steps.
import { createHash } from 'node:crypto';
import type { JobSpec, StopRules } from '../job/spec.js';
import type { ObjectiveDescription } from '../objectives/types.js';
import { Reader, decode, encode, float64s, int16s, int32s, bytesOf, invalid } from '../wire/codec.js';

export const LEDGER_VERSION = 1;
/** Bumped when the same record would give other bits. */
export const ARITHMETIC_VERSION = 1;
/** Parent of a genesis record. */
export const NO_PARENT = new Uint8Array(32);
export type FinalStatus = 'succeeded' | 'failed' | 'stopped' | 'cancelled';
export type StoppedBy =
  'steps' | 'evaluations' | 'fitness' | 'wall-clock' | 'plateau' | 'request' | 'failure';

interface Common {
  readonly epoch: number;
  /** SHA-256 of the record before, 32 bytes. */
  readonly parent: Uint8Array;
}

export interface Genesis {
  readonly name: string;
  readonly spec: JobSpec;
  readonly objective: ObjectiveDescription;
  /** SHA-256 (hex) of the start weights, a blob in unbounded or user units as the safetensors file says; null: from `init`. */
  readonly init: string | null;
  readonly method: { readonly name: string; readonly version: number };
}

export interface GenesisRecord extends Common, Genesis {
  readonly kind: 'genesis';
}

export interface LeaderRecord extends Common {
  readonly kind: 'leader';
  readonly holder: string;
}

/** What a step changes, as every replica applies it. Coefficients: one a direction. */
export interface StepUpdate {
  readonly coefficients: Int16Array | Int32Array;
  /** g = S · scale · 2^exponent, S the exact integer sum. */
  readonly exponent: number;
  readonly scale: number;
  /** Step size of this step (for adam with bias correction); a number of the replica's float type. */
  readonly rate: number;
  /** Sum of the contributed statistics of this step, in member order; null when the objective has none. */
  readonly auxiliary: Float64Array | null;
}

/** Fitness of one step in the objective's own units. */
export interface StepFitness {
  /** Mean over the centre's repeats; null when not evaluated, or none finite. */
  readonly centre: number | null;
  /** Best single member, noisy. */
  readonly best: number;
  readonly mean: number;
  /** Population standard deviation over finite members. */
  readonly deviation: number;
  /** Members without a finite value. */
  readonly failed: number;
  /** Pairs whose two members tie (antithetic only), else 0. */
  readonly ties: number;
  /** Mean of the validation metric over its parts, of the state before this step; null when not due, or a part failed. */
  readonly validation: number | null;
}

export interface StepRecord extends Common {
  readonly kind: 'step';
  readonly step: number;
  readonly update: StepUpdate;
  readonly fitness: StepFitness;
  /** SHA-256 of the evidence of this step; null when the job keeps none. */
  readonly evidence: Uint8Array | null;
  /** The agreed digest of the state *before* this step, every `digestEvery` steps. */
  readonly digest: string | null;
}

export type ControlAction =
  | { readonly action: 'pause' }
  | { readonly action: 'resume' }
  /** Other code than the genesis named may evaluate from here on. */
  | { readonly action: 'accept-code'; readonly code: string }
  /** New stop rules; reopens a job that has ended. */
  | { readonly action: 'extend'; readonly stop: StopRules }
  | {
      readonly action: 'end';
      readonly status: FinalStatus;
      readonly stoppedBy: StoppedBy;
      readonly reason: string | null;
      readonly centre: number | null;
      /** The validation metric of the final state; null when there is none. */
      readonly validation: number | null;
      /** Digest of the final state; null when the end did not wait for it (cancelled, failed). */
      readonly digest: string | null;
    };

export type ControlRecord = Common & { readonly kind: 'control'; readonly control: ControlAction };

export type LedgerRecord = GenesisRecord | LeaderRecord | StepRecord | ControlRecord;

export function recordHash(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

export function encodeRecord(record: LedgerRecord): Uint8Array {
  const head = { v: LEDGER_VERSION, kind: record.kind, epoch: record.epoch, parent: record.parent };
  switch (record.kind) {
    case 'genesis':
      return encode({
        ...head,
        arithmetic: ARITHMETIC_VERSION,
        name: record.name,
        method: record.method,
        init: record.init,
        // JSON keeps key order and is readable by anyone; the schema check of the spec is not repeated here.
        spec: JSON.stringify(record.spec),
        objective: JSON.stringify(record.objective),
      });
    case 'leader':
      return encode({ ...head, holder: record.holder });
    case 'step': {
      const { update, fitness } = record;
      return encode({
        ...head,
        step: record.step,
        width: update.coefficients.BYTES_PER_ELEMENT,
        coefficients: bytesOf(update.coefficients),
        exponent: update.exponent,
        scale: update.scale,
        rate: update.rate,
        aux: update.auxiliary === null ? null : bytesOf(update.auxiliary),
        centre: fitness.centre,
        best: fitness.best,
        mean: fitness.mean,
        deviation: fitness.deviation,
        failed: fitness.failed,
        ties: fitness.ties,
        ...validationField(fitness.validation),
        evidence: record.evidence,
        digest: record.digest,
      });
    }
    case 'control': {
      const { control } = record;
      if (control.action !== 'end') return encode({ ...head, ...control });
      const { validation, ...end } = control;
      return encode({ ...head, ...end, ...validationField(validation) });
    }
  }
}

/** Absent when there is none, so that jobs without a validation have the bytes they always had. */
function validationField(validation: number | null): { readonly validation?: number } {
  return validation === null ? {} : { validation };
}

const HASH_HEX = 64;

/** SC_MESSAGE_INVALID for anything that is not a record of this version. */
export function decodeRecord(bytes: Uint8Array): LedgerRecord {
  const what = 'ledger record';
  const fields = decode(bytes, what);
  const r = new Reader(fields, what);
  const version = r.integer('v', 0, 1e6);
  if (version !== LEDGER_VERSION)
    throw invalid(what, `is of version ${version}, this program reads ${LEDGER_VERSION}`);
  const common: Common = { epoch: r.integer('epoch', 1, 2 ** 53 - 1), parent: r.bytes('parent', 32) };
  const kind = r.oneOf('kind', ['genesis', 'leader', 'step', 'control']);
  switch (kind) {
    case 'genesis': {
      const arithmetic = r.integer('arithmetic', 0, 1e6);
      if (arithmetic !== ARITHMETIC_VERSION)
        throw invalid(what, `needs arithmetic version ${arithmetic}, this program has ${ARITHMETIC_VERSION}`);
      const method = new Reader(r.map('method'), what);
      return {
        ...common,
        kind,
        name: r.string('name', 64),
        method: { name: method.string('name', 64), version: method.integer('version', 0, 1e6) },
        init: r.optional('init', (x, f) => x.string(f, HASH_HEX)),
        spec: parseJson(r.string('spec', 2 ** 20), what) as JobSpec,
        objective: parseJson(r.string('objective', 2 ** 20), what) as ObjectiveDescription,
      };
    }
    case 'leader':
      return { ...common, kind, holder: r.string('holder', 256) };
    case 'step': {
      const coefficientBytes = r.bytes('coefficients');
      const aux = r.optional('aux', (x, f) => x.bytes(f));
      return {
        ...common,
        kind,
        step: r.integer('step', 0, 2 ** 32 - 1),
        update: {
          coefficients:
            r.integer('width', 2, 4) === 2 ? int16s(coefficientBytes, what) : int32s(coefficientBytes, what),
          exponent: r.integer('exponent', -1074, 1023),
          scale: r.finite('scale'),
          rate: r.finite('rate'),
          auxiliary: aux === null ? null : float64s(aux, what),
        },
        fitness: {
          centre: r.optional('centre', (x, f) => x.finite(f)),
          best: r.finite('best'),
          mean: r.finite('mean'),
          deviation: r.finite('deviation'),
          failed: r.integer('failed', 0, 2 ** 31),
          ties: r.integer('ties', 0, 2 ** 31),
          validation: r.optional('validation', (x, f) => x.finite(f)),
        },
        evidence: r.optional('evidence', (x, f) => x.bytes(f, 32)),
        digest: r.optional('digest', (x, f) => x.string(f, HASH_HEX)),
      };
    }
    case 'control':
      return { ...common, kind, control: decodeControl(r, what) };
  }
}

function decodeControl(r: Reader, what: string): ControlAction {
  const action = r.oneOf('action', ['pause', 'resume', 'accept-code', 'extend', 'end']);
  switch (action) {
    case 'pause':
    case 'resume':
      return { action };
    case 'accept-code':
      return { action, code: r.string('code', HASH_HEX) };
    case 'extend': {
      const stop = new Reader(r.map('stop'), what);
      const plateau = stop.optional('plateau', (x, f) => new Reader(x.map(f), what));
      return {
        action,
        stop: {
          steps: stop.optional('steps', (x, f) => x.integer(f, 1, 2 ** 32 - 1)),
          evaluations: stop.optional('evaluations', (x, f) => x.integer(f, 1, 2 ** 53 - 1)),
          fitness: stop.optional('fitness', (x, f) => x.finite(f)),
          wallClock: stop.optional('wallClock', (x, f) => x.finite(f)),
          plateau:
            plateau === null
              ? null
              : { steps: plateau.integer('steps', 1, 2 ** 32 - 1), minDelta: plateau.finite('minDelta') },
        },
      };
    }
    case 'end':
      return {
        action,
        status: r.oneOf('status', ['succeeded', 'failed', 'stopped', 'cancelled']),
        stoppedBy: r.oneOf('stoppedBy', [
          'steps',
          'evaluations',
          'fitness',
          'wall-clock',
          'plateau',
          'request',
          'failure',
        ]),
        reason: r.optional('reason', (x, f) => x.string(f, 4096)),
        centre: r.optional('centre', (x, f) => x.finite(f)),
        validation: r.optional('validation', (x, f) => x.finite(f)),
        digest: r.optional('digest', (x, f) => x.string(f, HASH_HEX)),
      };
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(what, 'holds malformed JSON', cause);
  }
}
