// One job at its coordinator, as a state machine: events come in with the time, effects go out as data. It knows no NATS,
// no clock and no parameters. The shell (coordinator/job-runner.ts) and the simulator carry out the same effects.
//
// A step: publish the round → collect results (reissue what is late, ask failures of another worker) → store the
// evidence → commit the record → publish the next round. Only one commit is ever in flight; every answer other than
// "committed" leads to reading the ledger, which alone says what happened.
import { type LedgerView, fold } from '../../shared/ledger/fold.js';
import {
  type ControlAction,
  type FinalStatus,
  type LedgerRecord,
  type StepFitness,
  type StoppedBy,
  encodeRecord,
  recordHash,
} from '../../shared/ledger/records.js';
import type { StopRules } from '../../shared/job/spec.js';
import { methodNamed } from '../../shared/methods/registry.js';
import {
  type PlanMessage,
  type Ranges,
  type ResultMessage,
  type RoundMessage,
  countUnits,
} from '../../shared/wire/messages.js';
import { sameBytes } from '../../shared/wire/codec.js';
import { dueAt, roundLayout } from '../../shared/methods/round-layout.js';
import { sliceOf } from '../../shared/wire/slices.js';
import { encodeEvidence } from '../../shared/ledger/evidence.js';
import { Assignments } from './assignments.js';
import { Planner } from './planner.js';
import { Round } from './round.js';

export type JobCoreEvent =
  | { readonly type: 'tick' }
  /** The workers that hold the job's state and may evaluate, sorted. */
  | { readonly type: 'workers'; readonly ready: readonly string[] }
  | { readonly type: 'result'; readonly result: ResultMessage }
  /** The worker asked what it missed, and was told plan and round. */
  | { readonly type: 'asked'; readonly worker: string }
  | { readonly type: 'evidence-stored' }
  | { readonly type: 'evidence-failed' }
  | { readonly type: 'committed'; readonly sequence: number }
  /** Refused, timed out or unknown: the ledger must be read. */
  | { readonly type: 'commit-unknown' }
  /** The store has no room: for the evidence or for the record. */
  | { readonly type: 'store-full'; readonly message: string }
  | {
      readonly type: 'ledger';
      /** The number of the read that this answers. */
      readonly read: number;
      readonly entries: readonly { readonly sequence: number; readonly payload: Uint8Array }[];
    }
  | { readonly type: 'control'; readonly request: ControlRequestKind };

export type ControlRequestKind =
  | { readonly action: 'pause' | 'resume' | 'stop' | 'cancel' }
  | { readonly action: 'accept-code'; readonly code: string }
  | { readonly action: 'extend'; readonly stop: StopRules };

export type JobCoreEffect =
  | { readonly type: 'plan'; readonly message: PlanMessage }
  | { readonly type: 'round'; readonly message: RoundMessage }
  | { readonly type: 'assign'; readonly worker: string; readonly ranges: Ranges }
  | { readonly type: 'store-evidence'; readonly payload: Uint8Array; readonly step: number }
  | { readonly type: 'commit'; readonly bytes: Uint8Array; readonly expected: number }
  /** Reads are numbered: only the answer to the last one counts. */
  | { readonly type: 'read-ledger'; readonly from: number; readonly read: number }
  /** Digests disagree: these workers discard their replica and load it again. */
  | { readonly type: 'rebuild'; readonly workers: readonly string[] }
  | {
      readonly type: 'event';
      readonly event: string;
      readonly message: string;
      readonly details?: Record<string, unknown>;
    }
  /** Another coordinator leads this job's ledger: stop touching it. */
  | { readonly type: 'deposed' }
  | { readonly type: 'ended' };

export interface JobCoreConfig {
  readonly holder: string;
  /** This coordinator wrote the genesis just now, so epoch 1 is its own. */
  readonly fresh: boolean;
  /** Milliseconds that the job has run, at the time the core starts. */
  readonly elapsed: number;
}

