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

export type CoordinatorState = 'starting' | 'standby' | 'leading' | 'stopped';

/** Milliseconds between looks at workers and jobs. */
const TICK = 50;
const EVENTS_KEPT = 30 * 24 * 3600 * 1000;

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
    this.lease = new Lease(await bus.keyValue(names.buckets.lease), {
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
    if (this.jobsBucket === null || this.currentState === 'stopped') return;
    this.options.log('leading', { holder: this.options.holder });
    this.currentState = 'leading';
    this.leadership = new Leadership(this.options, this.store, this.jobsBucket);
    this.leadership.start().catch((error: unknown) => this.options.log(`taking over: ${messageOf(error)}`));
  }

  private stepDown(reason: string): void {
    this.options.log(`no longer leading: ${reason}`, { holder: this.options.holder });
    this.leadership?.stop();
    this.leadership = null;
    if (this.currentState !== 'stopped') this.currentState = 'standby';
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
    maxBytes: 256 * 2 ** 20,
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
      this.fleet.heard(heartbeat, this.options.clock.now());
      this.book.heard(heartbeat);
    });
    this.listen(names.all.result, (message) => {
      const job = message.subject.slice(names.prefix.length).split('.')[2] ?? '';
      this.book.result(job, resultMessage.decode(message.payload), message.payload.length);
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
      message.respond?.(this.book.missedBy(worker));
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
