// Follows a job in a pool that lives in this process, and ends in good order: the first interrupt waits for the next
// commit, so that nothing of a step is lost.
import { EXIT } from '../../shared/errors.js';
import type { Progress } from '../../shared/wire/reports.js';
import type { Host } from '../host.js';
import { aborted } from '../interrupts.js';
import type { LocalPool } from '../pool/local-pool.js';
import { exitCodeOf, printResult } from './outcome.js';
import { watchJob } from './watching.js';

export interface FollowHereOptions {
  readonly json: boolean;
  /** The command that goes on with the job. */
  readonly again: string;
  readonly timeout?: number;
}

export async function followHere(
  host: Host,
  local: LocalPool,
  job: string,
  options: FollowHereOptions,
): Promise<number> {
  const { json, again, timeout } = options;
  const ending = new AbortController();
  let step = -1;
  let waiting = false;
  let stopAt: number | null = null;
  const onProgress = (progress: Progress): void => {
    step = progress.step;
    waiting = progress.waiting !== null || progress.state !== 'running';
    if (stopAt !== null && (progress.step > stopAt || waiting)) ending.abort();
  };
  void aborted(host.interrupts.signal).then(() => {
    host.io.message('finishing the step; Ctrl-C again ends at once');
    stopAt = step;
    if (waiting || step < 0) ending.abort();
  });
  const followed = await Promise.race([
    watchJob(host, local.pool, job, {
      json,
      signal: ending.signal,
      onProgress,
      ...(timeout === undefined ? {} : { timeout }),
    }),
    local.failed(),
  ]);
  switch (followed.end) {
    case 'result':
      printResult(host.io, followed.result, json);
      return exitCodeOf(followed.result.status);
    case 'timeout':
      host.io.message(`the time is over; ${job} goes on with: ${again}`, 'warn');
      return EXIT.timedOut;
    case 'interrupted':
      host.io.message(`stopped after a committed step; the job goes on with: ${again}`);
      return EXIT.interrupted;
  }
}
