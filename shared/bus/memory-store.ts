// Streams and buckets of the bus within one process: arrays and maps, with the refusals that a server would give.
import { SeedcastError } from '../errors.js';
import type { Clock } from '../ports.js';
import { isLiteral, matches } from './matching.js';
import type { KeyValue, KeyValueEntry, StreamConfig, StreamEntry, Streams, Subscription } from './port.js';

interface Follower {
  readonly subject: string;
  readonly handler: (entry: StreamEntry) => void;
  active: boolean;
}

interface MemoryStream {
  config: StreamConfig;
  entries: StreamEntry[];
  lastOf: Map<string, StreamEntry>;
  bytes: number;
  sequence: number;
  readonly followers: Set<Follower>;
}

export class MemoryStreams implements Streams {
  readonly #clock: Clock;
  readonly #deliver: (subject: string, payload: Uint8Array) => void;
  readonly #streams = new Map<string, MemoryStream>();

  /** `deliver` hands an appended message to the subscribers of its subject. */
  constructor(clock: Clock, deliver: (subject: string, payload: Uint8Array) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  ensure(config: StreamConfig): Promise<void> {
    return attempt(() => {
      const there = this.#streams.get(config.name);
      if (there === undefined) {
        this.#streams.set(config.name, {
          config,
          entries: [],
          lastOf: new Map(),
          bytes: 0,
          sequence: 0,
          followers: new Set(),
        });
        return;
      }
      const missing = config.subjects.filter((s) => !there.config.subjects.includes(s));
      const kept = there.config.maxAge;
      const difference =
        missing.length > 0
          ? `does not take the subjects ${missing.join(', ')}`
          : (there.config.rollOver ?? false) !== (config.rollOver ?? false)
            ? 'treats a full store otherwise'
            : kept !== 0 && (config.maxAge === 0 || kept < config.maxAge)
              ? `drops entries after ${kept} ms`
              : undefined;
      if (difference !== undefined)
        throw new SeedcastError('SC_UNREACHABLE', `the stream ${config.name} ${difference}`);
    });
  }

  append(
    subject: string,
    payload: Uint8Array,
    options: { readonly expected?: number } = {},
  ): Promise<{ sequence: number }> {
    return attempt(() => {
      const copy = new Uint8Array(payload);
      // Subscribers see what is refused too, as on a server.
      this.#deliver(subject, copy);
      const stream = [...this.#streams.values()].find((s) =>
        s.config.subjects.some((pattern) => matches(pattern, subject)),
      );
      if (stream === undefined)
        throw new SeedcastError(
          'SC_STREAM_LOST',
          `could not append to ${subject}: no stream takes this subject`,
        );
      return { sequence: this.#store(stream, subject, copy, options.expected) };
    });
  }

  /** What a plain publish leaves in the streams: refusals are silent. */
  keep(subject: string, payload: Uint8Array): void {
    for (const stream of this.#streams.values()) {
      if (!stream.config.subjects.some((pattern) => matches(pattern, subject))) continue;
      try {
        this.#store(stream, subject, payload, undefined);
      } catch {
        // Nobody waits for an answer.
      }
    }
  }

  async *read(
    name: string,
    subject: string,
    options: { readonly from?: number } = {},
  ): AsyncGenerator<StreamEntry, void, undefined> {
    const stream = this.#get(name);
    this.#expire(stream);
    const from = options.from ?? 1;
    const snapshot = stream.entries.filter(
      (entry) => entry.sequence >= from && matches(subject, entry.subject),
    );
    for (const entry of snapshot) {
      await Promise.resolve();
      yield entry;
    }
  }

  last(name: string, subject: string): Promise<StreamEntry | null> {
    return attempt(() => {
      const stream = this.#get(name);
      this.#expire(stream);
      if (isLiteral(subject)) return stream.lastOf.get(subject) ?? null;
      return stream.entries.findLast((entry) => matches(subject, entry.subject)) ?? null;
    });
  }

  follow(
    name: string,
    subject: string,
    handler: (entry: StreamEntry) => void,
    options: { readonly from?: number } = {},
  ): Promise<Subscription> {
    return attempt(() => {
      const stream = this.#get(name);
      const follower: Follower = { subject, handler, active: true };
      const from = options.from ?? stream.sequence + 1;
      for (const entry of stream.entries)
        if (entry.sequence >= from && matches(subject, entry.subject)) tell(follower, entry);
      stream.followers.add(follower);
      return {
        unsubscribe: () => {
          follower.active = false;
          stream.followers.delete(follower);
        },
      };
    });
  }

  room(name: string): Promise<number | null> {
    return attempt(() => {
      const { config, bytes } = this.#get(name);
      return config.maxBytes < 0 ? null : Math.max(0, config.maxBytes - bytes);
    });
  }

  purge(name: string, subject: string, options: { readonly keep?: number } = {}): Promise<void> {
    return attempt(() => {
      const stream = this.#get(name);
      const doomed = stream.entries.filter((entry) => matches(subject, entry.subject));
      const removed = new Set(doomed.slice(0, Math.max(0, doomed.length - (options.keep ?? 0))));
      keepOnly(stream, (entry) => !removed.has(entry));
    });
  }

  #get(name: string): MemoryStream {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw new SeedcastError('SC_STREAM_LOST', `there is no stream ${name}`);
    return stream;
  }

  #store(stream: MemoryStream, subject: string, payload: Uint8Array, expected: number | undefined): number {
    this.#expire(stream);
    const last = stream.lastOf.get(subject)?.sequence ?? 0;
    if (expected !== undefined && expected !== last) {
      throw new SeedcastError(
        'SC_SEQUENCE_CONFLICT',
        `could not append to ${subject}: its last entry is ${last}, not ${expected}`,
      );
    }
    const size = sizeOf(subject, payload);
    const limit = stream.config.maxBytes;
    if (limit >= 0 && stream.bytes + size > limit) {
      if (stream.config.rollOver !== true || size > limit)
        throw new SeedcastError(
          'SC_STORE_FULL',
          `could not append to ${subject}: the stream ${stream.config.name} is full`,
        );
      let excess = stream.bytes + size - limit;
      keepOnly(stream, (entry) => {
        if (excess <= 0) return true;
        excess -= sizeOf(entry.subject, entry.payload);
        return false;
      });
    }
    stream.sequence += 1;
    const entry: StreamEntry = { subject, sequence: stream.sequence, payload, time: this.#clock.wall() };
    stream.entries.push(entry);
    stream.lastOf.set(subject, entry);
    stream.bytes += size;
    for (const follower of stream.followers) if (matches(follower.subject, subject)) tell(follower, entry);
    return entry.sequence;
  }

  #expire(stream: MemoryStream): void {
    const { maxAge } = stream.config;
    if (maxAge === 0) return;
    const oldest = this.#clock.wall() - maxAge;
    if ((stream.entries[0]?.time ?? oldest) < oldest) keepOnly(stream, (entry) => entry.time >= oldest);
  }
}

