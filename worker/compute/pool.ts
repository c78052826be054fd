// The compute threads of one worker process: starts them, gives each one task at a time, and replaces a thread that died
// or hangs. A replaced thread gets its open jobs again, so nobody else need know.
import { Worker } from 'node:worker_threads';
import { SeedcastError, isErrorCode, messageOf } from '../../shared/errors.js';
import type { Clock } from '../../shared/ports.js';
import type { EngineChoice, EngineWish } from '../engines/open.js';
import type { FromThread, Task, TaskResults, ThreadData, ToThread } from './protocol.js';

/** Milliseconds before a thread that ended soon after its start is started again: doubled each time. The first time: at once. */
const RESPAWN = 100;
/** Below what an evaluation's time limit is stretched by, so that a task that waits for its thread is not taken to hang. */
const RESPAWN_MOST = 1000;
/** Milliseconds that a thread must have lived to be started again at once. */
const LIVED = 10_000;
/** Milliseconds that objectives may take to end their resources. */
const CLOSE = 2000;

export interface ThreadPoolPorts {
  readonly clock: Clock;
  readonly log: (job: string | null, message: string) => void;
  /** A thread that took another's place could not open the job: evaluations would fail there, whatever they are. */
  readonly onOpenFailed: (job: string, message: string) => void;
}

type Job = Extract<Task, { op: 'open' }>;

interface Pending {
  readonly id: number;
  readonly task: Task;
  /** Told when the thread begins with it. */
  readonly begun: (() => void) | null;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface ComputeThread {
  readonly index: number;
  /** Null while its next start is put off. */
  worker: Worker | null;
  startedAt: number;
  /** Starts in a row of threads that did not live long. */
  shortLives: number;
  pending: Pending[];
}

/** The thread was replaced while it worked on the task. */
export class ThreadLost extends Error {
  override readonly name = 'ThreadLost';

  constructor(
    message: string,
    /** Only one evaluation was under way, so that it is to blame. */
    readonly alone: boolean,
  ) {
    super(message);
  }
}

export class ThreadPool {
  private readonly threads: ComputeThread[] = [];
  private readonly open = new Map<string, Job>();
  /** Jobs being closed: their threads may not go before. */
  private readonly closing = new Set<Promise<unknown>>();
  private engine: EngineWish = 'auto';
  private nextId = 1;
  private closed = false;
  private readonly cancels = new Set<() => void>();

  constructor(
    readonly size: number,
    private readonly shared: Omit<ThreadData, 'thread'>,
    private readonly ports: ThreadPoolPorts,
  ) {
    for (let index = 0; index < size; index++) {
      const thread: ComputeThread = { index, worker: null, startedAt: 0, shortLives: 0, pending: [] };
      this.threads.push(thread);
      this.spawn(thread);
    }
  }

