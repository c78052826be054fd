// One round of evaluations being collected: which units have a value, which failed and by whom, the statistics that came
// along, and the digests. A unit counts once, whoever answers first. Pure bookkeeping: no clock, no messages.
import type { Ranges, ResultMessage, RoundKey } from '../../shared/wire/messages.js';
import { type UnitLayout, unitCount } from '../../shared/wire/slices.js';
import { sameBytes } from '../../shared/wire/codec.js';

const PENDING = 0;
const DONE = 1;
/** Failed on one worker, to be asked of another. */
const FAILED_ONCE = 2;
const FAILED = 3;

export interface Acceptance {
  /** Units that got their value or their final failure by this result. */
  readonly fresh: number;
  /** Units of the result that were there already. */
  readonly duplicates: number;
  /** Units that failed for the first time: to be asked of another worker. */
  readonly retry: readonly number[];
}

export class Round {
  readonly values: Float64Array;
  private readonly status: Uint8Array;
  private open: number;
  /** First failing worker of each unit that failed. */
  private readonly failedBy = new Map<number, string>();
  private readonly words = new Map<number, string>();
  readonly auxiliaries = new Map<number, Float64Array>();
  readonly digests = new Map<string, string>();

  constructor(
    readonly key: RoundKey,
    readonly layout: UnitLayout,
    readonly wantsDigest: boolean,
    readonly startedAt: number,
    /** Length of an auxiliary vector, 0 for none. */
    private readonly auxiliaryLength: number,
  ) {
    this.open = unitCount(layout);
    this.values = new Float64Array(this.open).fill(Number.NaN);
    this.status = new Uint8Array(this.open);
  }

  matches(key: RoundKey): boolean {
    return (
      key.epoch === this.key.epoch &&
      key.step === this.key.step &&
      key.phase === this.key.phase &&
      sameBytes(key.parent, this.key.parent)
    );
  }

  /** Every unit has a value or has failed for good. */
  get complete(): boolean {
    return this.open === 0;
  }

  isOpen(unit: number): boolean {
    const status = this.status[unit];
    return status === PENDING || status === FAILED_ONCE;
  }

  isDone(unit: number): boolean {
    return this.status[unit] === DONE;
  }

  isFailed(unit: number): boolean {
    return this.status[unit] === FAILED;
  }

  /** The objective's own words for a failed unit. */
  wordsOf(unit: number): string {
    return this.words.get(unit) ?? 'failed';
  }

  /** `matches` was checked by the caller. Units outside the round are ignored. */
  accept(result: ResultMessage): Acceptance {
    const failures = new Map(result.failures);
    const retry: number[] = [];
    let fresh = 0;
    let duplicates = 0;
    let i = 0;
    for (const [from, to] of result.ranges) {
      for (let unit = from; unit < to; unit++, i++) {
        if (unit >= this.status.length) continue;
        if (!this.isOpen(unit)) {
          duplicates++;
          continue;
        }
        const value = result.scalars[i] ?? Number.NaN;
        const failure = failures.get(unit) ?? (Number.isFinite(value) ? null : `returned ${value}`);
        if (failure === null) {
          this.values[unit] = value;
          this.status[unit] = DONE;
          this.open--;
          fresh++;
          continue;
        }
        this.words.set(unit, failure);
        const first = this.failedBy.get(unit);
        if (first === undefined) {
          this.failedBy.set(unit, result.worker);
          this.status[unit] = FAILED_ONCE;
          retry.push(unit);
        } else if (first !== result.worker) {
          this.fail(unit);
          fresh++;
        }
      }
    }
    this.keepAuxiliaries(result);
    return { fresh, duplicates, retry };
  }

  private keepAuxiliaries(result: ResultMessage): void {
    const length = this.auxiliaryLength;
    if (length === 0 || result.auxiliaries.length !== result.auxiliaryUnits.length * length) return;
    result.auxiliaryUnits.forEach((unit, k) => {
      const vector = result.auxiliaries.slice(k * length, (k + 1) * length);
      if (this.isDone(unit) && !this.auxiliaries.has(unit) && vector.every(Number.isFinite))
        this.auxiliaries.set(unit, vector);
    });
  }

  /** No other worker can be asked: the failure counts. */
  fail(unit: number): void {
    if (!this.isOpen(unit)) return;
    this.status[unit] = FAILED;
    this.open--;
  }

  /** The worker on which the unit failed first. */
  failedOn(unit: number): string | undefined {
    return this.failedBy.get(unit);
  }

  /** Units that failed on one worker and wait for another, with the one they failed on. */
  failedOnce(): (readonly [number, string])[] {
    return [...this.failedBy].filter(([unit]) => this.isOpen(unit));
  }

  /** Open units of `ranges`, as ranges; without those that failed on `worker`, which it cannot settle. */
  openOf(ranges: Ranges, worker: string | null = null): [number, number][] {
    const open: [number, number][] = [];
    for (const [from, to] of ranges) {
      for (let unit = from; unit < to; unit++) {
        if (!this.isOpen(unit) || (worker !== null && this.failedBy.get(unit) === worker)) continue;
        const last = open.at(-1);
        if (last?.[1] === unit) last[1] = unit + 1;
        else open.push([unit, unit + 1]);
      }
    }
    return open;
  }

  /** Sum of the statistics in member order, exact order fixed whatever arrived when; null when the job has none. */
  foldAuxiliaries(): Float64Array | null {
    if (this.auxiliaryLength === 0) return null;
    const sum = new Float64Array(this.auxiliaryLength);
    for (const unit of [...this.auxiliaries.keys()].sort((a, b) => a - b)) {
      const vector = this.auxiliaries.get(unit);
      if (vector) for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (vector[i] ?? 0);
    }
    return sum;
  }
}
