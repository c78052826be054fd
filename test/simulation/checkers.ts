// Reads the history of a schedule and says what it violates. Every rule here is one that users are promised (agreement,
// reproduction, each evaluation counted once, one committer a step, evidence before the record, a true end), checked
// against the model and not against the cores' own account of themselves.
import { type LedgerView, fold, viewAt } from '../../shared/ledger/fold.js';
import type { StepRecord } from '../../shared/ledger/records.js';
import { decodeEvidence } from '../../shared/ledger/evidence.js';
import type { CoordinatorNode } from './coordinator-node.js';
import type { History } from './history.js';
import {
  Chain,
  type ChainEntry,
  type State,
  type StepContent,
  centreOf,
  contentOf,
  finalLayout,
  hex,
  meanOf,
  rankCoefficients,
  referenceOf,
  stepLayout,
  validationOf,
} from './model.js';
import type { Scenario } from './scenario.js';
import type { World } from './world.js';

export function checkHistory(
  scenario: Scenario,
  history: History,
  coordinators: readonly CoordinatorNode[],
  world: World,
): string[] {
  const check = new Check(scenario, history);
  check.errors();
  check.folds();
  check.epochs();
  check.steps();
  check.beliefs();
  check.replicas();
  check.results();
  check.ends();
  if (world.chain.head !== check.chain.head) check.say('simulator', 'the chain is not what it was');
  for (const { view } of coordinators) check.counters(view);
  return check.violations;
}

class Check {
  readonly violations: string[] = [];
  readonly chain = new Chain();
  private readonly byHash = new Map<string, ChainEntry>();
  /** States that the chain's updates lead to. */
  private readonly states: State[] = [];
  private readonly flips: boolean;

  constructor(
    private readonly scenario: Scenario,
    private readonly history: History,
  ) {
    this.flips = scenario.flips.length > 0;
    for (const { payload, sequence } of history.records) this.chain.feed(payload, sequence);
    for (const entry of this.chain.accepted) this.byHash.set(entry.hash, entry);
  }

  say(rule: string, text: string): void {
    if (this.violations.length < 8) this.violations.push(`${rule}: ${text}`);
  }

  errors(): void {
    for (const error of this.history.errors) this.say('a core threw', error);
  }

  /** Any reader, from any place, folds the ledger to the same chain. */
  folds(): void {
    const { records } = this.history;
    let view: LedgerView | null = null;
    const accepted: string[] = [];
    for (const { payload, sequence } of records) {
      const folded = fold(view, payload, sequence);
      view = folded.view;
      if (folded.accepted) accepted.push(hex(folded.view.head));
    }
    if (accepted.join() !== this.chain.accepted.map(({ hash }) => hash).join()) {
      this.say(
        'one chain',
        `the fold accepts ${accepted.length} records, the rule ${this.chain.accepted.length}`,
      );
    }
    this.counters(view);
    if (view === null) return;
    const middle = this.chain.accepted[this.scenario.seed % this.chain.accepted.length];
    if (middle === undefined) return;
    let status: LedgerView['status'] = 'running';
    for (const { record } of this.chain.accepted.slice(0, this.chain.accepted.indexOf(middle) + 1))
      status = statusAfter(record, status);
    let late = viewAt(view.genesis, {
      head: Uint8Array.from(Buffer.from(middle.hash, 'hex')),
      sequence: middle.sequence,
      epoch: middle.record.epoch,
      steps: middle.steps,
      status,
      code: '',
    });
    for (const { payload, sequence } of records) {
      if (sequence > middle.sequence) late = fold(late, payload, sequence).view ?? late;
    }
    if (hex(late.head) !== this.chain.head || late.steps !== this.chain.steps)
      this.say('one chain', `a fold from step ${middle.steps} on ends elsewhere`);
  }

  counters(view: LedgerView | null): void {
    if (view === null) return;
    const { population } = view.genesis.spec.method;
    if (view.evaluations !== view.steps * population)
      this.say('evaluations', `${view.evaluations} counted in ${view.steps} steps of ${population}`);
  }

