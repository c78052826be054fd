// From a submission to a ledger: a worker describes the objective, the genesis is written. Opening the ledger, and placing the
// job on workers, are not done here.
import type { KeyValue } from '../shared/bus/port.js';
import { SeedcastError, isRefusal, messageOf } from '../shared/errors.js';
import { checkStorage, estimateDescribed } from '../shared/job/estimate.js';
import type { JobSpec } from '../shared/job/spec.js';
import { NO_PARENT, encodeRecord } from '../shared/ledger/records.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import { methodNamed } from '../shared/methods/registry.js';
import { checkTensors } from '../shared/methods/shape.js';
import type { ObjectiveDescription } from '../shared/objectives/types.js';
import { type JobRecord, type JobState, encodeJson, stateShown } from '../shared/wire/reports.js';
import type { Fleet } from './fleet.js';
import type { JobEntry, JobTable } from './job-table.js';
import { type Opening, TRY_AGAIN } from './opening.js';
import type { CoordinatorOptions } from './options.js';

/** Milliseconds that a submission waits to learn whether a worker takes its objective. */
const SUBMIT_WAIT = 3000;

export interface Submission {
  readonly job: string;
  readonly name: string;
  readonly spec: JobSpec;
  readonly init: string | null;
}

export class Preparing {
  private stopped = false;

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly bucket: KeyValue,
    private readonly fleet: Fleet,
    private readonly table: JobTable,
    private readonly opening: Opening,
  ) {}

  stop(): void {
    this.stopped = true;
  }

  /** The same id with the same spec is the same submission; SC_JOB_EXISTS otherwise. */
  async submit({
    job,
    name,
    spec,
    init,
  }: Submission): Promise<{ job: string; state: JobState; reason: string | null }> {
    const known = this.table.get(job);
    if (known !== undefined) {
      if (JSON.stringify(known.spec) !== JSON.stringify(spec) || known.record.init !== init) {
        throw new SeedcastError('SC_JOB_EXISTS', `job ${job} exists with another spec`, {
          hint: 'choose another --id, or delete it first',
        });
      }
      await this.opening.takeUp(known);
      return { job, ...this.table.shown(known) };
    }
    const record: JobRecord = {
      job,
      name,
      spec,
      init,
      created: this.table.now(),
      state: 'pending',
      reason: null,
      request: null,
      result: null,
    };
    const entry = this.table.add(record);
    // Not by a tick meanwhile: a refusal must reach who submitted.
    entry.preparing = true;
    try {
      if ((await this.bucket.create(job, encodeJson(record))) === null)
        await this.bucket.put(job, encodeJson(record));
    } catch (error) {
      await this.forget(entry);
      throw error;
    }
    if (this.table.get(job) !== entry) {
      await this.forget(entry);
      throw new SeedcastError('SC_NOT_FOUND', `job ${job} was deleted while it was submitted`);
    }
    entry.preparing = false;
    let cancel = (): void => undefined;
    const waited = new Promise<void>((resolve) => {
      cancel = this.options.clock.after(SUBMIT_WAIT, resolve);
    });
    try {
      await Promise.race([this.prepare(entry), waited]).finally(() => cancel());
    } catch (error) {
      if (isRefusal(error)) {
        await this.forget(entry);
        throw error;
      }
      this.postpone(entry, error);
    }
    // Workers that are loading its replica are no reason to wait.
    const reason = entry.runner === null ? this.table.reasonOf(entry) : entry.told;
    return { job, state: stateShown(this.table.stateOf(entry), reason), reason };
  }

  /** What a job without a runner needs now: its genesis, or its ledger opened again. */
  turn(entry: JobEntry, now: number): void {
    if (entry.runner !== null || entry.preparing || now < entry.prepareAt) return;
    if (entry.record.state !== 'pending') return void this.opening.reopen(entry);
    this.prepare(entry).catch((error: unknown) => {
      if (isRefusal(error)) this.table.refuse(entry, messageOf(error));
      else this.postpone(entry, error);
    });
  }

  /** Nothing ran: a refused submission leaves nothing behind. */
  private async forget(entry: JobEntry): Promise<void> {
    const { job } = entry.record;
    if (this.table.get(job) === entry) this.table.remove(entry);
    if (this.table.get(job) !== undefined) return;
    await this.bucket
      .delete(job)
      .catch((error: unknown) => this.options.log(`job record: ${messageOf(error)}`, { job }));
  }

  /** What failed may go well in a while: the genesis may even be in the ledger, and only the answer was lost. */
  private postpone(entry: JobEntry, error: unknown): void {
    if (this.table.isDropped(entry)) return;
    const { job } = entry.record;
    this.options.log(`preparing: ${messageOf(error)}`, { job });
    this.table.tell(entry, `it is tried again: ${messageOf(error)}`);
  }

  /** Finds a worker that describes the objective and writes the genesis. Refusals of the objective itself are thrown. */
  private async prepare(entry: JobEntry): Promise<void> {
    if (entry.preparing || entry.runner !== null || this.stopped) return;
    entry.preparing = true;
    try {
      const description = await this.describeObjective(entry);
      if (description === null || this.table.isDropped(entry)) return;
      checkTensors({ spec: entry.spec, objective: description });
      await this.checkRoom(entry, description);
      if (this.table.isDropped(entry)) return;
      await this.begin(entry, description);
    } finally {
      entry.preparing = false;
      entry.prepareAt = this.options.clock.now() + TRY_AGAIN;
    }
  }

  private async describeObjective(entry: JobEntry): Promise<ObjectiveDescription | null> {
    const { name } = entry.spec.objective;
    const workers = this.fleet.alive(this.options.clock.now());
    const able = workers.filter(({ objectives }) => Object.hasOwn(objectives, name));
    if (able.length === 0) {
      this.table.tell(
        entry,
        workers.length === 0
          ? 'no worker is connected'
          : `no worker has the objective ${JSON.stringify(name)} (${workers.map((w) => w.worker).join(', ')})`,
      );
      return null;
    }
    // One may lack a data package that another has: only what all refuse is refused.
    const failures: { readonly worker: string; readonly error: unknown }[] = [];
    for (const { worker } of able) {
      try {
        return await this.fleet.describeObjective(worker, entry.spec, entry.record.init);
      } catch (error) {
        failures.push({ worker, error });
      }
      if (this.stopped || this.table.isDropped(entry)) return null;
    }
    const [open] = failures.filter(({ error }) => !isRefusal(error));
    if (open === undefined) throw failures[0]?.error;
    this.table.tell(entry, `worker ${open.worker} does not describe the objective: ${messageOf(open.error)}`);
    return null;
  }

  /** Refuses a job whose records and evidence cannot fit in what the store still takes: SC_SPEC_STORAGE. */
  private async checkRoom({ spec }: JobEntry, description: ObjectiveDescription): Promise<void> {
    const { streams } = this.store.names;
    const rooms = await Promise.all(
      [streams.ledger, streams.evidence].map((name) => this.options.bus.streams.room(name)),
    );
    const room = rooms.reduce<number | null>(
      (least, r) => (r === null || (least !== null && least <= r) ? least : r),
      null,
    );
    if (room !== null) checkStorage(estimateDescribed(spec, description, 1), room);
  }

  private async begin(entry: JobEntry, objective: ObjectiveDescription): Promise<void> {
    let failure: unknown = null;
    entry.writing = this.writeGenesis(entry, objective).catch((error: unknown) => {
      // Another coordinator may have been first, or this answer was lost: the ledger tells.
      this.options.log(`genesis: ${messageOf(error)}`, { job: entry.record.job });
      failure = error;
    });
    await entry.writing;
    entry.writing = null;
    await this.opening.open(entry, failure === null);
    if (failure !== null && entry.runner === null) this.postpone(entry, failure);
  }

  private async writeGenesis({ spec, record }: JobEntry, objective: ObjectiveDescription): Promise<void> {
    const { name, version } = methodNamed(spec.method.name);
    const bytes = encodeRecord({
      kind: 'genesis',
      epoch: 1,
      parent: NO_PARENT,
      name: record.name,
      spec,
      objective,
      init: record.init,
      method: { name, version },
    });
    await this.options.bus.streams.append(this.store.names.job(record.job).ledger, bytes, { expected: 0 });
  }
}
