// The ledger as it lies in the bus's streams: reading a job's records, its genesis, the whole fold; snapshots and their
// index. Used by coordinator, worker and CLI alike, through the bus port only.
import { z } from 'zod';
import type { Bus, KeyValue, StreamEntry } from '../bus/port.js';
import { SeedcastError } from '../errors.js';
import { fromHex, sameBytes, toHex } from '../wire/codec.js';
import { decodeJson, encodeJson } from '../wire/reports.js';
import type { Names } from '../wire/subjects.js';
import { type Folded, type LedgerPosition, type LedgerView, fold } from './fold.js';
import { type GenesisRecord, decodeRecord, recordHash } from './records.js';

/** How many snapshots of a job are kept. */
export const SNAPSHOTS_KEPT = 2;

const snapshotSchema = z.object({
  step: z.number(),
  head: z.string(),
  sequence: z.number(),
  epoch: z.number(),
  status: z.enum(['running', 'paused', 'ended']),
  code: z.string(),
  /** SHA-256 of the bytes, which is the digest of the state. */
  sha256: z.string(),
  bytes: z.number(),
});
export type SnapshotEntry = z.infer<typeof snapshotSchema>;
const snapshotsSchema = z.array(snapshotSchema);

export interface FoldedLedger {
  readonly view: LedgerView;
  /** Bytes of the last accepted record. */
  readonly last: Uint8Array;
  /** When the genesis was stored, milliseconds since 1970. */
  readonly startedAt: number;
  /** Time that the job ran, by the times of its records: without pauses, time after its end, and time without a leader. */
  readonly activeMilliseconds: number;
  readonly lastAt: number;
}

export class LedgerStore {
  private snapshotBucket: Promise<KeyValue> | null = null;

  constructor(
    readonly bus: Bus,
    readonly names: Names,
  ) {}

  /** Records of a job from stream sequence `from` on, in order. */
  records(job: string, from = 0): AsyncIterable<StreamEntry> {
    return this.bus.streams.read(this.names.streams.ledger, this.names.job(job).ledger, { from });
  }

  /** SC_NOT_FOUND when the job has no ledger yet. */
  async genesis(
    job: string,
  ): Promise<{ readonly record: GenesisRecord; readonly sequence: number; readonly bytes: Uint8Array }> {
    for await (const { payload, sequence } of this.records(job)) {
      const record = decodeRecord(payload);
      if (record.kind !== 'genesis') break;
      return { record, sequence, bytes: payload };
    }
    throw new SeedcastError('SC_NOT_FOUND', `job ${job} has no ledger`);
  }

  /** The fold of the whole ledger, null when there is none. `each` sees every accepted record. */
  async foldAll(
    job: string,
    each?: (folded: Extract<Folded, { accepted: true }>, entry: StreamEntry) => void,
  ): Promise<FoldedLedger | null> {
    let view: LedgerView | null = null;
    let last = new Uint8Array(0);
    let startedAt = 0;
    let activeMilliseconds = 0;
    let lastAt = 0;
    for await (const entry of this.records(job)) {
      const before: LedgerView['status'] | undefined = view?.status;
      const folded: Folded = fold(view, entry.payload, entry.sequence);
      view = folded.view ?? view;
      if (!folded.accepted) continue;
      if (folded.record.kind === 'genesis') startedAt = entry.time;
      // Before a leader's first record nobody may have led for days.
      else if (before === 'running' && folded.record.kind !== 'leader')
        activeMilliseconds += entry.time - lastAt;
      last = Uint8Array.from(entry.payload);
      lastAt = entry.time;
      each?.(folded, entry);
    }
    return view === null ? null : { view, last, startedAt, activeMilliseconds, lastAt };
  }

  // --- snapshots -------------------------------------------------------------------------------------------------

  private snapshots(): Promise<KeyValue> {
    return (this.snapshotBucket ??= this.bus.keyValue(this.names.buckets.snapshots));
  }

  /** Newest first; what cannot be read counts as none. */
  async snapshotsOf(job: string): Promise<SnapshotEntry[]> {
    const entry = await (await this.snapshots()).get(job);
    if (entry === null) return [];
    try {
      return decodeJson(snapshotsSchema, entry.value, 'snapshot index').sort((a, b) => b.step - a.step);
    } catch {
      return [];
    }
  }

