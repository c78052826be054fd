// One job at one worker, as a state machine: it follows the ledger, turns rounds and assignments into evaluations, and
// evaluations into results. It holds no parameters (the compute host does, in the order of the effects), no clock and no
// connection. The host carries out `apply` and `evaluate` strictly in the order given.
import { type LedgerView, fold } from '../../shared/ledger/fold.js';
import { type StepUpdate, recordHash } from '../../shared/ledger/records.js';
import { roundLayout } from '../../shared/methods/round-layout.js';
import { sameBytes } from '../../shared/wire/codec.js';
import type {
  AssignMessage,
  PlanMessage,
  Ranges,
  ResultMessage,
  RoundKey,
  RoundMessage,
} from '../../shared/wire/messages.js';
import { type UnitLayout, sliceOf } from '../../shared/wire/slices.js';

export type WorkerJobEvent =
  | { readonly type: 'tick' }
  /** The replica was loaded (from the start or a snapshot) and stands at `view.steps`. */
  | { readonly type: 'loaded'; readonly view: LedgerView }
  | { readonly type: 'plan'; readonly message: PlanMessage }
  | { readonly type: 'round'; readonly message: RoundMessage }
  | { readonly type: 'assign'; readonly message: AssignMessage }
  /** Entries asked for by `fetch`, in stream order; `last` ends the answer. */
  | {
      readonly type: 'ledger';
      readonly entries: readonly { readonly sequence: number; readonly payload: Uint8Array }[];
      readonly last: boolean;
    }
  | { readonly type: 'fetch-failed' }
  /** The host's replica stands at `step`. */
  | { readonly type: 'applied'; readonly step: number }
  | { readonly type: 'evaluated'; readonly generation: number; readonly batch: EvaluatedBatch }
  | { readonly type: 'digested'; readonly step: number; readonly digest: string }
  /** The connection came back: messages may have been missed. */
  | { readonly type: 'reconnected' }
  | { readonly type: 'rebuild' };

export interface EvaluatedBatch {
  readonly ranges: Ranges;
  readonly scalars: Float64Array;
  readonly failures: readonly (readonly [number, string])[];
  readonly auxiliaryUnits: readonly number[];
  readonly auxiliaries: Float64Array;
  readonly busy: number;
}

export type WorkerJobEffect =
  /** Load the replica: from the nearest snapshot, else from the start. */
  | {
      readonly type: 'load';
      /** Only a snapshot that the whole ledger vouches for will do: this replica, or the one before, went wrong. */
      readonly verified: boolean;
    }
  | { readonly type: 'fetch'; readonly from: number }
  /** state(step) → state(step + updates.length). */
  | { readonly type: 'apply'; readonly step: number; readonly updates: readonly StepUpdate[] }
  /** Evaluate units of the round; an earlier generation is no longer wanted. */
  | {
      readonly type: 'evaluate';
      readonly generation: number;
      readonly key: RoundKey;
      readonly layout: UnitLayout;
      readonly ranges: Ranges;
    }
  | { readonly type: 'digest'; readonly step: number }
  | { readonly type: 'result'; readonly message: ResultMessage }
  /** Ask the leader for the placement, plans and rounds. */
  | { readonly type: 'ask' }
  | { readonly type: 'ready'; readonly ready: boolean };

/** Milliseconds without a round, while idle, after which the worker asks: two heartbeats. */
const SILENCE = 2000;
/** Milliseconds between two questions. */
const ASK_AGAIN = 200;
/** Assignments kept for a round that has not been heard of yet. */
const GIVEN_KEPT = 16;
/** Replay is told to the host in pieces, so that it can report how far it is. */
const REPLAY_PIECE = 64;

interface OpenRound {
  readonly message: RoundMessage;
  readonly generation: number;
  readonly layout: UnitLayout;
  /** Units given to the host so far. */
  given: [number, number][];
  /** What was published for this round, to say again when it was lost. */
  readonly published: ResultMessage[];
  /** The plan of this round is known and its slice was started. */
  started: boolean;
  /** The plan of this round was asked for. */
  asked: boolean;
  evaluated: number;
}

