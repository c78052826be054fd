import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SnapshotPacer } from './snapshot-pacer.js';

function paced(): { pacer: SnapshotPacer; pass: (milliseconds: number) => void } {
  let now = 0;
  return { pacer: new SnapshotPacer({ now: () => now }), pass: (milliseconds) => (now += milliseconds) };
}

describe('snapshots are due', () => {
  it('once a replay takes a second, and as long as a load takes', () => {
    const { pacer, pass } = paced();
    pass(60_000);
    pacer.applied(999);
    assert.equal(pacer.due(true), false);
    pacer.applied(1);
    assert.equal(pacer.due(true), true);
    pacer.loaded(4000);
    pacer.applied(3999);
    assert.equal(pacer.due(true), false);
    pacer.applied(1);
    assert.equal(pacer.due(true), true);
  });

  it('at a step with a digest, or ten times later at any', () => {
    const { pacer, pass } = paced();
    pass(60_000);
    pacer.applied(9999);
    assert.equal(pacer.due(false), false);
    pacer.applied(1);
    assert.equal(pacer.due(false), true);
  });

  it('never so often that writing takes more than a twentieth of the time', () => {
    const { pacer, pass } = paced();
    pass(60_000);
    pacer.written(500);
    pacer.applied(5000);
    pass(9999);
    assert.equal(pacer.due(true), false);
    pass(1);
    assert.equal(pacer.due(true), true);
  });
});
