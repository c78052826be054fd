// The shell around one JobCore: carries its effects out on the bus, feeds the answers back, counts bytes, and tells
// people (progress, events, result). Everything it decides itself is when to try I/O again.
import type { Bus } from '../shared/bus/port.js';
import { asSeedcastError, messageOf } from '../shared/errors.js';
import { finalValidation, validationOf } from '../shared/ledger/fold.js';
import { splitEvidence } from '../shared/ledger/evidence.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import type { Clock } from '../shared/ports.js';
import {
  assignMessage,
  countUnits,
  planMessage,
  roundMessage,
  type ResultMessage,
} from '../shared/wire/messages.js';
import {
  type JobEvent,
  type JobResult,
  type JobState,
  type Progress,
  encodeJson,
  stateShown,
} from '../shared/wire/reports.js';
import { type JobSubjects } from '../shared/wire/subjects.js';
import { type ControlRequestKind, JobCore, type JobCoreEffect, type JobCoreEvent } from './core/job.js';
import { Figures, hintsFor, ProgressMeter } from './progress.js';

/** Milliseconds between progress messages of a job. */
const PROGRESS_EVERY = 200;
/** Milliseconds before a read that failed is tried again. */
const READ_AGAIN = 300;

export interface RunnerPorts {
  readonly bus: Bus;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** Named points at which tests end the process. */
  readonly failpoint: (name: string) => void;
  readonly onEnded: (runner: JobRunner) => void;
  readonly onDeposed: (runner: JobRunner) => void;
  readonly onRebuild: (job: string, workers: readonly string[]) => void;
}

export class JobRunner {
  private readonly subjects: JobSubjects;
  private readonly meter: ProgressMeter;
  readonly figures = new Figures();
  /** Workers that are subscribed to the job's rounds: for counting bytes. */
  private listeners = 0;
  private stopped = false;
  private lastRead = 0;
  private lastProgress = Number.NEGATIVE_INFINITY;
  private cancelProgress: (() => void) | null = null;
  private evidenceKeep: number | null;
  bytesDown = 0;
  bytesUp = 0;

  constructor(
    readonly job: string,
    private readonly core: JobCore,
    private readonly ports: RunnerPorts,
  ) {
    this.subjects = ports.store.names.job(job);
    this.meter = new ProgressMeter(ports.clock.now(), core.view.steps);
    const { evidence } = core.view.genesis.spec.ledger;
    this.evidenceKeep = typeof evidence === 'object' ? evidence.last : null;
  }

  get view() {
    return this.core.view;
  }

  get state(): JobState {
    const { status, end } = this.core.view;
    if (end !== null) return end.status;
    return status === 'paused' ? 'paused' : 'running';
  }

  get waiting(): string | null {
    return this.core.status.waiting;
  }

  /** Not even the record that ends the job is accepted: it does not answer to controls any more. */
  get stuck(): boolean {
    return this.core.status.phase === 'stuck';
  }

  start(): void {
    this.handle({ type: 'tick' });
  }

  stop(): void {
    this.stopped = true;
    this.cancelProgress?.();
  }

  handle(event: JobCoreEvent): void {
    if (this.stopped) return;
    const effects = this.core.handle(event, this.ports.clock.now());
    for (const effect of effects) this.carryOut(effect);
  }

  result(message: ResultMessage, bytes: number): void {
    this.bytesUp += bytes;
    this.meter.evaluated(countUnits(message.ranges));
    this.handle({ type: 'result', result: message });
  }

  control(request: ControlRequestKind): void {
    this.handle({ type: 'control', request });
  }

  setWorkers(ready: readonly string[], listeners: number): void {
    this.listeners = listeners;
    this.handle({ type: 'workers', ready });
    this.progress();
  }

  /** Plan and open round for a worker that asks. */
  missed(): { readonly plan: Uint8Array; readonly round: Uint8Array | null } {
    const { plan, openRound } = this.core;
    return {
      plan: planMessage.encode(plan),
      round: openRound === null ? null : roundMessage.encode(openRound),
    };
  }

