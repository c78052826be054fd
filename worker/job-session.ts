// One job on one worker: loads the replica (snapshot or start), feeds the core, carries out its effects on the compute
// threads and the bus, and writes snapshots when replaying would cost more than loading one.
import type { Bus, Subscription } from '../shared/bus/port.js';
import { SeedcastError, messageOf } from '../shared/errors.js';
import { fold, viewAt, type LedgerView } from '../shared/ledger/fold.js';
import type { GenesisRecord } from '../shared/ledger/records.js';
import { type LedgerStore, snapshotEntry } from '../shared/ledger/store.js';
import type { Clock } from '../shared/ports.js';
import { assignMessage, planMessage, resultMessage, roundMessage } from '../shared/wire/messages.js';
import type { Heartbeat } from '../shared/wire/reports.js';
import { type EvaluationLimits, JobCompute } from './compute/host.js';
import type { ThreadPool } from './compute/pool.js';
import type { Figures } from './compute/protocol.js';
import { WorkerJobCore, type WorkerJobEffect, type WorkerJobEvent } from './core/job.js';
import { startWeights } from './replica/start-weights.js';
import { SnapshotPacer } from './snapshot-pacer.js';

/** Records of a replay told to the core at once. */
const REPLAY_BATCH = 512;
/** Milliseconds before loading or reading is tried again. */
const AGAIN = 500;
/** Milliseconds between two times that a replica is built again. */
const REBUILD_AGAIN = 2000;

const NO_FIGURES: Figures = { signal: null, relativeStep: null, summary: null };

export interface SessionPorts {
  readonly bus: Bus;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly pool: ThreadPool;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  readonly limitsOf: (objective: string) => EvaluationLimits;
  /** Something that heartbeats tell has changed. */
  readonly onChange: () => void;
  readonly onAsk: () => void;
}

export class JobSession {
  private readonly core: WorkerJobCore;
  private readonly subscriptions: Subscription[] = [];
  private readonly pacer: SnapshotPacer;
  private compute: JobCompute | null = null;
  private opening: Promise<JobCompute> | null = null;
  /** Settles when what was opened before is closed. */
  private reopening: Promise<void> = Promise.resolve();
  private closed = false;
  private ready = false;
  private problemText: string | null = null;
  private lastDigest: string | null = null;
  private evaluated = 0;
  private markAt: number;
  private rate = 0;
  private snapshotting = false;
  private figures = NO_FIGURES;
  private figuresPending = false;
  /** The job's scalars are float32. */
  private single = false;
  /** The plan's first worker writes the snapshots. */
  private writesSnapshots = false;
  private loadedAt = Number.NEGATIVE_INFINITY;
  /** Grows with every load, so that what belongs to an earlier replica is ignored. */
  private load = 0;

  constructor(
    readonly job: string,
    private readonly worker: string,
    private readonly ports: SessionPorts,
  ) {
    this.core = new WorkerJobCore(worker);
    this.markAt = ports.clock.now();
    this.pacer = new SnapshotPacer(ports.clock);
  }

  /** Looks at a recent update, for the next heartbeat. */
  refreshFigures(): void {
    const { compute } = this;
    if (!this.ready || this.figuresPending || compute === null) return;
    this.figuresPending = true;
    void compute
      .figures(this.core.head.view?.lastCentre ?? null)
      .then(
        (figures) => {
          this.figures = figures ?? NO_FIGURES;
        },
        () => undefined,
      )
      .finally(() => {
        this.figuresPending = false;
      });
  }

  get status(): Heartbeat['jobs'][string] {
    const now = this.ports.clock.now();
    if (now - this.markAt > 500) {
      this.rate = (1000 * this.evaluated) / (now - this.markAt);
      this.evaluated = 0;
      this.markAt = now;
    }
    return {
      ready: this.ready,
      step: this.core.head.step,
      digest: this.lastDigest,
      evaluationsPerSecond: Math.round(this.rate * 10) / 10,
      ...this.figures,
      problem: this.problemText,
    };
  }

  get busy(): boolean {
    return this.core.busy;
  }

  get bytes(): number {
    return this.compute?.bytes ?? 0;
  }

