// All jobs of the pool at the leader: accepts submissions, gives a job its genesis once a worker has described its
// objective, places jobs on workers, and answers what people ask. The bucket of jobs is a view that others can read.
import type { KeyValue } from '../shared/bus/port.js';
import { EXIT, SeedcastError, asSeedcastError, messageOf } from '../shared/errors.js';
import { type JobSpec, type StopRules, compiledSpec } from '../shared/job/spec.js';
import { checkStorage, estimateJob } from '../shared/job/estimate.js';
import { NO_PARENT, encodeRecord } from '../shared/ledger/records.js';
import type { LedgerView } from '../shared/ledger/fold.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import { methodNamed } from '../shared/methods/registry.js';
import { checkTensors, replicaBytes } from '../shared/methods/shape.js';
import type { ObjectiveDescription } from '../shared/objectives/types.js';
import { askReply, placementMessage, type ResultMessage } from '../shared/wire/messages.js';
import { toHex } from '../shared/wire/codec.js';
import {
  type ControlRequest,
  type Heartbeat,
  type JobEvent,
  type JobRecord,
  type JobState,
  type JobSummary,
  decodeJson,
  encodeJson,
  jobRecordSchema,
  stateShown,
} from '../shared/wire/reports.js';
import { JobCore } from './core/job.js';
import type { Fleet } from './fleet.js';
import { JobRunner } from './job-runner.js';
import { type Placement, place } from './placement.js';
import type { CoordinatorOptions } from './options.js';

/** Milliseconds between attempts to give a pending job its genesis. */
const PREPARE_AGAIN = 1000;
/** Milliseconds that a submission waits to learn whether a worker takes its objective. */
const SUBMIT_WAIT = 3000;
const NOT_TAKEN_UP = 'left as it is: its coordinator runs only the jobs that it was asked for';
const LOST = 'the store was emptied: the ledger of this job is gone, and the job with it';
const TERMINAL: readonly JobState[] = ['succeeded', 'failed', 'stopped', 'cancelled'];

export interface JobEntry {
  record: JobRecord;
  readonly spec: JobSpec;
  runner: JobRunner | null;
  /** Unfinished, and left as it is (`takeUp`): what its ledger says, null without one. Undefined: taken up. */
  parked: LedgerView | null | undefined;
  /** Why it does not run, as last told in an event. */
  told: string | null;
  preparing: boolean;
  prepareAt: number;
  /** The ready workers the runner was last given. */
  ready: string;
  /** Workers with other code, as last told. */
  readonly mismatched: Set<string>;
}

export interface Submission {
  readonly job: string;
  readonly name: string;
  readonly spec: JobSpec;
  readonly init: string | null;
}