type Phase =
  | 'idle'
  | 'collecting'
  | 'storing'
  | 'committing'
  /** Reading the ledger after a commit whose outcome is unknown. */
  | 'reconciling'
  | 'deposed'
  /** Not even the record that ends the job is accepted: nothing more is tried. */
  | 'stuck'
  | 'ended';

/** Waits before a commit is tried again, or after a full store, in milliseconds. */
const RETRY_AFTER = 250;
/** Milliseconds without a result after which a waiting core checks that the ledger is still this coordinator's. */
const SILENCE = 3000;

export class JobCore {
  private phase: Phase = 'idle';
  private currentView: LedgerView;
  private round: Round | null = null;
  private roundMessage: RoundMessage | null = null;
  private lastRecord: Uint8Array = new Uint8Array(0);
  private pendingCommit: Uint8Array | null = null;
  /** The step record that waits for its evidence to be stored. */
  private waitingStep: { readonly bytes: Uint8Array; readonly evidence: Uint8Array } | null = null;
  private ready: readonly string[] = [];
  /** Workers told to rebuild that have not been seen unready since, and when they were told. */
  private readonly rebuilding = new Map<string, number>();
  private readonly queue: ControlAction[] = [];
  private leads: boolean;
  private stopRequested = false;
  private cancelRequested = false;
  private failure: string | null = null;
  /** The stop rule that holds now; its final round is under way or done. */
  private stopping: StoppedBy | null = null;
  private finalCentre: number | null = null;
  private finalValidation: number | null = null;
  private finalDone = false;
  private finalDigest: string | null = null;
  private retryAt: number | null = null;
  /** When a new value of the round came last, or the ledger was looked at for want of one. */
  private heardAt = 0;
  private fullSince: string | null = null;
  /** Why the fold refuses this core's own record. */
  private refusal: string | null = null;
  /** Ledger reads asked for so far. An older answer may have been overtaken by what this core wrote since. */
  private reads = 0;
  private failuresNamed = 0;
  /** Milliseconds that the job ran until `activeSince`, or in all while that is null: pauses and ends do not count. */
  private active: number;
  private activeSince: number | null = null;
  private readonly planner: Planner;
  private readonly assignments: Assignments;

  constructor(
    private readonly config: JobCoreConfig,
    view: LedgerView,
    lastRecord: Uint8Array,
    now: number,
  ) {
    this.currentView = view;
    this.lastRecord = lastRecord;
    this.leads = config.fresh;
    this.active = config.elapsed;
    this.keepTime(now);
    this.planner = new Planner(() => this.currentView.epoch);
    this.assignments = new Assignments(this.planner);
    if (view.status === 'ended') this.phase = 'ended';
  }

  get view(): LedgerView {
    return this.currentView;
  }

  get plan(): PlanMessage {
    return this.planner.current;
  }

  /** The round that is being collected, for workers that ask. */
  get openRound(): RoundMessage | null {
    return this.phase === 'collecting' ? this.roundMessage : null;
  }

  get status(): {
    readonly phase: Phase;
    readonly stopping: StoppedBy | null;
    readonly workers: number;
    readonly waiting: string | null;
  } {
    return {
      phase: this.phase,
      stopping: this.stopping,
      workers: this.ready.length,
      waiting: this.waiting(),
    };
  }

  /** Milliseconds that the job has run. */
  elapsed(now: number): number {
    return this.active + (this.activeSince === null ? 0 : now - this.activeSince);
  }

  private keepTime(now: number): void {
    const running = this.currentView.status === 'running';
    if (running === (this.activeSince !== null)) return;
    this.active = this.elapsed(now);
    this.activeSince = running ? now : null;
  }

  private waiting(): string | null {
    if (this.phase === 'stuck') return this.refusal;
    if (this.fullSince !== null) return `the store is full: ${this.fullSince}`;
    if (this.phase === 'collecting' && this.ready.length === 0) return 'no worker is ready';
    if (this.phase === 'idle' && this.currentView.status === 'running' && this.ready.length === 0)
      return 'no worker is ready';
    return null;
  }

