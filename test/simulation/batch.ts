// Many schedules one after the other on this thread, reported in batches.
import { type Census, addCensus } from './history.js';
import { simulate } from './simulate.js';

export interface Batch {
  readonly done: number;
  readonly census: Census;
  readonly violations: readonly { readonly seed: number; readonly texts: readonly string[] }[];
  readonly slowestRecovery: number;
}

const BATCH = 100;

/** Seeds first, first + stride, ... below `end`, in batches; stops early once `enough` schedules failed. */
export function runSeeds(
  first: number,
  end: number,
  stride: number,
  each: (batch: Batch) => void,
  enough = 20,
): void {
  let census: Census = {};
  let violations: Batch['violations'][number][] = [];
  let slowestRecovery = 0;
  let done = 0;
  let failed = 0;
  const flush = (): void => {
    each({ done, census, violations, slowestRecovery });
    census = {};
    violations = [];
    done = 0;
  };
  for (let seed = first; seed < end && failed < enough; seed += stride) {
    const verdict = simulate(seed);
    done++;
    addCensus(census, verdict.census);
    slowestRecovery = Math.max(slowestRecovery, verdict.recovery);
    if (verdict.violations.length > 0) {
      violations.push({ seed, texts: verdict.violations });
      failed++;
    }
    if (done === BATCH) flush();
  }
  flush();
}