  /** Stores a snapshot, then the index; older ones beyond SNAPSHOTS_KEPT are removed. */
  async addSnapshot(job: string, entry: SnapshotEntry, bytes: Uint8Array): Promise<void> {
    await this.bus.blobs.put(entry.sha256, bytes, job);
    const all = [entry, ...(await this.snapshotsOf(job)).filter((s) => s.step !== entry.step)].sort(
      (a, b) => b.step - a.step,
    );
    const kept = all.slice(0, SNAPSHOTS_KEPT);
    await (await this.snapshots()).put(job, encodeJson(kept));
    for (const old of all.slice(SNAPSHOTS_KEPT)) {
      if (!kept.some(({ sha256 }) => sha256 === old.sha256)) await this.bus.blobs.delete(old.sha256);
    }
  }

  /** The newest snapshot at or before `step` whose record the ledger holds, with its bytes; null when there is none. */
  async nearestSnapshot(
    job: string,
    step = Number.POSITIVE_INFINITY,
  ): Promise<{ readonly position: LedgerPosition; readonly bytes: Uint8Array } | null> {
    for (const entry of await this.snapshotsOf(job)) {
      if (entry.step > step || !(await this.holds(job, entry))) continue;
      const bytes = await this.snapshotBytes(entry);
      if (bytes !== null) return { position: positionOf(entry), bytes };
    }
    return null;
  }

  /**
   * The newest snapshot that the whole ledger vouches for, with its bytes: it stands in the chain, and workers agreed on a
   * digest of that step which is its name. Null when there is none.
   */
  async verifiedSnapshot(
    job: string,
  ): Promise<{ readonly position: LedgerPosition; readonly bytes: Uint8Array } | null> {
    const snapshots = await this.snapshotsOf(job);
    if (snapshots.length === 0) return null;
    const chained = new Set<SnapshotEntry>();
    const agreed = new Set<SnapshotEntry>();
    await this.foldAll(job, ({ view, record }, { sequence }) => {
      for (const entry of snapshots) {
        if (entry.sequence === sequence && entry.head === toHex(view.head)) chained.add(entry);
        if (record.kind === 'step' && record.step === entry.step && record.digest === entry.sha256)
          agreed.add(entry);
      }
    });
    for (const entry of snapshots) {
      if (!chained.has(entry) || !agreed.has(entry)) continue;
      const bytes = await this.snapshotBytes(entry);
      if (bytes !== null) return { position: positionOf(entry), bytes };
    }
    return null;
  }

  /** Null when they are missing, incomplete or not what the entry says. */
  private async snapshotBytes({ sha256, bytes: length }: SnapshotEntry): Promise<Uint8Array | null> {
    const bytes = await this.bus.blobs.get(sha256).catch((thrown: unknown) => {
      if (thrown instanceof SeedcastError && thrown.code === 'SC_LEDGER_CORRUPT') return null;
      throw thrown;
    });
    return bytes?.length === length ? bytes : null;
  }

  private async holds(job: string, entry: SnapshotEntry): Promise<boolean> {
    for await (const { sequence, payload } of this.records(job, entry.sequence)) {
      return sequence === entry.sequence && sameBytes(recordHash(payload), fromHex(entry.head));
    }
    return false;
  }

  /** Removes everything the job has stored. */
  async deleteJob(job: string): Promise<void> {
    const { ledger, evidence, event } = this.names.job(job);
    for (const { sha256 } of await this.snapshotsOf(job)) await this.bus.blobs.delete(sha256);
    await (await this.snapshots()).delete(job);
    await this.bus.streams.purge(this.names.streams.evidence, evidence);
    await this.bus.streams.purge(this.names.streams.events, event);
    await this.bus.streams.purge(this.names.streams.ledger, ledger);
  }
}

export function snapshotEntry(
  view: LedgerView,
  snapshot: { readonly sha256: string; readonly bytes: Uint8Array },
): SnapshotEntry {
  const { sequence, epoch, status, code, steps } = view;
  return {
    step: steps,
    head: toHex(view.head),
    sequence,
    epoch,
    status,
    code,
    sha256: snapshot.sha256,
    bytes: snapshot.bytes.length,
  };
}

function positionOf({ head, sequence, epoch, status, code, step }: SnapshotEntry): LedgerPosition {
  return { head: fromHex(head), sequence, epoch, steps: step, status, code };
}