function keepOnly(stream: MemoryStream, wanted: (entry: StreamEntry) => boolean): void {
  stream.entries = stream.entries.filter(wanted);
  stream.lastOf = new Map(stream.entries.map((entry) => [entry.subject, entry]));
  stream.bytes = stream.entries.reduce((sum, entry) => sum + sizeOf(entry.subject, entry.payload), 0);
}

function sizeOf(subject: string, payload: Uint8Array): number {
  return subject.length + payload.length;
}

function tell(follower: Follower, entry: StreamEntry): void {
  queueMicrotask(() => {
    if (follower.active) follower.handler(entry);
  });
}

/** The result or failure of `act` as a promise. */
function attempt<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => resolve(act()));
}

export class MemoryBuckets {
  readonly #buckets = new Map<string, KeyValue>();

  open(bucket: string): KeyValue {
    const known = this.#buckets.get(bucket);
    if (known !== undefined) return known;
    const made = createBucket();
    this.#buckets.set(bucket, made);
    return made;
  }
}

function createBucket(): KeyValue {
  const entries = new Map<string, KeyValueEntry>();
  let revision = 0;
  const set = (key: string, value: Uint8Array): number => {
    revision += 1;
    entries.set(key, { key, value: new Uint8Array(value), revision });
    return revision;
  };
  return {
    get: (key) => Promise.resolve(entries.get(key) ?? null),
    put: (key, value) => attempt(() => set(key, value)),
    create: (key, value) => attempt(() => (entries.has(key) ? null : set(key, value))),
    update: (key, value, expected) =>
      attempt(() => (entries.get(key)?.revision === expected ? set(key, value) : null)),
    delete: (key) =>
      attempt(() => {
        revision += 1;
        entries.delete(key);
      }),
    list: () => Promise.resolve([...entries.values()].sort((a, b) => a.revision - b.revision)),
  };
}
