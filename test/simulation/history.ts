// What happened in one schedule, as the checkers read it, and the census of its faults.
import type { ControlRequestKind } from '../../coordinator/core/job.js';
import type { Ranges } from '../../shared/wire/messages.js';

/** fault → how often. */
export type Census = Record<string, number>;

export function addCensus(into: Census, from: Census): void {
  for (const [name, count] of Object.entries(from)) into[name] = (into[name] ?? 0) + count;
}

export interface Belief {
  readonly who: string;
  readonly head: string;
  readonly steps: number;
  readonly at: number;
}

export interface ReplicaBelief extends Belief {
  readonly digest: string;
  /** A bit of this replica was flipped since it was loaded. */
  readonly flipped: boolean;
}

export interface SentResult {
  readonly worker: string;
  readonly step: number;
  readonly phase: 0 | 1;
  readonly parent: string;
  readonly ranges: Ranges;
  readonly values: Float64Array;
  readonly failures: readonly number[];
  readonly flipped: boolean;
  readonly at: number;
}

export interface StoredRecord {
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** Number of the operation on the stores: orders records and evidence. */
  readonly operation: number;
  readonly by: string;
}

export class History {
  readonly records: StoredRecord[] = [];
  /** SHA-256 of a payload → number of the operation that stored it first. */
  readonly evidence = new Map<string, { readonly operation: number; readonly payload: Uint8Array }>();
  readonly coordinatorBeliefs: Belief[] = [];
  readonly rounds: (Belief & { readonly epoch: number; readonly phase: 0 | 1 })[] = [];
  readonly replicas: ReplicaBelief[] = [];
  readonly results: SentResult[] = [];
  readonly requested: ControlRequestKind['action'][] = [];
  readonly errors: string[] = [];
  readonly census: Census = {};
  /** A replica was flipped, or a worker failed units of its own: values may differ from the undisturbed run. */
  tainted = false;
  /** Effects of coordinators so far. */
  effects = 0;
  readonly trace: string[] = [];

  constructor(readonly traced: boolean) {}

  count(name: string): void {
    this.census[name] = (this.census[name] ?? 0) + 1;
  }

  say(at: number, who: string, text: () => string): void {
    if (this.traced) this.trace.push(`${at.toFixed(1).padStart(9)} ${who.padEnd(6)} ${text()}`);
  }
}
