// The bus port: everything Seedcast asks of a messaging system. shared/bus/nats is the one implementation on a real
// server; nothing outside that folder imports the client. All payloads are bytes; schemas live in shared/wire.

/**
 * Payloads that are handed out are views into larger buffers, at any alignment: they are never written again, but one
 * that is kept pins up to 64 KiB, so copy what is small and stays. Payloads that are given must not change before the
 * returned promise settles (for `publish` and `respond`: before the next macrotask).
 */
export interface Message {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Present when an answer is expected. */
  readonly respond?: (payload: Uint8Array) => void;
}

export interface Subscription {
  unsubscribe(): void;
}

export type BusStatus =
  | { readonly type: 'connected' | 'disconnected' | 'reconnected'; readonly server: string }
  /** A publish or subscription the server refused: NATS says so only here. */
  | { readonly type: 'denied'; readonly subject: string; readonly operation: 'publish' | 'subscribe' }
  /** Anything else the client says: servers learned, lame duck mode, a stale connection, a stream that was emptied. */
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'closed'; readonly reason: string };

export interface StreamEntry {
  readonly subject: string;
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** Wall-clock milliseconds at which the server stored it. */
  readonly time: number;
}

export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  /** Milliseconds; 0 keeps for ever. */
  readonly maxAge: number;
  /** Bytes in all; -1 for no limit. Full streams refuse new entries (discard new) unless `rollOver`. */
  readonly maxBytes: number;
  readonly rollOver?: boolean;
  readonly replicas: number;
}

export interface Streams {
  /**
   * Creates the stream or checks that the one there is compatible (else SC_UNREACHABLE naming the difference). An
   * operator may have changed its size limit or replicas; what would lose entries is refused.
   */
  ensure(config: StreamConfig): Promise<void>;
  /**
   * Appends and waits for the acknowledgement.
   * `expected`: sequence of the last entry of this subject, 0 for none; a mismatch is SC_SEQUENCE_CONFLICT.
   * SC_TIMEOUT: unknown outcome, read back. SC_UNREACHABLE: there was no connection for `timeout` (default 5,000 ms),
   * nothing was sent. SC_STORE_FULL: the stream or server is out of space. SC_STREAM_LOST: no stream takes the subject.
   */
  append(
    subject: string,
    payload: Uint8Array,
    options?: { readonly expected?: number; readonly timeout?: number },
  ): Promise<{ sequence: number }>;
  /** Entries of one subject (wildcards allowed) in order, from `from` (inclusive sequence), up to the last one there at the call. */
  read(stream: string, subject: string, options?: { readonly from?: number }): AsyncIterable<StreamEntry>;
  /** The last entry of a subject, or null. */
  last(stream: string, subject: string): Promise<StreamEntry | null>;
  /**
   * Entries from `from` (default: new ones only), then each as it comes, until unsubscribed; survives reconnects and
   * restarts of the server. A stream that was emptied and made anew is followed from its first entry: sequences then
   * start again, and a `notice` says so.
   */
  follow(
    stream: string,
    subject: string,
    handler: (entry: StreamEntry) => void,
    options?: { readonly from?: number },
  ): Promise<Subscription>;
  /** Bytes that this stream may still take, by its own limit and the account's; null where neither is set. */
  room(stream: string): Promise<number | null>;
  /** Removes the entries of a subject (wildcards allowed), all but the last `keep` (default 0). */
  purge(stream: string, subject: string, options?: { readonly keep?: number }): Promise<void>;
}

export interface KeyValueEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface KeyValue {
  get(key: string): Promise<KeyValueEntry | null>;
  put(key: string, value: Uint8Array): Promise<number>;
  /** Null when the key exists already. */
  create(key: string, value: Uint8Array): Promise<number | null>;
  /** Null when `revision` is not the current one. */
  update(key: string, value: Uint8Array, revision: number): Promise<number | null>;
  delete(key: string): Promise<void>;
  /** All live entries. */
  list(): Promise<KeyValueEntry[]>;
}

/** Content-addressed bytes: start weights, snapshots, large coefficients. Names are lower-case hex SHA-256. */
export interface BlobStore {
  /** Stores in chunks; returns at once if the blob is there. `owner` is the tag under which it can be removed. */
  put(sha256: string, bytes: Uint8Array, owner: string): Promise<void>;
  /** Null when absent or incomplete; the content is verified against the name (SC_LEDGER_CORRUPT on mismatch). */
  get(sha256: string): Promise<Uint8Array | null>;
  delete(sha256: string): Promise<void>;
}

export interface Bus {
  readonly server: { readonly version: string; readonly url: string; readonly maxPayload: number };
  /** At most once: dropped while there is no connection. A payload over `server.maxPayload` throws SC_MESSAGE_INVALID. */
  publish(subject: string, payload: Uint8Array): void;
  subscribe(
    subject: string,
    handler: (message: Message) => void,
    options?: { readonly queue?: string },
  ): Subscription;
  /**
   * SC_TIMEOUT after `timeout` ms; SC_NO_COORDINATOR when nobody serves the subject; SC_DENIED when refused;
   * SC_UNREACHABLE when there was no connection for `timeout`.
   */
  request(subject: string, payload: Uint8Array, options: { readonly timeout: number }): Promise<Uint8Array>;
  flush(): Promise<void>;
  /** Told first that the connection is up, if it is, then each change. */
  onStatus(handler: (status: BusStatus) => void): void;
  readonly streams: Streams;
  keyValue(bucket: string): Promise<KeyValue>;
  readonly blobs: BlobStore;
  /** Stops receiving, lets handlers finish, flushes what was published, disconnects. */
  drain(): Promise<void>;
}
