// The binary messages between coordinator and workers, with their schema checks. A round carries the last ledger record
// whole (not only what it applies), so a replica checks the chain by hash before it moves. What people read (progress,
// event, heartbeat) is JSON and lives in reports.ts.
import { Reader, bytesOf, decode, encode, float32s, float64s, invalid, show } from './codec.js';

export const WIRE_VERSION = 1;
/** Of rounds and assignments with a validation: a worker of wire 1 would share the units out differently, so it drops them. */
const VALIDATION_VERSION = 2;
/** Units (members, centre or held-out repeats, validation) in one round at most. */
export const MAX_UNITS = 2 ** 20;
const MAX_WORKERS = 4096;
const MAX_STEP = 2 ** 32 - 1;
const MAX_EPOCH = 2 ** 53 - 1;

/** Which evaluations a round or result belongs to; any mismatch drops the message. */
export interface RoundKey {
  readonly epoch: number;
  readonly step: number;
  /** 0: the members of a step, and the centre where it is due; 1: the final, held-out evaluation of the centre. */
  readonly phase: 0 | 1;
  /** Hash of the ledger head that the evaluations start from. */
  readonly parent: Uint8Array;
}

export interface PlanMessage {
  readonly epoch: number;
  readonly version: number;
  readonly workers: readonly string[];
  /** Cumulative shares in 1/65,536: worker i evaluates from shares[i-1] (0 for the first) to shares[i]; the last is 65,536. */
  readonly shares: readonly number[];
}

export interface RoundMessage extends RoundKey {
  readonly plan: number;
  /** Stream sequence of the ledger's last entry. */
  readonly sequence: number;
  /** The record whose hash is `parent`: a worker one record behind moves on without reading the ledger. */
  readonly record: Uint8Array;
  /** Repeats of the centre (phase 0; 0 when not due) or held-out repeats (phase 1). */
  readonly repeats: number;
  /** Parts of the validation; 0 when not due. */
  readonly validation: number;
  /** Workers report the digest of the state at `step` with their results. */
  readonly digest: boolean;
}

/** Half-open ranges of units. */
export type Ranges = readonly (readonly [number, number])[];

export interface AssignMessage extends RoundKey {
  readonly repeats: number;
  readonly validation: number;
  readonly ranges: Ranges;
}

export interface ResultMessage extends RoundKey {
  readonly worker: string;
  readonly ranges: Ranges;
  /** One a unit, in range order; NaN where the unit is in `failures`. */
  readonly scalars: Float64Array;
  /** Units that threw, with the objective's own words. */
  readonly failures: readonly (readonly [number, string])[];
  /** Units that contributed statistics, and their vectors one after the other. */
  readonly auxiliaryUnits: readonly number[];
  readonly auxiliaries: Float64Array;
  /** Digest of the state at `step`, when asked; may come with no ranges. */
  readonly digest: string | null;
  /** Milliseconds of evaluation for these units, over all threads as one. */
  readonly busy: number;
}

function key(r: Reader): RoundKey {
  return {
    epoch: r.integer('epoch', 1, MAX_EPOCH),
    step: r.integer('step', 0, MAX_STEP),
    phase: r.integer('phase', 0, 1) === 0 ? 0 : 1,
    parent: r.bytes('parent', 32),
  };
}

function open(bytes: Uint8Array, what: string): Reader {
  const r = new Reader(decode(bytes, what), what);
  checkVersion(r, what, WIRE_VERSION);
  return r;
}

function checkVersion(r: Reader, what: string, wanted: number): void {
  const version = r.integer('v', 0, 1e6);
  if (version !== wanted) throw invalid(what, `is of version ${version}, this program speaks ${wanted}`);
}

/** A message that may hold a validation, whose version says whether it does. */
function openWithValidation(
  bytes: Uint8Array,
  what: string,
): { readonly r: Reader; readonly validation: number } {
  const r = new Reader(decode(bytes, what), what);
  const validation = r.optional('validation', (x, f) => x.integer(f, 1, MAX_UNITS)) ?? 0;
  checkVersion(r, what, versionFor(validation));
  return { r, validation };
}