export class JobBook {
  private readonly jobs = new Map<string, JobEntry>();
  private placement: Placement = new Map();
  private placementVersion: number;
  private stopped = false;

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly bucket: KeyValue,
    private readonly fleet: Fleet,
  ) {
    // Wall clock, so that a later leader's placements are newer; workers compare nothing else with it.
    this.placementVersion = options.clock.wall() * 1000;
  }

  /** Every job of the bucket; the unfinished ones go on from their ledgers. */
  async load(): Promise<void> {
    for (const { key, value } of await this.bucket.list()) {
      try {
        const record = decodeJson(jobRecordSchema, value, `job record ${key}`);
        const entry = this.add(record);
        if (TERMINAL.includes(record.state)) continue;
        if (this.options.takeUp?.includes(key) !== false || !(await this.park(entry)))
          await this.openRunner(entry, false);
      } catch (error) {
        this.options.log(`job ${key} cannot be taken over: ${messageOf(error)}`);
      }
    }
  }

  /** Leaves it as it is; false when its ledger has ended, which its record is still to say. */
  private async park(entry: JobEntry): Promise<boolean> {
    const view = (await this.store.foldAll(entry.record.job))?.view ?? null;
    if (view?.status === 'ended') return false;
    entry.parked = view;
    return true;
  }

  /** Someone asks for a job that was left as it is. */
  private async takeUp(entry: JobEntry): Promise<void> {
    if (entry.parked === undefined) return;
    entry.parked = undefined;
    await this.openRunner(entry, false);
  }

  unfinished(): string[] {
    return [...this.jobs.values()]
      .filter(({ record, runner }) => runner !== null && !TERMINAL.includes(record.state))
      .map(({ record }) => record.job);
  }

  stop(): void {
    this.stopped = true;
    for (const { runner } of this.jobs.values()) runner?.stop();
  }

  private add(record: JobRecord): JobEntry {
    const entry: JobEntry = {
      record,
      spec: record.spec as JobSpec,
      runner: null,
      parked: undefined,
      told: null,
      preparing: false,
      prepareAt: 0,
      ready: '',
      mismatched: new Set(),
    };
    this.jobs.set(record.job, entry);
    return entry;
  }

  private entry(job: string): JobEntry {
    const entry = this.jobs.get(job);
    if (entry !== undefined) return entry;
    throw new SeedcastError('SC_NOT_FOUND', `there is no job ${JSON.stringify(job)}`, {
      hint: '`seedcast list` shows the jobs',
    });
  }

  private async save(entry: JobEntry, change: Partial<JobRecord>): Promise<void> {
    entry.record = { ...entry.record, ...change };
    await this.bucket.put(entry.record.job, encodeJson(entry.record));
  }

  private saveSoon(entry: JobEntry, change: Partial<JobRecord>): void {
    this.save(entry, change).catch((error: unknown) =>
      this.options.log(`job record: ${messageOf(error)}`, { job: entry.record.job }),
    );
  }

  // --- submitting ------------------------------------------------------------------------------------------------

  /** The same id with the same spec is the same submission; SC_JOB_EXISTS otherwise. */
  async submit({
    job,
    name,
    spec,
    init,
  }: Submission): Promise<{ job: string; state: JobState; reason: string | null }> {
    const known = this.jobs.get(job);
    if (known !== undefined) {
      if (JSON.stringify(known.spec) !== JSON.stringify(spec) || known.record.init !== init) {
        throw new SeedcastError('SC_JOB_EXISTS', `job ${job} exists with another spec`, {
          hint: 'choose another --id, or delete it first',
        });
      }
      await this.takeUp(known);
      return { job, ...this.shown(known) };
    }
    const record: JobRecord = {
      job,
      name,
      spec,
      init,
      created: this.now(),
      state: 'pending',
      reason: null,
      request: null,
      result: null,
    };
    const entry = this.add(record);
    // Not by a tick meanwhile: a refusal must reach who submitted.
    entry.preparing = true;
    try {
      if ((await this.bucket.create(job, encodeJson(record))) === null)
        await this.bucket.put(job, encodeJson(record));
      entry.preparing = false;
      await Promise.race([
        this.prepare(entry),
        new Promise<void>((resolve) => this.options.clock.after(SUBMIT_WAIT, resolve)),
      ]);
    } catch (error) {
      // Nothing ran: a refused submission leaves nothing behind.
      this.jobs.delete(job);
      await this.bucket.delete(job);
      throw error;
    }
    // Workers that are loading its replica are no reason to wait.
    const reason = entry.runner === null ? this.reasonOf(entry) : entry.told;
    return { job, state: stateShown(this.stateOf(entry), reason), reason };
  }

  /** Finds a worker that describes the objective and writes the genesis. Refusals of the objective itself are thrown. */
  private async prepare(entry: JobEntry): Promise<void> {
    if (entry.preparing || entry.runner !== null || this.stopped) return;
    entry.preparing = true;
    try {
      const description = await this.describeObjective(entry);
      if (description === null || this.isDropped(entry)) return;
      checkTensors({ spec: entry.spec, objective: description });
      await this.checkRoom(entry, description);
      if (this.isDropped(entry)) return;
      await this.writeGenesis(entry, description);
    } finally {
      entry.preparing = false;
      entry.prepareAt = this.options.clock.now() + PREPARE_AGAIN;
    }
  }

  /** It was cancelled or deleted while a worker described its objective. */
  private isDropped(entry: JobEntry): boolean {
    const { job, state } = entry.record;
    return this.jobs.get(job) !== entry || TERMINAL.includes(state);
  }

  /** A worker that came later refuses the job's objective or options: it cannot run. */
  private refuse(entry: JobEntry, reason: string): void {
    if (this.isDropped(entry)) return;
    this.tell(entry, reason);
    this.saveSoon(entry, { state: 'failed', reason });
  }

  private async describeObjective(entry: JobEntry): Promise<ObjectiveDescription | null> {
    const { name } = entry.spec.objective;
    const workers = this.fleet.alive(this.options.clock.now());
    const able = workers.filter(({ objectives }) => Object.hasOwn(objectives, name));
    const [first] = able;
    if (first === undefined) {
      this.tell(
        entry,
        workers.length === 0
          ? 'no worker is connected'
          : `no worker has the objective ${JSON.stringify(name)} (${workers.map((w) => w.worker).join(', ')})`,
      );
      return null;
    }
    try {
      return await this.fleet.describeObjective(first.worker, entry.spec, entry.record.init);
    } catch (thrown) {
      const error = asSeedcastError(thrown);
      if (error.exitCode === EXIT.invalid) throw error;
      this.tell(entry, `worker ${first.worker} does not describe the objective: ${error.message}`);
      return null;
    }
  }

  /** Refuses a job whose records and evidence cannot fit in what the store still takes: SC_SPEC_STORAGE. */
  private async checkRoom({ spec }: JobEntry, { tensors, auxiliary }: ObjectiveDescription): Promise<void> {
    const { streams } = this.store.names;
    const rooms = await Promise.all(
      [streams.ledger, streams.evidence].map((name) => this.options.bus.streams.room(name)),
    );
    const room = rooms.reduce<number | null>(
      (least, r) => (r === null || (least !== null && least <= r) ? least : r),
      null,
    );
    if (room !== null)
      checkStorage(estimateJob(spec, tensors, 1, { statistics: auxiliary?.length ?? 0 }), room);
  }

  private async writeGenesis(entry: JobEntry, objective: ObjectiveDescription): Promise<void> {
    const { spec, record } = entry;
    const method = methodNamed(spec.method.name);
    const bytes = encodeRecord({
      kind: 'genesis',
      epoch: 1,
      parent: NO_PARENT,
      name: record.name,
      spec,
      objective,
      init: record.init,
      method: { name: method.name, version: method.version },
    });
    let fresh = true;
    try {
      await this.options.bus.streams.append(this.store.names.job(record.job).ledger, bytes, { expected: 0 });
    } catch (error) {
      // Another coordinator may have been first, or this answer was lost: the ledger tells.
      this.options.log(`genesis: ${messageOf(error)}`, { job: record.job });
      fresh = false;
    }
    await this.openRunner(entry, fresh);
  }

  private async openRunner(entry: JobEntry, fresh: boolean): Promise<void> {
    const { job } = entry.record;
    const { clock, bus, log, holder } = this.options;
    const ledger = await this.store.foldAll(job);
    if (ledger === null || this.stopped || this.jobs.get(job) !== entry) return;
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
    const runner = new JobRunner(job, core, {
      bus,
      store: this.store,
      clock,
      log,
      failpoint: this.options.failpoint ?? (() => undefined),
      onEnded: () => this.ended(entry),
      onDeposed: () => this.deposed(entry),
      onRebuild: (id, workers) => this.rebuild([id], workers),
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
    else this.saveSoon(entry, { state: runner.state, reason: null });
    this.tick();
  }

  /** A job that runs by its record, with no runner: its ledger could not be read, or is gone. */
  private async reopen(entry: JobEntry): Promise<void> {
    const { job } = entry.record;
    entry.preparing = true;
    try {
      await this.openRunner(entry, false);
      if (entry.runner === null && !this.stopped) {
        this.saveSoon(entry, { state: 'failed', reason: LOST });
        await this.options.bus.streams.append(
          this.store.names.job(job).event,
          encodeJson(lostEvent(job, this.options.clock.wall())),
        );
      }
    } catch (error) {
      this.options.log(`reopening: ${messageOf(error)}`, { job });
    } finally {
      entry.preparing = false;
      entry.prepareAt = this.options.clock.now() + PREPARE_AGAIN;
    }
  }

  private ended(entry: JobEntry): void {
    const { runner } = entry;
    const result = runner?.describeResult() ?? null;
    if (runner === null || result === null || TERMINAL.includes(entry.record.state)) return;
    runner.event('result', `${result.status} (${result.stoppedBy}) after ${result.steps} steps`, {
      ...result,
    });
    this.saveSoon(entry, { state: result.status, reason: result.reason, request: null, result });
  }

  /** Another coordinator wrote to this job's ledger. While the lease is ours it must have been the one before: go on. */
  private deposed(entry: JobEntry): void {
    entry.runner = null;
    this.options.log('another coordinator wrote to the ledger', { job: entry.record.job });
    // The next tick after that opens it again.
    entry.prepareAt = this.options.clock.now() + PREPARE_AGAIN;
  }

  // --- workers ---------------------------------------------------------------------------------------------------

  tick(): void {
    const now = this.options.clock.now();
    const workers = this.fleet.alive(now);
    this.updatePlacement(workers, now);
    for (const entry of this.jobs.values()) {
      if (TERMINAL.includes(entry.record.state) || entry.parked !== undefined) continue;
      const { runner, record } = entry;
      if (runner === null) {
        if (record.state === 'pending' && !entry.preparing && now >= entry.prepareAt) {
          this.prepare(entry).catch((error: unknown) => this.refuse(entry, messageOf(error)));
        } else if (record.state !== 'pending' && !entry.preparing && now >= entry.prepareAt) {
          void this.reopen(entry);
        }
        continue;
      }
      const holders = workers
        .filter(({ worker }) => this.placement.get(worker)?.jobs.includes(record.job) === true)
        .map(({ worker }) => worker);
      const ready = holders.filter((worker) => this.fleet.isReady(worker, record.job));
      const key = ready.join(' ') + `/${holders.length}`;
      if (key !== entry.ready) {
        entry.ready = key;
        runner.setWorkers(ready, holders.length);
      }
      runner.handle({ type: 'tick' });
      this.tellWaiting(entry, workers, holders, ready);
      if (runner.state !== entry.record.state && !TERMINAL.includes(runner.state))
        this.saveSoon(entry, { state: runner.state });
    }
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
    for (const [job, { ready, signal, relativeStep }] of Object.entries(heartbeat.jobs)) {
      if (ready) this.jobs.get(job)?.runner?.figures.heard(signal, relativeStep);
    }
  }

  private updatePlacement(workers: readonly Heartbeat[], now: number): void {
    const running = [...this.jobs.values()].filter(
      ({ runner, record }) => runner !== null && !TERMINAL.includes(record.state),
    );
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
      before,
      now,
    );
    for (const [worker, { jobs }] of this.placement) {
      if ((before.get(worker)?.jobs ?? []).join(' ') !== jobs.join(' ')) this.sendPlacement(worker, []);
    }
  }

  private sendPlacement(worker: string, rebuild: readonly string[]): void {
    const jobs = this.placement.get(worker)?.jobs ?? [];
    const bytes = placementMessage.encode({ version: ++this.placementVersion, jobs, rebuild });
    this.options.bus.publish(this.store.names.worker(worker).placement, bytes);
  }

  /** Why this worker cannot run the job; null when it can. */
  private problem({ runner, spec, mismatched, record }: JobEntry, heartbeat: Heartbeat): string | null {
    if (runner === null) return 'no ledger yet';
    const { name } = spec.objective;
    const code = heartbeat.objectives[name];
    if (code === undefined) return `${heartbeat.worker} has no objective ${JSON.stringify(name)}`;
    const wanted = runner.view.code;
    if (code !== wanted) {
      const text = `${heartbeat.worker} has other code for ${name}: ${code.slice(0, 12)}, the job was made with ${wanted.slice(0, 12)} (resume --accept-code takes it)`;
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
    if (ready.length > 0 || entry.runner?.state !== 'running') {
      entry.told = null;
      return;
    }
    const problems = holders
      .map((worker) => workers.find((w) => w.worker === worker)?.jobs[entry.record.job]?.problem ?? null)
      .filter((p) => p !== null);
    if (problems[0] !== undefined) return this.tell(entry, problems[0]);
    if (holders.length > 0) return;
    const reasons = workers.map((worker) => this.problem(entry, worker));
    const able = reasons.some((reason) => reason === null);
    this.tell(
      entry,
      workers.length === 0
        ? 'no worker is connected'
        : able
          ? 'every worker holds as many jobs as it may'
          : reasons.filter((r) => r !== null).join('; '),
    );
  }

  /** Says once why a job does not run. */
  private tell(entry: JobEntry, reason: string): void {
    if (entry.told === reason) return;
    entry.told = reason;
    if (entry.runner !== null) return entry.runner.event('waiting', reason);
    const { job } = entry.record;
    const event = encodeJson({ v: 1, job, time: this.now(), type: 'pending', step: 0, message: reason });
    this.options.bus.streams
      .append(this.store.names.job(job).event, event)
      .catch((error: unknown) => this.options.log(messageOf(error), { job }));
    this.saveSoon(entry, { reason });
  }

  private rebuild(jobs: readonly string[], workers: readonly string[]): void {
    const now = this.options.clock.now();
    for (const worker of workers) {
      for (const job of jobs) this.fleet.markRebuilding(worker, job, now);
      this.sendPlacement(worker, jobs);
    }
  }

  result(job: string, message: ResultMessage, bytes: number): void {
    this.jobs.get(job)?.runner?.result(message, bytes);
  }

  /** What the worker was to evaluate and has not answered is said again: the message may have been lost. */
  asked(worker: string): void {
    for (const job of this.placement.get(worker)?.jobs ?? [])
      this.jobs.get(job)?.runner?.handle({ type: 'asked', worker });
  }

  /** Placement, plans and rounds of one worker. */
  missedBy(worker: string): Uint8Array {
    const held = this.placement.get(worker)?.jobs ?? [];
    const placement = placementMessage.encode({ version: ++this.placementVersion, jobs: held, rebuild: [] });
    const jobs = held.flatMap((job) => {
      const missed = this.jobs.get(job)?.runner?.missed();
      return missed === undefined ? [] : [{ job, ...missed }];
    });
    return askReply.encode({ placement, jobs });
  }

  // --- people ----------------------------------------------------------------------------------------------------

  async control(request: ControlRequest): Promise<{ job: string; state: JobState }> {
    const entry = this.entry(request.job);
    // What is to be deleted need not run.
    if (request.action !== 'delete') await this.takeUp(entry);
    const { record, runner } = entry;
    const state = this.stateOf(entry);
    const ended = TERMINAL.includes(state);
    const refuse = (why: string): never => {
      throw new SeedcastError('SC_JOB_STATE', `${request.action}: job ${record.job} ${why}`);
    };
    if (request.action === 'delete') {
      if (!ended && state !== 'pending') refuse(`is ${state}; cancel it first`);
      // First, so that nothing begins it meanwhile.
      this.jobs.delete(record.job);
      runner?.stop();
      entry.runner = null;
      try {
        await this.store.deleteJob(record.job);
        await this.bucket.delete(record.job);
      } catch (error) {
        this.jobs.set(record.job, entry);
        throw error;
      }
      return { job: record.job, state };
    }
    if (request.action === 'extend') {
      if (!ended) refuse(`is ${state}; only an ended job can be extended`);
      const stop = checkedStop(request.stop);
      if (runner === null) await this.openRunner(entry, false);
      if (entry.runner === null) refuse('never began');
      await this.save(entry, { state: 'running', reason: null, request: null, result: null });
      entry.runner?.control({ action: 'extend', stop });
      return { job: record.job, state: 'running' };
    }
    if (ended) refuse(`has ended (${state})`);
    if (runner === null) {
      if (request.action !== 'cancel' && request.action !== 'stop')
        refuse(`is pending: ${this.reasonOf(entry) ?? ''}`);
      // The request, for a genesis that is on its way: the job then begins and is cancelled at once.
      await this.save(entry, {
        state: 'cancelled',
        reason: 'cancelled before it began',
        request: 'cancel',
      });
      return { job: record.job, state: 'cancelled' };
    }
    // Kept until the ledger shows it: this leader may die before it does.
    if (request.action === 'stop' || request.action === 'cancel')
      await this.save(entry, { request: request.action });
    if (request.action === 'pause' && state === 'paused') refuse('is paused already');
    if (request.action === 'resume') {
      if (request.acceptCode === true)
        runner.control({ action: 'accept-code', code: this.offeredCode(entry) });
      else if (state !== 'paused') refuse(`is ${state}, not paused`);
    }
    if (request.action !== 'resume' || state === 'paused') runner.control({ action: request.action });
    return { job: record.job, state: this.stateOf(entry) };
  }

  /** The code for the job's objective that most workers have. */
  private offeredCode({ spec, record }: JobEntry): string {
    const counts = new Map<string, number>();
    for (const { objectives } of this.fleet.alive(this.options.clock.now())) {
      const code = objectives[spec.objective.name];
      if (code !== undefined) counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const [best] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (best !== undefined) return best[0];
    throw new SeedcastError(
      'SC_JOB_STATE',
      `resume: no worker has the objective of job ${record.job}, ${JSON.stringify(spec.objective.name)}`,
    );
  }

  private stateOf({ record, runner }: JobEntry): JobState {
    return TERMINAL.includes(record.state) ? record.state : (runner?.state ?? record.state);
  }

  private reasonOf(entry: JobEntry): string | null {
    if (entry.parked !== undefined) return NOT_TAKEN_UP;
    return entry.told ?? entry.runner?.waiting ?? entry.record.reason;
  }

  private shown(entry: JobEntry): { readonly state: JobState; readonly reason: string | null } {
    const reason = this.reasonOf(entry);
    return { state: stateShown(this.stateOf(entry), reason), reason };
  }

  summaries(): JobSummary[] {
    return [...this.jobs.values()]
      .map((entry) => this.summary(entry))
      .sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : a.job < b.job ? -1 : 1));
  }

  private summary(entry: JobEntry): JobSummary {
    const { record, runner, spec } = entry;
    const view = runner?.view ?? entry.parked;
    return {
      job: record.job,
      name: record.name,
      objective: spec.objective.name,
      method: spec.method.name,
      created: record.created,
      step: view?.steps ?? record.result?.steps ?? 0,
      evaluations: view?.evaluations ?? record.result?.evaluations ?? 0,
      centre: view?.end?.centre ?? view?.lastCentre ?? record.result?.fitness.centre ?? null,
      best: view?.best ?? record.result?.fitness.best ?? null,
      workers: TERMINAL.includes(record.state)
        ? 0
        : [...this.placement.values()].filter(({ jobs }) => jobs.includes(record.job)).length,
      ...this.shown(entry),
      result: record.result,
    };
  }

  describe(job: string): object {
    const entry = this.entry(job);
    const { runner, spec, record } = entry;
    const workers = this.fleet.alive(this.options.clock.now()).map((heartbeat) => ({
      worker: heartbeat.worker,
      placed: this.placement.get(heartbeat.worker)?.jobs.includes(job) === true,
      ready: this.fleet.isReady(heartbeat.worker, job),
      step: heartbeat.jobs[job]?.step ?? null,
      problem: heartbeat.jobs[job]?.problem ?? this.problem(entry, heartbeat),
    }));
    return {
      summary: this.summary(entry),
      spec,
      objective: runner?.view.genesis.objective ?? null,
      progress: runner?.describeProgress() ?? null,
      ledger:
        runner === null
          ? null
          : {
              steps: runner.view.steps,
              epoch: runner.view.epoch,
              head: toHex(runner.view.head),
              digest: runner.view.lastDigest,
            },
      workers: TERMINAL.includes(record.state) ? [] : workers,
    };
  }

  private now(): string {
    return new Date(this.options.clock.wall()).toISOString();
  }
}

/** The last event of a job whose ledger the store no longer has. */
export function lostEvent(job: string, wall: number): JobEvent {
  return { v: 1, job, time: new Date(wall).toISOString(), type: 'lost', step: 0, message: LOST };
}

function checkedStop(value: unknown): StopRules {
  const parsed = compiledSpec.shape.stop.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SeedcastError('SC_SPEC_INVALID', issue?.message ?? 'the stop rules are invalid', {
    place: { field: ['stop', ...(issue?.path ?? [])].join('.') },
  });
}
