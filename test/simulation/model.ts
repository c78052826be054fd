// What a correct pool would have done, worked out apart from the cores: the chain that a ledger's entries form, the
// states that its updates lead to, the pure values at each state, and the records of a run without faults.
// Replicas that are evaluated here are throw-away copies, so that an evaluation which harms its base is noticed.
import { createHash } from 'node:crypto';
import {
  type LedgerRecord,
  type StepRecord,
  type StepUpdate,
  decodeRecord,
} from '../../shared/ledger/records.js';
import { methodNamed } from '../../shared/methods/registry.js';
import type { StopRules } from '../../shared/job/spec.js';
import type { UnitLayout } from '../../shared/wire/slices.js';
import { Replica } from '../../worker/replica/replica.js';
import { type SimulatedJob, evaluateUnit, simulatedJob } from './job.js';

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export interface ChainEntry {
  readonly sequence: number;
  readonly record: LedgerRecord;
  /** SHA-256 of the record's bytes. */
  readonly hash: string;
  /** Steps committed once this record is. */
  readonly steps: number;
}

/** The chain by the rules of the design, written apart from the fold: the first child of the head in stream order. */
export class Chain {
  readonly accepted: ChainEntry[] = [];
  head = '00'.repeat(32);
  steps = 0;
  epoch = 0;
  status: 'running' | 'paused' | 'ended' = 'running';
  stop: StopRules | null = null;

  feed(bytes: Uint8Array, sequence: number): boolean {
    const record = decodeRecord(bytes);
    if (hex(record.parent) !== this.head) return false;
    if (!this.takes(record)) return false;
    this.head = sha256(bytes);
    this.epoch = record.epoch;
    if (record.kind === 'step') this.steps++;
    this.accepted.push({ sequence, record, hash: this.head, steps: this.steps });
    return true;
  }

  private takes(record: LedgerRecord): boolean {
    if (record.kind === 'genesis') {
      this.stop = record.spec.stop;
      return this.accepted.length === 0;
    }
    if (record.kind === 'leader') return record.epoch === this.epoch + 1;
    if (record.epoch !== this.epoch) return false;
    if (record.kind === 'step') return this.status !== 'ended' && record.step === this.steps;
    const { control } = record;
    switch (control.action) {
      case 'pause':
        if (this.status !== 'running') return false;
        this.status = 'paused';
        return true;
      case 'resume':
        if (this.status !== 'paused') return false;
        this.status = 'running';
        return true;
      case 'end':
        if (this.status === 'ended') return false;
        this.status = 'ended';
        return true;
      case 'extend':
        this.stop = control.stop;
        if (this.status === 'ended') this.status = 'running';
        return true;
      case 'accept-code':
        return true;
    }
  }
}

/** One state of the replica, with what an evaluation at it gives. */
export class State {
  private readonly cache = new Map<string, Float64Array>();
  private readonly auxiliaryCache = new Map<number, Float64Array>();

  constructor(
    private readonly job: SimulatedJob,
    readonly step: number,
    /** Bytes of the state, as a snapshot has them. */
    readonly bytes: Uint8Array,
  ) {}

  get digest(): string {
    return sha256(this.bytes);
  }

  /** Pure values of all units, NaN where the unit fails (or is not finite). */
  values(layout: UnitLayout): Float64Array {
    const key = `${layout.members} ${layout.repeats} ${layout.validation}`;
    const known = this.cache.get(key);
    if (known !== undefined) return known;
    const values = new Float64Array(layout.members + layout.repeats + layout.validation);
    for (let unit = 0; unit < values.length; unit++) {
      const replica = new Replica(this.job.genesis);
      replica.restore(this.step, this.bytes);
      const outcome = evaluateUnit(this.job, replica, this.step, layout, unit, replica.allocate());
      values[unit] = 'value' in outcome && Number.isFinite(outcome.value) ? outcome.value : Number.NaN;
      if ('value' in outcome && outcome.auxiliary !== null) this.auxiliaryCache.set(unit, outcome.auxiliary);
    }
    this.cache.set(key, values);
    return values;
  }

  /** Sum of the statistics of the units with a value, in member order; null when the job has none. */
  statistics(layout: UnitLayout, values: Float64Array): Float64Array | null {
    const length = this.job.genesis.objective.auxiliary?.length;
    if (length === undefined) return null;
    this.values(layout);
    const sum = new Float64Array(length);
    for (let unit = 0; unit < layout.members; unit++) {
      const vector = this.auxiliaryCache.get(unit);
      if (Number.isNaN(values[unit]) || vector === undefined) continue;
      for (let i = 0; i < length; i++) sum[i] = (sum[i] ?? 0) + (vector[i] ?? 0);
    }
    return sum;
  }

  next(update: StepUpdate): State {
    const replica = new Replica(this.job.genesis);
    replica.restore(this.step, this.bytes);
    replica.apply(this.step, update);
    return new State(this.job, this.step + 1, replica.snapshot(this.step + 1).bytes);
  }
}

export function firstState(job: SimulatedJob): State {
  const replica = new Replica(job.genesis);
  replica.initialise();
  return new State(job, 0, replica.snapshot(0).bytes);
}

export function stepLayout(job: SimulatedJob, step: number): UnitLayout {
  const { spec } = job.genesis;
  const { antithetic, population } = spec.method;
  const repeats = step % spec.evaluation.every === 0 ? spec.evaluation.repeats : 0;
  const every = spec.evaluation.validateEvery ?? 10;
  const validation = every !== 0 && step % every === 0 ? partsOf(job) : 0;
  return { members: population, group: antithetic ? 2 : 1, repeats, validation };
}