export class WorkerJobCore {
  private view: LedgerView | null = null;
  private plan: PlanMessage | null = null;
  private round: OpenRound | null = null;
  /** A round whose parent is not known yet. */
  private wanted: RoundMessage | null = null;
  /** Work given in a round that has not been heard of yet. */
  private given: AssignMessage[] = [];
  private fetching = false;
  private generation = 0;
  private applied = -1;
  /** The last accepted record, where the stream holds it. Not there any more: the ledger has lost what this replica has. */
  private anchor: { readonly sequence: number; readonly head: Uint8Array } | null = null;
  private anchorSeen = false;
  private verifiedAt = Number.NEGATIVE_INFINITY;
  private heardAt = 0;
  private askedAt = Number.NEGATIVE_INFINITY;
  /** Time of the event being handled. */
  private now = 0;
  private ready = false;
  private loading = false;
  /** The replica was loaded from what the whole ledger vouches for. */
  private verified = false;
  /** Since it was loaded: records that followed, and one of them taken. */
  private seen = { any: false, accepted: false };

  constructor(readonly worker: string) {}

  get head(): { readonly step: number; readonly ready: boolean; readonly view: LedgerView | null } {
    return { step: this.view?.steps ?? 0, ready: this.ready, view: this.view };
  }

  /** Units asked for and not yet evaluated. */
  get busy(): boolean {
    const { round } = this;
    return round !== null && round.given.reduce((sum, [a, b]) => sum + b - a, 0) > round.evaluated;
  }

  open(now: number): WorkerJobEffect[] {
    this.now = now;
    this.heardAt = now;
    this.loading = true;
    return [{ type: 'load', verified: false }];
  }

  handle(event: WorkerJobEvent, now: number): WorkerJobEffect[] {
    this.now = now;
    const out: WorkerJobEffect[] = [];
    switch (event.type) {
      case 'tick':
        if (!this.loading && !this.busy && now - this.heardAt >= SILENCE) {
          this.heardAt = now;
          this.ask(out);
        }
        break;
      case 'loaded':
        this.loading = false;
        this.view = event.view;
        this.anchor = event.view;
        this.applied = event.view.steps;
        this.seen = { any: false, accepted: this.verified };
        this.fetch(out);
        break;
      case 'plan':
        // The last one counts, whatever its version: a round that wants another makes the worker ask.
        if (event.message.epoch >= (this.view?.epoch ?? 0)) this.plan = event.message;
        this.startSlice(out);
        break;
      case 'round':
        this.onRound(event.message, out);
        break;
      case 'assign':
        this.onAssign(event.message, out);
        break;
      case 'ledger':
        this.onLedger(event.entries, event.last, out);
        break;
      case 'fetch-failed':
        this.fetching = false;
        this.fetch(out);
        break;
      case 'applied':
        this.applied = Math.max(this.applied, event.step);
        this.checkReady(out);
        break;
      case 'evaluated':
        this.onEvaluated(event.generation, event.batch, out);
        break;
      case 'digested':
        this.onDigested(event.step, event.digest, out);
        break;
      case 'reconnected':
        if (!this.loading) {
          this.heardAt = now;
          this.ask(out);
        }
        break;
      case 'rebuild':
        this.onRebuild(out);
        break;
    }
    return out;
  }

  /** An answer may not help (whoever gave it is not the leader any more): asking at once again would never end. */
  private ask(out: WorkerJobEffect[]): void {
    if (this.now - this.askedAt < ASK_AGAIN) return;
    this.askedAt = this.now;
    out.push({ type: 'ask' });
  }

  private onRebuild(out: WorkerJobEffect[]): void {
    this.view = null;
    this.round = null;
    this.wanted = null;
    this.given = [];
    this.fetching = false;
    this.applied = -1;
    this.loading = true;
    this.generation++;
    this.setReady(false, out);
    this.verified = true;
    out.push({ type: 'load', verified: true });
  }

  private setReady(ready: boolean, out: WorkerJobEffect[]): void {
    if (ready === this.ready) return;
    this.ready = ready;
    out.push({ type: 'ready', ready });
  }

