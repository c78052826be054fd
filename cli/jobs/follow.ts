// Follows one job until it ends: progress messages, the events stream, and the job's record as a back stop, since a
// message can be lost and a stream can be cut. Reconnects for a bounded time.
import type { Subscription } from '../../shared/bus/port.js';
import { SeedcastError, messageOf } from '../../shared/errors.js';
import type { Clock } from '../../shared/ports.js';
import {
  type JobEvent,
  type JobResult,
  type Progress,
  decodeJson,
  eventSchema,
  progressSchema,
  resultSchema,
} from '../../shared/wire/reports.js';
import type { Pool } from '../connection.js';
import { readJob } from './reading.js';
import { resultOf } from './outcome.js';

/** Milliseconds between looks at the record. */
const LOOK = 1000;
/** Milliseconds without a connection after which following is given up. */
const LOST = 60_000;
/** Milliseconds after a record says that the job ended, for its `result` event to arrive first. */
const SETTLE = 300;

export interface FollowHandlers {
  readonly onProgress?: (progress: Progress) => void;
  readonly onEvent?: (event: JobEvent) => void;
  /** The connection came or went. */
  readonly onConnection?: (text: string) => void;
  /** Ends the following; it resolves to `interrupted`. */
  readonly signal?: AbortSignal;
  /** Milliseconds; then it resolves to `timeout`. */
  readonly timeout?: number;
}

export type Followed =
  { readonly end: 'result'; readonly result: JobResult } | { readonly end: 'interrupted' | 'timeout' };

/** @throws SC_STREAM_LOST when the connection stays away, SC_NOT_FOUND when the job is deleted meanwhile. */
export async function followJob(
  pool: Pool,
  clock: Clock,
  job: string,
  handlers: FollowHandlers,
): Promise<Followed> {
  const follower = new Follower(pool, clock, job, handlers);
  return follower.run();
}

class Follower {
  private settle: (outcome: Followed) => void = () => undefined;
  private fail: (error: unknown) => void = () => undefined;
  private done = false;
  private disconnectedAt: number | null = null;
  private readonly subscriptions: Subscription[] = [];
  private readonly cancels: (() => void)[] = [];

  constructor(
    private readonly pool: Pool,
    private readonly clock: Clock,
    private readonly job: string,
    private readonly handlers: FollowHandlers,
  ) {}

  async run(): Promise<Followed> {
    const outcome = new Promise<Followed>((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
    // Handled below; a failure may come before it is awaited.
    outcome.catch(() => undefined);
    const { signal, timeout } = this.handlers;
    const interrupt = (): void => this.settle({ end: 'interrupted' });
    if (signal?.aborted === true) interrupt();
    signal?.addEventListener('abort', interrupt, { once: true });
    if (timeout !== undefined)
      this.cancels.push(this.clock.after(timeout, () => this.settle({ end: 'timeout' })));
    try {
      await this.subscribe();
      void this.look();
      return await outcome;
    } finally {
      this.done = true;
      signal?.removeEventListener('abort', interrupt);
      for (const cancel of this.cancels) cancel();
      for (const subscription of this.subscriptions) subscription.unsubscribe();
    }
  }

  private async subscribe(): Promise<void> {
    const { bus, names } = this.pool;
    const subjects = names.job(this.job);
    bus.onStatus((status) => {
      if (this.done) return;
      if (status.type === 'disconnected') {
        this.disconnectedAt = this.clock.now();
        this.handlers.onConnection?.(`the connection to ${status.server} is lost; trying again`);
      } else if (status.type === 'reconnected') {
        this.disconnectedAt = null;
        this.handlers.onConnection?.(`connected again to ${status.server}`);
      } else if (status.type === 'closed')
        this.fail(new SeedcastError('SC_STREAM_LOST', `the connection was closed: ${status.reason}`));
    });
    this.subscriptions.push(
      bus.subscribe(subjects.progress, ({ payload }) => {
        try {
          this.handlers.onProgress?.(decodeJson(progressSchema, payload, 'progress'));
        } catch {
          // A message of another version: the record and the events still tell the end.
        }
      }),
    );
    this.subscriptions.push(
      await bus.streams.follow(names.streams.events, subjects.event, ({ payload }) => this.event(payload)),
    );
  }

  private event(payload: Uint8Array): void {
    if (this.done) return;
    try {
      const event = decodeJson(eventSchema, payload, 'event');
      this.handlers.onEvent?.(event);
      const result = event.type === 'result' ? resultSchema.safeParse(event.details) : null;
      if (result?.success === true) this.settle({ end: 'result', result: result.data });
    } catch {
      // As above.
    }
  }

  /** The record tells the end of a job whose `result` event was missed, or that never began. */
  private async look(): Promise<void> {
    if (this.done) return;
    try {
      const record = await readJob(this.pool, this.job);
      if (record === null) return this.fail(new SeedcastError('SC_NOT_FOUND', `job ${this.job} was deleted`));
      const result = resultOf(record);
      if (result !== null) {
        this.cancels.push(this.clock.after(SETTLE, () => this.settle({ end: 'result', result })));
        return;
      }
    } catch (error) {
      this.handlers.onConnection?.(`reading the job: ${messageOf(error)}`);
    }
    if (this.disconnectedAt !== null && this.clock.now() - this.disconnectedAt > LOST) {
      return this.fail(
        new SeedcastError(
          'SC_STREAM_LOST',
          `no connection to NATS for ${LOST / 1000} s; the job ${this.job} may go on`,
          { hint: `watch it again: seedcast watch ${this.job}` },
        ),
      );
    }
    this.cancels.push(this.clock.after(LOOK, () => void this.look()));
  }
}
