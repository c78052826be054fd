import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { LedgerView } from '../shared/ledger/fold.js';
import { Figures, hintsFor, ProgressMeter } from './progress.js';

/** All that hints about figures read of a ledger: that no step is known. */
const view = { last: null } as unknown as LedgerView;
const meter = new ProgressMeter(0, 0);

describe('hints', () => {
  const after = (heartbeats: number, relativeStep: (beat: number) => number): string[] => {
    const figures = new Figures();
    const hints: string[] = [];
    for (let beat = 0; beat < heartbeats; beat++) {
      figures.heard(null, relativeStep(beat));
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
