// How the units of a round are shared: in proportion to measured speed, re-planned only when it pays. Pure: times come in
// as arguments.
import { type PlanMessage } from '../../shared/wire/messages.js';
import { type UnitLayout, fittedShares } from '../../shared/wire/slices.js';

/** Weight of a new speed measurement in the moving average. */
const BLEND = 0.25;
/** A plan is left alone until some worker's share is off by this much of itself. */
const TOLERANCE = 0.08;
/** Milliseconds between re-plans that only adjust speed: a changed set of workers re-plans at once. */
const SETTLE = 250;
/** Milliseconds of evaluation that a result says at least: speeds stay finite, whatever a worker claims. */
const LEAST_BUSY = 1e-3;

export class Planner {
  /** Units a millisecond. */
  private readonly rates = new Map<string, number>();
  private plan: PlanMessage;
  private plannedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly epoch: () => number) {
    this.plan = { epoch: 1, version: 0, workers: [], shares: [] };
  }

  get current(): PlanMessage {
    return this.plan;
  }

  measure(worker: string, units: number, busy: number): void {
    if (units === 0 || !(busy > 0)) return;
    const rate = units / Math.max(busy, LEAST_BUSY);
    const before = this.rates.get(worker);
    this.rates.set(worker, before === undefined ? rate : before + BLEND * (rate - before));
  }

  /** Units a millisecond; an unmeasured worker counts as the mean of the measured ones, null when none is. */
  rate(worker: string): number | null {
    return this.rates.get(worker) ?? this.meanRate();
  }

  private meanRate(): number | null {
    if (this.rates.size === 0) return null;
    let sum = 0;
    for (const rate of this.rates.values()) sum += rate;
    return sum / this.rates.size;
  }

  forget(worker: string): void {
    this.rates.delete(worker);
  }

  /** Returns true when the plan changed (its version is then new). `workers` sorted, not empty. */
  update(workers: readonly string[], layout: UnitLayout, now: number): boolean {
    const epoch = this.epoch();
    const sameSet =
      this.plan.epoch === epoch &&
      workers.length === this.plan.workers.length &&
      workers.every((w, i) => w === this.plan.workers[i]);
    const shares = fittedShares(
      workers.map((w) => Math.max(this.rate(w) ?? 1, 1e-9)),
      // Fitted to the members alone: centre and validation, due in some steps only, must not change the plan.
      layout.members > 0 ? { ...layout, repeats: 0, validation: 0 } : layout,
    );
    if (sameSet && (now - this.plannedAt < SETTLE || !this.isOff(shares))) return false;
    this.plan = { epoch, version: this.plan.version + 1, workers, shares };
    this.plannedAt = now;
    return true;
  }

  private isOff(shares: readonly number[]): boolean {
    const width = (list: readonly number[], i: number): number =>
      (list[i] ?? 0) - (i === 0 ? 0 : (list[i - 1] ?? 0));
    return shares.some(
      (_, i) =>
        Math.abs(width(shares, i) - width(this.plan.shares, i)) > TOLERANCE * width(this.plan.shares, i),
    );
  }
}
