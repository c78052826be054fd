// The simulated surroundings of coordinators and workers: time, messages that get lost, doubled and overtaken, and
// requests to stores that fail in every way a real one was seen to fail. All chances come from one generator.
import { Chain, hex, sha256 } from './model.js';
import type { History } from './history.js';
import { Random } from './random.js';
import type { Scenario, Window } from './scenario.js';
import { Scheduler } from './scheduler.js';
import { encodeRecord } from '../../shared/ledger/records.js';

/** Milliseconds after which a request without an answer counts as failed. */
const TIMEOUT = 2000;
const LEASE_TTL = 3000;

export type AppendAnswer =
  | { readonly type: 'stored'; readonly sequence: number }
  | { readonly type: 'refused' | 'timeout' }
  | { readonly type: 'full' };

export interface Entry {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export interface Snapshot {
  readonly head: Uint8Array;
  readonly sequence: number;
  readonly epoch: number;
  readonly steps: number;
  readonly status: 'running' | 'paused' | 'ended';
  readonly code: string;
  readonly bytes: Uint8Array;
}

export class World {
  readonly scheduler = new Scheduler();
  readonly random: Random;
  /** The chain of what the ledger holds, kept up to date. */
  readonly chain = new Chain();
  private sequence = 0;
  private operation = 0;
  private lastAppendAt = Number.NEGATIVE_INFINITY;
  private lease: { holder: string; until: number } | null = null;
  readonly snapshots: Snapshot[] = [];

  constructor(
    readonly scenario: Scenario,
    readonly history: History,
  ) {
    this.random = new Random(scenario.seed + 2 ** 40);
    this.put(encodeRecord(scenario.job.genesis), 'submit');
  }

  get now(): number {
    return this.scheduler.now;
  }

  get calm(): boolean {
    return this.now >= this.scenario.calmAt;
  }

  /** Whether a fault of this probability happens now; counted. */
  fault(name: string, probability: number): boolean {
    if (this.calm || probability === 0 || !this.random.chance(probability)) return false;
    this.history.count(name);
    return true;
  }

  during(window: Window | null): boolean {
    return window !== null && this.now >= window.from && this.now < window.to;
  }

  private latency(): number {
    const { delayed, slow } = this.scenario;
    if (this.fault('delay', delayed)) return this.random.between(1, slow);
    return this.random.between(0.2, 2);
  }

  /** A message without acknowledgement. */
  deliver(what: string, receive: () => void): void {
    const { drop, duplicate, outage } = this.scenario;
    if (this.during(outage)) return this.history.count('lost in outage');
    if (this.fault(`drop ${what}`, drop)) return;
    this.scheduler.after(this.latency(), receive);
    if (this.fault(`duplicate ${what}`, duplicate)) this.scheduler.after(this.latency(), receive);
  }

  /** A request with an answer; `answer` hears null after a timeout. Either way may be lost, and may arrive late. */
  private request<T>(serve: () => T, answer: (value: T | null) => void): void {
    const { lostRequests, lostAcknowledgements, outage } = this.scenario;
    let answered = false;
    const reply = (value: T | null): void => {
      if (answered) return;
      answered = true;
      answer(value);
    };
    this.scheduler.after(TIMEOUT, () => reply(null));
    if (this.during(outage) || this.fault('lost request', lostRequests)) return;
    this.scheduler.after(this.latency(), () => {
      const value = serve();
      if (this.during(outage) || this.fault('lost acknowledgement', lostAcknowledgements)) return;
      this.scheduler.after(this.latency(), () => reply(value));
    });
  }

  // --- the ledger ------------------------------------------------------------------------------------------------

  append(bytes: Uint8Array, expected: number, by: string, answer: (answer: AppendAnswer) => void): void {
    this.request(
      () => this.serveAppend(bytes, expected, by),
      (value) => answer(value ?? { type: 'timeout' }),
    );
  }

  private serveAppend(bytes: Uint8Array, expected: number, by: string): AppendAnswer {
    const { storeFull, refusals, rivalAccepted, otherJobs } = this.scenario;
    if (this.during(storeFull)) {
      this.history.count('store full');
      return { type: 'full' };
    }
    if (this.fault('refusal', refusals)) return { type: 'refused' };
    const last = this.history.records.at(-1)?.sequence ?? 0;
    if (expected !== last) {
      const accept = this.now - this.lastAppendAt < 3000 && this.fault('rival accepted', rivalAccepted);
      if (!accept) {
        this.history.count('conflict refused');
        return { type: 'refused' };
      }
    }
    this.lastAppendAt = this.now;
    while (this.random.chance(otherJobs)) this.sequence++;
    return { type: 'stored', sequence: this.put(bytes, by) };
  }

  private put(payload: Uint8Array, by: string): number {
    const sequence = ++this.sequence;
    this.history.records.push({ sequence, payload, operation: this.operation++, by });
    const accepted = this.chain.feed(payload, sequence);
    if (!accepted) this.history.count('record not in the chain');
    this.history.say(this.now, 'ledger', () => {
      const record = this.chain.accepted.at(-1)?.record;
      const text = accepted && record !== undefined ? describe(record) : 'not in the chain';
      return `#${sequence} by ${by}: ${sha256(payload).slice(0, 8)} ${text}`;
    });
    return sequence;
  }

  /** Entries from `from` on; null when the read failed. */
  read(from: number, answer: (entries: readonly Entry[] | null) => void): void {
    this.request(() => {
      const { records } = this.history;
      const seen = this.fault('stale read', this.scenario.staleReads)
        ? records.length - this.random.integer(1, 2)
        : records.length;
      return records.slice(0, Math.max(1, seen)).filter(({ sequence }) => sequence >= from);
    }, answer);
  }

  // --- evidence, lease -------------------------------------------------------------------------------------------

  storeEvidence(payload: Uint8Array, answer: (answer: AppendAnswer) => void): void {
    this.request(
      (): AppendAnswer => {
        if (this.during(this.scenario.evidenceFull)) {
          this.history.count('evidence store full');
          return { type: 'full' };
        }
        const key = sha256(payload);
        if (!this.history.evidence.has(key))
          this.history.evidence.set(key, { operation: this.operation++, payload });
        return { type: 'stored', sequence: 0 };
      },
      (value) => answer(value ?? { type: 'timeout' }),
    );
  }

  /** Takes or renews the lease. The answer says until when it is held, by the clock at the request. */
  takeLease(holder: string, answer: (until: number | null) => void): void {
    const asked = this.now;
    this.request<number | null>(() => {
      const broken = this.during(this.scenario.leaseBroken);
      if (this.lease !== null && this.lease.holder !== holder && this.now < this.lease.until && !broken)
        return null;
      if (broken && this.lease !== null && this.lease.holder !== holder)
        this.history.count('lease granted twice');
      this.lease = { holder, until: this.now + LEASE_TTL };
      return asked + LEASE_TTL;
    }, answer);
  }
}

function describe(record: ReturnType<typeof import('../../shared/ledger/records.js').decodeRecord>): string {
  const tail = `epoch ${record.epoch} parent ${hex(record.parent).slice(0, 8)}`;
  if (record.kind === 'step') return `step ${record.step} ${tail}`;
  if (record.kind === 'control') return `${record.control.action} ${tail}`;
  return `${record.kind} ${tail}`;
}
