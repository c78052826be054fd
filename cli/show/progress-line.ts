// One line that says how a job stands. Pure.
import { bytesText } from '../../shared/job/estimate.js';
import type { Progress } from '../../shared/wire/reports.js';
import { number, seconds } from './numbers.js';

/** The parts in order of importance: on a narrow terminal the last ones are left out. */
export function progressLine(progress: Progress, columns = Number.POSITIVE_INFINITY): string {
  const { fitness, validation } = progress;
  const parts = [
    `step ${progress.step}${progress.steps === null ? '' : `/${progress.steps}`}`,
    ...(progress.state === 'running' ? [] : [progress.state]),
    ...(progress.waiting === null ? [] : [`waiting: ${progress.waiting}`]),
    `centre ${number(fitness.centre)}`,
    ...(validation === null ? [] : [`${validation.metric} ${number(validation.value)}`]),
    ...(progress.summary === null ? [] : [progress.summary]),
    `best ${number(fitness.best)}`,
    `mean ${number(fitness.mean)}`,
    `${number(Math.round(progress.evaluationsPerSecond))} eval/s`,
    `${progress.workers} worker${progress.workers === 1 ? '' : 's'}`,
    ...(progress.secondsLeft === null ? [] : [`ETA ${seconds(progress.secondsLeft)}`]),
    `${bytesText(progress.bytesPerStep)}/step`,
    ...(progress.failedEvaluations === 0 ? [] : [`${progress.failedEvaluations} failed`]),
  ];
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : `${line}  ${part}`;
    if (longer.length > columns - 1) break;
    line = longer;
  }
  return line;
}
