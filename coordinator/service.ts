// The coordinator: one process may lead at a time. The leader serves requests, follows the workers' heartbeats, places
// jobs on workers, and runs one JobRunner a job. A standby only tries for the lease. All state that matters is in the
// ledgers; what is kept here can be lost.
import type { Bus, KeyValue, Message, Subscription } from '../shared/bus/port.js';
import { SeedcastError, asSeedcastError, messageOf } from '../shared/errors.js';
import { compiledSpec, type JobSpec } from '../shared/job/spec.js';
import { LedgerStore } from '../shared/ledger/store.js';
import { resultMessage } from '../shared/wire/messages.js';
import {
  controlRequestSchema,
  decodeJson,
  encodeJson,
  heartbeatSchema,
  jobRequestSchema,
  submitRequestSchema,
} from '../shared/wire/reports.js';
import { checkIdentifier, type Names } from '../shared/wire/subjects.js';
import { Fleet } from './fleet.js';
import { JobBook } from './job-book.js';
import { Lease } from './lease.js';
import type { CoordinatorOptions } from './options.js';
import { lostEvent } from './opening.js';

export type CoordinatorState = 'starting' | 'standby' | 'leading' | 'stopped';

/** Milliseconds between looks at workers and jobs. */
const TICK = 50;
/** Milliseconds before taking over is tried again. */
const TAKE_OVER_AGAIN = 500;
const EVENTS_KEPT = 30 * 24 * 3600 * 1000;
/** Reserved, so that events can still be told when ledgers and evidence have filled the store. */
const EVENTS_BYTES = 16 * 2 ** 20;

export class Coordinator {
  private currentState: CoordinatorState = 'starting';
  private readonly store: LedgerStore;
  private lease: Lease | null = null;
  private jobsBucket: KeyValue | null = null;
  private leadership: Leadership | null = null;

  constructor(private readonly options: CoordinatorOptions) {
    this.store = new LedgerStore(options.bus, options.names);
  }

  get state(): CoordinatorState {
    return this.currentState;
  }

  /** Makes the streams and buckets that are missing, and begins to try for the lease. */
  async start(): Promise<void> {
    const { bus, names, clock, holder, leaseTtl = 2000, log } = this.options;
    await ensureStreams(bus, names, this.options);
    this.jobsBucket = await bus.keyValue(names.buckets.jobs);
    const bucket = await bus.keyValue(names.buckets.lease);
    // Stopped meanwhile.
    if (this.state === 'stopped') return;
    this.lease = new Lease(bucket, {
      holder,
      ttl: leaseTtl,
      clock,
      onGained: () => this.lead(),
      onLost: (reason) => this.stepDown(reason),
      log,
    });
    this.currentState = 'standby';
    this.lease.start();
  }

  private lead(): void {
    if (this.currentState === 'stopped') return;
    this.options.log('leading', { holder: this.options.holder });
    this.currentState = 'leading';
    void this.takeOver();
  }

  /** Tries until it serves or no longer leads: a leader that holds the lease and serves nothing would block the others. */
  private async takeOver(): Promise<void> {
    const { bus, names, clock, log } = this.options;
    while (this.currentState === 'leading' && this.jobsBucket !== null) {
      const leadership = new Leadership(this.options, this.store, this.jobsBucket);
      this.leadership = leadership;
      try {
        // The store may have been emptied since this process began.
        await ensureStreams(bus, names, this.options);
        return await leadership.start();
      } catch (error) {
        log(`taking over: ${messageOf(error)}`);
        if (this.leadership !== leadership) return;
        leadership.stop();
        await new Promise<void>((resolve) => clock.after(TAKE_OVER_AGAIN, resolve));
        if (this.leadership !== leadership) return;
      }
    }
  }

  private stepDown(reason: string): void {
    this.options.log(`no longer leading: ${reason}`, { holder: this.options.holder });
    const unfinished = this.leadership?.unfinished() ?? [];
    this.leadership?.stop();
    this.leadership = null;
    if (this.currentState !== 'stopped') this.currentState = 'standby';
    void this.tellLost(unfinished);
  }

  /** Of the jobs this process led: those whose ledger is gone with its store get a last event. */
  private async tellLost(jobs: readonly string[]): Promise<void> {
    const { bus, names, clock, log } = this.options;
    for (const job of jobs) {
      while (this.currentState !== 'stopped') {
        try {
          await ensureStreams(bus, names, this.options);
          if ((await bus.streams.last(names.streams.ledger, names.job(job).ledger)) !== null) break;
          log('the job is lost: its store was emptied', { job });
          await bus.streams.append(names.job(job).event, encodeJson(lostEvent(job, clock.wall())));
          break;
        } catch (error) {
          log(`looking for the ledger: ${messageOf(error)}`, { job });
          await new Promise<void>((resolve) => clock.after(TAKE_OVER_AGAIN, resolve));
        }
      }
    }
  }

  /** Lets another lead at once. Jobs go on from their last committed step. */
  async stop(): Promise<void> {
    this.currentState = 'stopped';
    this.leadership?.stop();
    this.leadership = null;
    await this.lease?.stop();
  }
}

