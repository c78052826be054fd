// A plan holds whole numbers that workers accept, whatever speeds were claimed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planMessage } from '../../shared/wire/messages.js';
import { Planner } from './planner.js';

void describe('a plan', () => {
  void it('stays one that workers accept when a worker claims to have needed no time at all', () => {
    const planner = new Planner(() => 1);
    planner.measure('a', 100, Number.MIN_VALUE);
    planner.measure('b', 100, 50);
    assert.ok(planner.update(['a', 'b'], { members: 8, group: 2, repeats: 0, validation: 0 }, 0));
    const { shares } = planMessage.decode(planMessage.encode(planner.current));
    assert.equal(shares.at(-1), 65536);
  });
});
