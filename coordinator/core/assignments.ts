// Who works on which open units of a round, and who takes over: units that nobody owns are handed out, idle workers take
// the tail of the slowest, and a worker silent for too long loses its last units to an idle one. A unit has one owner;
// an earlier owner's answer still counts if it comes first.
import type { Ranges } from '../../shared/wire/messages.js';
import { unitCount } from '../../shared/wire/slices.js';
import type { Planner } from './planner.js';
import type { Round } from './round.js';

/** A tail shorter than this (milliseconds at the owner's speed) is left to its owner. */
const WORTH_STEALING = 15;
/** An owner is overdue after this many times the expected time, plus GRACE milliseconds. */
const OVERDUE = 3;
const GRACE = 250;
/** Milliseconds allowed where no speed is known yet. */
const UNKNOWN = 10_000;
/** The same, before an owner is told once more what it has to do: its assignment may be lost. */
const UNKNOWN_AGAIN = 2000;

interface Holding {
  ranges: [number, number][];
  /** When it was last given work or gave a result. */
  active: number;
  /** When it was last told again. */
  told: number;
}

export interface Reissue {
  readonly worker: string;
  readonly ranges: Ranges;
}

export class Assignments {
  private readonly holdings = new Map<string, Holding>();
  private round: Round | null = null;
  /** Open units may be without an owner. */
  private orphaned = false;

  constructor(private readonly planner: Planner) {}

  begin(round: Round): void {
    this.round = round;
    this.holdings.clear();
    this.orphaned = false;
  }

  give(worker: string, ranges: Ranges, now: number): void {
    const holding = this.holdings.get(worker);
    if (holding === undefined) this.holdings.set(worker, { ranges: union(ranges), active: now, told: now });
    else {
      holding.ranges = union([...this.pending(worker), ...ranges]);
      holding.active = now;
    }
  }

  /** The worker is gone: what it held has no owner. */
  drop(worker: string): void {
    if (this.holdings.delete(worker)) this.orphaned = true;
  }

  progress(worker: string, now: number): void {
    const holding = this.holdings.get(worker);
    if (holding !== undefined) holding.active = now;
  }

  /** Somebody holds the open unit who can settle it. */
  isGiven(unit: number): boolean {
    const failed = this.round?.failedOn(unit);
    for (const [worker, { ranges }] of this.holdings)
      if (worker !== failed && ranges.some(([from, to]) => unit >= from && unit < to)) return true;
    return false;
  }

