// Hostile messages for every subject of a pool: random bytes, cut and bent copies of genuine ones, other versions, sizes up
// to the server's limit, replays, and genuine ones with a wrong epoch, step or parent. Deterministic from a seed. What would
// be a lawful order (a control or a submission as its sender meant it) or a plausible lie (a wrong value under the right
// key) is left out: those are for permissions and audits.
import { decode, encode } from '../../shared/wire/codec.js';
import type { Names } from '../../shared/wire/subjects.js';

export interface Hostile {
  readonly subject: string;
  readonly kind: string;
  readonly payload: Uint8Array;
  readonly asks: boolean;
}

type Random = () => number;

/** Mulberry32: uniform in [0, 1). */
export function randomFrom(seed: number): Random {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export type Family =
  | 'plan'
  | 'round'
  | 'assign'
  | 'result'
  | 'ledger'
  | 'evidence'
  | 'event'
  | 'progress'
  | 'heartbeat'
  | 'placement'
  | 'describeObjective'
  | 'submit'
  | 'control'
  | 'describe'
  | 'list'
  | 'workers'
  | 'ask'
  | 'leading';

/** Families whose genuine messages are msgpack maps and carry a round key. */
const KEYED: readonly Family[] = ['round', 'assign', 'result', 'ledger'];
const JSON_FAMILIES: readonly Family[] = [
  'event',
  'progress',
  'heartbeat',
  'describeObjective',
  'submit',
  'control',
  'describe',
];
/** Stored for good, or dear to answer: fewer of these. */
const WEIGHTS: Readonly<Record<Family, number>> = {
  plan: 10,
  round: 10,
  assign: 10,
  result: 14,
  ledger: 2,
  evidence: 2,
  event: 2,
  progress: 8,
  heartbeat: 8,
  placement: 8,
  describeObjective: 2,
  submit: 6,
  control: 6,
  describe: 4,
  list: 2,
  workers: 2,
  ask: 3,
  leading: 1,
};

export class Fuzzer {
  private readonly genuine = new Map<Family, Uint8Array[]>();
  private readonly families: Family[];

  constructor(
    private readonly random: Random,
    private readonly names: Names,
    private readonly job: string,
    private readonly workers: readonly string[],
    private readonly largest: number,
  ) {
    this.families = (Object.keys(WEIGHTS) as Family[]).flatMap((family) =>
      Array.from({ length: WEIGHTS[family] }, () => family),
    );
  }

  /** A genuine message was heard on this subject. */
  heard(subject: string, payload: Uint8Array): void {
    const family = this.familyOf(subject);
    if (family === null) return;
    const list = this.genuine.get(family) ?? [];
    list.push(Uint8Array.from(payload));
    if (list.length > 32) list.shift();
    this.genuine.set(family, list);
  }

  next(): Hostile {
    const family = this.pick(this.families);
    const kind = this.pick(this.kindsOf(family));
    const payload = this.payload(family, kind);
    const asks = ['describeObjective', 'submit', 'control', 'describe', 'list', 'workers', 'ask'].includes(
      family,
    );
    return { subject: this.subjectOf(family), kind: `${family}: ${kind}`, payload, asks };
  }

  private kindsOf(family: Family): readonly string[] {
    const kinds = ['random', 'truncated', 'version', 'nested'];
    if (this.random() < 0.0005) return ['oversize'];
    // A replayed order is an order; a replayed placement or plan is what a slow network does.
    if (family !== 'submit' && family !== 'control' && this.genuine.has(family)) kinds.push('replay');
    if (KEYED.includes(family)) kinds.push('epoch', 'parent', 'step');
    if (family === 'plan' || family === 'placement') kinds.push('far-version');
    if (JSON_FAMILIES.includes(family)) kinds.push('types');
    return kinds;
  }

  private payload(family: Family, kind: string): Uint8Array {
    const genuine = this.genuine.get(family);
    const base = genuine === undefined ? this.bytes(80) : this.pick(genuine);
    switch (kind) {
      case 'truncated':
        return base.subarray(0, Math.floor(this.random() * base.length));
      case 'replay':
        return base;
      case 'oversize':
        return this.bytes(this.largest);
      case 'nested':
        return this.random() < 0.5
          ? new Uint8Array(2000).fill(0x91)
          : new TextEncoder().encode('['.repeat(2000) + ']'.repeat(2000));
      case 'version':
        return this.changed(family, base, { v: Math.floor(this.random() * 1000) + 2 });
      case 'epoch':
        return this.changed(family, base, { epoch: 2 + Math.floor(this.random() * 2 ** 40) });
      case 'parent':
        return this.changed(family, base, { parent: this.bytes(32) });
      case 'step':
        return this.changed(family, base, {
          step: Math.floor(this.random() * 2 ** 32),
          parent: this.bytes(32),
        });
      case 'far-version':
        return this.changed(family, base, { version: Number.MAX_SAFE_INTEGER, epoch: 2 ** 50 });
      case 'types':
        return this.mistyped(base);
      default:
        return this.bytes(Math.floor(this.random() * 300));
    }
  }

  /** Fields of a message of either format replaced; random bytes where it has none. */
  private changed(family: Family, base: Uint8Array, change: Record<string, unknown>): Uint8Array {
    try {
      if (!JSON_FAMILIES.includes(family)) return encode({ ...decode(base, 'message'), ...change });
      const value = JSON.parse(new TextDecoder().decode(base)) as object;
      return new TextEncoder().encode(JSON.stringify({ ...value, ...change, action: 'explode', spec: 1 }));
    } catch {
      return this.bytes(64);
    }
  }

  /** One field of a JSON message gets a value of another type. */
  private mistyped(base: Uint8Array): Uint8Array {
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(new TextDecoder().decode(base)) as Record<string, unknown>;
    } catch {
      fields = { job: this.job, action: 'pause', spec: {}, name: 'x', init: null };
    }
    const wrong = [null, -1, 1e308, '', 'x'.repeat(500), [], {}, true, { __proto__: null }];
    const names = Object.keys(fields);
    for (const name of names.length === 0 ? ['job'] : [this.pick(names), 'job', 'worker', 'spec', 'action'])
      fields[name] = this.pick(wrong);
    return new TextEncoder().encode(JSON.stringify(fields));
  }

  private subjectOf(family: Family): string {
    const { names } = this;
    const at = names.job(this.job);
    const worker = names.worker(this.pick([...this.workers, 'stranger']));
    switch (family) {
      case 'plan':
      case 'round':
      case 'ledger':
      case 'evidence':
      case 'event':
      case 'progress':
        return at[family];
      case 'assign':
      case 'result':
        return at[family](this.pick([...this.workers, 'stranger']));
      case 'heartbeat':
      case 'placement':
        return worker[family];
      case 'describeObjective':
        return names.worker(this.pick(this.workers)).describe;
      default:
        return names.service[family];
    }
  }

  private familyOf(subject: string): Family | null {
    const last = subject.split('.');
    const { names } = this;
    for (const family of ['submit', 'control', 'describe', 'list', 'workers', 'ask', 'leading'] as const)
      if (subject === names.service[family]) return family;
    const end = last.at(-1) ?? '';
    const before = last.at(-2) ?? '';
    if (before === 'assign' || before === 'result') return before;
    if (last.includes('worker') && end === 'describe') return 'describeObjective';
    return end in WEIGHTS ? (end as Family) : null;
  }

  private bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    // Large ones repeat a pattern: making them must not be the slow part.
    const fresh = Math.min(length, 400);
    for (let i = 0; i < fresh; i++) out[i] = Math.floor(this.random() * 256);
    for (let at = fresh; at < length; at += fresh) out.copyWithin(at, 0, Math.min(fresh, length - at));
    return out;
  }

  private pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}