  private carryOut(effect: JobCoreEffect): void {
    const { bus, failpoint } = this.ports;
    switch (effect.type) {
      case 'plan':
        return this.broadcast(this.subjects.plan, planMessage.encode(effect.message));
      case 'round':
        failpoint('before-round');
        this.broadcast(this.subjects.round, roundMessage.encode(effect.message));
        failpoint('after-round');
        return;
      case 'assign': {
        const round = this.core.openRound;
        if (round === null) return;
        const { epoch, step, phase, parent, repeats, validation } = round;
        const bytes = assignMessage.encode({
          epoch,
          step,
          phase,
          parent,
          repeats,
          validation,
          ranges: effect.ranges,
        });
        this.bytesDown += bytes.length;
        bus.publish(this.subjects.assign(effect.worker), bytes);
        return;
      }
      case 'store-evidence':
        return void this.storeEvidence(effect.step, effect.payload);
      case 'commit':
        return void this.commit(effect.bytes, effect.expected);
      case 'read-ledger':
        return void this.readLedger(effect.from, effect.read);
      case 'rebuild':
        return this.ports.onRebuild(this.job, effect.workers);
      case 'event':
        return this.event(effect.event, effect.message, effect.details);
      case 'deposed':
        this.stop();
        return this.ports.onDeposed(this);
      case 'ended':
        this.progress(true);
        this.ports.onEnded(this);
        return;
    }
  }

  private broadcast(subject: string, bytes: Uint8Array): void {
    this.bytesDown += bytes.length * this.listeners;
    this.ports.bus.publish(subject, bytes);
  }

  private async storeEvidence(step: number, payload: Uint8Array): Promise<void> {
    this.ports.failpoint('before-evidence');
    try {
      const parts = splitEvidence(step, payload);
      for (const part of parts) await this.ports.bus.streams.append(this.subjects.evidence, part);
      this.ports.failpoint('after-evidence');
      this.handle({ type: 'evidence-stored' });
      this.trimEvidence(step, parts.length);
    } catch (error) {
      const { code, message } = asSeedcastError(error);
      this.handle(code === 'SC_STORE_FULL' ? { type: 'store-full', message } : { type: 'evidence-failed' });
    }
  }

  private trimEvidence(step: number, parts: number): void {
    const keep = this.evidenceKeep;
    if (keep === null || step % keep !== 0) return;
    const { streams } = this.ports.bus;
    streams
      .purge(this.ports.store.names.streams.evidence, this.subjects.evidence, { keep: keep * parts })
      .catch((error: unknown) => {
        this.ports.log(`evidence could not be trimmed: ${messageOf(error)}`, { job: this.job });
      });
  }

  private async commit(bytes: Uint8Array, expected: number): Promise<void> {
    this.ports.failpoint('before-commit');
    try {
      const { sequence } = await this.ports.bus.streams.append(this.subjects.ledger, bytes, { expected });
      this.ports.failpoint('after-commit');
      this.handle({ type: 'committed', sequence });
      this.progress();
    } catch (error) {
      const { code, message } = asSeedcastError(error);
      if (code !== 'SC_SEQUENCE_CONFLICT') this.ports.log(`commit: ${message}`, { job: this.job, code });
      this.handle(code === 'SC_STORE_FULL' ? { type: 'store-full', message } : { type: 'commit-unknown' });
    }
  }

  private async readLedger(from: number, read: number): Promise<void> {
    this.lastRead = read;
    while (!this.stopped && read === this.lastRead) {
      try {
        const entries: { sequence: number; payload: Uint8Array }[] = [];
        for await (const { sequence, payload } of this.ports.store.records(this.job, from))
          entries.push({ sequence, payload: Uint8Array.from(payload) });
        return this.handle({ type: 'ledger', read, entries });
      } catch (error) {
        this.ports.log(`reading the ledger: ${messageOf(error)}`, { job: this.job });
        await new Promise<void>((resolve) => this.ports.clock.after(READ_AGAIN, resolve));
      }
    }
  }

  // --- telling people --------------------------------------------------------------------------------------------