  open(): void {
    const subjects = this.ports.store.names.job(this.job);
    const { bus } = this.ports;
    const listen = (subject: string, handler: (payload: Uint8Array) => void): void => {
      this.subscriptions.push(
        bus.subscribe(subject, ({ payload }) => {
          try {
            handler(payload);
          } catch (error) {
            this.ports.log(`dropped a message on ${subject}: ${messageOf(error)}`, { job: this.job });
          }
        }),
      );
    };
    listen(subjects.plan, (payload) => this.plan(payload));
    listen(subjects.round, (payload) => this.round(payload));
    listen(subjects.assign(this.worker), (payload) =>
      this.handle({ type: 'assign', message: assignMessage.decode(payload) }),
    );
    this.carryOut(this.core.open(this.ports.clock.now()));
  }

  /** A thread that was replaced could not open the job there: everything is opened again, as at the beginning. */
  reopen(message: string): void {
    const { opening } = this;
    if (this.closed || opening === null) return;
    this.opening = null;
    this.compute = null;
    this.reopening = opening.then((compute) => compute.close()).catch(() => undefined);
    this.handle({ type: 'rebuild' });
    this.problem(message);
  }

  plan(payload: Uint8Array): void {
    const message = planMessage.decode(payload);
    this.writesSnapshots = message.workers[0] === this.worker;
    this.handle({ type: 'plan', message });
  }

  round(payload: Uint8Array): void {
    // The record outlives this message: a copy, not a view of the client's buffer.
    this.handle({ type: 'round', message: roundMessage.decode(Uint8Array.from(payload)) });
  }

  handle(event: WorkerJobEvent): void {
    if (this.closed) return;
    this.carryOut(this.core.handle(event, this.ports.clock.now()));
  }

