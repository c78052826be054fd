// Streams over JetStream. Entries are appended with an expected last sequence of their subject and never with a message
// id (a rival with the same id would be told that it succeeded).
import { DiscardPolicy, RetentionPolicy, StorageType, headers, nanos } from 'nats';
import type { StreamConfig as NatsStreamConfig } from 'nats';
import { SeedcastError } from '../../errors.js';
import type { StreamConfig, StreamEntry, Streams, Subscription } from '../port.js';
import { API, apiCode, isNoResponders } from './failures.js';
import { CALL_TIMEOUT, type Link } from './link.js';
import { OrderedConsumer } from './ordered.js';
import { getEntry, readOrdered } from './read.js';

/** The header that nats-server compares with the last sequence of the subject. */
const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';

export class NatsStreams implements Streams {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  async ensure(config: StreamConfig): Promise<void> {
    const link = this.#link;
    const doing = `prepare the stream ${config.name}`;
    await link.ready(CALL_TIMEOUT, doing);
    const wanted: Partial<NatsStreamConfig> = {
      name: config.name,
      subjects: [...config.subjects],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: config.rollOver === true ? DiscardPolicy.Old : DiscardPolicy.New,
      max_age: nanos(config.maxAge),
      max_bytes: config.maxBytes,
      num_replicas: config.replicas,
    };
    let there: NatsStreamConfig;
    try {
      there = (await link.jsm.streams.info(config.name)).config;
    } catch (thrown) {
      if (apiCode(thrown) !== API.streamNotFound) throw link.error(thrown, doing);
      try {
        there = (await link.jsm.streams.add(wanted)).config;
      } catch (refused) {
        // Another process was quicker, with other limits; what it made is judged below.
        if (apiCode(refused) !== API.streamNameInUse) throw link.error(refused, doing);
        there = await link.jsm.streams.info(config.name).then(
          (info) => info.config,
          (lost: unknown) => Promise.reject(link.error(lost, doing)),
        );
      }
    }
    const difference = incompatibility(there, wanted);
    if (difference !== undefined) {
      throw new SeedcastError('SC_UNREACHABLE', `the stream ${config.name} at ${link.server} ${difference}`, {
        hint: `remove it (nats stream rm ${config.name}) or use another --pool`,
      });
    }
  }

  async append(
    subject: string,
    payload: Uint8Array,
    options: { readonly expected?: number; readonly timeout?: number } = {},
  ): Promise<{ sequence: number }> {
    const link = this.#link;
    const doing = `append to ${subject}`;
    let timeout = options.timeout ?? CALL_TIMEOUT;
    if (!link.up) timeout = await link.ready(timeout, doing);
    const head = headers();
    if (options.expected !== undefined) head.set(EXPECTED, String(options.expected));
    try {
      const { seq } = await link.js.publish(subject, payload, { timeout, headers: head });
      return { sequence: seq };
    } catch (thrown) {
      if (isNoResponders(thrown)) throw await this.#nobodyStores(subject, doing, thrown);
      throw link.error(thrown, doing);
    }
  }

  async *read(
    stream: string,
    subject: string,
    options: { readonly from?: number } = {},
  ): AsyncGenerator<StreamEntry, void, undefined> {
    for await (const { sequence, subject: at, payload, time } of readOrdered(
      this.#link,
      stream,
      subject,
      options.from ?? 1,
    )) {
      yield { subject: at, sequence, payload, time };
    }
  }

