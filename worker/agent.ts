// A worker process: heartbeats, the jobs it was placed on, and one pool of compute threads for all of them. It follows
// what the leader says and asks when it hears nothing; it never writes a ledger.
import { hostname, totalmem } from 'node:os';
import type { Bus, Subscription } from '../shared/bus/port.js';
import { asSeedcastError, messageOf } from '../shared/errors.js';
import { LedgerStore } from '../shared/ledger/store.js';
import type { ObjectiveOptions } from '../shared/objectives/types.js';
import type { Clock } from '../shared/ports.js';
import { askReply, type PlacementMessage, placementMessage } from '../shared/wire/messages.js';
import {
  type Heartbeat,
  decodeJson,
  describeObjectiveRequestSchema,
  encodeJson,
} from '../shared/wire/reports.js';
import type { Names } from '../shared/wire/subjects.js';
import { ThreadPool } from './compute/pool.js';
import type { CatalogEntry } from './compute/protocol.js';
import type { EngineChoice, EngineWish } from './engines/open.js';
import { JobSession } from './job-session.js';
import { startWeights } from './replica/start-weights.js';

/** Milliseconds between heartbeats. */
const HEARTBEAT = 1000;
const TICK = 250;
/** Milliseconds the leader may take to answer `ask`. */
const ASK_TIMEOUT = 2000;
/** Milliseconds that draining waits for evaluations under way. */
const DRAIN = 5000;
/** Milliseconds that closing the jobs may take. */
const CLOSE = 2000;

export interface WorkerOptions {
  readonly bus: Bus;
  readonly names: Names;
  readonly clock: Clock;
  /** Identifier, unique in the pool. */
  readonly worker: string;
  readonly version: string;
  /** Files and folders of objectives. */
  readonly objectivePaths: readonly string[];
  /** Compute threads. */
  readonly threads: number;
  /** What populations are evaluated on. Default auto. */
  readonly engine?: EngineWish;
  /** Replicas held at once at most. Default 4. */
  readonly jobs?: number;
  /** Bytes for replicas. Default half of the machine's memory. */
  readonly memoryBytes?: number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

export type WorkerState = 'starting' | 'running' | 'draining' | 'stopped';

export class WorkerAgent {
  private currentState: WorkerState = 'starting';
  private readonly pool: ThreadPool;
  private readonly store: LedgerStore;
  private readonly sessions = new Map<string, JobSession>();
  private readonly closing = new Map<string, Promise<void>>();
  private readonly subscriptions: Subscription[] = [];
  private catalog: Readonly<Record<string, CatalogEntry>> = {};
  /** Chosen at the start. */
  private engine: EngineChoice | null = null;
  private placementVersion = 0;
  private asking = false;
  private cancelTimers: (() => void)[] = [];

  constructor(private readonly options: WorkerOptions) {
    const { bus, names, clock, threads, objectivePaths, log } = options;
    this.store = new LedgerStore(bus, names);
    this.pool = new ThreadPool(
      threads,
      { objectivePaths },
      {
        clock,
        log: (job, message) => log(message, job === null ? {} : { job }),
        onOpenFailed: (job, message) => this.sessions.get(job)?.reopen(message),
      },
    );
  }

  /** The engine and what does its work; empty before the start. */
  get engineText(): string {
    return this.engine === null ? '' : `${this.engine.name} (${this.engine.backend})`;
  }

  get state(): WorkerState {
    return this.currentState;
  }

  /** Loads the objectives (SC_OBJECTIVE_FILE, SC_ENGINE when something cannot be had) and joins the pool. */
  async start(): Promise<void> {
    const { bus, names, worker } = this.options;
    this.engine = await this.pool.chooseEngine(this.options.engine ?? 'auto');
    this.catalog = await this.pool.run(0, { op: 'catalog' });
    const own = names.worker(worker);
    this.listen(own.placement, (payload) => this.placed(placementMessage.decode(payload)));
    this.listen(names.service.leading, () => this.beat());
    this.subscriptions.push(
      bus.subscribe(own.describe, ({ payload, respond }) => {
        void this.describe(payload).then((answer) => respond?.(encodeJson(answer)));
      }),
    );
    bus.onStatus((status) => {
      if (status.type !== 'reconnected' || this.currentState === 'stopped') return;
      this.beat();
      for (const session of this.sessions.values()) session.handle({ type: 'reconnected' });
    });
    this.currentState = 'running';
    this.every(HEARTBEAT, () => {
      for (const session of this.sessions.values()) session.refreshFigures();
      this.beat();
    });
    this.every(TICK, () => {
      for (const session of this.sessions.values()) session.handle({ type: 'tick' });
    });
    this.beat();
    this.ask();
  }

  private every(milliseconds: number, action: () => void): void {
    const index = this.cancelTimers.length;
    const turn = (): void => {
      if (this.currentState === 'stopped') return;
      action();
      this.cancelTimers[index] = this.options.clock.after(milliseconds, turn);
    };
    this.cancelTimers.push(this.options.clock.after(milliseconds, turn));
  }

  private listen(subject: string, handler: (payload: Uint8Array) => void): void {
    const { bus, log } = this.options;
    this.subscriptions.push(
      bus.subscribe(subject, ({ payload }) => {
        try {
          handler(payload);
        } catch (error) {
          log(`dropped a message on ${subject}: ${messageOf(error)}`);
        }
      }),
    );
  }