  handle(event: JobCoreEvent, now: number): JobCoreEffect[] {
    const out: JobCoreEffect[] = [];
    if (this.phase === 'deposed') return out;
    switch (event.type) {
      case 'tick':
        this.onTick(now, out);
        break;
      case 'workers':
        this.onWorkers(event.ready, now, out);
        break;
      case 'result':
        this.onResult(event.result, now, out);
        break;
      case 'asked':
        this.onAsked(event.worker, now, out);
        break;
      case 'evidence-stored':
        if (this.phase === 'storing' && this.waitingStep !== null) {
          const { bytes } = this.waitingStep;
          this.waitingStep = null;
          this.fullSince = null;
          this.commit(bytes, out);
        }
        break;
      case 'committed':
        this.onCommitted(event.sequence, now, out);
        break;
      case 'commit-unknown':
        if (this.phase === 'committing') this.reconcile(out);
        break;
      case 'evidence-failed':
        if (this.phase === 'storing') this.retryAt = now + RETRY_AFTER;
        break;
      case 'store-full':
        this.onStoreFull(event.message, now, out);
        break;
      case 'ledger':
        if (event.read === this.reads) this.onLedger(event.entries, now, out);
        break;
      case 'control':
        this.onControl(event.request, now, out);
        break;
    }
    this.keepTime(now);
    return out;
  }

  // --- deciding what is next -------------------------------------------------------------------------------------

  /** The one place that decides what to do when nothing is in flight. */
  private next(now: number, out: JobCoreEffect[]): void {
    if (this.phase !== 'idle') return;
    const control = this.nextControl();
    if (this.currentView.status === 'ended' && control === undefined) {
      this.phase = 'ended';
      out.push({ type: 'ended' });
      return;
    }
    if (!this.leads) {
      this.commitRecord(
        {
          kind: 'leader',
          epoch: this.currentView.epoch + 1,
          parent: this.currentView.head,
          holder: this.config.holder,
        },
        out,
      );
      return;
    }
    if (this.currentView.status === 'ended' && control !== undefined) {
      // An extension: what led to the end it undoes no longer counts.
      this.queue.shift();
      return this.commitControl(control, out);
    }
    if (this.cancelRequested) return this.end('cancelled', 'request', null, out);
    if (this.failure !== null) return this.end('failed', 'failure', this.failure, out);
    if (control !== undefined) {
      this.queue.shift();
      return this.commitControl(control, out);
    }
    if (this.currentView.status === 'paused' && !this.stopRequested) return;
    this.stopping ??= this.dueStop(now);
    if (this.stopping === null) return this.startRound(0, now, out);
    if (!this.finalDone && this.ready.length > 0) return this.startRound(1, now, out);
    if (!this.finalDone && this.stopping !== 'request') return;
    this.end(this.stopping === 'request' ? 'stopped' : 'succeeded', this.stopping, null, out);
  }

  /** The first request that the ledger's state allows; those before it have become void and are dropped. */
  private nextControl(): ControlAction | undefined {
    const { status } = this.currentView;
    const applies = ({ action }: ControlAction): boolean => {
      if (status === 'ended') return action === 'extend';
      return action === 'pause' ? status === 'running' : action === 'resume' ? status === 'paused' : true;
    };
    for (;;) {
      const control = this.queue[0];
      if (control === undefined || applies(control)) return control;
      this.queue.shift();
    }
  }

  /** The first stop rule that holds between two steps; `fitness` is checked where the centre's value arrives. */
  private dueStop(now: number): StoppedBy | null {
    const { stop, steps, evaluations, bestCentre } = this.currentView;
    if (this.stopRequested) return 'request';
    if (stop.steps !== null && steps >= stop.steps) return 'steps';
    if (stop.evaluations !== null && evaluations >= stop.evaluations) return 'evaluations';
    if (stop.wallClock !== null && this.elapsed(now) >= stop.wallClock) return 'wall-clock';
    if (stop.plateau !== null && bestCentre !== null && steps - bestCentre.step > stop.plateau.steps)
      return 'plateau';
    return null;
  }

