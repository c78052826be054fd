// A simulated coordinator process: the duties that the service has around a job's core (lease, reading the ledger,
// who is ready, carrying effects out, asks), which may crash before or after every effect, stall and wake.
import {
  type ControlRequestKind,
  JobCore,
  type JobCoreEffect,
  type JobCoreEvent,
} from '../../coordinator/core/job.js';
import { type LedgerView, fold } from '../../shared/ledger/fold.js';
import { assignMessage, planMessage, resultMessage, roundMessage } from '../../shared/wire/messages.js';
import { hex } from './model.js';
import type { Entry, World } from './world.js';
import type { WorkerNode } from './worker-node.js';

const TICK = 50;
const LEASE_TURN = 750;
/** Milliseconds without a heartbeat after which a worker is gone. */
const GONE = 3000;
const READ_AGAIN = 300;

export class CoordinatorNode {
  private incarnation = 1;
  private alive = true;
  private core: JobCore | null = null;
  private loading = false;
  /** Leads, and the job has ended: no core. */
  private dormant = false;
  private leaseUntil = Number.NEGATIVE_INFINITY;
  private readonly heard = new Map<string, { ready: boolean; at: number }>();
  private ready = '';
  private lastHead = '';

  constructor(
    readonly name: string,
    private readonly index: number,
    private readonly world: World,
    private readonly workers: ReadonlyMap<string, WorkerNode>,
  ) {}

  get holder(): string {
    return `${this.name}.${this.incarnation}`;
  }

  /** Believes that it leads, and holds the job. */
  get leads(): boolean {
    return this.alive && (this.core !== null || (this.dormant && this.world.now <= this.leaseUntil));
  }

  get view(): LedgerView | null {
    return this.core?.view ?? null;
  }

  start(fresh: boolean): void {
    if (fresh) {
      this.leaseUntil = this.world.now + 3000;
      this.world.takeLease(this.name, () => undefined);
      this.open(this.world.history.records, true);
    }
    this.every(LEASE_TURN, () => this.turn());
    this.every(TICK, () => {
      if (this.core === null) return;
      this.updateReady();
      this.feed({ type: 'tick' });
    });
  }

  /** Runs `fn` if this incarnation still lives; a stalled process runs it when it wakes. */
  private guarded(fn: () => void): () => void {
    const { incarnation } = this;
    const run = (): void => {
      if (!this.alive || this.incarnation !== incarnation) return;
      const wake = this.stalledUntil();
      if (wake > this.world.now) {
        this.world.history.count('deferred by a stall');
        this.world.scheduler.after(wake - this.world.now, run);
      } else fn();
    };
    return run;
  }

  private stalledUntil(): number {
    const { now } = this.world;
    const stall = this.world.scenario.stalls.find(
      (s) => s.coordinator === this.index && now >= s.from && now < s.to,
    );
    return stall?.to ?? now;
  }

  private every(interval: number, fn: () => void): void {
    const turn = this.guarded(() => {
      fn();
      this.world.scheduler.after(interval, turn);
    });
    this.world.scheduler.after(this.world.random.between(0, interval), turn);
  }

  // --- leadership ------------------------------------------------------------------------------------------------

  private turn(): void {
    const { world } = this;
    // A lease that could not be renewed in time is noticed only here, as in a process that was stopped.
    if (world.now > this.leaseUntil) this.standDown('lease lost');
    world.takeLease(this.name, (until) => this.guarded(() => this.onLease(until))());
  }

  private onLease(until: number | null): void {
    if (until === null) return;
    this.leaseUntil = Math.max(this.leaseUntil, until);
    // A job that has ended needs no core; the ledger says whether somebody extended it meanwhile.
    if (this.core?.status.phase === 'ended' && this.world.random.chance(0.3))
      this.standDown('the job has ended');
    if (this.world.now > this.leaseUntil || this.core !== null || this.loading) return;
    this.loading = true;
    this.readAll();
  }

  private readAll(request: ControlRequestKind | null = null): void {
    this.world.read(1, (entries) =>
      this.guarded(() => {
        if (entries === null)
          return this.world.scheduler.after(
            READ_AGAIN,
            this.guarded(() => this.readAll(request)),
          );
        this.loading = false;
        if (this.world.now <= this.leaseUntil) this.open(entries, false, request);
      })(),
    );
  }

