import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { LedgerView } from '../shared/ledger/fold.js';
import type { Heartbeat } from '../shared/wire/reports.js';
import { Figures, hintsFor, ProgressMeter } from './progress.js';

/** All that hints about figures read of a ledger: that no step is known. */
const view = { last: null } as unknown as LedgerView;
const meter = new ProgressMeter(0, 0);

const status = (step: number, relativeStep: number): Heartbeat['jobs'][string] => ({
  ready: true,
  step,
  digest: null,
  evaluationsPerSecond: 1,
  signal: null,
  relativeStep,
  problem: null,
});

describe('hints', () => {
  const after = (heartbeats: number, relativeStep: (beat: number) => number): string[] => {
    const figures = new Figures();
    const hints: string[] = [];
    for (let beat = 0; beat < heartbeats; beat++) {
      figures.heard(status(beat, relativeStep(beat)));
      hints.push(...hintsFor(view, meter, figures));
    }
    return hints;
  };

  it('say once that steps are too large, however the size of the step changes', () => {
    const hints = after(40, (beat) => 0.9 - 0.01 * beat);
    assert.ok(hints.length > 10);
    assert.equal(new Set(hints).size, 1);
    assert.match(hints[0] ?? '', /spec\.method\.learningRate/);
  });

  it('come of different steps, not of one that many heartbeats tell of', () => {
    const figures = new Figures();
    for (let beat = 0; beat < 40; beat++) figures.heard(status(Math.floor(beat / 8), 0.9));
    assert.deepEqual(hintsFor(view, meter, figures), []);
  });

  it('are silent on small steps and before the figures have settled', () => {
    assert.deepEqual(
      after(60, () => 0.05),
      [],
    );
    assert.deepEqual(
      after(5, () => 0.9),
      [],
    );
  });
});

describe('the speed of a job', () => {
  it('leaves out the time in which it rests', () => {
    const clocked = new ProgressMeter(0, 0);
    clocked.evaluated(80);
    assert.equal(clocked.speed(10, 1000).stepsPerSecond, 10);
    clocked.rest(10, 601_000);
    clocked.evaluated(80);
    assert.ok(Math.abs(clocked.speed(20, 602_000).stepsPerSecond - 10) < 1e-9);
  });
});