  private end(status: FinalStatus, stoppedBy: StoppedBy, reason: string | null, out: JobCoreEffect[]): void {
    this.commitControl(
      {
        action: 'end',
        status,
        stoppedBy,
        reason,
        centre: this.finalCentre,
        validation: this.finalValidation,
        digest: this.finalDigest,
      },
      out,
    );
  }

  // --- rounds ----------------------------------------------------------------------------------------------------

  private startRound(phase: 0 | 1, now: number, out: JobCoreEffect[]): void {
    if (this.ready.length === 0) return;
    const { spec, objective } = this.currentView.genesis;
    const { steps, epoch, head } = this.currentView;
    const due = dueAt({ spec, objective }, steps, phase);
    const layout = roundLayout(spec, { phase, ...due });
    if (this.planner.update(this.ready, layout, now))
      out.push({ type: 'plan', message: this.planner.current });
    const digest = phase === 1 || (steps > 0 && steps % spec.ledger.digestEvery === 0);
    const key = { epoch, step: steps, phase, parent: head };
    this.round = new Round(key, layout, digest, now, objective.auxiliary?.length ?? 0);
    this.roundMessage = {
      ...key,
      plan: this.planner.current.version,
      sequence: this.currentView.sequence,
      record: this.lastRecord,
      ...due,
      digest,
    };
    this.phase = 'collecting';
    this.heardAt = now;
    this.assignments.begin(this.round);
    for (const worker of this.ready) {
      const slice = sliceOf(layout, this.planner.current, worker);
      if (slice !== null) this.assignments.give(worker, [slice], now);
    }
    out.push({ type: 'round', message: this.roundMessage });
  }

  private onWorkers(holders: readonly string[], now: number, out: JobCoreEffect[]): void {
    for (const worker of this.rebuilding.keys())
      if (!holders.includes(worker)) this.rebuilding.delete(worker);
    const ready = holders.filter((worker) => !this.rebuilding.has(worker));
    const gone = this.ready.filter((w) => !ready.includes(w));
    this.ready = ready;
    for (const worker of gone) this.planner.forget(worker);
    if (this.phase === 'collecting' && this.round !== null) {
      for (const worker of gone) this.assignments.drop(worker);
      if (
        ready.length > 0 &&
        !ready.some((w) => this.planner.current.workers.includes(w)) &&
        this.planner.update(ready, this.round.layout, now)
      ) {
        out.push({ type: 'plan', message: this.planner.current });
      }
      this.settleFailures(now, out);
      this.reissue(now, out);
      this.checkComplete(now, out);
    } else this.next(now, out);
  }

  private onResult(result: ResultMessage, now: number, out: JobCoreEffect[]): void {
    const { round } = this;
    if (this.phase !== 'collecting' || round?.matches(result) !== true) return;
    // Computed by a replica that is known to be wrong.
    if (this.rebuilding.has(result.worker)) return;
    // The speed of a worker that has gone would weigh on the mean for ever.
    if (this.ready.includes(result.worker))
      this.planner.measure(result.worker, countUnits(result.ranges), result.busy);
    const { retry, fresh } = round.accept(result);
    // Repeats are no sign that a worker is at work, nor that all follow this round.
    if (fresh + retry.length > 0) {
      this.heardAt = now;
      this.assignments.progress(result.worker, now);
    }
    if (result.digest !== null && round.wantsDigest) round.digests.set(result.worker, result.digest);
    for (const unit of retry) {
      this.nameFailure(unit, result.worker, out);
      const other = this.otherWorker(result.worker);
      if (other === undefined) round.fail(unit);
      else this.assign(other, [[unit, unit + 1]], now, out);
    }
    if (!round.complete) this.reissue(now, out);
    this.checkComplete(now, out);
  }

  /** Its share of the round may have been changed by messages it never got: it is told what it still owes. */
  private onAsked(worker: string, now: number, out: JobCoreEffect[]): void {
    if (this.phase !== 'collecting' || !this.ready.includes(worker)) return;
    const ranges = this.assignments.pending(worker);
    if (ranges.length > 0) this.assign(worker, ranges, now, out);
  }

  private otherWorker(not: string): string | undefined {
    const others = this.ready.filter((w) => w !== not);
    return this.assignments.leastBusy(others);
  }