  private open(entries: readonly Entry[], fresh: boolean, request: ControlRequestKind | null = null): void {
    let view: LedgerView | null = null;
    let last: Uint8Array = new Uint8Array(0);
    for (const { payload, sequence } of entries) {
      const folded = fold(view, payload, sequence);
      view = folded.view;
      if (folded.accepted) last = payload;
    }
    if (view === null) return;
    this.dormant = view.status === 'ended' && !fresh && request === null;
    if (this.dormant) return;
    this.world.history.count('leader starts');
    this.core = new JobCore({ holder: this.holder, fresh, elapsed: 0 }, view, last, this.world.now);
    this.ready = '';
    this.believe();
    this.updateReady();
    this.feed(request === null ? { type: 'tick' } : { type: 'control', request });
  }

  private standDown(reason: string): void {
    if (this.core === null) return;
    this.world.history.say(this.world.now, this.name, () => `stands down: ${reason}`);
    this.core = null;
  }

  private crash(): void {
    this.world.history.say(this.world.now, this.name, () => 'CRASH');
    this.alive = false;
    this.core = null;
    this.loading = false;
    this.dormant = false;
    this.leaseUntil = Number.NEGATIVE_INFINITY;
    this.heard.clear();
    const { world } = this;
    const rest = Math.max(0, world.scenario.calmAt - world.now);
    world.scheduler.after(Math.min(rest, world.random.between(50, 4000)), () => {
      this.incarnation++;
      this.alive = true;
      this.start(false);
    });
  }

  // --- events in -------------------------------------------------------------------------------------------------