  event(type: string, message: string, details?: Record<string, unknown>): void {
    const event: JobEvent = {
      v: 1,
      job: this.job,
      time: new Date(this.ports.clock.wall()).toISOString(),
      type,
      step: this.core.view.steps,
      message,
      ...(details === undefined ? {} : { details }),
    };
    this.ports.log(message, { job: this.job, event: type, step: event.step });
    this.ports.bus.streams.append(this.subjects.event, encodeJson(event)).catch((error: unknown) => {
      this.ports.log(`event ${type} could not be stored: ${messageOf(error)}`, { job: this.job });
    });
  }

  /** At most one message every PROGRESS_EVERY; the last state is always told. */
  progress(now_ = false): void {
    if (this.stopped) return;
    const now = this.ports.clock.now();
    const wait = this.lastProgress + PROGRESS_EVERY - now;
    if (!now_ && wait > 0) {
      this.cancelProgress ??= this.ports.clock.after(wait, () => {
        this.cancelProgress = null;
        this.progress(true);
      });
      return;
    }
    this.cancelProgress?.();
    this.cancelProgress = null;
    this.lastProgress = now;
    this.ports.bus.publish(this.subjects.progress, encodeJson(this.describeProgress()));
  }

  describeProgress(): Progress {
    const { view } = this.core;
    const now = this.ports.clock.now();
    const { stop } = view;
    const moves = view.status === 'running' && this.waiting === null;
    if (!moves && view.status !== 'ended') this.meter.rest(view.steps, now);
    const speed = this.meter.speed(view.steps, now);
    const stepsLeft = Math.min(
      stop.steps === null ? Number.POSITIVE_INFINITY : stop.steps - view.steps,
      stop.evaluations === null
        ? Number.POSITIVE_INFINITY
        : (stop.evaluations - view.evaluations) / view.genesis.spec.method.population,
    );
    const secondsLeft = Math.min(
      speed.stepsPerSecond > 0 ? stepsLeft / speed.stepsPerSecond : Number.POSITIVE_INFINITY,
      stop.wallClock === null ? Number.POSITIVE_INFINITY : (stop.wallClock - this.core.elapsed(now)) / 1000,
    );
    return {
      v: 1,
      job: this.job,
      state: stateShown(this.state, this.waiting),
      step: view.steps,
      steps: stop.steps,
      evaluations: view.evaluations,
      fitness: {
        centre: view.end?.centre ?? view.lastCentre,
        best: view.best,
        mean: view.last?.mean ?? null,
        deviation: view.last?.deviation ?? null,
      },
      validation: validationOf(view),
      evaluationsPerSecond: moves || view.status === 'ended' ? speed.evaluationsPerSecond : 0,
      workers: this.core.status.workers,
      bytesPerStep:
        view.steps === 0
          ? 0
          : Math.round((this.bytesDown + this.bytesUp) / Math.max(1, view.steps - this.meter.firstStep)),
      failedEvaluations: view.failed,
      secondsElapsed: this.core.elapsed(now) / 1000,
      secondsLeft: !moves || !Number.isFinite(secondsLeft) ? null : Math.max(0, secondsLeft),
      hints: hintsFor(view, this.meter, this.figures),
      waiting: this.waiting,
      summary: this.figures.summary,
    };
  }

  describeResult(): JobResult | null {
    const { view } = this.core;
    const { end } = view;
    if (end === null) return null;
    const validation = finalValidation(view);
    return {
      type: 'result',
      job: this.job,
      status: end.status,
      stoppedBy: end.stoppedBy,
      reason: end.reason,
      steps: view.steps,
      evaluations: view.evaluations,
      fitness: { centre: end.centre ?? view.lastCentre, best: view.best, mean: view.last?.mean ?? null },
      ...(validation === null ? {} : { validation }),
      digest: end.digest,
      wallSeconds: Math.round(this.core.elapsed(this.ports.clock.now())) / 1000,
      bytesDown: this.bytesDown,
      bytesUp: this.bytesUp,
    };
  }
}
