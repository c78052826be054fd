// A whole pool on this machine: a nats-server on the store, a coordinator in this process, workers as child processes.
// What `run`, `up` and the library's Pool start, and end again in the opposite order.
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Coordinator } from '../../coordinator/service.js';
import { LedgerStore } from '../../shared/ledger/store.js';
import { SeedcastError, messageOf } from '../../shared/errors.js';
import { type Heartbeat, decodeJson, heartbeatSchema } from '../../shared/wire/reports.js';
import { type Pool, connect, namesOf, tellDenials } from '../connection.js';
import type { Host } from '../host.js';
import { type EmbeddedServer, startServer } from '../server/embedded.js';
import { WorkerProcess } from './worker-process.js';

/** Milliseconds until the first worker must have joined; loading objectives is part of it. */
const JOIN = 60_000;

export interface LocalPoolOptions {
  readonly storeDir: string;
  readonly workers: number;
  /** Compute threads of each worker. Default: the processors shared out. */
  readonly threads?: number;
  /** What workers evaluate networks on. Default auto. */
  readonly engine?: string;
  readonly objectives: readonly string[];
  /** Address the server listens on. Default 127.0.0.1. */
  readonly listen?: string;
  readonly port: 'free' | 'preferred';
  /** Clients must give a token. */
  readonly guarded?: boolean;
  readonly pool?: string;
  /** Unfinished jobs of the store to go on with; the others stay as they are. Default: all. */
  readonly takeUp?: readonly string[];
}

export class LocalPool {
  private readonly processes: WorkerProcess[] = [];
  private readonly lost: ((error: SeedcastError) => void)[] = [];
  private coordinator: Coordinator | null = null;
  private givenUp = 0;
  private failure: SeedcastError | null = null;
  private closing = false;

  private constructor(
    private readonly host: Host,
    private readonly options: LocalPoolOptions,
    readonly server: EmbeddedServer,
    readonly token: string | null,
    readonly pool: Pool,
  ) {}

  static async start(host: Host, options: LocalPoolOptions): Promise<LocalPool> {
    const token = options.guarded === true ? randomBytes(18).toString('base64url') : null;
    const server = await startServer({
      storeDir: options.storeDir,
      port: options.port,
      env: host.env,
      clock: host.clock,
      progress: (line) => host.io.message(line),
      log: (line) => host.io.message(`nats-server: ${line}`, 'debug'),
      ...(options.listen === undefined ? {} : { host: options.listen }),
      ...(token === null ? {} : { token }),
    });
    let local: LocalPool | undefined;
    try {
      const bus = await connect(host, options, { url: server.url, ...(token === null ? {} : { token }) });
      tellDenials(host, bus);
      const names = namesOf(options);
      local = new LocalPool(host, options, server, token, {
        bus,
        names,
        store: new LedgerStore(bus, names),
        offline: options.storeDir,
        close: () => bus.drain(),
      });
      await local.begin();
      return local;
    } catch (thrown) {
      await (local === undefined ? server.stop() : local.close());
      throw thrown;
    }
  }

  private async begin(): Promise<void> {
    const { host, pool, options } = this;
    this.coordinator = new Coordinator({
      bus: pool.bus,
      names: pool.names,
      clock: host.clock,
      holder: `coordinator-${host.entropy(6)}`,
      ...(options.takeUp === undefined ? {} : { takeUp: options.takeUp }),
      log: (message) => host.io.message(`coordinator: ${message}`, 'debug'),
    });
    void this.server.exited.then((how) => {
      if (!this.closing)
        this.fail(
          new SeedcastError('SC_NATS_SERVER', `nats-server ended by itself (${how})`, {
            hint: 'see --log-level debug',
          }),
        );
    });
    for (let i = 1; i <= options.workers; i++) this.processes.push(this.startWorker(`w${i}`));
    await this.coordinator.start();
  }

  private startWorker(id: string): WorkerProcess {
    const { host, options } = this;
    const threads =
      options.threads ?? Math.max(1, Math.floor(availableParallelism() / Math.max(1, options.workers)));
    return new WorkerProcess({
      id,
      args: [
        '--server',
        this.server.url,
        '--threads',
        String(threads),
        ...(options.engine === undefined ? [] : ['--engine', options.engine]),
        ...(options.pool === undefined ? [] : ['--pool', options.pool]),
        ...options.objectives.flatMap((path) => ['--objectives', path]),
      ],
      // The user's credentials are for another server.
      env: {
        NATS_TOKEN: this.token ?? '',
        NATS_CREDS: '',
        NATS_NKEY: '',
        NATS_USER: '',
        NATS_PASSWORD: '',
        NATS_CA: '',
        NATS_CERT: '',
        NATS_KEY: '',
      },
      clock: host.clock,
      onLog: ({ message, level, details }) => {
        const job = typeof details['job'] === 'string' ? ` (${details['job']})` : '';
        host.io.message(
          `${id}${job}: ${message}`,
          level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug',
        );
      },
      onRestart: (how) => host.io.message(`worker ${id} ended (${how}); it is started again`, 'warn'),
      onGivenUp: (error) => {
        this.givenUp += 1;
        if (this.givenUp >= options.workers) this.fail(error);
        else host.io.message(`worker ${id} is given up: ${error.message}`, 'error');
      },
    });
  }

  private fail(error: SeedcastError): void {
    this.failure ??= error;
    for (const tell of this.lost) tell(error);
  }

  /** Rejects when nothing can go on here: every worker was given up, or the server ended. Never resolves. */
  failed(): Promise<never> {
    return new Promise((_, reject) => {
      if (this.failure !== null) reject(this.failure);
      else this.lost.push(reject);
    });
  }

  /** Heartbeats of the workers once all have joined that can; at least one. */
  async joined(): Promise<Heartbeat[]> {
    const { bus, names } = this.pool;
    const seen = new Map<string, Heartbeat>();
    let tell = (): void => undefined;
    const subscription = bus.subscribe(names.all.heartbeat, ({ payload }) => {
      try {
        const heartbeat = decodeJson(heartbeatSchema, payload, 'heartbeat');
        seen.set(heartbeat.worker, heartbeat);
        tell();
      } catch (error) {
        this.host.io.message(messageOf(error), 'debug');
      }
    });
    let cancel = (): void => undefined;
    const all = new Promise<void>((resolve, reject) => {
      tell = () => {
        if (seen.size >= this.options.workers - this.givenUp) resolve();
      };
      tell();
      cancel = this.host.clock.after(JOIN, () => {
        if (seen.size > 0) resolve();
        else reject(new SeedcastError('SC_TIMEOUT', `no worker joined within ${JOIN / 1000} s`));
      });
    });
    try {
      await Promise.race([all, this.failed()]);
      return [...seen.values()];
    } finally {
      cancel();
      subscription.unsubscribe();
    }
  }

  /** Ends everything; what is committed stays in the store. */
  async close(): Promise<void> {
    this.closing = true;
    await this.coordinator?.stop().catch(() => undefined);
    await Promise.all(this.processes.map((child) => child.stop()));
    await this.pool.close().catch(() => undefined);
    await this.server.stop();
  }
}
