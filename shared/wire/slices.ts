// Who evaluates what in a round: units are the members of a step (in groups that share a direction) followed by the
// repeats of the centre and the parts of the validation. Coordinator and workers compute the same slices from the plan, so no list crosses the wire.
import type { PlanMessage } from './messages.js';

export interface UnitLayout {
  /** Members of the step; 0 in the final round. */
  readonly members: number;
  /** Members that share a direction: 2 when antithetic, else 1. A slice never splits a group. */
  readonly group: number;
  /** Centre or held-out repeats after the members. */
  readonly repeats: number;
  /** Parts of the validation after these; 0 when none is due. */
  readonly validation: number;
}

export function unitCount(layout: UnitLayout): number {
  return layout.members + layout.repeats + layout.validation;
}

/** The unit at which cumulative `share` (in 1/65,536) ends. */
export function boundary(layout: UnitLayout, share: number): number {
  const unit = Math.round((unitCount(layout) * share) / 65536);
  return unit < layout.members ? unit - (unit % layout.group) : unit;
}

/** Half-open range of units of one worker of the plan; null when it is not in the plan or its slice is empty. */
export function sliceOf(
  layout: UnitLayout,
  plan: PlanMessage,
  worker: string,
): readonly [number, number] | null {
  const index = plan.workers.indexOf(worker);
  const share = plan.shares[index];
  if (index < 0 || share === undefined) return null;
  const from = index === 0 ? 0 : boundary(layout, plan.shares[index - 1] ?? 0);
  const to = boundary(layout, share);
  return to > from ? [from, to] : null;
}

/** Groups up to which shares are fitted to whole groups; beyond, rounding no longer matters. */
const FITTED = 4096;

/**
 * Cumulative shares in 1/65,536 for workers of these speeds (all > 0); the last is 65,536. Whole groups go where they end
 * first, so that the slowest slice takes as little time as it can: with few long evaluations, proportion alone would leave
 * a slow worker a group too many.
 */
export function fittedShares(speeds: readonly number[], layout: UnitLayout): number[] {
  const units = unitCount(layout);
  const groups = Math.ceil(units / layout.group);
  const total = speeds.reduce((a, b) => a + b, 0);
  const counts = speeds.map((speed) => Math.floor((groups * speed) / total));
  if (groups > FITTED) return cumulative(speeds, total);
  for (let left = groups - counts.reduce((a, b) => a + b, 0); left > 0; left--) {
    let first = 0;
    const time = (i: number): number => ((counts[i] ?? 0) + 1) / (speeds[i] ?? 1);
    for (let i = 1; i < speeds.length; i++) if (time(i) < time(first)) first = i;
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return cumulative(counts, groups);
}

function cumulative(parts: readonly number[], total: number): number[] {
  let sum = 0;
  return parts.map((part, i) => {
    sum += part;
    return i === parts.length - 1 ? 65536 : Math.round((65536 * sum) / total);
  });
}