/** Absent when none is due, which is most rounds. */
function validationFields(validation: number): { readonly validation?: number } {
  return validation === 0 ? {} : { validation };
}

function versionFor(validation: number): number {
  return validation === 0 ? WIRE_VERSION : VALIDATION_VERSION;
}

function flat(ranges: Ranges): number[] {
  return ranges.flatMap(([from, to]) => [from, to]);
}

function readRanges(r: Reader, what: string): Ranges {
  const numbers = r.array('ranges', 2 * MAX_WORKERS);
  const ranges: [number, number][] = [];
  let end = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const from = numbers[i];
    const to = numbers[i + 1];
    if (
      typeof from !== 'number' ||
      typeof to !== 'number' ||
      !Number.isInteger(from) ||
      !Number.isInteger(to) ||
      from < end ||
      to <= from ||
      to > MAX_UNITS
    ) {
      throw invalid(what, `has a bad range [${show(from)}, ${show(to)})`);
    }
    ranges.push([from, to]);
    end = to;
  }
  return ranges;
}

export function countUnits(ranges: Ranges): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}

export const planMessage = {
  encode: (m: PlanMessage): Uint8Array =>
    encode({ v: WIRE_VERSION, epoch: m.epoch, version: m.version, workers: m.workers, shares: m.shares }),
  decode(bytes: Uint8Array): PlanMessage {
    const what = 'plan message';
    const r = open(bytes, what);
    const workers = r.array('workers', MAX_WORKERS);
    const shares = r.array('shares', MAX_WORKERS);
    if (workers.length !== shares.length) throw invalid(what, 'has not one share a worker');
    let before = 0;
    for (const share of shares) {
      if (typeof share !== 'number' || !Number.isInteger(share) || share < before || share > 65536)
        throw invalid(what, `has a bad share ${show(share)}`);
      before = share;
    }
    return {
      epoch: r.integer('epoch', 1, MAX_EPOCH),
      version: r.integer('version', 0, MAX_EPOCH),
      workers: workers.map((w) => (typeof w === 'string' ? w : '')),
      shares: shares as number[],
    };
  },
};

export const roundMessage = {
  encode: (m: RoundMessage): Uint8Array =>
    encode({
      v: versionFor(m.validation),
      epoch: m.epoch,
      step: m.step,
      phase: m.phase,
      parent: m.parent,
      plan: m.plan,
      sequence: m.sequence,
      record: m.record,
      repeats: m.repeats,
      ...validationFields(m.validation),
      digest: m.digest,
    }),
  decode(bytes: Uint8Array): RoundMessage {
    const { r, validation } = openWithValidation(bytes, 'round message');
    return {
      ...key(r),
      plan: r.integer('plan', 0, MAX_EPOCH),
      sequence: r.integer('sequence', 0, MAX_EPOCH),
      record: r.bytes('record'),
      repeats: r.integer('repeats', 0, MAX_UNITS),
      validation,
      digest: r.boolean('digest'),
    };
  },
};

export const assignMessage = {
  encode: (m: AssignMessage): Uint8Array =>
    encode({
      v: versionFor(m.validation),
      epoch: m.epoch,
      step: m.step,
      phase: m.phase,
      parent: m.parent,
      repeats: m.repeats,
      ...validationFields(m.validation),
      ranges: flat(m.ranges),
    }),
  decode(bytes: Uint8Array): AssignMessage {
    const { r, validation } = openWithValidation(bytes, 'assign message');
    return {
      ...key(r),
      repeats: r.integer('repeats', 0, MAX_UNITS),
      validation,
      ranges: readRanges(r, 'assign message'),
    };
  },
};