  private async describe(payload: Uint8Array): Promise<object> {
    try {
      const { objective, options, dtype, init } = decodeJson(
        describeObjectiveRequestSchema,
        payload,
        'describe request',
      );
      const description = await this.pool.run(0, {
        op: 'describe',
        objective,
        options: options as ObjectiveOptions,
        dtype,
      });
      if (init !== null) {
        const { sha256, map } = init;
        const start = { init: sha256, spec: { init: { map } }, objective: description };
        await startWeights(this.options.bus.blobs, start, { made: false });
      }
      return { ok: true, description };
    } catch (thrown) {
      const { code, message, hint, place } = asSeedcastError(thrown);
      const more = { ...(hint === undefined ? {} : { hint }), ...(place === undefined ? {} : { place }) };
      return { ok: false, error: { code, message, ...more } };
    }
  }

  // --- jobs --------------------------------------------------------------------------------------------------------

  private placed(message: PlacementMessage): void {
    if (message.version > this.placementVersion) this.place(message);
    // Of a leader that was replaced, or the version here is a stranger's: the one that leads knows.
    else if (message.version < this.placementVersion) this.ask();
  }

  private place({ version, jobs, rebuild }: PlacementMessage): void {
    if (this.currentState !== 'running') return;
    this.placementVersion = version;
    for (const [job, session] of this.sessions) {
      if (jobs.includes(job)) continue;
      this.sessions.delete(job);
      const closed = session.close().finally(() => this.closing.delete(job));
      this.closing.set(job, closed);
    }
    for (const job of jobs) {
      const session = this.sessions.get(job);
      if (session === undefined) this.openSession(job);
      else if (rebuild.includes(job)) session.handle({ type: 'rebuild' });
    }
    this.beat();
  }

  private openSession(job: string): void {
    const { bus, clock, log, worker } = this.options;
    const session = new JobSession(job, worker, {
      bus,
      store: this.store,
      clock,
      pool: this.pool,
      log,
      limitsOf: (objective) =>
        this.catalog[objective] ?? { timeout: null, batched: false, population: false },
      onChange: () => this.beat(),
      onAsk: () => this.ask(),
    });
    this.sessions.set(job, session);
    // A replica of the same job that is still closing has the same name in the threads.
    void Promise.resolve(this.closing.get(job)).then(() => {
      if (this.sessions.get(job) === session) session.open();
    });
  }

  private ask(): void {
    if (this.asking || this.currentState !== 'running') return;
    this.asking = true;
    const { bus, names, worker } = this.options;
    bus
      .request(names.service.ask, new TextEncoder().encode(worker), { timeout: ASK_TIMEOUT })
      .then((bytes) => {
        const { placement, jobs } = askReply.decode(bytes);
        this.place(placementMessage.decode(placement));
        for (const { job, plan, round } of jobs) {
          const session = this.sessions.get(job);
          session?.plan(plan);
          if (round !== null) session?.round(round);
        }
      })
      // No leader yet: heartbeats and the next tick go on.
      .catch(() => undefined)
      .finally(() => {
        this.asking = false;
      });
  }

  private beat(): void {
    const { bus, names, worker, version, threads } = this.options;
    const states = [...this.sessions.values()].map((session) => session.status);
    const heartbeat: Heartbeat = {
      v: 1,
      worker,
      state:
        this.currentState === 'draining'
          ? 'draining'
          : this.currentState === 'starting'
            ? 'starting'
            : states.some(({ ready }) => !ready)
              ? 'loading'
              : states.length > 0
                ? 'working'
                : 'idle',
      host: hostname(),
      pid: process.pid,
      version,
      engine: this.engine?.name ?? 'reference',
      backend: this.engine?.backend ?? 'typescript',
      threads,
      capacity: {
        jobs: this.options.jobs ?? 4,
        memoryBytes: this.options.memoryBytes ?? Math.floor(totalmem() / 2),
      },
      objectives: Object.fromEntries(Object.entries(this.catalog).map(([name, { code }]) => [name, code])),
      jobs: Object.fromEntries([...this.sessions].map(([job, session]) => [job, session.status])),
    };
    bus.publish(names.worker(worker).heartbeat, encodeJson(heartbeat));
  }

  /** Tells the leader, finishes the evaluations under way, ends the threads. */
  async stop(): Promise<void> {
    if (this.currentState !== 'running') return;
    this.currentState = 'draining';
    this.beat();
    const { clock, bus } = this.options;
    const deadline = clock.now() + DRAIN;
    while ([...this.sessions.values()].some(({ busy }) => busy) && clock.now() < deadline) {
      await new Promise<void>((resolve) => clock.after(20, resolve));
    }
    this.currentState = 'stopped';
    for (const cancel of this.cancelTimers) cancel();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    // A thread that hangs in user code never closes its job; ending the threads does.
    await Promise.race([
      Promise.all([...this.sessions.values()].map((session) => session.close())),
      new Promise<void>((resolve) => clock.after(CLOSE, resolve)),
    ]);
    await this.pool.close();
    await bus.flush().catch(() => undefined);
  }
}