  private spawn(thread: ComputeThread): void {
    const workerData: ThreadData = { thread: thread.index, ...this.shared };
    const worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData,
      stdout: false,
      stderr: false,
    });
    thread.worker = worker;
    thread.startedAt = this.ports.clock.now();
    this.listen(thread, worker);
  }

  private listen(thread: ComputeThread, worker: Worker): void {
    worker.on('message', (message: FromThread) => {
      if (message.type === 'log') return this.ports.log(message.job, message.message);
      const at = thread.pending.findIndex(({ id }) => id === message.id);
      if (message.type === 'begun') {
        thread.pending[at]?.begun?.();
        return;
      }
      const [pending] = at < 0 ? [] : thread.pending.splice(at, 1);
      if (pending === undefined) return;
      if (message.type === 'done') pending.resolve(message.result);
      else
        pending.reject(
          new SeedcastError(isErrorCode(message.code) ? message.code : 'SC_INTERNAL', message.message, {
            ...(message.hint === null ? {} : { hint: message.hint }),
            ...(message.place === null ? {} : { place: message.place }),
          }),
        );
    });
    worker.on('error', (error) => this.ports.log(null, `thread ${thread.index}: ${messageOf(error)}`));
    worker.on('exit', (code) => {
      if (thread.worker === worker && !this.closed)
        this.replace(thread, `the thread ended with code ${code}`);
    });
  }

  private replace(thread: ComputeThread, reason: string): void {
    const lost = thread.pending;
    thread.pending = [];
    thread.worker = null;
    const { clock } = this.ports;
    thread.shortLives = clock.now() - thread.startedAt < LIVED ? thread.shortLives + 1 : 0;
    const wait = thread.shortLives < 2 ? 0 : Math.min(RESPAWN * 2 ** (thread.shortLives - 2), RESPAWN_MOST);
    if (wait === 0) this.restart(thread);
    else {
      const cancel = clock.after(wait, () => {
        this.cancels.delete(cancel);
        this.restart(thread);
      });
      this.cancels.add(cancel);
    }
    const evaluations = lost.filter(({ task }) => task.op === 'evaluate').length;
    for (const { reject } of lost) reject(new ThreadLost(reason, evaluations === 1));
  }

  /** With the open jobs first, then what has been asked of it since it ended. */
  private restart(thread: ComputeThread): void {
    const asked = thread.pending;
    thread.pending = [];
    this.spawn(thread);
    for (const job of this.open.values()) {
      if (asked.some(({ task }) => task.op === 'open' && task.job === job.job)) continue;
      this.run(thread.index, job).catch((error: unknown) => {
        if (!(error instanceof ThreadLost) && this.open.get(job.job) === job)
          this.ports.onOpenFailed(job.job, messageOf(error));
      });
    }
    for (const pending of asked) this.post(thread, pending);
  }

  private post(thread: ComputeThread, pending: Pending): void {
    thread.pending.push(pending);
    const { id, task, begun } = pending;
    const message: ToThread = { type: 'task', id, task, tellBegin: begun !== null };
    thread.worker?.postMessage(message);
  }

  /** Ends a thread that hangs; its tasks reject with ThreadLost. */
  async kill(index: number, reason: string): Promise<void> {
    const thread = this.threads[index];
    const worker = thread?.worker ?? null;
    if (thread === undefined || worker === null || this.closed) return;
    this.replace(thread, reason);
    await worker.terminate();
  }

  /** Tasks of one thread run in the order given; `begun` is told when the turn of this one has come. */
  run<T extends Task>(
    index: number,
    task: T,
    begun: (() => void) | null = null,
  ): Promise<TaskResults[T['op']]> {
    const thread = this.threads[index];
    if (thread === undefined || this.closed)
      return Promise.reject(new ThreadLost('the pool is closed', true));
    const id = this.nextId++;
    return new Promise<TaskResults[T['op']]>((resolve, reject) => {
      this.post(thread, {
        id,
        task,
        begun,
        resolve: (result) => resolve(result as TaskResults[T['op']]),
        reject,
      });
    });
  }

  /** Chooses what networks are evaluated on, on a thread, since looking may load much; all threads follow. */
  async chooseEngine(wish: EngineWish): Promise<EngineChoice> {
    const choice = await this.run(0, { op: 'choose-engine', wish });
    this.engine = { name: choice.name, backend: choice.backend };
    return choice;
  }

  async openJob(opening: Omit<Job, 'engine'>): Promise<void> {
    const job: Job = { ...opening, engine: this.engine };
    this.open.set(job.job, job);
    await Promise.all(this.threads.map(({ index }) => this.run(index, job)));
  }

  async closeJob(job: string): Promise<void> {
    if (!this.open.delete(job)) return;
    const closing = Promise.allSettled(
      this.threads.map(({ index }) => this.run(index, { op: 'close', job })),
    );
    this.closing.add(closing);
    await closing;
    this.closing.delete(closing);
  }

  abort(job: string, generation: number): void {
    const message: ToThread = { type: 'abort', job, generation };
    for (const { worker } of this.threads) worker?.postMessage(message);
  }

  async close(): Promise<void> {
    // Objectives end their resources (processes, simulators) before the threads go.
    let cancel = (): void => undefined;
    await Promise.race([
      Promise.all([...this.closing, ...[...this.open.keys()].map((job) => this.closeJob(job))]),
      new Promise<void>((resolve) => {
        cancel = this.ports.clock.after(CLOSE, resolve);
      }),
    ]);
    cancel();
    this.closed = true;
    for (const put of this.cancels) put();
    for (const { worker, pending } of this.threads)
      if (worker === null)
        for (const { reject } of pending) reject(new ThreadLost('the pool is closed', true));
    await Promise.all(this.threads.map(async ({ worker }) => worker?.terminate()));
  }
}