  private carryOut(effects: readonly WorkerJobEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'load':
          void this.loadReplica(++this.load, effect.verified);
          break;
        case 'fetch':
          void this.fetch(this.load, effect.from);
          break;
        case 'apply': {
          const { step, updates } = effect;
          const { load } = this;
          const begun = this.ports.clock.now();
          void this.compute?.apply(step, updates).then(
            () => {
              if (load !== this.load) return;
              this.pacer.applied(this.ports.clock.now() - begun);
              this.handle({ type: 'applied', step: step + updates.length });
              this.maybeSnapshot();
            },
            () => undefined,
          );
          break;
        }
        case 'evaluate':
          this.compute?.evaluate(effect.generation, effect.key.step, effect.layout, effect.ranges);
          break;
        case 'digest': {
          const { load } = this;
          void this.compute?.digest(effect.step).then(
            (digest) => {
              if (load !== this.load) return;
              this.lastDigest = digest;
              this.handle({ type: 'digested', step: effect.step, digest });
            },
            () => undefined,
          );
          break;
        }
        case 'result':
          this.ports.bus.publish(
            this.ports.store.names.job(this.job).result(this.worker),
            resultMessage.encode(effect.message, this.single),
          );
          break;
        case 'ask':
          this.ports.onAsk();
          break;
        case 'ready':
          this.ready = effect.ready;
          this.ports.onChange();
          break;
      }
    }
  }

  // --- loading and following ---------------------------------------------------------------------------------------

  private async loadReplica(load: number, verified: boolean): Promise<void> {
    // A replica that goes wrong at once again must not keep the machine busy with it.
    const wait = this.loadedAt + REBUILD_AGAIN - this.ports.clock.now();
    if (verified && wait > 0) await new Promise<void>((resolve) => this.ports.clock.after(wait, resolve));
    this.loadedAt = this.ports.clock.now();
    while (!this.closed && load === this.load) {
      try {
        const view = await this.tryLoad(load, verified);
        if (view === null || load !== this.load) return;
        this.problem(null);
        return this.handle({ type: 'loaded', view });
      } catch (error) {
        if (load !== this.load) return;
        this.problem(messageOf(error));
        await new Promise<void>((resolve) => this.ports.clock.after(AGAIN, resolve));
      }
    }
  }

  private problem(text: string | null): void {
    if (text === this.problemText) return;
    this.problemText = text;
    if (text !== null) this.ports.log(text, { job: this.job });
    this.ports.onChange();
  }

  /** Null when another load has begun meanwhile, or the session was closed: the replica is then not touched any more. */
  private async tryLoad(load: number, verified: boolean): Promise<LedgerView | null> {
    const { store, clock } = this.ports;
    const begun = clock.now();
    const { record, sequence, bytes } = await store.genesis(this.job);
    if (load !== this.load) return null;
    this.single = record.spec.scalars === 'float32';
    const compute = await this.openCompute(record);
    const snapshot = await (verified ? store.verifiedSnapshot(this.job) : store.nearestSnapshot(this.job));
    if (load !== this.load) return null;
    if (snapshot !== null) {
      await compute.restore(snapshot.position.steps, snapshot.bytes);
      this.pacer.loaded(clock.now() - begun);
      return viewAt(record, snapshot.position);
    }
    const weights = await startWeights(this.ports.bus.blobs, record);
    if (load !== this.load) return null;
    await compute.initialise(weights);
    this.pacer.loaded(clock.now() - begun);
    const first = fold(null, bytes, sequence);
    if (!first.accepted) throw new SeedcastError('SC_LEDGER_CORRUPT', `job ${this.job}: ${first.reason}`);
    return first.view;
  }

  /** Once, however many loads wait for it; again when it failed. */
  private async openCompute(record: GenesisRecord): Promise<JobCompute> {
    this.opening ??= this.reopening.then(() =>
      JobCompute.open(
        this.job,
        record,
        this.ports.pool,
        this.ports.clock,
        this.ports.limitsOf(record.objective.name),
        (generation, batch) => {
          this.evaluated += batch.scalars.length;
          this.handle({ type: 'evaluated', generation, batch });
        },
        (problem) => {
          this.ports.log(`the replica is built again: ${problem}`, { job: this.job });
          this.handle({ type: 'rebuild' });
        },
      ),
    );
    const { opening } = this;
    try {
      const compute = await opening;
      if (this.opening === opening) this.compute = compute;
      return compute;
    } catch (error) {
      if (this.opening === opening) this.opening = null;
      throw error;
    }
  }

  private async fetch(load: number, from: number): Promise<void> {
    try {
      let entries: { sequence: number; payload: Uint8Array }[] = [];
      for await (const { sequence, payload } of this.ports.store.records(this.job, from)) {
        if (this.closed || load !== this.load) return;
        entries.push({ sequence, payload: Uint8Array.from(payload) });
        if (entries.length < REPLAY_BATCH) continue;
        this.handle({ type: 'ledger', entries, last: false });
        entries = [];
      }
      if (load === this.load) this.handle({ type: 'ledger', entries, last: true });
    } catch (error) {
      this.ports.log(`reading the ledger: ${messageOf(error)}`, { job: this.job });
      await new Promise<void>((resolve) => this.ports.clock.after(AGAIN, resolve));
      if (load === this.load) this.handle({ type: 'fetch-failed' });
    }
  }

  // --- snapshots ---------------------------------------------------------------------------------------------------

  private maybeSnapshot(): void {
    const { view, step } = this.core.head;
    if (
      !this.writesSnapshots ||
      !this.ready ||
      this.snapshotting ||
      view === null ||
      this.compute === null ||
      !this.pacer.due(step % view.genesis.spec.ledger.digestEvery === 0)
    )
      return;
    this.snapshotting = true;
    const begun = this.ports.clock.now();
    this.compute
      .snapshot(step)
      .then((snapshot) =>
        this.ports.store.addSnapshot(this.job, snapshotEntry(view, snapshot), snapshot.bytes),
      )
      .then(
        () => this.pacer.written(this.ports.clock.now() - begun),
        (error: unknown) => {
          this.pacer.written(10 * (this.ports.clock.now() - begun));
          this.ports.log(`snapshot of step ${step}: ${messageOf(error)}`, { job: this.job });
        },
      )
      .finally(() => {
        this.snapshotting = false;
      });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.load++;
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    const compute = await this.opening?.catch(() => null);
    await compute?.close();
    await this.reopening;
  }
}
