// From a ledger to a job that runs: its runner, opened once for all who wait for it, and opened again where it was lost. Also
// what a new leader does with the ledgers it finds. Beginning a ledger, and placing the job on workers, are not done here.
import { SeedcastError, isRefusal, messageOf } from '../shared/errors.js';
import type { Genesis } from '../shared/ledger/records.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import { toHex } from '../shared/wire/codec.js';
import { type JobEvent, encodeJson } from '../shared/wire/reports.js';
import { JobCore } from './core/job.js';
import { JobRunner } from './job-runner.js';
import type { JobEntry, JobTable } from './job-table.js';
import type { CoordinatorOptions } from './options.js';

/** Milliseconds between attempts to give a job its genesis or its runner. */
export const TRY_AGAIN = 1000;
const LOST = 'the store was emptied: the ledger of this job is gone, and the job with it';

export interface OpeningHooks {
  /** A ledger was opened: the job wants workers. */
  readonly onOpened: () => void;
  readonly onRebuild: (job: string, workers: readonly string[]) => void;
}

export class Opening {
  private stopped = false;

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly table: JobTable,
    private readonly hooks: OpeningHooks,
  ) {}

  stop(): void {
    this.stopped = true;
  }

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
  async reopen(entry: JobEntry): Promise<void> {
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
      if (isRefusal(error)) this.table.refuse(entry, messageOf(error));
    } finally {
      entry.preparing = false;
      entry.prepareAt = this.options.clock.now() + TRY_AGAIN;
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
    entry.prepareAt = this.options.clock.now() + TRY_AGAIN;
  }
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
