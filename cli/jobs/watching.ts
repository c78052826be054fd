// What a person, or a program with --json, sees while a job runs: the live line, or a line every few seconds; events and
// hints as they come.
import { type JobEvent, type Progress, jobSummarySchema } from '../../shared/wire/reports.js';
import type { Host } from '../host.js';
import type { Pool } from '../connection.js';
import { omit } from '../omit.js';
import { progressLine } from '../show/progress-line.js';
import { type Followed, followJob } from './follow.js';
import { askLeader } from './leader.js';

/** Milliseconds between lines where nothing can be redrawn. */
const LINE_EVERY = 3000;
const FIRST_LINE = 1000;
/** Events that only repeat what the result line or the progress line says. */
const QUIET_EVENTS: readonly string[] = ['created', 'result', 'end'];

export interface WatchOptions {
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly timeout?: number;
  readonly onProgress?: (progress: Progress) => void;
}

export async function watchJob(
  host: Host,
  pool: Pool,
  job: string,
  options: WatchOptions,
): Promise<Followed> {
  const { io, clock } = host;
  const hints = new Set<string>();
  const told = new Set<string>();
  // The first line after a second: before, there is nothing to say.
  let printedAt = clock.now() + FIRST_LINE - LINE_EVERY;
  let printedStep = -1;
  const show = (progress: Progress): void => {
    for (const hint of progress.hints) {
      // The same hint with another number is no news.
      const kind = hint.replace(/\d+/g, '');
      if (hints.has(kind)) continue;
      hints.add(kind);
      io.message(`hint: ${hint}`, 'warn');
    }
    if (options.json) {
      io.json({ type: 'progress', ...omit(progress, 'v') });
      return;
    }
    if (io.live) return io.redraw(progressLine(progress, io.columns));
    const now = clock.now();
    if (now - printedAt < LINE_EVERY || progress.step === printedStep) return;
    printedAt = now;
    printedStep = progress.step;
    io.message(progressLine(progress));
  };
  // A job that waited before anybody watched has said why in an event that is past.
  const stand = async (): Promise<void> => {
    const answer = await askLeader(pool.bus, clock, pool.names.service.describe, { job }, 0);
    const { state, reason } = jobSummarySchema.parse(answer['summary']);
    if (reason === null || told.has(reason)) return;
    if (options.json) io.json({ type: 'state', job, state, reason });
    else io.message(`${state}: ${reason}`, 'warn');
  };
  const cancelStand = clock.after(FIRST_LINE, () => {
    // Without a leader there is nothing to tell; the progress that stays away says it.
    stand().catch(() => undefined);
  });
  try {
    return await followJob(pool, clock, job, {
      signal: options.signal,
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      onProgress: (progress) => {
        show(progress);
        options.onProgress?.(progress);
      },
      onEvent: (event) => {
        told.add(event.message);
        if (options.json) io.json(eventJson(event));
        else if (!QUIET_EVENTS.includes(event.type)) io.message(eventLine(event));
      },
      onConnection: (text) => io.message(text, 'warn'),
    });
  } finally {
    cancelStand();
    io.redraw(null);
  }
}

/** An event as one object a line; its own type is under `event`. */
export function eventJson(event: JobEvent): object {
  return { type: 'event', event: event.type, ...omit(event, 'type', 'v') };
}

export function eventLine({ time, type, step, message }: JobEvent): string {
  return `${time.slice(11, 19)} step ${step} ${type}: ${message}`;
}
