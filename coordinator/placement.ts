// Which worker holds which jobs. Sticky: a worker keeps its replicas, every job that can run has a worker first, idle
// workers join the job with the fewest, and a worker is moved only to even things out, at most once a minute. Pure.

export interface PlaceableWorker {
  readonly id: string;
  /** Replicas it may hold. */
  readonly jobs: number;
  /** Jobs it can run: has the objective with the job's code, and the memory. */
  readonly eligible: ReadonlySet<string>;
}

/** worker → its jobs, and when it was last moved. */
export type Placement = ReadonlyMap<string, { readonly jobs: readonly string[]; readonly movedAt: number }>;

/** Milliseconds between two moves of one worker. */
const MOVE_EVERY = 60_000;

/** `jobs`: those that want workers, oldest first. */
export function place(
  jobs: readonly string[],
  workers: readonly PlaceableWorker[],
  before: Placement,
  now: number,
): Placement {
  const next = new Map(
    workers.map((worker) => {
      const old = before.get(worker.id);
      const kept = (old?.jobs ?? [])
        .filter((job) => jobs.includes(job) && worker.eligible.has(job))
        .slice(0, worker.jobs);
      return [worker.id, { worker, jobs: kept, movedAt: old?.movedAt ?? Number.NEGATIVE_INFINITY }];
    }),
  );
  const all = [...next.values()];
  const holders = (job: string): number => all.filter((entry) => entry.jobs.includes(job)).length;
  const least = <T>(items: readonly T[], size: (item: T) => number): T | undefined =>
    items.reduce<T | undefined>(
      (best, item) => (best === undefined || size(item) < size(best) ? item : best),
      undefined,
    );

  for (const job of jobs) {
    if (holders(job) > 0) continue;
    const free = all.filter((e) => e.worker.eligible.has(job) && e.jobs.length < e.worker.jobs);
    // Prefer a worker whose job has others to carry on; a worker that is alone on its job is shared only if need be.
    const spare = free.filter(
      (e) => e.jobs.length > 0 && e.jobs.every((j) => holders(j) > 1) && now - e.movedAt >= MOVE_EVERY,
    );
    const idle = free.filter((e) => e.jobs.length === 0);
    const chosen = idle[0] ?? spare[0];
    if (chosen !== undefined) {
      if (chosen.jobs.length > 0) chosen.movedAt = now;
      chosen.jobs = [job];
      continue;
    }
    const shared = least(free, (e) => e.jobs.length);
    if (shared !== undefined) shared.jobs = [...shared.jobs, job];
  }
  for (const entry of all) {
    if (entry.jobs.length > 0) continue;
    const job = least(
      jobs.filter((j) => entry.worker.eligible.has(j)),
      holders,
    );
    if (job !== undefined && entry.worker.jobs > 0) entry.jobs = [job];
  }
  for (const entry of all) {
    const [only] = entry.jobs;
    if (entry.jobs.length !== 1 || only === undefined || now - entry.movedAt < MOVE_EVERY) continue;
    const poorest = least(
      jobs.filter((j) => entry.worker.eligible.has(j)),
      holders,
    );
    if (poorest === undefined || holders(only) - holders(poorest) < 2) continue;
    entry.jobs = [poorest];
    entry.movedAt = now;
  }
  return new Map(all.map(({ worker, jobs: held, movedAt }) => [worker.id, { jobs: held, movedAt }]));
}