  private checkReady(out: WorkerJobEffect[]): void {
    if (this.view !== null && !this.fetching && this.applied >= this.view.steps) this.setReady(true, out);
  }

  // --- following the ledger --------------------------------------------------------------------------------------

  private fetch(out: WorkerJobEffect[]): void {
    if (this.fetching || this.view === null || this.anchor === null) return;
    this.fetching = true;
    this.anchorSeen = false;
    out.push({ type: 'fetch', from: this.anchor.sequence });
  }

  private onLedger(
    entries: readonly { readonly sequence: number; readonly payload: Uint8Array }[],
    last: boolean,
    out: WorkerJobEffect[],
  ): void {
    if (this.view === null || !this.fetching) return;
    let updates: StepUpdate[] = [];
    let first = this.view.steps;
    for (const { sequence, payload } of entries) {
      if (!this.anchorSeen) {
        if (!this.isAnchor(sequence, payload)) return this.onRebuild(out);
        this.anchorSeen = true;
        continue;
      }
      const folded = fold(this.view, payload, sequence);
      if (folded.view !== null) this.view = folded.view;
      this.seen = { any: true, accepted: this.seen.accepted || folded.accepted };
      if (folded.accepted) this.anchor = folded.view;
      if (!folded.accepted || folded.record.kind !== 'step') continue;
      updates.push(folded.record.update);
      if (updates.length < REPLAY_PIECE) continue;
      out.push({ type: 'apply', step: first, updates });
      first += updates.length;
      updates = [];
    }
    if (updates.length > 0) out.push({ type: 'apply', step: first, updates });
    // The host gave up what it evaluated when the state moved on.
    if (this.round !== null && !sameBytes(this.round.message.parent, this.view.head)) this.round = null;
    if (!last) return;
    // Records follow and none continues the snapshot: it stands on a branch that was not taken.
    if (this.seen.any && !this.seen.accepted) return this.onRebuild(out);
    if (!this.anchorSeen) return this.onRebuild(out);
    this.fetching = false;
    this.checkReady(out);
    const { wanted } = this;
    this.wanted = null;
    if (wanted !== null && sameBytes(wanted.parent, this.view.head)) this.begin(wanted, out);
  }

  private isAnchor(sequence: number, payload: Uint8Array): boolean {
    return this.anchor?.sequence === sequence && sameBytes(recordHash(payload), this.anchor.head);
  }

  /** Brings the head to the round's parent when that needs at most the record it carries. */
  private follow(message: RoundMessage, out: WorkerJobEffect[]): boolean {
    if (this.view === null) return false;
    if (sameBytes(this.view.head, message.parent)) return true;
    if (message.record.length === 0) return false;
    const folded = fold(this.view, message.record, message.sequence);
    if (!folded.accepted || !sameBytes(folded.view.head, message.parent)) return false;
    const step = this.view.steps;
    this.view = folded.view;
    this.anchor = folded.view;
    if (folded.record.kind === 'step') out.push({ type: 'apply', step, updates: [folded.record.update] });
    return true;
  }

  // --- rounds ----------------------------------------------------------------------------------------------------

  private onRound(message: RoundMessage, out: WorkerJobEffect[]): void {
    if (this.view === null) return;
    if (message.epoch < this.view.epoch || message.step < this.view.steps) {
      // An old message; or the ledger has lost records that this replica has applied.
      if (this.now - this.verifiedAt < SILENCE) return;
      this.verifiedAt = this.now;
      return this.fetch(out);
    }
    if (this.round !== null && sameRound(this.round.message, message)) {
      this.heardAt = this.now;
      // Said again because something was lost: so is what we said.
      for (const result of this.round.published) out.push({ type: 'result', message: result });
      this.round = { ...this.round, message };
      this.startSlice(out);
      return;
    }
    if (!this.fetching && this.follow(message, out)) return this.begin(message, out);
    if (this.wanted === null || message.sequence >= this.wanted.sequence) this.wanted = message;
    this.fetch(out);
  }

