// All jobs of the pool at the leader: what each part does with them, and in which order. Preparing begins jobs, opening
// gives them their runners, placing brings workers to them, answering serves people; the table is what they share.
import type { KeyValue } from '../shared/bus/port.js';
import { messageOf } from '../shared/errors.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import type { ResultMessage } from '../shared/wire/messages.js';
import {
  type ControlRequest,
  type Heartbeat,
  type JobState,
  type JobSummary,
  decodeJson,
  jobRecordSchema,
} from '../shared/wire/reports.js';
import { Answering } from './answering.js';
import type { Fleet } from './fleet.js';
import { type JobEntry, JobTable, isEnd } from './job-table.js';
import type { CoordinatorOptions } from './options.js';
import { Opening } from './opening.js';
import { Placing } from './placing.js';
import { Preparing, type Submission } from './preparing.js';

export class JobBook {
  private readonly table: JobTable;
  private readonly opening: Opening;
  private readonly preparing: Preparing;
  private readonly placing: Placing;
  private readonly answering: Answering;
  /** All jobs of the bucket are known. */
  private loaded = false;

  constructor(
    private readonly options: CoordinatorOptions,
    store: LedgerStore,
    private readonly bucket: KeyValue,
    private readonly fleet: Fleet,
  ) {
    this.table = new JobTable(options, store, bucket);
    this.placing = new Placing(options, store, fleet, this.table);
    this.opening = new Opening(options, store, this.table, {
      // While some jobs are not known yet, a placement would take them from the workers that hold them.
      onOpened: () => {
        if (this.loaded) this.tick();
      },
      onRebuild: (job, workers) => this.placing.rebuild([job], workers),
    });
    this.preparing = new Preparing(options, store, bucket, fleet, this.table, this.opening);
    this.answering = new Answering(options, store, bucket, fleet, this.table, this.opening, this.placing);
  }

  /** Every job of the bucket; the unfinished ones go on from their ledgers. */
  async load(): Promise<void> {
    for (const { key, value } of await this.bucket.list()) {
      try {
        const entry = this.table.add(decodeJson(jobRecordSchema, value, `job record ${key}`));
        if (!this.table.hasEnded(entry)) await this.opening.found(entry);
      } catch (error) {
        this.options.log(`job ${key} cannot be taken over: ${messageOf(error)}`);
      }
    }
    this.loaded = true;
  }

  unfinished(): string[] {
    return this.table
      .all()
      .filter((entry) => entry.runner !== null && !this.table.hasEnded(entry))
      .map(({ record }) => record.job);
  }

  stop(): void {
    this.preparing.stop();
    this.opening.stop();
    for (const { runner } of this.table.all()) runner?.stop();
  }

  tick(): void {
    const now = this.options.clock.now();
    const workers = this.fleet.alive(now);
    const unfinished = this.table.all().filter((entry) => !this.table.hasEnded(entry));
    this.fleet.keepOffers(new Set(unfinished.map(({ spec }) => spec)));
    this.placing.update(workers, now);
    for (const entry of this.table.all()) {
      if (this.table.hasEnded(entry) || entry.parked !== undefined) continue;
      try {
        this.turn(entry, workers, now);
        entry.fault = null;
      } catch (error) {
        // The other jobs have their turn all the same.
        this.table.tellFault(entry, messageOf(error));
      }
    }
  }

  private turn(entry: JobEntry, workers: readonly Heartbeat[], now: number): void {
    if (entry.runner === null) return this.preparing.turn(entry, now);
    this.placing.turn(entry, workers);
    const state = this.table.stateOf(entry);
    if (state !== entry.record.state && !isEnd(state)) this.table.saveSoon(entry, { state });
  }

  heard(heartbeat: Heartbeat): void {
    this.placing.heard(heartbeat);
  }

  result(job: string, message: ResultMessage, bytes: number): void {
    this.table.get(job)?.runner?.result(message, bytes);
  }

  asked(worker: string): void {
    this.placing.asked(worker);
  }

  missedBy(worker: string): Uint8Array {
    return this.placing.missedBy(worker);
  }

  submit(submission: Submission): Promise<{ job: string; state: JobState; reason: string | null }> {
    return this.preparing.submit(submission);
  }

  control(request: ControlRequest): Promise<{ job: string; state: JobState }> {
    return this.answering.control(request);
  }

  summaries(): JobSummary[] {
    return this.answering.summaries();
  }

  describe(job: string): object {
    return this.answering.describe(job);
  }
}
