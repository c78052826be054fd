// From a submission to a job that runs: a worker describes the objective, the genesis is written, the ledger is opened.
// Also what a new leader does with the ledgers it finds. Placing the job on workers is not done here.
import type { KeyValue } from '../shared/bus/port.js';
import { EXIT, SeedcastError, asSeedcastError, messageOf } from '../shared/errors.js';
import { checkStorage, estimateDescribed } from '../shared/job/estimate.js';
import type { JobSpec } from '../shared/job/spec.js';
import { type Genesis, NO_PARENT, encodeRecord } from '../shared/ledger/records.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import { methodNamed } from '../shared/methods/registry.js';
import { checkTensors } from '../shared/methods/shape.js';
import type { ObjectiveDescription } from '../shared/objectives/types.js';
import { toHex } from '../shared/wire/codec.js';
import {
  type JobEvent,
  type JobRecord,
  type JobState,
  encodeJson,
  stateShown,
} from '../shared/wire/reports.js';
import { JobCore } from './core/job.js';
import type { Fleet } from './fleet.js';
import { JobRunner } from './job-runner.js';
import type { JobEntry, JobTable } from './job-table.js';
import type { CoordinatorOptions } from './options.js';

/** Milliseconds between attempts to give a pending job its genesis. */
const PREPARE_AGAIN = 1000;
/** Milliseconds that a submission waits to learn whether a worker takes its objective. */
const SUBMIT_WAIT = 3000;
const LOST = 'the store was emptied: the ledger of this job is gone, and the job with it';

export interface Submission {
  readonly job: string;
  readonly name: string;
  readonly spec: JobSpec;
  readonly init: string | null;
}

export interface PreparingHooks {
  /** A ledger was opened: the job wants workers. */
  readonly onOpened: () => void;
  readonly onRebuild: (job: string, workers: readonly string[]) => void;
}

export class Preparing {
  private stopped = false;

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly bucket: KeyValue,
    private readonly fleet: Fleet,
    private readonly table: JobTable,
    private readonly hooks: PreparingHooks,
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
      await this.takeUp(known);
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
    if (entry.record.state !== 'pending') return void this.reopen(entry);
    this.prepare(entry).catch((error: unknown) => {
      if (isRefusal(error)) this.refuse(entry, messageOf(error));
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
      entry.prepareAt = this.options.clock.now() + PREPARE_AGAIN;
    }
  }

