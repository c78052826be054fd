// `Pool`: a pool from code. Started here with everything it needs, or one that runs elsewhere. What it takes to do so is
// loaded when a pool is made, so that an objective file that imports `seedcast` stays light.
import { SeedcastError } from '../../shared/errors.js';
import type { JobFile } from '../../shared/job/spec.js';
import { systemClock, systemEntropy } from '../../shared/ports.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import type { JobResult, Progress } from '../../shared/wire/reports.js';
import type { Pool as PoolConnection } from '../connection.js';
import type { Host } from '../host.js';
import type { LocalPool } from '../pool/local-pool.js';

export interface PoolStartOptions {
  /** Worker processes. Default 1. */
  readonly workers?: number;
  /** Compute threads of each. Default: the processors shared out. */
  readonly threads?: number;
  /** What workers evaluate networks on: `auto`, `reference`, `native`, `tensorflow`, `tensorflow:webgpu`. Default auto. */
  readonly engine?: string;
  /** Folder of ledgers and state. Default `.seedcast`. */
  readonly store?: string;
  /** Files and folders of objectives. */
  readonly objectives?: readonly string[];
  /** Told what goes on, one line at a time. Default: nothing. */
  readonly log?: (line: string) => void;
}

export interface PoolConnectOptions {
  /** Default: NATS_URL, else the pool that `seedcast up` noted in `.seedcast`. */
  readonly url?: string;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  /** Paths of a credentials file, and of an nkey seed. */
  readonly creds?: string;
  readonly nkey?: string;
  /** Name of the pool, when several share a NATS. */
  readonly pool?: string;
  readonly log?: (line: string) => void;
}

export interface SubmitOptions {
  /** Default: the job's name and a suffix. The same id and spec again is the same submission. */
  readonly id?: string;
}

export interface ResultOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Aborted: waiting ends with SC_TIMEOUT; the job goes on. */
  readonly signal?: AbortSignal;
}

/** A submitted job. */
export class Job {
  constructor(
    readonly id: string,
    private readonly host: Host,
    private readonly connection: PoolConnection,
  ) {}

  /** Waits for the end, whatever it is: look at `status`. @throws SC_STREAM_LOST when the connection stays away. */
  async result(options: ResultOptions = {}): Promise<JobResult> {
    const { followJob } = await import('../jobs/follow.js');
    const followed = await followJob(this.connection, this.host.clock, this.id, options);
    if (followed.end === 'result') return followed.result;
    throw new SeedcastError('SC_TIMEOUT', `waiting for job ${this.id} was ended; the job goes on`);
  }

  /** Parameters after `step` steps (default: the last), in the objective's units, rebuilt from the ledger. */
  async parameters(step?: number): Promise<Record<string, TensorArray>> {
    const { rebuild } = await import('../jobs/rebuild.js');
    const { tensors } = await rebuild(this.connection, this.id, { step: step ?? null, snapshots: true });
    return Object.fromEntries([...tensors].map(([name, { array }]) => [name, array]));
  }

  /** `stop` finishes the step, `cancel` does not. */
  async control(action: 'pause' | 'resume' | 'stop' | 'cancel'): Promise<void> {
    const { askLeader } = await import('../jobs/leader.js');
    await askLeader(this.connection.bus, this.host.clock, this.connection.names.service.control, {
      job: this.id,
      action,
    });
  }
}

export class Pool {
  private constructor(
    private readonly host: Host,
    private readonly connection: PoolConnection,
    private readonly local: LocalPool | null,
  ) {}

  /** A pool of its own: nats-server, coordinator, workers as child processes. @throws SC_STORE_BUSY, SC_NATS_SERVER, and what a worker cannot start with. */
  static async start(options: PoolStartOptions = {}): Promise<Pool> {
    const { LocalPool } = await import('../pool/local-pool.js');
    const host = await libraryHost(options.log);
    const local = await LocalPool.start(host, {
      storeDir: options.store ?? '.seedcast',
      workers: options.workers ?? 1,
      objectives: options.objectives ?? [],
      port: 'free',
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...(options.engine === undefined ? {} : { engine: options.engine }),
    });
    try {
      await local.joined();
    } catch (thrown) {
      await local.close();
      throw thrown;
    }
    return new Pool(host, local.pool, local);
  }

  /** A pool that runs already. @throws SC_UNREACHABLE, SC_DENIED. */
  static async connect(options: PoolConnectOptions = {}): Promise<Pool> {
    const { openPool } = await import('../connection.js');
    const { url, log, ...rest } = options;
    const host = await libraryHost(log);
    const server = url ?? process.env.NATS_URL;
    const connection = await openPool(host, { ...rest, ...(server === undefined ? {} : { server }) });
    if (connection.offline === null) return new Pool(host, connection, null);
    await connection.close();
    throw new SeedcastError('SC_UNREACHABLE', 'no pool runs here', {
      hint: 'start one: Pool.start() or seedcast up',
    });
  }

  /** Where its server answers. */
  get url(): string {
    return this.connection.bus.server.url;
  }

  /** @param job a job as an object, or the path of a job file. @throws SpecError listing every problem, SC_JOB_EXISTS. */
  async submit(job: JobFile | string, options: SubmitOptions = {}): Promise<Job> {
    const { checkObjective, jobId, readJobFile, submitJob } = await import('../jobs/submission.js');
    const { parseJob } = await import('../../shared/job/parse.js');
    const { askLeader } = await import('../jobs/leader.js');
    const source =
      typeof job === 'string' ? readJobFile(job, []) : { parsed: parseJob(job), file: null, text: '' };
    const { host, connection } = this;
    const id = jobId(source.parsed.name, options.id, host.entropy);
    const answer = await askLeader(connection.bus, host.clock, connection.names.service.workers, {});
    const workers = answer['workers'] as Parameters<typeof checkObjective>[1];
    if (this.local !== null) checkObjective(source, workers.length > 0 ? workers : await this.local.joined());
    await submitJob(host, connection, source, id, workers);
    return new Job(id, host, connection);
  }

  /** Ends what was started here. Jobs that have not ended go on from their ledgers when a pool is on the store again. */
  async close(): Promise<void> {
    if (this.local === null) await this.connection.close();
    else await this.local.close();
  }
}

async function libraryHost(log: ((line: string) => void) | undefined): Promise<Host> {
  const { Io } = await import('../io.js');
  const { Interrupts } = await import('../interrupts.js');
  const lines = { write: (text: string | Uint8Array): void => log?.(String(text).trimEnd()) };
  return {
    io: new Io(lines, lines, process.env),
    env: process.env,
    clock: systemClock,
    entropy: systemEntropy,
    interrupts: new Interrupts(),
    exitCode: 0,
  };
}
