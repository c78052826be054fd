// An objective's own words on the centre's fitness, for progress. Pure but for the objective's function, whose faults it
// hides: a text for people must not end a job.
import { SUMMARY_LENGTH } from '../../shared/wire/reports.js';
import type { ObjectiveDefinition } from '../../shared/objectives/types.js';

/** Null where the objective has no `summarize`, there is no fitness, or what it gives is no text. One line, cut at 200 characters. */
export function summaryOf(
  definition: Pick<ObjectiveDefinition, 'summarize'>,
  centre: number | null,
): string | null {
  if (centre === null) return null;
  try {
    const text: unknown = definition.summarize?.(centre);
    return typeof text === 'string' ? text.replace(/\s+/g, ' ').slice(0, SUMMARY_LENGTH) : null;
  } catch {
    return null;
  }
}
