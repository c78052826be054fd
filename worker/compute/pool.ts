// The compute threads of one worker process: starts them, gives each one task at a time, and replaces a thread that died
// or hangs. A replaced thread gets its open jobs again, so nobody else need know.
import { Worker } from 'node:worker_threads';
import { SeedcastError, isErrorCode } from '../../shared/errors.js';
import type { FromThread, Task, TaskResults, ThreadData, ToThread } from './protocol.js';

type Job = Extract<Task, { op: 'open' }>;

interface Pending {
  readonly id: number;
  readonly task: Task;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface ComputeThread {
  readonly index: number;
  worker: Worker;
  pending: Pending[];
  dead: boolean;
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
  private nextId = 1;
  private closed = false;

  constructor(
    readonly size: number,
    private readonly shared: Omit<ThreadData, 'thread'>,
    private readonly log: (job: string | null, message: string) => void,
  ) {
    for (let index = 0; index < size; index++) {
      const thread: ComputeThread = { index, worker: this.spawn(index), pending: [], dead: false };
      this.threads.push(thread);
      this.listen(thread);
    }
  }

  private spawn(index: number): Worker {
    const workerData: ThreadData = { thread: index, ...this.shared };
    return new Worker(new URL('./thread.js', import.meta.url), { workerData, stdout: false, stderr: false });
  }

  private listen(thread: ComputeThread): void {
    const { worker } = thread;
    worker.on('message', (message: FromThread) => {
      if (message.type === 'log') return this.log(message.job, message.message);
      const at = thread.pending.findIndex(({ id }) => id === message.id);
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
    worker.on('error', (error) =>
      this.log(null, `thread ${thread.index}: ${error instanceof Error ? error.message : String(error)}`),
    );
    worker.on('exit', (code) => {
      if (thread.worker === worker && !this.closed)
        this.replace(thread, `the thread ended with code ${code}`);
    });
  }

  private replace(thread: ComputeThread, reason: string): void {
    const lost = thread.pending;
    thread.pending = [];
    thread.worker = this.spawn(thread.index);
    this.listen(thread);
    for (const job of this.open.values())
      this.run(thread.index, job).catch((error: unknown) => this.log(job.job, String(error)));
    const evaluations = lost.filter(({ task }) => task.op === 'evaluate').length;
    for (const { reject } of lost) reject(new ThreadLost(reason, evaluations === 1));
  }

  /** Ends a thread that hangs; its tasks reject with ThreadLost. */
  async kill(index: number, reason: string): Promise<void> {
    const thread = this.threads[index];
    if (thread === undefined || this.closed) return;
    const { worker } = thread;
    this.replace(thread, reason);
    await worker.terminate();
  }

  /** Tasks of one thread run in the order given. */
  run<T extends Task>(index: number, task: T): Promise<TaskResults[T['op']]> {
    const thread = this.threads[index];
    if (thread === undefined || this.closed)
      return Promise.reject(new ThreadLost('the pool is closed', true));
    const id = this.nextId++;
    return new Promise<TaskResults[T['op']]>((resolve, reject) => {
      thread.pending.push({ id, task, resolve: (result) => resolve(result as TaskResults[T['op']]), reject });
      const message: ToThread = { type: 'task', id, task };
      thread.worker.postMessage(message);
    });
  }

  async openJob(job: Job): Promise<void> {
    this.open.set(job.job, job);
    await Promise.all(this.threads.map(({ index }) => this.run(index, job)));
  }

  async closeJob(job: string): Promise<void> {
    if (!this.open.delete(job)) return;
    await Promise.allSettled(this.threads.map(({ index }) => this.run(index, { op: 'close', job })));
  }

  abort(job: string, generation: number): void {
    const message: ToThread = { type: 'abort', job, generation };
    for (const { worker } of this.threads) worker.postMessage(message);
  }

  async close(): Promise<void> {
    // Objectives end their resources (processes, simulators) before the threads go.
    await Promise.race([
      Promise.all([...this.open.keys()].map((job) => this.closeJob(job))),
      new Promise((resolve) => setTimeout(resolve, 2000).unref()),
    ]);
    this.closed = true;
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }
}
