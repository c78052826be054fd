// Content-addressed bytes over the stream port, for any bus: parts of at most 512 KiB under `<prefix>.blob.<sha256>.<n>`,
// and `<prefix>.blob.<sha256>.meta`, which is written last and removed first, so that where it stands the parts stand.
import { createHash } from 'node:crypto';
import { SeedcastError } from '../errors.js';
import type { BlobStore, Streams } from './port.js';

const PART_BYTES = 512 << 10;
/** Room for subject, headers and the server's own bookkeeping under its payload limit. */
const MARGIN = 4 << 10;
/** Parts on their way at once. */
const WINDOW = 8;

export interface BlobOptions {
  readonly streamPrefix: string;
  readonly subjectPrefix: string;
  readonly maxPayload: number;
  readonly replicas: number;
}

interface Meta {
  readonly size: number;
  readonly parts: number;
  readonly owner: string;
}

export function createBlobStore(streams: Streams, options: BlobOptions): BlobStore {
  const stream = `${options.streamPrefix}BLOBS`;
  const root = `${options.subjectPrefix}.blob`;
  const partBytes = Math.min(PART_BYTES, options.maxPayload - MARGIN);
  let prepared: Promise<void> | undefined;

  const prepare = (): Promise<void> => {
    prepared ??= streams
      .ensure({ name: stream, subjects: [`${root}.>`], maxAge: 0, maxBytes: -1, replicas: options.replicas })
      .catch((thrown: unknown) => {
        prepared = undefined;
        throw thrown;
      });
    return prepared;
  };

  const subjectOf = (sha256: string, part: number | 'meta'): string => {
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw new SeedcastError('SC_INTERNAL', `'${sha256}' is not a SHA-256 in lower-case hex`);
    return `${root}.${sha256}.${part}`;
  };

  const readMeta = async (sha256: string): Promise<Meta | null> => {
    const entry = await streams.last(stream, subjectOf(sha256, 'meta')).catch((thrown: unknown) => {
      if (thrown instanceof SeedcastError && thrown.code === 'SC_STREAM_LOST') return null;
      throw thrown;
    });
    if (entry === null) return null;
    try {
      const meta = JSON.parse(new TextDecoder().decode(entry.payload)) as Partial<Meta>;
      if (typeof meta.size === 'number' && typeof meta.parts === 'number' && typeof meta.owner === 'string')
        return meta as Meta;
    } catch {
      // Falls through: anything unreadable is treated as damaged.
    }
    throw corrupt(sha256, 'its description is unreadable');
  };

  /** A part that is there already was left by an earlier attempt at the same content. */
  const appendOnce = async (subject: string, payload: Uint8Array): Promise<void> => {
    try {
      await streams.append(subject, payload, { expected: 0 });
    } catch (thrown) {
      if (thrown instanceof SeedcastError && thrown.code === 'SC_SEQUENCE_CONFLICT') return;
      throw thrown;
    }
  };

  const store = async (sha256: string, bytes: Uint8Array, owner: string): Promise<void> => {
    const parts = Math.ceil(bytes.length / partBytes);
    let next = 0;
    const sender = async (): Promise<void> => {
      while (next < parts) {
        const part = next;
        next += 1;
        await appendOnce(subjectOf(sha256, part), bytes.subarray(part * partBytes, (part + 1) * partBytes));
      }
    };
    await Promise.all(Array.from({ length: Math.min(WINDOW, parts) }, sender));
    const meta: Meta = { size: bytes.length, parts, owner };
    await appendOnce(subjectOf(sha256, 'meta'), new TextEncoder().encode(JSON.stringify(meta)));
  };

  return {
    async put(sha256, bytes, owner) {
      const actual = hash(bytes);
      if (actual !== sha256)
        throw new SeedcastError('SC_INTERNAL', `the bytes given for blob ${sha256} have SHA-256 ${actual}`);
      await prepare();
      if ((await readMeta(sha256)) !== null) return;
      await store(sha256, bytes, owner).catch(async (thrown: unknown) => {
        if (!(thrown instanceof SeedcastError && thrown.code === 'SC_STREAM_LOST')) throw thrown;
        // The store was emptied since the stream was prepared.
        prepared = undefined;
        await prepare();
        await store(sha256, bytes, owner);
      });
    },

    async get(sha256) {
      const meta = await readMeta(sha256);
      if (meta === null) return null;
      const parts = new Map<number, Uint8Array>();
      if (meta.parts > 0) {
        for await (const entry of streams.read(stream, `${root}.${sha256}.*`)) {
          const part = Number(entry.subject.slice(entry.subject.lastIndexOf('.') + 1));
          if (Number.isInteger(part) && part < meta.parts) parts.set(part, entry.payload);
        }
      }
      if (parts.size < meta.parts) return null;
      const bytes = new Uint8Array(meta.size);
      let at = 0;
      for (let part = 0; part < meta.parts; part++) {
        const piece = parts.get(part) ?? new Uint8Array(0);
        if (at + piece.length > meta.size)
          throw corrupt(sha256, `its parts exceed the ${meta.size} bytes of its description`);
        bytes.set(piece, at);
        at += piece.length;
      }
      const actual = hash(bytes);
      if (at !== meta.size || actual !== sha256)
        throw corrupt(sha256, `its ${at} bytes have SHA-256 ${actual}`);
      return bytes;
    },

    async delete(sha256) {
      try {
        await streams.purge(stream, subjectOf(sha256, 'meta'));
        await streams.purge(stream, `${root}.${sha256}.*`);
      } catch (thrown) {
        if (!(thrown instanceof SeedcastError && thrown.code === 'SC_STREAM_LOST')) throw thrown;
      }
    },
  };
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function corrupt(sha256: string, what: string): SeedcastError {
  return new SeedcastError('SC_LEDGER_CORRUPT', `blob ${sha256} is damaged: ${what}`, {
    hint: 'delete it and upload the file again',
  });
}
