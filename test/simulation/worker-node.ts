// A simulated worker process: the real core and a real replica, with a host that applies, digests and evaluates strictly
// in the order of the effects, as the compute side does. It may crash in mid-evaluation, join late, leave, be slow,
// fail units of its own, and have a bit of its replica flipped.
import type { StepUpdate } from '../../shared/ledger/records.js';
import { type LedgerView, fold, viewAt } from '../../shared/ledger/fold.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import { bytesOf } from '../../shared/wire/codec.js';
import { assignMessage, planMessage, resultMessage, roundMessage } from '../../shared/wire/messages.js';
import type { UnitLayout } from '../../shared/wire/slices.js';
import { WorkerJobCore, type WorkerJobEffect, type WorkerJobEvent } from '../../worker/core/job.js';
import { Replica } from '../../worker/replica/replica.js';
import type { CoordinatorNode } from './coordinator-node.js';
import { evaluateUnit } from './job.js';
import { hex, sha256 } from './model.js';
import { Random } from './random.js';
import type { WorkerScenario } from './scenario.js';
import type { World } from './world.js';

const TICK = 250;
const HEARTBEAT = 1000;
const APPLY = 0.3;

interface Evaluation {
  readonly generation: number;
  readonly step: number;
  readonly layout: UnitLayout;
  readonly queue: [number, number][];
  finished: {
    readonly unit: number;
    readonly value: number;
    readonly error: string | null;
    readonly auxiliary: Float64Array | null;
  }[];
  running: boolean;
}

export class WorkerNode {
  alive = false;
  /** Raised by a crash and by every load: what was under way before is void. */
  private life = 0;
  private loads = 0;
  private core: WorkerJobCore;
  private replica: Replica | null = null;
  private arrays: readonly TensorArray[] = [];
  private step = 0;
  private flipped = false;
  private freeAt = 0;
  private evaluation: Evaluation | null = null;
  private ready = false;

  constructor(
    readonly scenario: WorkerScenario,
    private readonly world: World,
    private readonly coordinators: readonly CoordinatorNode[],
  ) {
    this.core = new WorkerJobCore(scenario.name);
  }

  get name(): string {
    return this.scenario.name;
  }

  join(): void {
    const { world } = this;
    world.history.count('worker joins');
    world.history.say(world.now, this.name, () => 'joins');
    this.alive = true;
    this.life++;
    this.ready = false;
    this.evaluation = null;
    this.core = new WorkerJobCore(this.name);
    this.perform(this.core.open(world.now));
    this.every(TICK, () => this.feed({ type: 'tick' }));
    this.every(HEARTBEAT, () => this.heartbeat());
  }

  leave(): void {
    if (!this.alive) return;
    this.world.history.count('worker leaves');
    this.ready = false;
    this.heartbeat();
    this.alive = false;
    this.life++;
  }

  private crash(): void {
    const { world } = this;
    world.history.count('worker crash in an evaluation');
    world.history.say(world.now, this.name, () => 'CRASH');
    this.alive = false;
    this.life++;
    const rest = Math.max(0, world.scenario.calmAt - world.now);
    world.scheduler.after(Math.min(rest, world.random.between(50, 5000)), () => {
      if (!this.alive && (this.scenario.leaveAt === null || this.scenario.leaveAt > world.now)) this.join();
    });
  }