  /** Epochs go up by one with each leader, and only the leader of an epoch commits in it. */
  epochs(): void {
    const leaders = new Map<number, string>([[1, this.scenario.fresh ? 'c1.1' : 'nobody']]);
    const writers = new Map(this.history.records.map(({ sequence, by }) => [sequence, by]));
    for (const { record, sequence } of this.chain.accepted) {
      const by = writers.get(sequence) ?? '';
      if (record.kind === 'genesis') continue;
      if (record.kind === 'leader') {
        leaders.set(record.epoch, record.holder);
        if (record.holder !== by) this.say('leader', `${by} wrote the leader record of ${record.holder}`);
      } else if (leaders.get(record.epoch) !== by) {
        this.say(
          'leader',
          `${by} wrote a ${record.kind} record in epoch ${record.epoch} of ${leaders.get(record.epoch) ?? 'nobody'}`,
        );
      }
    }
  }

  /** Each step once, in order, from the values that the pure objective has, with its evidence stored before it. */
  steps(): void {
    const reference = referenceOf(this.scenario.job.variant);
    const first = reference.state(0);
    if (first === null) return;
    this.states.push(first);
    let undisturbed = true;
    const operations = new Map(this.history.records.map(({ sequence, operation }) => [sequence, operation]));
    const steps = this.chain.accepted.filter(
      (e): e is ChainEntry & { record: StepRecord } => e.record.kind === 'step',
    );
    steps.forEach(({ record, sequence }, t) => {
      const state = this.states[t];
      if (state === undefined) return;
      if (record.step !== t) this.say('steps', `step ${record.step} is the ${t}th`);
      const values = this.evidenceOf(record, state, operations.get(sequence) ?? 0);
      const content = undisturbed ? reference.content(t) : null;
      const same = content !== null && sameContent(record, content);
      if (!same && !this.history.tainted)
        this.say(
          'reproduction',
          `step ${t} is not that of the undisturbed run: ${show(record)} instead of ${content === null ? 'a failure' : show(content)}`,
        );
      // Statistics of a flipped replica are not in the evidence.
      const open = this.flips && this.scenario.job.genesis.objective.auxiliary !== null;
      if (!same && values !== null && !open) {
        const own = contentOf(this.scenario.job, state, values);
        if (own === null || !sameContent(record, own))
          this.say('reduction', `step ${t} does not follow from its evidence`);
      }
      this.ranks(record, values ?? (same ? state.values(stepLayout(this.scenario.job, t)) : null));
      if (record.digest !== null && record.digest !== state.digest && !this.flips)
        this.say('digest', `step ${t} holds a digest that its state does not have`);
      undisturbed &&= same;
      const next = undisturbed ? reference.state(t + 1) : state.next(record.update);
      if (next !== null) this.states.push(next);
    });
  }

  private evidenceOf(record: StepRecord, state: State, operation: number): Float64Array | null {
    if (record.evidence === null) {
      if (this.scenario.job.genesis.spec.ledger.evidence !== 'none')
        this.say('evidence', `step ${record.step} names none`);
      return null;
    }
    const stored = this.history.evidence.get(hex(record.evidence));
    if (stored === undefined || stored.operation > operation) {
      this.say('evidence', `step ${record.step} was committed before its evidence was stored`);
      if (stored === undefined) return null;
    }
    const { values } = decodeEvidence(stored.payload);
    const pure = state.values(stepLayout(this.scenario.job, record.step));
    values.forEach((value, unit) => {
      const expected = pure[unit];
      const excused = Number.isNaN(value) && this.history.tainted;
      if (!Object.is(value, expected) && !excused && !this.flips)
        this.say(
          'evidence',
          `step ${record.step}, unit ${unit}: ${value}, the objective gives ${String(expected)}`,
        );
    });
    return values;
  }

  private ranks(record: StepRecord, values: Float64Array | null): void {
    const { method } = this.scenario.job.genesis.spec;
    if (values === null || method.shaping !== 'centered-rank') return;
    const expected = rankCoefficients(this.scenario.job, values.subarray(0, method.population));
    if ([...record.update.coefficients].join() !== expected.join()) {
      this.say(
        'counted once',
        `step ${record.step} has coefficients ${record.update.coefficients.join()}, its values give ${expected.join()}`,
      );
    }
  }