  private nameFailure(unit: number, worker: string, out: JobCoreEffect[]): void {
    const { round } = this;
    if (round === null || this.failuresNamed++ > 0) return;
    const { members, repeats } = round.layout;
    const member =
      unit < members ? `member ${unit}` : unit < members + repeats ? 'the centre' : 'the validation';
    out.push({
      type: 'event',
      event: 'evaluation-failed',
      message: `step ${round.key.step}, ${member}: ${round.wordsOf(unit)} (worker ${worker}); later failures are counted in progress`,
      details: { step: round.key.step, unit, worker, error: round.wordsOf(unit) },
    });
  }

  /** Failures that wait for a second worker when there is none any more. */
  private settleFailures(now: number, out: JobCoreEffect[]): void {
    const { round } = this;
    if (round === null) return;
    for (const [unit, first] of round.failedOnce()) {
      const other = this.otherWorker(first);
      if (other !== undefined) {
        if (!this.assignments.isGiven(unit)) this.assign(other, [[unit, unit + 1]], now, out);
      } else if (this.ready.length > 0) round.fail(unit);
    }
  }

  private assign(worker: string, ranges: Ranges, now: number, out: JobCoreEffect[]): void {
    this.assignments.give(worker, ranges, now);
    out.push({ type: 'assign', worker, ranges });
  }

  /** Hands what nobody works on, and the tails of the slow, to workers that have nothing left. */
  private reissue(now: number, out: JobCoreEffect[]): void {
    if (this.round === null) return;
    for (const { worker, ranges } of this.assignments.reissue(this.ready, now))
      this.assign(worker, ranges, now, out);
  }

  private onTick(now: number, out: JobCoreEffect[]): void {
    this.rebuildAgain(now, out);
    if (this.phase === 'collecting') {
      this.settleFailures(now, out);
      this.reissue(now, out);
      this.checkSilence(now, out);
      return this.checkComplete(now, out);
    }
    if (this.retryAt !== null) {
      if (now < this.retryAt) return;
      this.retryAt = null;
      if (this.phase === 'storing' && this.waitingStep !== null) {
        out.push({
          type: 'store-evidence',
          payload: this.waitingStep.evidence,
          step: this.currentView.steps,
        });
        return;
      }
      if (this.phase === 'reconciling') return this.readLedger(out);
    }
    this.next(now, out);
    if (this.phase === 'idle') this.checkSilence(now, out);
  }

  /** Workers that follow another leader do not answer, and a paused job asks for nothing: only the ledger would say so. */
  private checkSilence(now: number, out: JobCoreEffect[]): void {
    if (now - this.heardAt < SILENCE) return;
    this.heardAt = now;
    this.readLedger(out);
  }

  /** The first order may be lost. */
  private rebuildAgain(now: number, out: JobCoreEffect[]): void {
    const workers = [...this.rebuilding]
      .filter(([, told]) => now - told >= SILENCE)
      .map(([worker]) => worker);
    if (workers.length === 0) return;
    for (const worker of workers) this.rebuilding.set(worker, now);
    out.push({ type: 'rebuild', workers });
  }

  private checkComplete(now: number, out: JobCoreEffect[]): void {
    const { round } = this;
    if (this.phase !== 'collecting' || round?.complete !== true) return;
    const digest = round.wantsDigest ? this.agreedDigest(round, now, out) : null;
    if (round.wantsDigest && digest === null) return;
    this.round = null;
    if (round.key.phase === 1) {
      this.finalCentre = meanOf(round, 0, round.layout.repeats);
      this.finalValidation = validationOf(round);
      this.finalDigest = digest;
      this.finalDone = true;
      this.phase = 'idle';
      return this.next(now, out);
    }
    this.reduce(round, digest, now, out);
  }