async function ensureStreams(bus: Bus, names: Names, options: CoordinatorOptions): Promise<void> {
  const { replicas = 1, maxBytes = -1 } = options;
  const { streams, all } = names;
  await bus.streams.ensure({ name: streams.ledger, subjects: [all.ledger], maxAge: 0, maxBytes, replicas });
  await bus.streams.ensure({
    name: streams.evidence,
    subjects: [all.evidence],
    maxAge: 0,
    maxBytes,
    replicas,
  });
  await bus.streams.ensure({
    name: streams.events,
    subjects: [all.event],
    maxAge: EVENTS_KEPT,
    maxBytes: EVENTS_BYTES,
    rollOver: true,
    replicas,
  });
}

/** What a leader has while it leads; dropped whole when it no longer does. */
class Leadership {
  private readonly subscriptions: Subscription[] = [];
  private readonly fleet: Fleet;
  private readonly book: JobBook;
  private cancelTick = (): void => undefined;
  private stopped = false;

  constructor(
    private readonly options: CoordinatorOptions,
    store: LedgerStore,
    bucket: KeyValue,
  ) {
    this.fleet = new Fleet(options);
    this.book = new JobBook(options, store, bucket, this.fleet);
  }

  async start(): Promise<void> {
    const { bus, names } = this.options;
    this.listen(names.all.heartbeat, (message) => {
      const heartbeat = decodeJson(heartbeatSchema, message.payload, 'heartbeat');
      if (message.subject !== names.worker(heartbeat.worker).heartbeat)
        throw new SeedcastError(
          'SC_MESSAGE_INVALID',
          `heartbeat of ${heartbeat.worker} on another's subject`,
        );
      this.fleet.heard(heartbeat, this.options.clock.now());
      this.book.heard(heartbeat);
    });
    this.listen(names.all.result, (message) => {
      const job = message.subject.slice(names.prefix.length).split('.')[2] ?? '';
      const result = resultMessage.decode(message.payload);
      if (message.subject !== names.job(job).result(result.worker))
        throw new SeedcastError('SC_MESSAGE_INVALID', `result of ${result.worker} on another's subject`);
      this.book.result(job, result, message.payload.length);
    });
    await this.book.load();
    if (this.stopped) return;
    this.serve(names.service.submit, (message) => {
      const request = decodeJson(submitRequestSchema, message.payload, 'submit request');
      return this.book.submit({
        ...request,
        job: checkIdentifier(request.job, 'job'),
        spec: checkedSpec(request.spec),
      });
    });
    this.serve(names.service.control, (message) =>
      this.book.control(decodeJson(controlRequestSchema, message.payload, 'control request')),
    );
    this.serve(names.service.describe, (message) => {
      const { job } = decodeJson(jobRequestSchema, message.payload, 'describe request');
      return this.book.describe(job);
    });
    this.serve(names.service.list, () => ({ jobs: this.book.summaries() }));
    this.serve(names.service.workers, () => ({ workers: this.fleet.heartbeats() }));
    this.listen(names.service.ask, (message) => {
      const worker = new TextDecoder().decode(message.payload);
      // Without a heartbeat nothing is known of it, and an empty answer would make it drop its replicas.
      if (!this.fleet.knows(worker)) return;
      this.book.tick();
      message.respond?.(this.book.missedBy(worker));
      this.book.asked(worker);
    });
    // Workers that waited for a leader answer at once instead of at their next heartbeat.
    bus.publish(names.service.leading, encodeJson({ holder: this.options.holder }));
    this.tick();
  }

  private listen(subject: string, handler: (message: Message) => void): void {
    this.subscriptions.push(
      this.options.bus.subscribe(subject, (message) => {
        if (this.stopped) return;
        try {
          handler(message);
        } catch (error) {
          this.options.log(`dropped a message on ${message.subject}: ${messageOf(error)}`);
        }
      }),
    );
  }

  private serve(subject: string, handler: (message: Message) => object | Promise<object>): void {
    this.listen(subject, (message) => {
      const answer = (body: object): void => message.respond?.(encodeJson(body));
      Promise.resolve()
        .then(() => handler(message))
        .then(
          (body) => answer({ ok: true, ...body }),
          (thrown: unknown) => {
            const { code, message: text, hint, place } = asSeedcastError(thrown);
            answer({
              ok: false,
              error: {
                code,
                message: text,
                ...(hint === undefined ? {} : { hint }),
                ...(place === undefined ? {} : { place }),
              },
            });
          },
        );
    });
  }

  /** Jobs that have a ledger and have not ended. */
  unfinished(): string[] {
    return this.book.unfinished();
  }

  private tick(): void {
    if (this.stopped) return;
    try {
      this.book.tick();
    } catch (error) {
      this.options.log(`tick: ${messageOf(error)}`);
    }
    this.cancelTick = this.options.clock.after(TICK, () => this.tick());
  }

  stop(): void {
    this.stopped = true;
    this.cancelTick();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.book.stop();
  }
}

function checkedSpec(value: unknown): JobSpec {
  const parsed = compiledSpec.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SeedcastError('SC_SPEC_INVALID', issue?.message ?? 'the spec is invalid', {
    place: { field: ['spec', ...(issue?.path ?? [])].join('.') },
  });
}