  /** What coordinators take for the ledger, and what they build on, is in the chain. */
  beliefs(): void {
    for (const { who, head, steps, at } of this.history.coordinatorBeliefs) {
      if (this.byHash.get(head)?.steps !== steps)
        this.say(
          'one committer',
          `at ${at.toFixed(0)} ${who} takes ${head.slice(0, 8)} for the head at ${steps} steps: not in the chain`,
        );
    }
    for (const { who, head, steps, at } of this.history.rounds) {
      if (this.byHash.get(head)?.steps !== steps)
        this.say(
          'one committer',
          `at ${at.toFixed(0)} ${who} begins step ${steps} on ${head.slice(0, 8)}: not in the chain`,
        );
    }
  }

  /** A replica that stands at a head has that head's bits. */
  replicas(): void {
    for (const { who, head, steps, digest, flipped, at } of this.history.replicas) {
      if (this.byHash.get(head)?.steps !== steps)
        this.say(
          'agreement',
          `at ${at.toFixed(0)} ${who} follows ${head.slice(0, 8)} at step ${steps}: not in the chain`,
        );
      else if (!flipped && this.states[steps] !== undefined && this.states[steps].digest !== digest) {
        this.say('agreement', `at ${at.toFixed(0)} ${who} has other bits at step ${steps}`);
      }
    }
  }

  /** What a sound worker reports is the pure value of the unit at the state that the result names. */
  results(): void {
    const { job } = this.scenario;
    for (const { worker, step, phase, parent, ranges, values, flipped, at } of this.history.results) {
      if (flipped) continue;
      const state = this.states[step];
      if (this.byHash.get(parent)?.steps !== step || state === undefined) {
        this.say(
          'pure',
          `at ${at.toFixed(0)} ${worker} evaluated step ${step} on ${parent.slice(0, 8)}: not in the chain`,
        );
        continue;
      }
      const pure = state.values(phase === 1 ? finalLayout(job) : stepLayout(job, step));
      let i = 0;
      for (const [from, to] of ranges) {
        for (let unit = from; unit < to; unit++, i++) {
          const value = values[i] ?? Number.NaN;
          if (Number.isFinite(value) && value !== pure[unit])
            this.say(
              'pure',
              `at ${at.toFixed(0)} ${worker}, step ${step}, unit ${unit}: ${value}, the objective gives ${String(pure[unit])}`,
            );
        }
      }
    }
  }

