// The jobs that the leader knows: what is kept of each, its record in the bucket (a view that others can read), and the
// one place that says why a job does not run.
import type { KeyValue } from '../shared/bus/port.js';
import { SeedcastError, messageOf } from '../shared/errors.js';
import type { JobSpec } from '../shared/job/spec.js';
import type { LedgerView } from '../shared/ledger/fold.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import {
  type JobEvent,
  type JobRecord,
  type JobState,
  encodeJson,
  stateShown,
} from '../shared/wire/reports.js';
import type { JobRunner } from './job-runner.js';
import type { CoordinatorOptions } from './options.js';

const NOT_TAKEN_UP = 'left as it is: its coordinator runs only the jobs that it was asked for';
const TERMINAL: readonly JobState[] = ['succeeded', 'failed', 'stopped', 'cancelled'];

export function isEnd(state: JobState): boolean {
  return TERMINAL.includes(state);
}

export interface JobEntry {
  record: JobRecord;
  readonly spec: JobSpec;
  runner: JobRunner | null;
  /** Unfinished, and left as it is (`takeUp`): what its ledger says, null without one. Undefined: taken up. */
  parked: LedgerView | null | undefined;
  /** Why it does not run, as last told in an event. */
  told: string | null;
  /** What its last turn threw; null when that went well. */
  fault: string | null;
  /** The fault that was told last. */
  faultTold: string | null;
  preparing: boolean;
  prepareAt: number;
  /** The genesis that is on its way into the ledger. */
  writing: Promise<void> | null;
  /** Its ledger is being read for a runner: whoever wants the runner waits for this one. */
  opening: Promise<void> | null;
  /** The ready workers the runner was last given. */
  ready: string;
  /** Workers with other code, as last told. */
  readonly mismatched: Set<string>;
}

export class JobTable {
  private readonly jobs = new Map<string, JobEntry>();

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly bucket: KeyValue,
  ) {}

  all(): JobEntry[] {
    return [...this.jobs.values()];
  }

  get(job: string): JobEntry | undefined {
    return this.jobs.get(job);
  }

  /** @throws SC_NOT_FOUND. */
  entry(job: string): JobEntry {
    const entry = this.jobs.get(job);
    if (entry !== undefined) return entry;
    throw new SeedcastError('SC_NOT_FOUND', `there is no job ${JSON.stringify(job)}`, {
      hint: '`seedcast list` shows the jobs',
    });
  }

  add(record: JobRecord): JobEntry {
    const entry: JobEntry = {
      record,
      spec: record.spec as JobSpec,
      runner: null,
      parked: undefined,
      told: null,
      fault: null,
      faultTold: null,
      preparing: false,
      prepareAt: 0,
      writing: null,
      opening: null,
      ready: '',
      mismatched: new Set(),
    };
    this.jobs.set(record.job, entry);
    return entry;
  }

  remove({ record }: JobEntry): void {
    this.jobs.delete(record.job);
  }

  restore(entry: JobEntry): void {
    this.jobs.set(entry.record.job, entry);
  }

  hasEnded({ record }: JobEntry): boolean {
    return isEnd(record.state);
  }

  /** It was cancelled or deleted meanwhile. */
  isDropped(entry: JobEntry): boolean {
    return this.jobs.get(entry.record.job) !== entry || this.hasEnded(entry);
  }

  /** A job that was deleted meanwhile stays away. */
  async save(entry: JobEntry, change: Partial<JobRecord>): Promise<void> {
    entry.record = { ...entry.record, ...change };
    const { job } = entry.record;
    if (this.jobs.get(job) === entry) await this.bucket.put(job, encodeJson(entry.record));
  }

  saveSoon(entry: JobEntry, change: Partial<JobRecord>): void {
    this.save(entry, change).catch((error: unknown) =>
      this.options.log(`job record: ${messageOf(error)}`, { job: entry.record.job }),
    );
  }

  // --- how it stands ---------------------------------------------------------------------------------------------

  stateOf(entry: JobEntry): JobState {
    const { record, runner } = entry;
    return this.hasEnded(entry) ? record.state : (runner?.state ?? record.state);
  }

  reasonOf(entry: JobEntry): string | null {
    if (entry.parked !== undefined) return NOT_TAKEN_UP;
    return entry.fault ?? entry.told ?? entry.runner?.waiting ?? entry.record.reason;
  }

  shown(entry: JobEntry): { readonly state: JobState; readonly reason: string | null } {
    const reason = this.reasonOf(entry);
    return { state: stateShown(this.stateOf(entry), reason), reason };
  }

  /** Says once why a job does not run. */
  tell(entry: JobEntry, reason: string): void {
    if (entry.told === reason) return;
    entry.told = reason;
    if (entry.runner !== null) return entry.runner.event('waiting', reason);
    this.event(entry, 'pending', reason);
    this.saveSoon(entry, { reason });
  }

  /** A worker refuses the job's objective or options, or the ledger is another's: it cannot run. */
  refuse(entry: JobEntry, reason: string): void {
    if (this.isDropped(entry)) return;
    this.tell(entry, reason);
    this.saveSoon(entry, { state: 'failed', reason });
  }

  /** Says once what a turn of the job threw. */
  tellFault(entry: JobEntry, reason: string): void {
    entry.fault = reason;
    if (entry.faultTold === reason) return;
    entry.faultTold = reason;
    this.options.log(`the job's turn failed: ${reason}`, { job: entry.record.job });
    this.event(entry, 'fault', reason);
  }

  /** An event of a job that has no runner, or whose runner cannot be asked. */
  private event({ record, runner }: JobEntry, type: string, message: string): void {
    const { job } = record;
    const event: JobEvent = { v: 1, job, time: this.now(), type, step: runner?.view.steps ?? 0, message };
    this.options.bus.streams
      .append(this.store.names.job(job).event, encodeJson(event))
      .catch((error: unknown) => this.options.log(messageOf(error), { job }));
  }

  now(): string {
    return new Date(this.options.clock.wall()).toISOString();
  }
}
