// How a job's end becomes an exit code, and what is said about it.
import { EXIT } from '../../shared/errors.js';
import { bytesText } from '../../shared/job/estimate.js';
import type { JobRecord, JobResult } from '../../shared/wire/reports.js';
import type { Io } from '../io.js';
import { number, seconds } from '../show/numbers.js';

export function exitCodeOf(status: JobResult['status']): number {
  return EXIT[status];
}

/** The result of a job that has ended, also of one that never began. */
export function resultOf(record: JobRecord): JobResult | null {
  if (record.result !== null) return record.result;
  const { state, job, reason } = record;
  if (state === 'pending' || state === 'running' || state === 'paused') return null;
  return {
    type: 'result',
    job,
    status: state,
    stoppedBy: state === 'failed' ? 'failure' : 'request',
    reason,
    steps: 0,
    evaluations: 0,
    fitness: { centre: null, best: null, mean: null },
    digest: null,
    wallSeconds: 0,
    bytesDown: 0,
    bytesUp: 0,
  };
}

/** The last line of a run: for people, or exactly the result object. */
export function printResult(io: Io, result: JobResult, json: boolean): void {
  if (json) io.json(result);
  else io.data(resultLine(result));
}

export function resultLine(result: JobResult): string {
  const { centre, best, mean } = result.fitness;
  const parts = [
    `${result.status} (${result.stoppedBy}) ${result.job}`,
    ...(result.reason === null ? [] : [result.reason]),
    `fitness ${number(centre)} (best member ${number(best)}, mean ${number(mean)})`,
    ...(result.validation === undefined
      ? []
      : [`${result.validation.metric} ${number(result.validation.value)}`]),
    `${result.steps} steps, ${result.evaluations} evaluations in ${seconds(result.wallSeconds)}`,
    `${bytesText(result.bytesDown)} down, ${bytesText(result.bytesUp)} up`,
    ...(result.digest === null ? [] : [`digest ${result.digest.slice(0, 16)}`]),
  ];
  return parts.join('; ');
}
