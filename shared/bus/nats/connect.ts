// The bus on a NATS server. The `nats` client is imported in this folder only.
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { SeedcastError, messageOf } from '../../errors.js';
import { systemClock, type Clock } from '../../ports.js';
import { createBlobStore } from '../blobs.js';
import type { BlobStore, Bus, BusStatus, KeyValue, Message, Streams, Subscription } from '../port.js';
import { busError, isNoResponders, isRefusedLogin } from './failures.js';
import { openBucket } from './key-value.js';
import { Link } from './link.js';
import { compileOptions, type NatsOptions } from './options.js';
import { NatsStreams, guarded } from './streams.js';

const CONNECT_TIMEOUT = 10_000;
/** One attempt may take this long: a host that swallows packets must not use up the whole time. */
const ATTEMPT_TIMEOUT = 3_000;
const DRAIN_TIMEOUT = 5_000;

/**
 * Connects, trying for `connectTimeout` (default 10 s), and from then on keeps reconnecting for ever.
 * @throws SC_UNREACHABLE naming the URL, SC_DENIED when the server refuses the credentials, SC_USAGE for bad options,
 *   SC_NATS_SERVER when more than one replica is asked of a server older than 2.11.
 */
export async function connectNats(options: NatsOptions = {}): Promise<Bus> {
  const clock = options.clock ?? systemClock;
  const { client, shown } = compileOptions(options);
  const deadline = clock.now() + (options.connectTimeout ?? CONNECT_TIMEOUT);
  let nc: NatsConnection | undefined;
  let wait = 50;
  while (nc === undefined) {
    const left = deadline - clock.now();
    try {
      nc = await connect({ ...client, timeout: Math.max(1, Math.min(left, ATTEMPT_TIMEOUT)) });
    } catch (thrown) {
      if (isRefusedLogin(thrown)) throw busError(thrown, 'log in', shown);
      if (clock.now() + wait >= deadline) {
        throw new SeedcastError(
          'SC_UNREACHABLE',
          `no NATS server answers at ${shown}: ${messageOf(thrown)}`,
          {
            cause: thrown,
            hint: 'start one (seedcast up, or nats-server -js) or set NATS_URL',
          },
        );
      }
      await new Promise<void>((resolve) => clock.after(wait, resolve));
      wait = Math.min(wait * 2, 500);
    }
  }
  const link = await Link.over(nc, clock, options.inboxPrefix);
  const version = nc.info?.version ?? '0.0.0';
  const replicas = options.replicas ?? 1;
  if (replicas > 1 && !atLeast(version, 2, 11)) {
    await nc.close();
    throw new SeedcastError(
      'SC_NATS_SERVER',
      `${replicas} replicas need nats-server 2.11 or newer; ${shown} runs ${version}`,
      { hint: 'upgrade the servers or use one replica' },
    );
  }
  return new NatsBus(
    link,
    { version, maxPayload: nc.info?.max_payload ?? 1 << 20 },
    replicas,
    options,
    clock,
  );
}

class NatsBus implements Bus {
  readonly streams: Streams;
  readonly blobs: BlobStore;
  readonly #link: Link;
  readonly #facts: { readonly version: string; readonly maxPayload: number };
  readonly #replicas: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Promise<KeyValue>>();

  constructor(
    link: Link,
    facts: { version: string; maxPayload: number },
    replicas: number,
    options: NatsOptions,
    clock: Clock,
  ) {
    this.#link = link;
    this.#facts = facts;
    this.#replicas = replicas;
    this.#clock = clock;
    this.streams = new NatsStreams(link);
    this.blobs = createBlobStore(this.streams, {
      streamPrefix: options.streamPrefix ?? 'SEEDCAST_',
      subjectPrefix: options.subjectPrefix ?? 'seedcast.v1',
      maxPayload: facts.maxPayload,
      replicas,
    });
  }

  get server(): Bus['server'] {
    return { ...this.#facts, url: this.#link.server };
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#checkSize(subject, payload);
    if (this.#link.up) this.#link.nc.publish(subject, payload);
  }

  subscribe(
    subject: string,
    handler: (message: Message) => void,
    options: { readonly queue?: string } = {},
  ): Subscription {
    const subscription = this.#link.nc.subscribe(subject, {
      ...(options.queue === undefined ? {} : { queue: options.queue }),
      callback: (error, message) => {
        // A refused subscription is told by the status.
        if (error !== null) return;
        const asked = message.reply !== undefined && message.reply !== '';
        guarded(handler, {
          subject: message.subject,
          payload: message.data,
          ...(asked
            ? {
                respond: (payload: Uint8Array) => {
                  this.#checkSize(subject, payload);
                  if (this.#link.up) message.respond(payload);
                },
              }
            : {}),
        });
      },
    });
    return {
      unsubscribe: () => {
        if (!this.#link.closed) subscription.unsubscribe();
      },
    };
  }

  async request(
    subject: string,
    payload: Uint8Array,
    options: { readonly timeout: number },
  ): Promise<Uint8Array> {
    const doing = `ask ${subject}`;
    this.#checkSize(subject, payload);
    let { timeout } = options;
    if (!this.#link.up) timeout = await this.#link.ready(timeout, doing);
    try {
      return (await this.#link.nc.request(subject, payload, { timeout })).data;
    } catch (thrown) {
      if (isNoResponders(thrown)) {
        throw new SeedcastError('SC_NO_COORDINATOR', `nobody serves ${subject} at ${this.server.url}`, {
          cause: thrown,
          hint: 'start a coordinator: seedcast up',
        });
      }
      throw this.#link.error(thrown, doing);
    }
  }

  async flush(): Promise<void> {
    await this.#link.nc.flush().catch((thrown: unknown) => Promise.reject(this.#link.error(thrown, 'flush')));
  }

  onStatus(handler: (status: BusStatus) => void): void {
    this.#link.onStatus(handler);
  }

  keyValue(bucket: string): Promise<KeyValue> {
    const known = this.#buckets.get(bucket);
    if (known !== undefined) return known;
    const opening = openBucket(this.#link, bucket, this.#replicas);
    this.#buckets.set(bucket, opening);
    opening.catch(() => this.#buckets.delete(bucket));
    return opening;
  }

  async drain(): Promise<void> {
    const { nc } = this.#link;
    if (this.#link.closed) return;
    if (this.#link.up) {
      const late = new Promise<void>((resolve) => {
        const cancel = this.#clock.after(DRAIN_TIMEOUT, resolve);
        void nc.closed().then(cancel);
      });
      // It rejects only when the connection is closing already.
      await Promise.race([nc.drain().catch(() => undefined), late]);
    }
    await nc.close();
  }

  #checkSize(subject: string, payload: Uint8Array): void {
    if (payload.length <= this.#facts.maxPayload) return;
    throw new SeedcastError(
      'SC_MESSAGE_INVALID',
      `a message of ${payload.length} bytes on ${subject} exceeds the server's limit of ${this.#facts.maxPayload}`,
      {
        hint: 'raise max_payload of nats-server',
      },
    );
  }
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
}
