// Key-value buckets over JetStream: leases, job records, worker records. One value a key is kept. Reads go to the
// bucket's leader, never to a mirror, since leases are decided on them. A bucket that was lost with its store is made
// again, empty: what holds a revision of the old one is then refused, as if another had written.
import { StorageType } from 'nats';
import type { KV } from 'nats';
import { SeedcastError } from '../../errors.js';
import type { KeyValue, KeyValueEntry } from '../port.js';
import { API, apiCode, isNoResponders, isWrongLastSequence } from './failures.js';
import { CALL_TIMEOUT, type Link } from './link.js';
import { readOrdered } from './read.js';

/** Opens the bucket, or makes it: in files, with `replicas` copies. */
export async function openBucket(link: Link, bucket: string, replicas: number): Promise<KeyValue> {
  const doing = `open the bucket ${bucket}`;
  await link.ready(CALL_TIMEOUT, doing);
  const open = (): Promise<KV> =>
    link.js.views
      .kv(bucket, { history: 1, storage: StorageType.File, replicas, allow_direct: false })
      .catch((thrown: unknown) => Promise.reject(link.error(thrown, doing)));
  return new NatsKeyValue(link, await open(), bucket, open);
}

class NatsKeyValue implements KeyValue {
  readonly #link: Link;
  readonly #bucket: string;
  readonly #open: () => Promise<KV>;
  #kv: KV;

  constructor(link: Link, kv: KV, bucket: string, open: () => Promise<KV>) {
    this.#link = link;
    this.#kv = kv;
    this.#bucket = bucket;
    this.#open = open;
  }

  async get(key: string): Promise<KeyValueEntry | null> {
    const entry = await this.#call('read', key, () => this.#kv.get(key));
    return entry === null || entry.operation !== 'PUT'
      ? null
      : { key, value: entry.value, revision: entry.revision };
  }

  put(key: string, value: Uint8Array): Promise<number> {
    return this.#call('write', key, () => this.#kv.put(key, value));
  }

  create(key: string, value: Uint8Array): Promise<number | null> {
    return this.#unlessOther('create', key, () => this.#kv.create(key, value));
  }

  update(key: string, value: Uint8Array, revision: number): Promise<number | null> {
    if (revision <= 0) return Promise.resolve(null);
    return this.#unlessOther('update', key, () => this.#kv.update(key, value, revision));
  }

  delete(key: string): Promise<void> {
    return this.#call('delete', key, () => this.#kv.delete(key));
  }

  list(): Promise<KeyValueEntry[]> {
    return this.#call('list', 'all keys', () => this.#list());
  }

  async #list(): Promise<KeyValueEntry[]> {
    const prefix = `$KV.${this.#bucket}.`;
    const found: KeyValueEntry[] = [];
    for await (const entry of readOrdered(this.#link, `KV_${this.#bucket}`, `${prefix}>`, 1)) {
      if ((entry.headers?.get('KV-Operation') ?? '') !== '') continue;
      found.push({ key: entry.subject.slice(prefix.length), value: entry.payload, revision: entry.sequence });
    }
    return found;
  }

  async #call<T>(verb: string, key: string, act: () => Promise<T>): Promise<T> {
    const doing = `${verb} ${key} of the bucket ${this.#bucket}`;
    if (!this.#link.up) await this.#link.ready(CALL_TIMEOUT, doing);
    try {
      return await act().catch(async (thrown: unknown) => {
        if (!isLost(thrown)) throw thrown;
        this.#kv = await this.#open();
        return act();
      });
    } catch (thrown) {
      throw this.#link.error(thrown, doing);
    }
  }

  async #unlessOther(verb: string, key: string, act: () => Promise<number>): Promise<number | null> {
    try {
      return await this.#call(verb, key, act);
    } catch (thrown) {
      if (thrown instanceof SeedcastError && isWrongLastSequence(thrown.cause)) return null;
      throw thrown;
    }
  }
}

/** No stream keeps the bucket: a write has no responders, a read names it. */
function isLost(thrown: unknown): boolean {
  return (
    isNoResponders(thrown) ||
    apiCode(thrown) === API.streamNotFound ||
    (thrown instanceof SeedcastError && thrown.code === 'SC_STREAM_LOST')
  );
}