  /** One bit of the parameters the replica stands at. */
  flip(): void {
    const array = this.replica?.memory.parameters(this.step)[0];
    if (array === undefined || !this.alive) return;
    this.world.history.count('bit flipped');
    this.world.history.say(this.world.now, this.name, () => 'BIT FLIPPED');
    this.world.history.tainted = true;
    this.flipped = true;
    const bytes = bytesOf(array);
    const at = this.world.random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.world.random.integer(0, 7));
  }

  reconnected(): void {
    if (this.alive) this.feed({ type: 'reconnected' });
  }

  private guarded(fn: () => void): () => void {
    const { life } = this;
    return () => {
      if (this.alive && this.life === life) fn();
    };
  }

  private every(interval: number, fn: () => void): void {
    const turn = this.guarded(() => {
      fn();
      this.world.scheduler.after(interval, turn);
    });
    this.world.scheduler.after(this.world.random.between(0, interval), turn);
  }

  private heartbeat(): void {
    const { ready } = this;
    for (const coordinator of this.coordinators) {
      this.world.deliver('heartbeat', () => coordinator.onHeartbeat(this.name, ready));
    }
  }

  // --- messages in -----------------------------------------------------------------------------------------------

  onPlan(bytes: Uint8Array): void {
    if (this.alive) this.feed({ type: 'plan', message: planMessage.decode(bytes) });
  }

  onRound(bytes: Uint8Array): void {
    if (this.alive) this.feed({ type: 'round', message: roundMessage.decode(bytes) });
  }

  onAssign(bytes: Uint8Array): void {
    if (this.alive) this.feed({ type: 'assign', message: assignMessage.decode(bytes) });
  }

  onRebuild(): void {
    if (!this.alive) return;
    this.world.history.count('replica rebuilt');
    this.feed({ type: 'rebuild' });
  }

  private feed(event: WorkerJobEvent): void {
    let effects: WorkerJobEffect[];
    try {
      effects = this.core.handle(event, this.world.now);
    } catch (error) {
      this.world.history.errors.push(
        `${this.name} on ${event.type}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      return;
    }
    this.perform(effects);
  }

  // --- effects out -----------------------------------------------------------------------------------------------

  private perform(effects: readonly WorkerJobEffect[]): void {
    for (const effect of effects) {
      this.world.history.say(this.world.now, this.name, () => describe(effect));
      switch (effect.type) {
        case 'load':
          this.load();
          break;
        case 'fetch':
          this.fetch(effect.from);
          break;
        case 'apply':
          this.apply(effect.step, effect.updates);
          break;
        case 'evaluate':
          this.evaluate(effect.generation, effect.key.step, effect.layout, effect.ranges);
          break;
        case 'digest': {
          const { step } = effect;
          this.inOrder(0.1, (replica) => {
            const digest = replica.digest(step);
            this.saveSnapshot(replica, step);
            this.feed({ type: 'digested', step, digest });
          });
          break;
        }
        case 'result':
          this.send(effect.message);
          break;
        case 'ask':
          this.ask();
          break;
        case 'ready':
          this.ready = effect.ready;
          this.heartbeat();
          break;
      }
    }
  }

  private send(message: Parameters<typeof resultMessage.encode>[0]): void {
    const { history, now } = this.world;
    history.results.push({
      worker: this.name,
      step: message.step,
      phase: message.phase,
      parent: hex(message.parent),
      ranges: message.ranges,
      values: message.scalars,
      failures: message.failures.map(([unit]) => unit),
      flipped: this.flipped,
      at: now,
    });
    const bytes = resultMessage.encode(message);
    for (const coordinator of this.coordinators)
      this.world.deliver('result', () => coordinator.onResult(bytes));
  }

  private ask(): void {
    const { world } = this;
    world.deliver('ask', () => {
      const answers = this.coordinators.map((c) => c.onAsk(this.name)).filter((answer) => answer !== null);
      const answer = world.random.choose(answers);
      if (answer === undefined) return;
      world.deliver('answer', () => {
        this.onPlan(answer.plan);
        if (answer.round !== null) this.onRound(answer.round);
      });
    });
  }

  private load(): void {
    const { world } = this;
    this.evaluation = null;
    this.replica = null;
    const load = ++this.loads;
    const current = (fn: () => void): (() => void) =>
      this.guarded(() => {
        if (this.loads === load) fn();
      });
    const read = (): void => {
      world.read(1, (entries) =>
        current(() => {
          const first = entries?.[0];
          if (first === undefined) return world.scheduler.after(300, current(read));
          const folded = fold(null, first.payload, first.sequence);
          if (!folded.accepted || folded.record.kind !== 'genesis')
            throw new Error('the ledger does not begin with a genesis record');
          const replica = new Replica(folded.record);
          const snapshot = this.usableSnapshot();
          let view: LedgerView = folded.view;
          if (snapshot === undefined) replica.initialise();
          else {
            world.history.count('loaded from a snapshot');
            view = viewAt(folded.record, snapshot);
            replica.restore(snapshot.steps, snapshot.bytes);
          }
          this.replica = replica;
          this.arrays = replica.allocate();
          this.step = view.steps;
          this.flipped = false;
          this.freeAt = world.now;
          this.observe(view);
          this.feed({ type: 'loaded', view });
        })(),
      );
    };
    world.scheduler.after(world.random.between(1, 50), current(read));
  }

  /** Only states that an agreed digest in the ledger vouches for. */
  private usableSnapshot() {
    const { world } = this;
    if (!world.scenario.snapshots || !world.random.chance(0.7)) return undefined;
    const accepted = world.chain.accepted;
    return world.random.choose(
      world.snapshots.filter((s) =>
        accepted.some(
          ({ record }) =>
            record.kind === 'step' &&
            record.step === s.steps &&
            record.digest === sha256(s.bytes) &&
            hex(record.parent) === hex(s.head),
        ),
      ),
    );
  }

  private saveSnapshot(replica: Replica, step: number): void {
    const { view } = this.core.head;
    if (!this.world.scenario.snapshots || view === null || view.steps !== step) return;
    const { head, sequence, epoch, steps, status, code } = view;
    this.world.snapshots.push({
      head,
      sequence,
      epoch,
      steps,
      status,
      code,
      bytes: replica.snapshot(step).bytes,
    });
  }

  private fetch(from: number): void {
    const load = this.loads;
    const current = (fn: () => void): (() => void) =>
      this.guarded(() => {
        if (this.loads === load) fn();
      });
    this.world.read(from, (entries) =>
      current(() => {
        if (entries === null)
          return this.world.scheduler.after(
            300,
            current(() => this.feed({ type: 'fetch-failed' })),
          );
        const cut = this.world.random.integer(0, entries.length);
        if (cut > 0 && cut < entries.length) {
          this.feed({ type: 'ledger', entries: entries.slice(0, cut), last: false });
          this.world.scheduler.after(
            1,
            current(() => this.feed({ type: 'ledger', entries: entries.slice(cut), last: true })),
          );
        } else this.feed({ type: 'ledger', entries, last: true });
      })(),
    );
  }

  // --- the host: strictly in order -------------------------------------------------------------------------------

  private inOrder(duration: number, fn: (replica: Replica) => void): void {
    const load = this.loads;
    this.freeAt = Math.max(this.freeAt, this.world.now) + duration;
    this.world.scheduler.after(
      this.freeAt - this.world.now,
      this.guarded(() => {
        if (this.loads === load && this.replica !== null) fn(this.replica);
      }),
    );
  }

  private apply(step: number, updates: readonly StepUpdate[]): void {
    this.evaluation = null;
    const { view } = this.core.head;
    this.inOrder(APPLY, (replica) => {
      updates.forEach((update, i) => replica.apply(step + i, update));
      this.step = step + updates.length;
      if (view !== null && view.steps === this.step) this.observe(view);
      this.feed({ type: 'applied', step: this.step });
    });
  }

  private observe(view: LedgerView): void {
    const { history, now } = this.world;
    const digest = this.replica?.digest(this.step) ?? '';
    history.replicas.push({
      who: this.name,
      head: hex(view.head),
      steps: this.step,
      at: now,
      digest,
      flipped: this.flipped,
    });
  }

  private evaluate(
    generation: number,
    step: number,
    layout: UnitLayout,
    ranges: readonly (readonly [number, number])[],
  ): void {
    if (this.evaluation?.generation !== generation) {
      this.evaluation = { generation, step, layout, queue: [], finished: [], running: false };
    }
    const { evaluation } = this;
    this.inOrder(0.05, () => {
      if (this.evaluation !== evaluation) return;
      for (const [from, to] of ranges) evaluation.queue.push([from, to]);
      this.pump(evaluation);
    });
  }

  /** One unit at a time; what is finished is reported now and then, and at the end. */
  private pump(evaluation: Evaluation): void {
    if (evaluation.running || this.evaluation !== evaluation) return;
    const range = evaluation.queue[0];
    if (range === undefined) return;
    const unit = range[0]++;
    if (range[0] === range[1]) evaluation.queue.shift();
    evaluation.running = true;
    const { world } = this;
    const { cost, ownFailures } = this.scenario;
    world.scheduler.after(
      cost * world.random.between(0.7, 1.3),
      this.guarded(() => {
        evaluation.running = false;
        if (this.evaluation !== evaluation || this.replica === null) return this.pumpCurrent();
        if (world.fault('worker crash', world.scenario.workerCrash)) return this.crash();
        evaluation.finished.push(this.outcome(this.replica, evaluation, unit, ownFailures));
        if (evaluation.queue.length === 0 || world.random.chance(0.3)) this.report(evaluation);
        this.pump(evaluation);
      }),
    );
  }

  private pumpCurrent(): void {
    if (this.evaluation !== null) this.pump(this.evaluation);
  }

  private outcome(replica: Replica, { step, layout }: Evaluation, unit: number, ownFailures: number) {
    if (
      ownFailures > 0 &&
      new Random(this.name.charCodeAt(1) * 4096 + step * 64 + unit).chance(ownFailures)
    ) {
      this.world.history.count('unit fails on one worker only');
      this.world.history.tainted = true;
      return { unit, value: Number.NaN, error: 'this worker cannot', auxiliary: null };
    }
    const outcome = evaluateUnit(this.world.scenario.job, replica, step, layout, unit, this.arrays);
    if ('error' in outcome) this.world.history.count('unit fails everywhere');
    return 'error' in outcome
      ? { unit, value: Number.NaN, error: outcome.error, auxiliary: null }
      : { unit, value: outcome.value, error: null, auxiliary: outcome.auxiliary };
  }

  private report(evaluation: Evaluation): void {
    const units = evaluation.finished.sort((a, b) => a.unit - b.unit);
    evaluation.finished = [];
    const ranges: [number, number][] = [];
    for (const { unit } of units) {
      const last = ranges.at(-1);
      if (last?.[1] === unit) last[1] = unit + 1;
      else ranges.push([unit, unit + 1]);
    }
    const withAuxiliary = units.filter(({ auxiliary }) => auxiliary !== null);
    this.feed({
      type: 'evaluated',
      generation: evaluation.generation,
      batch: {
        ranges,
        scalars: Float64Array.from(units, ({ value }) => value),
        failures: units.flatMap(({ unit, error }): [number, string][] =>
          error === null ? [] : [[unit, error]],
        ),
        auxiliaryUnits: withAuxiliary.map(({ unit }) => unit),
        auxiliaries: Float64Array.from(withAuxiliary.flatMap(({ auxiliary }) => [...(auxiliary ?? [])])),
        busy: this.scenario.cost * units.length,
      },
    });
  }
}

function describe(effect: WorkerJobEffect): string {
  switch (effect.type) {
    case 'fetch':
      return `fetch from ${effect.from}`;
    case 'apply':
      return `apply ${effect.updates.length} from step ${effect.step}`;
    case 'evaluate':
      return `evaluate ${JSON.stringify(effect.ranges)} step ${effect.key.step} phase ${effect.key.phase}`;
    case 'result':
      return `result ${JSON.stringify(effect.message.ranges)} step ${effect.message.step} phase ${effect.message.phase}${effect.message.digest === null ? '' : ` digest ${effect.message.digest.slice(0, 8)}`}`;
    case 'ready':
      return `ready ${effect.ready}`;
    case 'load':
    case 'digest':
    case 'ask':
      return effect.type;
  }
}
