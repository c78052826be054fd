// Which workers hold which jobs, told to them and to the jobs: placements, who is ready, replicas to build again, and what a
// worker that asks has missed. Whether a job has a ledger is not decided here.
import { messageOf } from '../shared/errors.js';
import { replicaBytes } from '../shared/methods/shape.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import { askReply, placementMessage } from '../shared/wire/messages.js';
import type { Heartbeat } from '../shared/wire/reports.js';
import type { Fleet } from './fleet.js';
import type { JobEntry, JobTable } from './job-table.js';
import type { CoordinatorOptions } from './options.js';
import { type Placement, place } from './placement.js';

const UNKNOWN_CODE = 'it is asked which code and data it has';

/** What a leader goes by that has placed nothing on a worker yet: the replicas that the worker has. */
function held(workers: readonly Heartbeat[]): Placement {
  return new Map(
    workers.map(({ worker, jobs }) => [
      worker,
      { jobs: Object.keys(jobs), movedAt: Number.NEGATIVE_INFINITY },
    ]),
  );
}

export class Placing {
  private placement: Placement = new Map();
  private placementVersion: number;

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly fleet: Fleet,
    private readonly table: JobTable,
  ) {
    // Wall clock, so that a later leader's placements are newer; workers compare nothing else with it.
    this.placementVersion = options.clock.wall() * 1000;
  }

  isPlaced(worker: string, job: string): boolean {
    return this.placement.get(worker)?.jobs.includes(job) === true;
  }

  /** Workers that hold the job. */
  countOf(job: string): number {
    return [...this.placement.values()].filter(({ jobs }) => jobs.includes(job)).length;
  }

  update(workers: readonly Heartbeat[], now: number): void {
    const running = this.table.all().filter((entry) => entry.runner !== null && !this.table.hasEnded(entry));
    const placeable = workers.map((heartbeat) => ({
      id: heartbeat.worker,
      jobs: heartbeat.capacity.jobs,
      eligible: new Set(
        running.filter((entry) => this.problem(entry, heartbeat) === null).map(({ record }) => record.job),
      ),
    }));
    const before = this.placement;
    this.placement = place(
      running.map(({ record }) => record.job),
      placeable,
      new Map([...held(workers), ...before]),
      now,
    );
    for (const [worker, { jobs }] of this.placement) {
      if ((before.get(worker)?.jobs ?? []).join(' ') !== jobs.join(' ')) this.sendPlacement(worker, []);
    }
  }

  /** Tells a job who is ready, and people why it waits. */
  turn(entry: JobEntry, workers: readonly Heartbeat[]): void {
    const { runner, record } = entry;
    if (runner === null) return;
    const holders = workers.map(({ worker }) => worker).filter((worker) => this.isPlaced(worker, record.job));
    const ready = holders.filter((worker) => this.fleet.isReady(worker, record.job));
    const key = ready.join(' ') + `/${holders.length}`;
    if (key !== entry.ready) {
      entry.ready = key;
      runner.setWorkers(ready, holders.length);
    }
    runner.handle({ type: 'tick' });
    this.tellWaiting(entry, workers, holders, ready);
  }

  /** What a worker says of recent updates goes to the hints of its jobs. */
  heard(heartbeat: Heartbeat): void {
    const placed = this.placement.get(heartbeat.worker)?.jobs;
    const held = Object.keys(heartbeat.jobs);
    // A placement is sent once, and may be lost.
    if (placed !== undefined && (placed.length !== held.length || placed.some((job) => !held.includes(job))))
      this.sendPlacement(heartbeat.worker, []);
    const { worker } = heartbeat;
    const untouched = this.fleet.notRebuilding(worker, this.options.clock.now());
    if (untouched.length > 0) this.rebuild(untouched, [worker]);
    for (const [job, status] of Object.entries(heartbeat.jobs)) {
      if (status.ready) this.table.get(job)?.runner?.figures.heard(status);
    }
  }

  private sendPlacement(worker: string, rebuild: readonly string[]): void {
    const jobs = this.placement.get(worker)?.jobs ?? [];
    const bytes = placementMessage.encode({ version: ++this.placementVersion, jobs, rebuild });
    this.options.bus.publish(this.store.names.worker(worker).placement, bytes);
  }

  /** Why this worker cannot run the job; null when it can. */
  problem(entry: JobEntry, heartbeat: Heartbeat): string | null {
    try {
      return this.problemOf(entry, heartbeat);
    } catch (error) {
      // One job's fault must not keep the others from their workers.
      return messageOf(error);
    }
  }

  private problemOf({ runner, spec, mismatched, record }: JobEntry, heartbeat: Heartbeat): string | null {
    if (runner === null) return 'no ledger yet';
    const { name } = spec.objective;
    const wanted = runner.view.code;
    const offered = this.fleet.codeFor(heartbeat, spec, wanted);
    if (offered === undefined) return `${heartbeat.worker} has no objective ${JSON.stringify(name)}`;
    const { code, refusal } = offered;
    if (refusal !== null) return `${heartbeat.worker} refuses ${name}: ${refusal}`;
    // A replica that is there was opened under the leader before: while its worker is asked it goes on, since a worker that
    // is told to drop it replays the whole ledger afterwards.
    if (code === null && heartbeat.jobs[record.job] === undefined) return UNKNOWN_CODE;
    if (code !== null && code !== wanted) {
      const text = `${heartbeat.worker} has other code or data for ${name}: ${code.slice(0, 12)}, the job was made with ${wanted.slice(0, 12)} (resume --accept-code takes it)`;
      if (!mismatched.has(heartbeat.worker + code)) {
        mismatched.add(heartbeat.worker + code);
        runner.event('code-mismatch', text, {
          worker: heartbeat.worker,
          code,
          job: record.job,
          expected: wanted,
        });
      }
      return text;
    }
    const bytes = replicaBytes(runner.view.genesis);
    if (bytes > heartbeat.capacity.memoryBytes)
      return `${heartbeat.worker} has ${heartbeat.capacity.memoryBytes} bytes for replicas, the job needs ${bytes}`;
    if (spec.engine !== null && spec.engine !== heartbeat.engine)
      return `${heartbeat.worker} has engine ${heartbeat.engine}, the job is pinned to ${spec.engine}`;
    return null;
  }

  private tellWaiting(
    entry: JobEntry,
    workers: readonly Heartbeat[],
    holders: readonly string[],
    ready: readonly string[],
  ): void {
    // A stuck job says itself why; workers would not help it.
    if (ready.length > 0 || entry.runner?.state !== 'running' || entry.runner.stuck) {
      entry.told = null;
      return;
    }
    const problems = holders
      .map((worker) => workers.find((w) => w.worker === worker)?.jobs[entry.record.job]?.problem ?? null)
      .filter((p) => p !== null);
    if (problems[0] !== undefined) return this.table.tell(entry, problems[0]);
    if (holders.length > 0) return;
    const reasons = workers
      .map((worker) => this.problem(entry, worker))
      .filter((reason) => reason !== UNKNOWN_CODE);
    // Where all are asked still, the answers are a moment away.
    if (reasons.length === 0 && workers.length > 0) return;
    const able = reasons.some((reason) => reason === null);
    this.table.tell(
      entry,
      workers.length === 0
        ? 'no worker is connected'
        : able
          ? 'every worker holds as many jobs as it may'
          : reasons.filter((r) => r !== null).join('; '),
    );
  }

  rebuild(jobs: readonly string[], workers: readonly string[]): void {
    const now = this.options.clock.now();
    for (const worker of workers) {
      for (const job of jobs) this.fleet.markRebuilding(worker, job, now);
      this.sendPlacement(worker, jobs);
    }
  }

  /** What the worker was to evaluate and has not answered is said again: the message may have been lost. */
  asked(worker: string): void {
    for (const job of this.placement.get(worker)?.jobs ?? [])
      this.table.get(job)?.runner?.handle({ type: 'asked', worker });
  }

  /** Placement, plans and rounds of one worker. */
  missedBy(worker: string): Uint8Array {
    const held = this.placement.get(worker)?.jobs ?? [];
    const placement = placementMessage.encode({ version: ++this.placementVersion, jobs: held, rebuild: [] });
    const jobs = held.flatMap((job) => {
      const missed = this.table.get(job)?.runner?.missed();
      return missed === undefined ? [] : [{ job, ...missed }];
    });
    return askReply.encode({ placement, jobs });
  }
}