  /** The digest that min(2, live) workers report; null while it is open. A disagreement sends the replicas to rebuild. */
  private agreedDigest(round: Round, now: number, out: JobCoreEffect[]): string | null {
    const reports = [...round.digests];
    const [first] = reports;
    if (first === undefined || reports.length < Math.min(2, this.ready.length)) return null;
    if (reports.every(([, digest]) => digest === first[1])) return first[1];
    if (reports.length < this.ready.length && reports.length < 3) return null;
    const workers = reports.map(([worker]) => worker);
    out.push({
      type: 'event',
      event: 'digest-mismatch',
      message: `step ${round.key.step}: replicas disagree (${reports.map(([w, d]) => `${w} ${d.slice(0, 12)}`).join(', ')}); they rebuild from the ledger`,
      details: { step: round.key.step, digests: Object.fromEntries(reports) },
    });
    out.push({ type: 'rebuild', workers });
    for (const worker of workers) this.rebuilding.set(worker, now);
    this.phase = 'idle';
    this.round = null;
    this.ready = this.ready.filter((w) => !workers.includes(w));
    this.next(now, out);
    return null;
  }

  // --- reducing --------------------------------------------------------------------------------------------------

  private reduce(round: Round, digest: string | null, now: number, out: JobCoreEffect[]): void {
    const { spec, objective } = this.currentView.genesis;
    const { members } = round.layout;
    const sign = objective.direction === 'minimize' ? -1 : 1;
    const fitness = new Float64Array(members);
    const failed = new Uint8Array(members);
    let failures = 0;
    let firstFailed = -1;
    for (let i = 0; i < members; i++) {
      if (round.isDone(i)) fitness[i] = sign * (round.values[i] ?? 0);
      else {
        failed[i] = 1;
        failures++;
        if (firstFailed < 0) firstFailed = i;
      }
    }
    this.phase = 'idle';
    if (failures > 0 && (spec.onFailure === 'fail' || failures === members)) {
      const words = round.wordsOf(firstFailed);
      this.failure =
        failures === members
          ? `step ${round.key.step}: no member has a finite value; member ${firstFailed}: ${words}`
          : `step ${round.key.step}, member ${firstFailed}: ${words} (onFailure is "fail")`;
      return this.next(now, out);
    }
    const centre = round.layout.repeats > 0 ? meanOf(round, members, members + round.layout.repeats) : null;
    const target = this.currentView.stop.fitness;
    if (centre !== null && target !== null && sign * centre >= sign * target) {
      // The state that reached the target is the one before this step: the step is not taken.
      this.stopping = 'fitness';
      return this.next(now, out);
    }
    const { update, ties } = methodNamed(spec.method.name).reduce(spec, round.key.step, fitness, failed);
    const evidence =
      spec.ledger.evidence === 'none'
        ? null
        : encodeEvidence({ step: round.key.step, values: round.values, members }, spec.scalars === 'float32');
    const record: LedgerRecord = {
      kind: 'step',
      epoch: this.currentView.epoch,
      parent: this.currentView.head,
      step: round.key.step,
      update: { ...update, auxiliary: round.foldAuxiliaries() },
      fitness: {
        ...summarize(fitness, failed, sign, centre, failures, ties),
        validation: validationOf(round),
      },
      evidence: evidence === null ? null : recordHash(evidence),
      digest,
    };
    const bytes = encodeRecord(record);
    if (evidence === null) return this.commit(bytes, out);
    this.phase = 'storing';
    this.waitingStep = { bytes, evidence };
    out.push({ type: 'store-evidence', payload: evidence, step: round.key.step });
  }

  // --- committing ------------------------------------------------------------------------------------------------

  private commitControl(control: ControlAction, out: JobCoreEffect[]): void {
    this.commitRecord(
      { kind: 'control', epoch: this.currentView.epoch, parent: this.currentView.head, control },
      out,
    );
  }

  private commitRecord(record: LedgerRecord, out: JobCoreEffect[]): void {
    this.commit(encodeRecord(record), out);
  }

  private commit(bytes: Uint8Array, out: JobCoreEffect[]): void {
    this.phase = 'committing';
    this.pendingCommit = bytes;
    out.push({ type: 'commit', bytes, expected: this.currentView.sequence });
  }

