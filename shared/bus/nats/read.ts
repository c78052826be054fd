// A bounded read of a stream: everything there at the call, then the end. The first entries come one by one, which for
// the usual read (a record or two) is quicker than a consumer; a consumer brings the rest.
import { SeedcastError } from '../../errors.js';
import { isLiteral } from '../matching.js';
import { API } from './failures.js';
import { CALL_TIMEOUT, type Link } from './link.js';
import { OrderedConsumer, type OrderedEntry } from './ordered.js';
import type { StreamEntry } from '../port.js';

/** Entries fetched one by one before a consumer is made. */
const SINGLES = 3;
/** The server is asked to wait while more than this is unread. */
const HOLD_BYTES = 8 << 20;
const HOLD_ENTRIES = 16_384;

interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly data?: string;
  readonly hdrs?: string;
  readonly time: string;
}

/** The entry that `query` names, from the stream's leader, or null. */
export async function getEntry(link: Link, stream: string, query: object): Promise<StreamEntry | null> {
  const doing = `read ${stream}`;
  const timeout = await link.ready(CALL_TIMEOUT, doing);
  const answer = await link.nc
    .request(`${link.js.apiPrefix}.STREAM.MSG.GET.${stream}`, JSON.stringify(query), { timeout })
    .catch((thrown: unknown) => Promise.reject(link.error(thrown, doing)));
  const parsed = answer.json<{
    error?: { code: number; err_code: number; description: string };
    message?: StoredMessage;
  }>();
  if (parsed.message !== undefined) {
    const { subject, seq, data, time } = parsed.message;
    return { subject, sequence: seq, payload: Buffer.from(data ?? '', 'base64'), time: Date.parse(time) };
  }
  if (
    parsed.error === undefined ||
    parsed.error.err_code === API.noMessage ||
    (parsed.error.code === 404 && parsed.error.err_code !== API.streamNotFound)
  )
    return null;
  if (parsed.error.err_code === API.streamNotFound) {
    throw new SeedcastError('SC_STREAM_LOST', `could not ${doing} at ${link.server}: the stream is gone`, {
      hint: 'the store of this server was emptied or is another one',
    });
  }
  throw new SeedcastError(
    'SC_UNREACHABLE',
    `could not ${doing} at ${link.server}: ${parsed.error.description}`,
  );
}

/** Entries of `subject` from sequence `from`, up to the last one there at the call. */
export async function* readOrdered(
  link: Link,
  stream: string,
  subject: string,
  from: number,
): AsyncGenerator<OrderedEntry, void, undefined> {
  const doing = `read ${subject} of ${stream}`;
  let next = Math.max(1, from);
  let bound: number;
  if (isLiteral(subject)) {
    const last = await getEntry(link, stream, { last_by_subj: subject });
    if (last === null || last.sequence < next) return;
    bound = last.sequence;
    for (let i = 0; i < SINGLES; i++) {
      const entry =
        last.sequence === next ? last : await getEntry(link, stream, { seq: next, next_by_subj: subject });
      if (entry === null || entry.sequence > bound) return;
      yield { ...entry, headers: undefined, pending: bound - entry.sequence };
      if (entry.sequence === bound) return;
      next = entry.sequence + 1;
    }
  } else bound = Infinity;

  const info = await link.jsm.streams
    .info(stream)
    .catch((thrown: unknown) => Promise.reject(link.error(thrown, doing)));
  bound = Math.min(bound, info.state.last_seq);
  if (bound < next) return;

  const queue: OrderedEntry[] = [];
  let queuedBytes = 0;
  let taken = 0;
  const end: { done: boolean; failure: SeedcastError | undefined } = { done: false, failure: undefined };
  let wake: (() => void) | undefined;
  const notify = () => {
    wake?.();
    wake = undefined;
  };
  const finish = (error?: SeedcastError) => {
    end.failure ??= error;
    end.done = true;
    notify();
  };
  const consumer = new OrderedConsumer(link, stream, subject, next, {
    entry: (entry) => {
      if (end.done) return;
      if (entry.sequence <= bound) {
        queue.push(entry);
        queuedBytes += entry.payload.length;
      }
      if (entry.sequence >= bound || entry.pending === 0) finish();
      else notify();
    },
    // Entries may have been removed since the bound was taken; then the last one never comes.
    idle: () => {
      if (end.done) return;
      consumer.pending().then(
        (pending) => {
          if (pending === 0) finish();
        },
        () => undefined,
      );
    },
    hold: () => queuedBytes > HOLD_BYTES || queue.length - taken > HOLD_ENTRIES,
    emptied: () => {
      throw new SeedcastError(
        'SC_STREAM_LOST',
        `could not ${doing} at ${link.server}: the stream was emptied meanwhile`,
      );
    },
    failed: finish,
  });
  try {
    if ((await consumer.start(info.created)) === 0) return;
    while (true) {
      while (taken < queue.length) {
        const entry = queue[taken];
        taken += 1;
        if (entry === undefined) break;
        queuedBytes -= entry.payload.length;
        yield entry;
      }
      queue.length = 0;
      taken = 0;
      consumer.resume();
      if (end.failure !== undefined) throw end.failure;
      if (end.done) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    consumer.stop();
  }
}