export const resultMessage = {
  /** `single`: the scalars are float32 numbers and travel as such. */
  encode(m: ResultMessage, single = false): Uint8Array {
    const base = {
      v: WIRE_VERSION,
      worker: m.worker,
      epoch: m.epoch,
      step: m.step,
      phase: m.phase,
      parent: m.parent,
      ranges: flat(m.ranges),
      scalars: bytesOf(single ? Float32Array.from(m.scalars) : m.scalars),
      ...(single ? { single } : {}),
      busy: m.busy,
    };
    // Absent when empty: most results have none, and bytes a step are counted.
    return encode({
      ...base,
      ...(m.failures.length === 0 ? {} : { failures: m.failures }),
      ...(m.auxiliaryUnits.length === 0 ? {} : { auxUnits: m.auxiliaryUnits, aux: bytesOf(m.auxiliaries) }),
      ...(m.digest === null ? {} : { digest: m.digest }),
    });
  },
  decode(bytes: Uint8Array): ResultMessage {
    const what = 'result message';
    const r = open(bytes, what);
    const ranges = readRanges(r, what);
    const single = r.optional('single', (x, f) => x.boolean(f)) === true;
    const scalars = single
      ? Float64Array.from(float32s(r.bytes('scalars'), what))
      : float64s(r.bytes('scalars'), what);
    if (scalars.length !== countUnits(ranges))
      throw invalid(what, `has ${scalars.length} scalars for ${countUnits(ranges)} units`);
    const failures = (r.optional('failures', (x, f) => x.array(f, MAX_UNITS)) ?? []).map(
      (entry): [number, string] => {
        const [unit, text] = Array.isArray(entry) ? (entry as unknown[]) : [];
        if (typeof unit !== 'number' || typeof text !== 'string')
          throw invalid(what, 'has a malformed failure');
        return [unit, text.slice(0, 2000)];
      },
    );
    const auxiliaryUnits = (r.optional('auxUnits', (x, f) => x.array(f, MAX_UNITS)) ?? []).map((unit) => {
      if (typeof unit !== 'number') throw invalid(what, 'has a malformed auxiliary');
      return unit;
    });
    const aux = r.optional('aux', (x, f) => x.bytes(f));
    return {
      ...key(r),
      worker: r.string('worker', 64),
      ranges,
      scalars,
      failures,
      auxiliaryUnits,
      auxiliaries: aux === null ? new Float64Array(0) : float64s(aux, what),
      digest: r.optional('digest', (x, f) => x.string(f, 64)),
      busy: r.finite('busy'),
    };
  },
};

/** Which jobs a worker holds: sent when it changes, and in answer to `ask`. */
export interface PlacementMessage {
  /** Grows with every placement of a leader; an older one is ignored. */
  readonly version: number;
  readonly jobs: readonly string[];
  /** Of these, the ones whose replica is to be built again. */
  readonly rebuild: readonly string[];
}

export const placementMessage = {
  encode: (m: PlacementMessage): Uint8Array =>
    encode({ v: WIRE_VERSION, version: m.version, jobs: m.jobs, rebuild: m.rebuild }),
  decode(bytes: Uint8Array): PlacementMessage {
    const what = 'placement message';
    const r = open(bytes, what);
    const strings = (field: string): string[] =>
      r.array(field, 4096).map((job) => {
        if (typeof job !== 'string') throw invalid(what, `has a job in ${field} that is no string`);
        return job;
      });
    return {
      version: r.integer('version', 0, MAX_EPOCH),
      jobs: strings('jobs'),
      rebuild: strings('rebuild'),
    };
  },
};

/** The leader's answer to `ask`: what the worker missed. */
export interface AskReply {
  readonly placement: Uint8Array;
  readonly jobs: readonly {
    readonly job: string;
    readonly plan: Uint8Array;
    readonly round: Uint8Array | null;
  }[];
}

export const askReply = {
  encode: (m: AskReply): Uint8Array => encode({ v: WIRE_VERSION, placement: m.placement, jobs: m.jobs }),
  decode(bytes: Uint8Array): AskReply {
    const what = 'ask reply';
    const r = open(bytes, what);
    const jobs = r.array('jobs', 4096).map((entry) => {
      const e = new Reader(
        typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : {},
        what,
      );
      return {
        job: e.string('job', 64),
        plan: e.bytes('plan'),
        round: e.optional('round', (x, f) => x.bytes(f)),
      };
    });
    return { placement: r.bytes('placement'), jobs };
  },
};