  private onCommitted(sequence: number, now: number, out: JobCoreEffect[]): void {
    if (this.phase !== 'committing' || this.pendingCommit === null) return;
    const folded = fold(this.currentView, this.pendingCommit, sequence);
    // Acknowledged, yet not right behind what was seen: a rival's record may stand in between (a cluster was seen to
    // accept both), or only another job's. The ledger knows.
    if (!folded.accepted || sequence !== this.currentView.sequence + 1) return this.reconcile(out);
    this.adopt(folded.view, this.pendingCommit, folded.record, out);
    this.pendingCommit = null;
    this.phase = 'idle';
    this.next(now, out);
  }

  private adopt(view: LedgerView, bytes: Uint8Array, record: LedgerRecord, out: JobCoreEffect[]): void {
    this.currentView = view;
    this.lastRecord = bytes;
    this.fullSince = null;
    if (record.kind === 'leader')
      this.leads =
        record.holder === this.config.holder &&
        this.pendingCommit !== null &&
        sameBytes(bytes, this.pendingCommit);
    if (record.kind === 'control') {
      const { control } = record;
      out.push({
        type: 'event',
        event: control.action,
        message: describeControl(control),
        details: { ...control },
      });
      if (control.action === 'extend') this.resetStop();
    }
  }

  private resetStop(): void {
    this.stopping = null;
    this.finalDone = false;
    this.finalCentre = null;
    this.finalValidation = null;
    this.finalDigest = null;
    this.stopRequested = false;
    this.cancelRequested = false;
    this.failure = null;
    this.refusal = null;
  }

  private reconcile(out: JobCoreEffect[]): void {
    this.phase = 'reconciling';
    this.readLedger(out);
  }

  private readLedger(out: JobCoreEffect[]): void {
    out.push({ type: 'read-ledger', from: this.currentView.sequence, read: ++this.reads });
  }

  /** Every entry from `view.sequence` on, read back after a commit of unknown outcome. */
  private onLedger(
    entries: readonly { readonly sequence: number; readonly payload: Uint8Array }[],
    now: number,
    out: JobCoreEffect[],
  ): void {
    if (this.phase === 'collecting' || this.phase === 'idle') return this.checkLeading(entries, out);
    if (this.phase !== 'reconciling') return;
    // The store no longer holds what this coordinator saw: it was emptied, or lost its last seconds.
    const seen = entries.findIndex(({ sequence }) => sequence === this.currentView.sequence);
    if (seen < 0) return this.depose(out);
    const mine = this.pendingCommit;
    let landed = false;
    let refused: string | null = null;
    for (const { sequence, payload } of entries.slice(seen + 1)) {
      const folded = fold(this.currentView, payload, sequence);
      const own = mine !== null && sameBytes(payload, mine);
      if (!folded.accepted) {
        if (folded.view !== null) this.currentView = folded.view;
        // A second copy of what has landed is refused as well, rightly.
        if (own && !landed) refused = folded.reason;
        continue;
      }
      if (!own) return this.depose(out);
      this.adopt(folded.view, payload, folded.record, out);
      landed = true;
    }
    this.pendingCommit = null;
    this.phase = 'idle';
    if (landed || mine === null) return this.next(now, out);
    if (refused !== null) return this.onRefused(refused, now, out);
    // Nobody wrote: the record never arrived. Its parent is still the head, so the same bytes may be tried again.
    this.commit(mine, out);
  }

  /** The fold is a function of the bytes: to write the same record again would be refused for ever. */
  private onRefused(reason: string, now: number, out: JobCoreEffect[]): void {
    const again = this.refusal !== null;
    this.refusal ??= `the ledger does not accept the job's own record: ${reason}`;
    if (again) {
      this.phase = 'stuck';
      out.push({ type: 'event', event: 'stuck', message: this.refusal });
      return;
    }
    // Nothing of what was refused may be in the record that ends the job.
    this.failure = this.refusal;
    this.finalCentre = null;
    this.finalValidation = null;
    this.finalDigest = null;
    this.next(now, out);
  }