export function finalLayout(job: SimulatedJob): UnitLayout {
  return { members: 0, group: 1, repeats: job.genesis.spec.evaluation.final, validation: partsOf(job) };
}

function partsOf(job: SimulatedJob): number {
  return job.genesis.objective.validation?.parts ?? 0;
}

/** The values of the centre's (or held-out) repeats of a layout. */
export function centreOf(values: Float64Array, { members, repeats }: UnitLayout): Float64Array {
  return values.subarray(members, members + repeats);
}

/** Mean of the validation's parts; null where there are none, or one has no value. */
export function validationOf(values: Float64Array, { members, repeats }: UnitLayout): number | null {
  const parts = values.subarray(members + repeats);
  return parts.some((v) => Number.isNaN(v)) ? null : meanOf(parts);
}

export type StepContent = Pick<StepRecord, 'update'> & {
  readonly centre: number | null;
  readonly validation: number | null;
  readonly failed: number;
};

/** The content of the record that `values` must lead to; null when the step has to fail the job. */
export function contentOf(job: SimulatedJob, state: State, values: Float64Array): StepContent | null {
  const { spec, objective } = job.genesis;
  const layout = stepLayout(job, state.step);
  const members = values.subarray(0, layout.members);
  const failed = Uint8Array.from(members, (v) => (Number.isNaN(v) ? 1 : 0));
  const failures = failed.reduce((a, b) => a + b, 0);
  if (failures === layout.members || (failures > 0 && spec.onFailure === 'fail')) return null;
  const sign = objective.direction === 'minimize' ? -1 : 1;
  const fitness = Float64Array.from(members, (v) => (Number.isNaN(v) ? 0 : sign * v));
  const { update } = methodNamed(spec.method.name).reduce(spec, state.step, fitness, failed);
  return {
    update: { ...update, auxiliary: state.statistics(layout, values) },
    centre: meanOf(centreOf(values, layout)),
    validation: validationOf(values, layout),
    failed: failures,
  };
}

/** Mean of the values there are; null for none. */
export function meanOf(values: Float64Array): number | null {
  const finite = values.filter((v) => !Number.isNaN(v));
  return finite.length === 0 ? null : finite.reduce((a, b) => a + b, 0) / finite.length;
}

/**
 * Doubled centred-rank coefficients from the definition, by counting: the rank of a member is the number of members
 * below it, ties sharing the mean of their places; failed members are below all, or left out with their partner.
 */
export function rankCoefficients(job: SimulatedJob, values: Float64Array): number[] {
  const { spec, objective } = job.genesis;
  const { antithetic } = spec.method;
  const groupSize = spec.method.name === 'eggroll' ? (spec.method.groupSize ?? values.length) : values.length;
  const sign = objective.direction === 'minimize' ? -1 : 1;
  const failed = (i: number): boolean => Number.isNaN(values[i]);
  const counted = [...values.keys()].filter(
    (i) => spec.onFailure !== 'skip' || (!failed(i) && !(antithetic && failed(i ^ 1))),
  );
  const key = (i: number): number => (failed(i) ? Number.NEGATIVE_INFINITY : sign * (values[i] ?? 0));
  const groupOf = (i: number): number[] =>
    counted.filter((j) => Math.floor(j / groupSize) === Math.floor(i / groupSize));
  const rank = (i: number): number => {
    const below = groupOf(i).filter((j) => key(j) < key(i)).length;
    const equal = groupOf(i).filter((j) => key(j) === key(i)).length;
    return 2 * below + equal - 1;
  };
  // A smaller group that lost members is spread over the range of a whole one, to the nearest integer, halves to even.
  const spread = (i: number, value: number): number => {
    if (groupSize === values.length) return value;
    const stretched = (value * (groupSize - 1)) / Math.max(1, groupOf(i).length - 1);
    const [below, above] = [Math.floor(stretched), Math.ceil(stretched)];
    const half = stretched - below === 0.5;
    return half ? (below % 2 === 0 ? below : above) : Math.round(stretched);
  };
  if (!antithetic)
    return [...values.keys()].map((i) =>
      counted.includes(i) ? spread(i, rank(i) - (groupOf(i).length - 1)) : 0,
    );
  return Array.from({ length: values.length / 2 }, (_, k) =>
    counted.includes(2 * k) ? spread(2 * k, rank(2 * k) - rank(2 * k + 1)) : 0,
  );
}

/** The run without faults of one variant, as far as it has been asked for. */
export class Reference {
  private readonly states: State[];
  private readonly contents: (StepContent | null)[] = [];

  constructor(readonly job: SimulatedJob) {
    this.states = [firstState(job)];
  }

  /** Null past a step that fails the job. */
  state(step: number): State | null {
    while (this.states.length <= step) {
      const state = this.states.at(-1);
      const content = this.content(this.states.length - 1);
      if (state === undefined || content === null) return null;
      this.states.push(state.next(content.update));
    }
    return this.states[step] ?? null;
  }

  content(step: number): StepContent | null {
    const known = this.contents[step];
    if (known !== undefined) return known;
    const state = this.state(step);
    if (state === null) return null;
    const content = contentOf(this.job, state, state.values(stepLayout(this.job, step)));
    this.contents[step] = content;
    return content;
  }
}

const references = new Map<number, Reference>();

export function referenceOf(variant: number): Reference {
  let reference = references.get(variant);
  if (reference === undefined) {
    reference = new Reference(simulatedJob(variant));
    references.set(variant, reference);
  }
  return reference;
}
