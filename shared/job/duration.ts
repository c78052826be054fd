// Durations as people write them, `500ms`, `30s`, `1h30m`, turned into milliseconds. Pure text in, number out.

import { SeedcastError } from '../errors.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** What a duration must look like, for messages: "must be ...". */
export const DURATION_FORM = 'a duration with a unit, such as 500ms, 30s, 10m, 2h, 1h30m or 1d';

/**
 * Milliseconds, rounded to a whole number, of a duration such as `500ms`, `30s`, `1.5h` or `1h30m` (the parts add up).
 * Units: ms, s, m (minutes), h, d. A bare number has no unit and is refused.
 * @throws SC_USAGE naming the text.
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (trimmed.length <= 64 && WHOLE.test(trimmed)) {
    let total = 0;
    for (const [, amount, unit] of trimmed.matchAll(PART))
      total += Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN);
    const rounded = Math.round(total);
    if (Number.isSafeInteger(rounded)) return rounded;
  }
  throw new SeedcastError('SC_USAGE', `must be ${DURATION_FORM}, not ${JSON.stringify(text.slice(0, 64))}`);
}
