// Speeds for progress, and the hints that tell a user what to change. Pure.
import type { LedgerView } from '../shared/ledger/fold.js';
import type { Heartbeat } from '../shared/wire/reports.js';

/** Weight halves over this many milliseconds. */
const HALF_LIFE = 2000;
/** Steps of ties before the hint. */
const TIE_STEPS = 10;

export class ProgressMeter {
  private evaluations = 0;
  private markEvaluations = 0;
  private markSteps: number;
  private markAt: number;
  private rates: { readonly evaluationsPerSecond: number; readonly stepsPerSecond: number } | null = null;
  private tieSteps = 0;
  private tieSeen = -1;

  constructor(
    startedAt: number,
    readonly firstStep: number,
  ) {
    this.markAt = startedAt;
    this.markSteps = firstStep;
  }

  evaluated(units: number): void {
    this.evaluations += units;
  }

  speed(
    steps: number,
    now: number,
  ): { readonly evaluationsPerSecond: number; readonly stepsPerSecond: number } {
    const elapsed = now - this.markAt;
    if (elapsed < 100) return this.rates ?? { evaluationsPerSecond: 0, stepsPerSecond: 0 };
    const evaluationsPerSecond = (1000 * (this.evaluations - this.markEvaluations)) / elapsed;
    const stepsPerSecond = (1000 * (steps - this.markSteps)) / elapsed;
    const keep = this.rates === null ? 0 : 0.5 ** (elapsed / HALF_LIFE);
    this.rates = {
      evaluationsPerSecond:
        keep * (this.rates?.evaluationsPerSecond ?? 0) + (1 - keep) * evaluationsPerSecond,
      stepsPerSecond: keep * (this.rates?.stepsPerSecond ?? 0) + (1 - keep) * stepsPerSecond,
    };
    this.markAt = now;
    this.markSteps = steps;
    this.markEvaluations = this.evaluations;
    return this.rates;
  }

  /** Time in which the job does not move is no part of its speed. */
  rest(steps: number, now: number): void {
    this.markAt = now;
    this.markSteps = steps;
    this.markEvaluations = this.evaluations;
  }

  /** Consecutive observed steps in which most pairs tied. */
  tiedSteps(view: LedgerView): number {
    const { last, steps, genesis } = view;
    if (last === null || steps === this.tieSeen) return this.tieSteps;
    this.tieSeen = steps;
    this.tieSteps = 4 * last.ties > genesis.spec.method.population ? this.tieSteps + 1 : 0;
    return this.tieSteps;
  }
}

/** Steps that a figure is averaged over, and that must have been told of before it counts. */
const FIGURE_MEMORY = 10;

/** Running means of what workers report of recent updates. */
export class Figures {
  private count = 0;
  private lastStep = -1;
  signal: number | null = null;
  relativeStep: number | null = null;
  /** What the objective itself says of the centre's fitness. */
  summary: string | null = null;

  /** Of a worker that has done `step` steps. A step counts once, however many workers tell of it and however often. */
  heard({ step, signal, relativeStep, summary }: Heartbeat['jobs'][string]): void {
    if (step <= this.lastStep) return;
    this.lastStep = step;
    this.summary = summary ?? null;
    const blend = (mean: number | null, value: number | null): number | null =>
      value === null ? mean : mean === null ? value : mean + (value - mean) / FIGURE_MEMORY;
    this.signal = blend(this.signal, signal);
    this.relativeStep = blend(this.relativeStep, relativeStep);
    this.count++;
  }

  get settled(): boolean {
    return this.count >= FIGURE_MEMORY;
  }
}

export function hintsFor(view: LedgerView, meter: ProgressMeter, figures: Figures): string[] {
  const hints: string[] = [];
  if (figures.settled && figures.signal !== null && figures.signal < 1.05) {
    hints.push('updates are at the noise floor: raise spec.method.population or sigma, or stop here');
  }
  if (figures.settled && figures.relativeStep !== null && figures.relativeStep > 0.3) {
    // No figure in the text: who watches shows each hint once, and the figure changes all the time.
    hints.push('a step moves the parameters by over 30 % of their size: lower spec.method.learningRate');
  }
  if (meter.tiedSteps(view) >= TIE_STEPS) {
    hints.push(
      'more than half of the pairs tie: sigma may be too small to change the outcome, raise spec.method.sigma',
    );
  }
  const { last } = view;
  if (last !== null && 4 * last.failed > view.genesis.spec.method.population) {
    hints.push('more than a quarter of the evaluations fail: see the events, or lower spec.method.sigma');
  }
  return hints;
}
