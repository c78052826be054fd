// What failed and tied members count as, before any shaping. Pure.

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