  private feed(event: JobCoreEvent): void {
    const { core, world } = this;
    if (core === null) return;
    let effects: JobCoreEffect[];
    try {
      effects = core.handle(event, world.now);
    } catch (error) {
      world.history.errors.push(
        `${this.name} on ${event.type}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      return;
    }
    this.believe();
    for (const effect of effects) {
      if (this.crashesAt(effect.type, false)) return this.crash();
      this.carryOut(effect, core);
      if (this.crashesAt(effect.type, true)) return this.crash();
      if (this.core !== core) return;
    }
  }

  private believe(): void {
    if (this.core === null) return;
    const { view } = this.core;
    const head = hex(view.head);
    if (head === this.lastHead) return;
    this.lastHead = head;
    this.world.history.coordinatorBeliefs.push({
      who: this.holder,
      head,
      steps: view.steps,
      at: this.world.now,
    });
  }

  private crashesAt(type: string, after: boolean): boolean {
    const { world } = this;
    const { crashAt, crashPerEffect } = world.scenario;
    if (!after) world.history.effects++;
    const due = !world.calm && crashAt?.effect === world.history.effects && crashAt.after === after;
    if (!due && (world.calm || !world.random.chance(crashPerEffect / 2))) return false;
    world.history.count(`crash ${after ? 'after' : 'before'} ${type}`);
    return true;
  }

  onHeartbeat(worker: string, ready: boolean): void {
    this.guarded(() => {
      this.heard.set(worker, { ready, at: this.world.now });
      this.updateReady();
    })();
  }

  private updateReady(): void {
    if (this.core === null) return;
    const ready = [...this.heard]
      .filter(([, { ready: isReady, at }]) => isReady && this.world.now - at < GONE)
      .map(([worker]) => worker)
      .sort();
    const text = ready.join();
    if (text === this.ready) return;
    this.ready = text;
    this.feed({ type: 'workers', ready });
  }

  onResult(bytes: Uint8Array): void {
    this.guarded(() => this.feed({ type: 'result', result: resultMessage.decode(bytes) }))();
  }

  /** True when the request reached a core. */
  control(request: ControlRequestKind): boolean {
    if (!this.leads || this.stalledUntil() > this.world.now || this.loading) return false;
    this.world.history.say(this.world.now, this.name, () => `asked to ${request.action}`);
    if (this.core !== null) this.feed({ type: 'control', request });
    else {
      this.loading = true;
      this.readAll(request);
    }
    return true;
  }

  /** The answer to a worker that asks; null from a coordinator that does not lead. */
  onAsk(worker: string): { readonly plan: Uint8Array; readonly round: Uint8Array | null } | null {
    if (this.core === null || !this.alive || this.stalledUntil() > this.world.now) return null;
    const { plan, openRound } = this.core;
    const answer = {
      plan: planMessage.encode(plan),
      round: openRound === null ? null : roundMessage.encode(openRound),
    };
    this.feed({ type: 'asked', worker });
    return answer;
  }

  // --- effects out -----------------------------------------------------------------------------------------------

  private carryOut(effect: JobCoreEffect, core: JobCore): void {
    const { world } = this;
    const answered = (fn: () => void): (() => void) =>
      this.guarded(() => {
        if (this.core === core) fn();
      });
    world.history.say(world.now, this.holder, () => describe(effect));
    switch (effect.type) {
      case 'plan': {
        const bytes = planMessage.encode(effect.message);
        for (const worker of this.workers.values()) world.deliver('plan', () => worker.onPlan(bytes));
        return;
      }
      case 'round': {
        const bytes = roundMessage.encode(effect.message);
        const { parent, step, epoch, phase } = effect.message;
        world.history.rounds.push({
          who: this.holder,
          head: hex(parent),
          steps: step,
          at: world.now,
          epoch,
          phase,
        });
        for (const worker of this.workers.values()) world.deliver('round', () => worker.onRound(bytes));
        return;
      }
      case 'assign': {
        const round = core.openRound;
        const worker = this.workers.get(effect.worker);
        if (round === null || worker === undefined) return;
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
        world.deliver('assign', () => worker.onAssign(bytes));
        return;
      }
      case 'store-evidence':
        return world.storeEvidence(effect.payload, (answer) =>
          answered(() => {
            if (answer.type === 'stored') this.feed({ type: 'evidence-stored' });
            else
              this.feed(
                answer.type === 'full'
                  ? { type: 'store-full', message: 'full' }
                  : { type: 'evidence-failed' },
              );
          })(),
        );
      case 'commit':
        return world.append(effect.bytes, effect.expected, this.holder, (answer) =>
          answered(() => {
            if (answer.type === 'stored') this.feed({ type: 'committed', sequence: answer.sequence });
            else
              this.feed(
                answer.type === 'full' ? { type: 'store-full', message: 'full' } : { type: 'commit-unknown' },
              );
          })(),
        );
      case 'read-ledger':
        return this.readFrom(effect.from, effect.read, answered);
      case 'rebuild':
        world.history.count('rebuild ordered');
        for (const name of effect.workers)
          world.deliver('rebuild', () => this.workers.get(name)?.onRebuild());
        return;
      case 'deposed':
        world.history.count('deposed');
        this.core = null;
        return;
      case 'event':
      case 'ended':
        return;
    }
  }

  private readFrom(from: number, read: number, answered: (fn: () => void) => () => void): void {
    this.world.read(from, (entries) =>
      answered(() => {
        if (entries !== null) this.feed({ type: 'ledger', read, entries });
        else
          this.world.scheduler.after(
            READ_AGAIN,
            answered(() => this.readFrom(from, read, answered)),
          );
      })(),
    );
  }
}

function describe(effect: JobCoreEffect): string {
  switch (effect.type) {
    case 'round':
      return `round step ${effect.message.step} phase ${effect.message.phase} plan ${effect.message.plan} parent ${hex(effect.message.parent).slice(0, 8)}`;
    case 'plan':
      return `plan ${effect.message.version} ${effect.message.workers.join()}`;
    case 'assign':
      return `assign ${effect.worker} ${JSON.stringify(effect.ranges)}`;
    case 'commit':
      return `commit, expecting ${effect.expected}`;
    case 'event':
      return `event ${effect.event}: ${effect.message}`;
    case 'rebuild':
      return `rebuild ${effect.workers.join()}`;
    case 'read-ledger':
      return `read the ledger from ${effect.from}`;
    case 'store-evidence':
    case 'deposed':
    case 'ended':
      return effect.type;
  }
}