  async last(stream: string, subject: string): Promise<StreamEntry | null> {
    return getEntry(this.#link, stream, { last_by_subj: subject });
  }

  async follow(
    stream: string,
    subject: string,
    handler: (entry: StreamEntry) => void,
    options: { readonly from?: number } = {},
  ): Promise<Subscription> {
    const link = this.#link;
    const doing = `follow ${subject} of ${stream}`;
    await link.ready(CALL_TIMEOUT, doing);
    const info = await link.jsm.streams
      .info(stream)
      .catch((thrown: unknown) => Promise.reject(link.error(thrown, doing)));
    const consumer = new OrderedConsumer(link, stream, subject, options.from ?? info.state.last_seq + 1, {
      entry: ({ sequence, subject: at, payload, time }) =>
        guarded(handler, { subject: at, sequence, payload, time }),
      emptied: () => {
        link.tell({
          type: 'notice',
          text: `the stream ${stream} was emptied and made anew; following it from its first entry`,
        });
        return 1;
      },
    });
    await consumer.start(info.created);
    return { unsubscribe: () => consumer.stop() };
  }

  async room(stream: string): Promise<number | null> {
    const doing = `look at the room of ${stream}`;
    await this.#link.ready(CALL_TIMEOUT, doing);
    const [info, account] = await Promise.all([
      this.#link.jsm.streams.info(stream),
      this.#link.jsm.getAccountInfo(),
    ]).catch((thrown: unknown) => Promise.reject(this.#link.error(thrown, doing)));
    const { max_bytes: limit } = info.config;
    const { max_storage: allowed } = account.limits;
    const left = [
      ...(limit > 0 ? [limit - info.state.bytes] : []),
      // A limited stream has reserved its own bytes, which count as used.
      ...(allowed > 0 && limit <= 0 ? [allowed - account.storage] : []),
    ];
    return left.length === 0 ? null : Math.max(0, Math.min(...left));
  }

  async purge(stream: string, subject: string, options: { readonly keep?: number } = {}): Promise<void> {
    const doing = `purge ${subject} of ${stream}`;
    await this.#link.ready(CALL_TIMEOUT, doing);
    await this.#link.jsm.streams
      .purge(stream, { filter: subject, ...(options.keep === undefined ? {} : { keep: options.keep }) })
      .catch((thrown: unknown) => Promise.reject(this.#link.error(thrown, doing)));
  }

  /** "No responders" to an append means that no stream takes the subject, or that JetStream is not there at all. */
  async #nobodyStores(subject: string, doing: string, thrown: unknown): Promise<SeedcastError> {
    const link = this.#link;
    const where = `could not ${doing} at ${link.server}`;
    try {
      const answer = await link.nc.request(`${link.js.apiPrefix}.STREAM.NAMES`, JSON.stringify({ subject }), {
        timeout: CALL_TIMEOUT,
      });
      const { streams, error } = answer.json<{
        streams?: string[] | null;
        error?: { description: string };
      }>();
      if (error !== undefined)
        return new SeedcastError('SC_UNREACHABLE', `${where}: ${error.description}`, { cause: thrown });
      if (streams !== undefined && streams !== null && streams.length > 0) {
        return new SeedcastError(
          'SC_UNREACHABLE',
          `${where}: the stream ${String(streams[0])} does not answer`,
          { cause: thrown, hint: 'it has no leader now; try again' },
        );
      }
      return new SeedcastError('SC_STREAM_LOST', `${where}: no stream takes this subject`, {
        cause: thrown,
        hint: 'the store of this server was emptied or is another one',
      });
    } catch (second) {
      if (!isNoResponders(second)) return link.error(second, doing);
      return new SeedcastError('SC_UNREACHABLE', `${where}: JetStream is off`, {
        cause: thrown,
        hint: 'start nats-server with -js or a jetstream block',
      });
    }
  }
}

/** A handler that throws must not end the client's read loop: the error surfaces as an uncaught one. */
export function guarded<T>(handler: (value: T) => void, value: T): void {
  try {
    handler(value);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

/** How the stream that is there would lose or refuse what is meant for it, or undefined. */
function incompatibility(there: NatsStreamConfig, wanted: Partial<NatsStreamConfig>): string | undefined {
  const missing = (wanted.subjects ?? []).filter((s) => !there.subjects.includes(s));
  if (missing.length > 0)
    return `does not take the subjects ${missing.join(', ')} (it has ${there.subjects.join(', ')})`;
  if (there.retention !== RetentionPolicy.Limits) return `has retention '${there.retention}', not 'limits'`;
  if (there.storage !== StorageType.File) return `is kept in ${there.storage}, not in files`;
  if (there.discard !== wanted.discard)
    return `discards '${there.discard}' entries when full, not '${String(wanted.discard)}'`;
  const age = there.max_age;
  const wantedAge = wanted.max_age ?? 0;
  if (age !== 0 && (wantedAge === 0 || age < wantedAge))
    return `drops entries after ${age / 1e9} s, not ${wantedAge === 0 ? 'never' : `after ${wantedAge / 1e9} s`}`;
  if (wanted.discard === DiscardPolicy.New && there.max_msgs > 0)
    return `holds at most ${there.max_msgs} entries`;
  if (there.max_msgs_per_subject > 0)
    return `holds at most ${there.max_msgs_per_subject} entries of a subject`;
  return undefined;
}