  leastBusy(workers: readonly string[]): string | undefined {
    let best: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const worker of workers) {
      const load = count(this.pending(worker)) / (this.planner.rate(worker) ?? 1);
      if (load < least) {
        least = load;
        best = worker;
      }
    }
    return best;
  }

  reissue(ready: readonly string[], now: number): Reissue[] {
    const { round } = this;
    if (round === null || ready.length === 0) return [];
    const out: Reissue[] = [];
    if (this.orphaned) {
      this.orphaned = false;
      out.push(...this.adoptOrphans(round, ready));
    }
    const taken = new Set(out.map(({ worker }) => worker));
    for (const thief of ready) {
      if (taken.has(thief) || this.pending(thief).length > 0) continue;
      const ranges = this.steal(round, thief, ready, now);
      if (ranges !== null) out.push({ worker: thief, ranges });
    }
    for (const { worker } of out) taken.add(worker);
    for (const worker of ready) {
      const ranges = taken.has(worker) ? null : this.again(worker, now);
      if (ranges !== null) out.push({ worker, ranges });
    }
    return out;
  }

  /** What a silent owner is told again: it may be the only worker, and never have heard of it. */
  private again(worker: string, now: number): Ranges | null {
    const holding = this.holdings.get(worker);
    const pending = this.pending(worker);
    if (holding === undefined || pending.length === 0) return null;
    const rate = this.planner.rate(worker);
    const patience = rate === null ? UNKNOWN_AGAIN : (OVERDUE * count(pending)) / rate + GRACE;
    if (now - Math.max(holding.active, holding.told) <= patience) return null;
    holding.told = now;
    return pending;
  }

  /** Open units that the worker holds and can settle. */
  pending(worker: string): [number, number][] {
    const holding = this.holdings.get(worker);
    return holding === undefined || this.round === null ? [] : this.round.openOf(holding.ranges, worker);
  }

  /** Open units without an owner, cut among idle workers (all, when none is idle) by speed. */
  private adoptOrphans(round: Round, ready: readonly string[]): Reissue[] {
    const open = round.openOf([[0, unitCount(round.layout)]]);
    const orphans: [number, number][] = [];
    for (const [from, to] of open) {
      for (let unit = from; unit < to; unit++) {
        if (this.isGiven(unit)) continue;
        const last = orphans.at(-1);
        if (last?.[1] === unit) last[1] = unit + 1;
        else orphans.push([unit, unit + 1]);
      }
    }
    const idle = ready.filter((w) => this.pending(w).length === 0);
    const takers = idle.length > 0 ? idle : ready;
    const weights = takers.map((w) => this.planner.rate(w) ?? 1);
    const total = weights.reduce((a, b) => a + b, 0);
    let left = count(orphans);
    const out: Reissue[] = [];
    takers.forEach((worker, i) => {
      const want = i === takers.length - 1 ? left : Math.ceil((count(orphans) * (weights[i] ?? 0)) / total);
      const ranges = this.takeTail(round, orphans, want);
      left = count(orphans);
      if (ranges.length > 0) out.push({ worker, ranges });
    });
    return out;
  }

  private steal(round: Round, thief: string, ready: readonly string[], now: number): Ranges | null {
    const candidates = ready
      .filter((worker) => worker !== thief)
      .map((worker) => this.outlook(worker, now))
      .filter((outlook) => outlook !== null && outlook.time > WORTH_STEALING);
    const slowest = candidates.reduce((a, b) => ((b?.time ?? 0) > (a?.time ?? 0) ? b : a), null);
    if (slowest === null) return null;
    const { holding, pending, units, rate, overdue } = slowest;
    const own = this.planner.rate(thief) ?? 1;
    const want = overdue ? units : Math.floor((units * own) / (own + (rate ?? 1)));
    // What failed on the thief stays where it is.
    const open = round.openOf(pending, thief);
    const ranges = this.takeTail(round, open, want);
    holding.ranges = round.openOf(pending).flatMap((range) => without(range, ranges));
    return ranges.length > 0 ? ranges : null;
  }

  /**
   * What a worker still has to do, as far as can be told: results come in large pieces, so what it should have done since
   * its last one is taken off. Null when it has nothing to do or nothing is known yet.
   */
  private outlook(worker: string, now: number) {
    const holding = this.holdings.get(worker);
    const pending = this.pending(worker);
    if (holding === undefined || pending.length === 0) return null;
    const units = count(pending);
    const rate = this.planner.rate(worker);
    const silent = now - holding.active;
    const expected = rate === null ? null : units / rate;
    if (silent > (expected === null ? UNKNOWN : OVERDUE * expected + GRACE)) {
      return { holding, pending, units, rate, time: Math.max(silent, expected ?? 0), overdue: true };
    }
    if (expected === null || rate === null) return null;
    const time = expected - silent;
    return { holding, pending, units: Math.floor(time * rate), rate, time, overdue: false };
  }

  /** Removes about `want` units from the end of `ranges`, never splitting a group. */
  private takeTail(round: Round, ranges: [number, number][], want: number): [number, number][] {
    const taken: [number, number][] = [];
    let left = want;
    while (left > 0) {
      const last = ranges.at(-1);
      if (last === undefined) break;
      const [from, to] = last;
      let cut = Math.max(from, to - left);
      if (cut < round.layout.members) cut = Math.max(from, cut - (cut % round.layout.group));
      taken.unshift([cut, to]);
      left -= to - cut;
      if (cut === from) ranges.pop();
      else last[1] = cut;
    }
    return taken;
  }
}

/** The parts of `range` outside `taken`. */
function without(range: readonly [number, number], taken: Ranges): [number, number][] {
  const left: [number, number][] = [];
  let at = range[0];
  for (const [from, to] of taken) {
    if (to <= at || from >= range[1]) continue;
    if (from > at) left.push([at, from]);
    at = to;
  }
  if (at < range[1]) left.push([at, range[1]]);
  return left;
}

/** The same units, ascending and without overlap. */
function union(ranges: Ranges): [number, number][] {
  const out: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

function count(ranges: Ranges): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}