  private begin(message: RoundMessage, out: WorkerJobEffect[]): void {
    if (this.view === null) return;
    const { spec } = this.view.genesis;
    this.heardAt = this.now;
    const layout = roundLayout(spec, message);
    this.round = {
      message,
      generation: ++this.generation,
      layout,
      given: [],
      published: [],
      started: false,
      asked: false,
      evaluated: 0,
    };
    if (message.digest) out.push({ type: 'digest', step: message.step });
    this.startSlice(out);
    const given = this.given.filter((assign) => sameRound(assign, message));
    this.given = [];
    for (const { ranges } of given) this.evaluate(this.round, ranges, out);
  }

  private startSlice(out: WorkerJobEffect[]): void {
    const { round, plan } = this;
    if (round === null || round.started) return;
    const { epoch, plan: version } = round.message;
    if (plan?.version !== version || plan.epoch !== epoch) {
      // Once: whoever answers may not know that plan, and the silence after it asks again.
      if (!round.asked) {
        round.asked = true;
        this.ask(out);
      }
      return;
    }
    round.started = true;
    const slice = sliceOf(round.layout, plan, this.worker);
    if (slice !== null) this.evaluate(round, [slice], out);
  }

  private evaluate(round: OpenRound, ranges: Ranges, out: WorkerJobEffect[]): void {
    const fresh = subtract(ranges, round.given);
    if (fresh.length === 0) return;
    round.given = [...round.given, ...fresh];
    const { epoch, step, phase, parent } = round.message;
    out.push({
      type: 'evaluate',
      generation: round.generation,
      key: { epoch, step, phase, parent },
      layout: round.layout,
      ranges: fresh,
    });
  }

  private onAssign(message: AssignMessage, out: WorkerJobEffect[]): void {
    const { round } = this;
    if (round === null || !sameRound(round.message, message)) {
      if (this.view !== null && message.epoch >= this.view.epoch && message.step >= this.view.steps) {
        this.given = [...this.given, message].slice(-GIVEN_KEPT);
        this.ask(out);
      }
      return;
    }
    this.heardAt = this.now;
    for (const result of round.published) {
      if (result.ranges.some(([a, b]) => message.ranges.some(([c, d]) => a < d && c < b)))
        out.push({ type: 'result', message: result });
    }
    this.evaluate(round, message.ranges, out);
  }

  private onEvaluated(generation: number, batch: EvaluatedBatch, out: WorkerJobEffect[]): void {
    const { round } = this;
    if (round?.generation !== generation) return;
    round.evaluated += batch.ranges.reduce((sum, [a, b]) => sum + b - a, 0);
    this.say(round, { ...batch, digest: null }, out);
  }

  private onDigested(step: number, digest: string, out: WorkerJobEffect[]): void {
    const { round } = this;
    if (round?.message.step !== step || !round.message.digest) return;
    const none = {
      ranges: [],
      scalars: new Float64Array(0),
      failures: [],
      auxiliaryUnits: [],
      auxiliaries: new Float64Array(0),
      busy: 0,
    };
    this.say(round, { ...none, digest }, out);
  }

  private say(
    round: OpenRound,
    content: EvaluatedBatch & { readonly digest: string | null },
    out: WorkerJobEffect[],
  ): void {
    const { epoch, step, phase, parent } = round.message;
    const message: ResultMessage = { worker: this.worker, epoch, step, phase, parent, ...content };
    round.published.push(message);
    out.push({ type: 'result', message });
  }
}

function sameRound(a: RoundKey, b: RoundKey): boolean {
  return a.epoch === b.epoch && a.step === b.step && a.phase === b.phase && sameBytes(a.parent, b.parent);
}

/** The parts of `ranges` outside `taken`. */
function subtract(ranges: Ranges, taken: Ranges): [number, number][] {
  let left: [number, number][] = ranges.map(([a, b]) => [a, b]);
  for (const [from, to] of taken) {
    left = left.flatMap(([a, b]): [number, number][] => {
      const pieces: [number, number][] = [];
      if (a < Math.min(b, from)) pieces.push([a, Math.min(b, from)]);
      if (Math.max(a, to) < b) pieces.push([Math.max(a, to), b]);
      return pieces;
    });
  }
  return left;
}