  /** A worker that came later refuses the job's objective or options, or the ledger is another's: it cannot run. */
  private refuse(entry: JobEntry, reason: string): void {
    if (this.table.isDropped(entry)) return;
    this.table.tell(entry, reason);
    this.table.saveSoon(entry, { state: 'failed', reason });
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
    await this.open(entry, failure === null);
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

  // --- ledgers that are there ------------------------------------------------------------------------------------

  /** Goes on with an unfinished job that a new leader found, or leaves it as it is. */
  async found(entry: JobEntry): Promise<void> {
    const { job } = entry.record;
    if (this.options.takeUp?.includes(job) !== false || !(await this.park(entry)))
      await this.open(entry, false);
  }

  /** Leaves it as it is; false when its ledger has ended, which its record is still to say. */
  private async park(entry: JobEntry): Promise<boolean> {
    const view = (await this.store.foldAll(entry.record.job))?.view ?? null;
    if (view?.status === 'ended') return false;
    entry.parked = view;
    return true;
  }

  /** Someone asks for the job: one that was left as it is, or lost its runner a moment ago, gets its runner now. */
  async takeUp(entry: JobEntry): Promise<void> {
    const begun = entry.record.state !== 'pending' && !this.table.hasEnded(entry);
    if (entry.parked !== undefined || begun) await this.open(entry, false);
    else await entry.opening;
  }

  /** Gives the job its runner from its ledger, once; it stays without one where there is no ledger. */
  async open(entry: JobEntry, fresh: boolean): Promise<void> {
    if (entry.runner !== null) return;
    entry.opening ??= this.read(entry, fresh).finally(() => {
      entry.opening = null;
    });
    await entry.opening;
  }

  private async read(entry: JobEntry, fresh: boolean): Promise<void> {
    const { job } = entry.record;
    const { clock, bus, log, holder } = this.options;
    // Else the genesis that is on its way would be missed, and whoever wrote it waits for this reading.
    await entry.writing;
    const ledger = await this.store.foldAll(job);
    entry.parked = undefined;
    if (ledger === null || this.stopped || this.table.get(job) !== entry) return;
    checkGenesis(entry, ledger.view.genesis);
    const core = new JobCore(
      {
        holder,
        fresh: fresh && ledger.view.steps === 0 && ledger.view.epoch === 1,
        elapsed: ledger.activeMilliseconds,
      },
      ledger.view,
      ledger.last,
      clock.now(),
    );
    const runner: JobRunner = new JobRunner(job, core, {
      bus,
      store: this.store,
      clock,
      log,
      failpoint: this.options.failpoint ?? (() => undefined),
      onEnded: () => this.ended(entry),
      onDeposed: () => this.deposed(entry, runner),
      onRebuild: this.hooks.onRebuild,
    });
    entry.runner = runner;
    entry.ready = '';
    entry.told = null;
    if (ledger.view.steps === 0 && fresh) {
      runner.event(
        'created',
        `${entry.record.name}: ${entry.spec.method.name} on ${entry.spec.objective.name}, genesis ${toHex(ledger.view.head).slice(0, 12)}`,
      );
    }
    runner.start();
    if (entry.record.request !== null) runner.control({ action: entry.record.request });
    // The leader before this one may have ended the job and not lived to say so.
    if (ledger.view.status === 'ended') this.ended(entry);
    else this.table.saveSoon(entry, { state: runner.state, reason: null });
    this.hooks.onOpened();
  }

  /** A job that runs by its record, with no runner: its ledger could not be read, or is gone. */
  private async reopen(entry: JobEntry): Promise<void> {
    const { job } = entry.record;
    entry.preparing = true;
    try {
      await this.open(entry, false);
      if (entry.runner === null && !this.stopped) {
        this.table.saveSoon(entry, { state: 'failed', reason: LOST });
        await this.options.bus.streams.append(
          this.store.names.job(job).event,
          encodeJson(lostEvent(job, this.options.clock.wall())),
        );
      }
    } catch (error) {
      this.options.log(`reopening: ${messageOf(error)}`, { job });
      if (isRefusal(error)) this.refuse(entry, messageOf(error));
    } finally {
      entry.preparing = false;
      entry.prepareAt = this.options.clock.now() + PREPARE_AGAIN;
    }
  }

  private ended(entry: JobEntry): void {
    const { runner } = entry;
    const result = runner?.describeResult() ?? null;
    if (runner === null || result === null || this.table.hasEnded(entry)) return;
    runner.event('result', `${result.status} (${result.stoppedBy}) after ${result.steps} steps`, {
      ...result,
    });
    this.table.saveSoon(entry, { state: result.status, reason: result.reason, request: null, result });
  }

  /** Another coordinator wrote to this job's ledger. While the lease is ours it must have been the one before: go on. */
  private deposed(entry: JobEntry, runner: JobRunner): void {
    if (entry.runner !== runner) return;
    entry.runner = null;
    this.options.log('another coordinator wrote to the ledger', { job: entry.record.job });
    // The next tick after that opens it again.
    entry.prepareAt = this.options.clock.now() + PREPARE_AGAIN;
  }
}

/** What is refused once is refused again; every other failure may pass. */
function isRefusal(error: unknown): boolean {
  return asSeedcastError(error).exitCode === EXIT.invalid;
}

/** @throws SC_JOB_EXISTS where the ledger is that of another submission of this id. */
function checkGenesis({ record, spec }: JobEntry, genesis: Genesis): void {
  if (JSON.stringify(genesis.spec) === JSON.stringify(spec) && genesis.init === record.init) return;
  throw new SeedcastError(
    'SC_JOB_EXISTS',
    `the store has a ledger of job ${record.job} with another spec or other start weights`,
    { hint: 'choose another --id' },
  );
}

/** The last event of a job whose ledger the store no longer has. */
export function lostEvent(job: string, wall: number): JobEvent {
  return { v: 1, job, time: new Date(wall).toISOString(), type: 'lost', step: 0, message: LOST };
}
