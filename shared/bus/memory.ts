// The bus within one process: what `minimize`, `replay` offline and many tests use in place of a NATS server, with the
// semantics of the port. Clients of one hub see each other. Messages are delivered in the order of publishing, from
// microtasks, so that no handler runs inside the call that caused it. Nothing is kept beyond the hub.
import { SeedcastError } from '../errors.js';
import { systemClock, type Clock } from '../ports.js';
import { createBlobStore } from './blobs.js';
import { matches } from './matching.js';
import { MemoryBuckets, MemoryStreams } from './memory-store.js';
import type { BlobStore, Bus, BusStatus, KeyValue, Message, Streams, Subscription } from './port.js';

const MAX_PAYLOAD = 1 << 20;

interface Subscriber {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly handler: (message: Message) => void;
  active: boolean;
}

export class MemoryHub {
  readonly clock: Clock;
  readonly streams: MemoryStreams;
  readonly buckets = new MemoryBuckets();
  readonly #subscribers = new Set<Subscriber>();
  #turn = 0;

  constructor(options: { readonly clock?: Clock } = {}) {
    this.clock = options.clock ?? systemClock;
    this.streams = new MemoryStreams(this.clock, (subject, payload) => this.#fanOut(subject, payload));
  }

  /** A client of this hub. */
  connect(options: { readonly streamPrefix?: string; readonly subjectPrefix?: string } = {}): Bus {
    return new MemoryBus(this, options.streamPrefix ?? 'SEEDCAST_', options.subjectPrefix ?? 'seedcast.v1');
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber): void {
    subscriber.active = false;
    this.#subscribers.delete(subscriber);
  }

  /** Stores the message where a stream takes its subject, as a server does. */
  publish(subject: string, payload: Uint8Array): void {
    const copy = new Uint8Array(payload);
    this.streams.keep(subject, copy);
    this.#fanOut(subject, copy);
  }

  /** Returns whether anybody receives it. */
  #fanOut(subject: string, payload: Uint8Array, respond?: (payload: Uint8Array) => void): boolean {
    const groups = new Map<string, Subscriber[]>();
    const receivers: Subscriber[] = [];
    for (const subscriber of this.#subscribers) {
      if (!matches(subscriber.pattern, subject)) continue;
      if (subscriber.queue === undefined) receivers.push(subscriber);
      else groups.set(subscriber.queue, [...(groups.get(subscriber.queue) ?? []), subscriber]);
    }
    for (const group of groups.values()) {
      this.#turn += 1;
      const chosen = group[this.#turn % group.length];
      if (chosen !== undefined) receivers.push(chosen);
    }
    for (const receiver of receivers) {
      queueMicrotask(() => {
        if (receiver.active)
          receiver.handler({ subject, payload, ...(respond === undefined ? {} : { respond }) });
      });
    }
    return receivers.length > 0;
  }

  ask(subject: string, payload: Uint8Array, timeout: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(timeout, () =>
        reject(new SeedcastError('SC_TIMEOUT', `could not ask ${subject}: no answer in time`)),
      );
      const served = this.#fanOut(subject, new Uint8Array(payload), (answer) => {
        const copy = new Uint8Array(answer);
        queueMicrotask(() => {
          cancel();
          resolve(copy);
        });
      });
      if (served) return;
      cancel();
      reject(
        new SeedcastError('SC_NO_COORDINATOR', `nobody serves ${subject}`, {
          hint: 'start a coordinator: seedcast up',
        }),
      );
    });
  }
}

class MemoryBus implements Bus {
  readonly server = { version: 'memory', url: 'memory:', maxPayload: MAX_PAYLOAD };
  readonly streams: Streams;
  readonly blobs: BlobStore;
  readonly #hub: MemoryHub;
  readonly #own = new Set<Subscriber>();
  readonly #status = new Set<(status: BusStatus) => void>();
  #closed = false;

  constructor(hub: MemoryHub, streamPrefix: string, subjectPrefix: string) {
    this.#hub = hub;
    this.streams = hub.streams;
    this.blobs = createBlobStore(hub.streams, {
      streamPrefix,
      subjectPrefix,
      maxPayload: MAX_PAYLOAD,
      replicas: 1,
    });
  }

  publish(subject: string, payload: Uint8Array): void {
    checkSize(subject, payload);
    if (!this.#closed) this.#hub.publish(subject, payload);
  }

  subscribe(
    subject: string,
    handler: (message: Message) => void,
    options: { readonly queue?: string } = {},
  ): Subscription {
    const subscriber: Subscriber = { pattern: subject, queue: options.queue, handler, active: true };
    this.#own.add(subscriber);
    this.#hub.subscribe(subscriber);
    return {
      unsubscribe: () => {
        this.#own.delete(subscriber);
        this.#hub.unsubscribe(subscriber);
      },
    };
  }

  async request(
    subject: string,
    payload: Uint8Array,
    options: { readonly timeout: number },
  ): Promise<Uint8Array> {
    checkSize(subject, payload);
    if (this.#closed)
      throw new SeedcastError('SC_UNREACHABLE', `could not ask ${subject}: the connection is closed`);
    return this.#hub.ask(subject, payload, options.timeout);
  }

  async flush(): Promise<void> {
    // Deliveries are microtasks that were queued before this one.
    await Promise.resolve();
  }

  onStatus(handler: (status: BusStatus) => void): void {
    this.#status.add(handler);
    if (!this.#closed) queueMicrotask(() => handler({ type: 'connected', server: this.server.url }));
  }

  keyValue(bucket: string): Promise<KeyValue> {
    return Promise.resolve(this.#hub.buckets.open(bucket));
  }

  async drain(): Promise<void> {
    if (this.#closed) return;
    await this.flush();
    for (const subscriber of this.#own) this.#hub.unsubscribe(subscriber);
    this.#own.clear();
    this.#closed = true;
    for (const handler of this.#status) handler({ type: 'closed', reason: 'closed' });
  }
}

function checkSize(subject: string, payload: Uint8Array): void {
  if (payload.length > MAX_PAYLOAD)
    throw new SeedcastError(
      'SC_MESSAGE_INVALID',
      `a message of ${payload.length} bytes on ${subject} exceeds the limit of ${MAX_PAYLOAD}`,
    );
}