  /** No record may follow the head while nothing is in flight: if one does, another coordinator wrote it. */
  private checkLeading(
    entries: readonly { readonly sequence: number; readonly payload: Uint8Array }[],
    out: JobCoreEffect[],
  ): void {
    for (const { sequence, payload } of entries) {
      if (sequence > this.currentView.sequence && fold(this.currentView, payload, sequence).accepted)
        return this.depose(out);
    }
  }

  private depose(out: JobCoreEffect[]): void {
    this.phase = 'deposed';
    out.push({ type: 'deposed' });
  }

  private onStoreFull(message: string, now: number, out: JobCoreEffect[]): void {
    if (this.phase !== 'storing' && this.phase !== 'committing') return;
    if (this.fullSince === null)
      out.push({ type: 'event', event: 'store-full', message: `the job waits: ${message}` });
    this.fullSince = message;
    if (this.phase === 'committing') this.phase = 'reconciling';
    this.retryAt = now + 4 * RETRY_AFTER;
  }

  // --- control ---------------------------------------------------------------------------------------------------

  private onControl(request: ControlRequestKind, now: number, out: JobCoreEffect[]): void {
    switch (request.action) {
      case 'stop':
        this.stopRequested = true;
        break;
      case 'cancel':
        this.cancelRequested = true;
        if (this.phase === 'collecting') {
          this.phase = 'idle';
          this.round = null;
        }
        break;
      case 'pause':
      case 'resume':
        this.queue.push({ action: request.action });
        break;
      case 'accept-code':
        this.queue.push({ action: 'accept-code', code: request.code });
        break;
      case 'extend':
        this.queue.push({ action: 'extend', stop: request.stop });
        if (this.phase === 'ended') this.phase = 'idle';
        break;
    }
    if (this.phase === 'collecting' && this.ready.length === 0) {
      // Nothing can finish this round: the request need not wait for it.
      this.phase = 'idle';
      this.round = null;
    }
    this.next(now, out);
  }
}

/** Mean over all parts of the validation; null when none is due or any has no value: parts may differ in what they hold. */
function validationOf(round: Round): number | null {
  const { members, repeats, validation } = round.layout;
  const [from, to] = [members + repeats, members + repeats + validation];
  for (let unit = from; unit < to; unit++) if (!round.isDone(unit)) return null;
  return meanOf(round, from, to);
}

function meanOf(round: Round, from: number, to: number): number | null {
  let sum = 0;
  let count = 0;
  for (let unit = from; unit < to; unit++) {
    if (!round.isDone(unit)) continue;
    sum += round.values[unit] ?? 0;
    count++;
  }
  return count === 0 || !Number.isFinite(sum / count) ? null : sum / count;
}

function summarize(
  fitness: Float64Array,
  failed: Uint8Array,
  sign: 1 | -1,
  centre: number | null,
  failures: number,
  ties: number,
): Omit<StepFitness, 'validation'> {
  const count = fitness.length - failures;
  let best = Number.NEGATIVE_INFINITY;
  let mean = 0;
  for (let i = 0; i < fitness.length; i++) {
    if (failed[i] === 1) continue;
    const value = fitness[i] ?? 0;
    if (value > best) best = value;
    mean += value / count;
  }
  let variance = 0;
  for (let i = 0; i < fitness.length; i++)
    if (failed[i] === 0) variance += ((fitness[i] ?? 0) - mean) ** 2 / count;
  const bounded = (x: number): number => Math.min(Math.max(x, -Number.MAX_VALUE), Number.MAX_VALUE);
  return {
    centre,
    best: sign * best,
    mean: bounded(sign * mean),
    deviation: bounded(Math.sqrt(variance)),
    failed: failures,
    ties,
  };
}

function describeControl(control: ControlAction): string {
  switch (control.action) {
    case 'end':
      return `${control.status} (${control.stoppedBy})${control.reason === null ? '' : `: ${control.reason}`}`;
    case 'accept-code':
      return `code ${control.code.slice(0, 12)} is accepted from here on`;
    case 'extend':
      return 'new stop rules';
    default:
      return control.action === 'pause' ? 'paused' : 'resumed';
  }
}
