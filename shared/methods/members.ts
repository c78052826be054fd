// The members of a step: how many there are, which direction each goes along, and what failed and tied ones count as before any
// shaping. Pure.

/** Coordinates that `signal` looks at. */
export const SIGNAL_SAMPLE = 2048;
/**
 * A perfect linear fitness lifts |g|² over its floor by n/P only, for n directions and P parameters: with fewer directions
 * than P over this, a good update looks like noise and `signal` says nothing.
 */
export const DIRECTIONS_TO_TELL = 4;

interface Members {
  readonly population: number;
  readonly antithetic: boolean;
}

/** Members 2k and 2k + 1 share a direction when antithetic; each has its own else. */
export function pairedLayout({ population, antithetic }: Members): {
  readonly members: number;
  readonly group: number;
} {
  return { members: population, group: antithetic ? 2 : 1 };
}

/** The odd member of a pair goes the opposite way. */
export function pairedNoise(
  { antithetic }: Members,
  member: number,
): { readonly direction: number; readonly sign: -1 | 1 } {
  if (!antithetic) return { direction: member, sign: 1 };
  return { direction: member >>> 1, sign: (member & 1) === 1 ? -1 : 1 };
}

/** Failed members become the worst of the step: below all (ranks), or as the worst finite one (values). */
export function withWorst(fitness: Float64Array, failed: Uint8Array, ranks: boolean): Float64Array {
  let worst = Number.POSITIVE_INFINITY;
  for (let i = 0; i < fitness.length; i++) if (failed[i] === 0) worst = Math.min(worst, fitness[i] ?? worst);
  return fitness.map((value, i) => (failed[i] === 0 ? value : ranks ? Number.NEGATIVE_INFINITY : worst));
}

/** Pairs whose two members have one value. */
export function countTies(fitness: Float64Array, failed: Uint8Array): number {
  let ties = 0;
  for (let i = 0; i + 1 < fitness.length; i += 2)
    if (failed[i] === 0 && failed[i + 1] === 0 && fitness[i] === fitness[i + 1]) ties++;
  return ties;
}