  /** The job ends by a rule that holds, and by none that held before; its status is the one asked for or earned. */
  ends(): void {
    const { genesis } = this.scenario.job;
    let { stop } = genesis.spec;
    const { requested, tainted } = this.history;
    const best = new Plateau(genesis.objective.direction === 'minimize');
    for (const { record, steps } of this.chain.accepted) {
      const evaluations = steps * genesis.spec.method.population;
      const due =
        stop.steps !== null && steps >= stop.steps
          ? 'steps'
          : stop.evaluations !== null && evaluations >= stop.evaluations
            ? 'evaluations'
            : stop.plateau !== null && best.step !== null && steps - best.step > stop.plateau.steps
              ? 'plateau'
              : null;
      if (record.kind === 'step') {
        const before = steps - 1;
        if (stop.steps !== null && before >= stop.steps)
          this.say('end', `step ${before} was taken, the job stops at ${stop.steps}`);
        if (
          record.fitness.centre !== null &&
          stop.fitness !== null &&
          reaches(genesis.objective.direction, record.fitness.centre, stop.fitness)
        ) {
          this.say('end', `step ${before} was taken although the centre had reached the target`);
        }
        if (stop.plateau !== null && best.step !== null && before - best.step > stop.plateau.steps)
          this.say('end', `step ${before} was taken on a plateau`);
        best.see(record.fitness.centre, before, stop.plateau?.minDelta ?? 0);
      }
      if (record.kind !== 'control') continue;
      const { control } = record;
      if (control.action === 'extend') stop = control.stop;
      if (control.action !== 'end') continue;
      const state = this.states[steps];
      switch (control.status) {
        case 'stopped':
          if (!requested.includes('stop') || control.stoppedBy !== 'request')
            this.say('end', 'stopped, and nobody asked');
          break;
        case 'cancelled':
          if (!requested.includes('cancel') || control.stoppedBy !== 'request')
            this.say('end', 'cancelled, and nobody asked');
          break;
        case 'failed':
          if (control.stoppedBy !== 'failure' || control.reason === null)
            this.say('end', 'failed without a reason');
          if (!tainted && referenceOf(this.scenario.job.variant).content(steps) !== null)
            this.say('end', `failed at step ${steps}, where the undisturbed run goes on`);
          break;
        case 'succeeded': {
          const byFitness = control.stoppedBy === 'fitness';
          if (!byFitness && control.stoppedBy !== due)
            this.say(
              'end',
              `succeeded by ${control.stoppedBy} at step ${steps}, where ${due ?? 'no rule'} holds`,
            );
          if (byFitness && !tainted) {
            const layout = stepLayout(this.scenario.job, steps);
            const centre = state === undefined ? null : meanOf(centreOf(state.values(layout), layout));
            if (
              centre === null ||
              stop.fitness === null ||
              !reaches(genesis.objective.direction, centre, stop.fitness)
            )
              this.say('end', `succeeded by fitness, the centre has ${String(centre)}`);
          }
          if (state === undefined || tainted) break;
          const layout = finalLayout(this.scenario.job);
          const centre = meanOf(centreOf(state.values(layout), layout));
          const validation = validationOf(state.values(layout), layout);
          if (control.validation !== validation)
            this.say(
              'end',
              `the final validation is ${String(control.validation)}, the objective gives ${String(validation)}`,
            );
          if (control.centre !== centre)
            this.say(
              'end',
              `the final centre is ${String(control.centre)}, the objective gives ${String(centre)}`,
            );
          if (control.digest !== state.digest)
            this.say('end', `the final digest is ${String(control.digest)}, the state has ${state.digest}`);
        }
      }
      const vouched = !this.flips || this.scenario.alone;
      if (vouched && control.digest !== null && state !== undefined && control.digest !== state.digest)
        this.say(
          'end',
          `the ledger ends with digest ${control.digest.slice(0, 8)}, its state has ${state.digest.slice(0, 8)}`,
        );
    }
  }
}

/** The best centre so far by the plateau rule: an improvement by `minDelta` or less is none. */
class Plateau {
  private value: number | null = null;
  step: number | null = null;

  constructor(private readonly minimize: boolean) {}

  see(centre: number | null, step: number, minDelta: number): void {
    if (centre === null) return;
    const gain =
      this.value === null
        ? Number.POSITIVE_INFINITY
        : this.minimize
          ? this.value - centre
          : centre - this.value;
    const improved =
      this.value === null ||
      (this.minimize ? centre < this.value - minDelta : centre > this.value + minDelta);
    if (!improved || !(gain > 0)) return;
    this.value = centre;
    this.step = step;
  }
}

function reaches(direction: 'minimize' | 'maximize', value: number, target: number): boolean {
  return direction === 'minimize' ? value <= target : value >= target;
}

function statusAfter(record: ChainEntry['record'], status: LedgerView['status']): LedgerView['status'] {
  if (record.kind !== 'control') return status;
  switch (record.control.action) {
    case 'pause':
      return 'paused';
    case 'resume':
      return 'running';
    case 'end':
      return 'ended';
    case 'extend':
      return status === 'ended' ? 'running' : status;
    case 'accept-code':
      return status;
  }
}

function sameContent(record: StepRecord, content: StepContent): boolean {
  const a = record.update;
  const b = content.update;
  return (
    a.coefficients.join() === b.coefficients.join() &&
    a.exponent === b.exponent &&
    a.scale === b.scale &&
    a.rate === b.rate &&
    (a.auxiliary?.join() ?? '') === (b.auxiliary?.join() ?? '') &&
    record.fitness.centre === content.centre &&
    record.fitness.validation === content.validation &&
    record.fitness.failed === content.failed
  );
}

function show(content: StepContent | StepRecord): string {
  const centre = 'fitness' in content ? content.fitness.centre : content.centre;
  return `[${content.update.coefficients.join()}] rate ${content.update.rate} centre ${String(centre)}`;
}
