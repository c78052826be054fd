// A fixed set of schedules must pass, and every deliberate bug must be noticed by schedules of the same kind.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUGS, hunt } from './bugs.js';
import { addCensus, type Census } from './history.js';
import { simulate } from './simulate.js';

const SCHEDULES = 1200;

describe('the cores under simulated faults', () => {
  it(`keep every promise in ${SCHEDULES} schedules, and the schedules hold every kind of fault`, () => {
    const census: Census = {};
    for (let seed = 1; seed <= SCHEDULES; seed++) {
      const verdict = simulate(seed);
      addCensus(census, verdict.census);
      assert.deepEqual(
        verdict.violations,
        [],
        `schedule ${seed}; see it by: npm run simulate -- --only ${seed} --trace`,
      );
    }
    const effects = [
      'plan',
      'round',
      'assign',
      'store-evidence',
      'commit',
      'read-ledger',
      'event',
      'deposed',
      'ended',
    ];
    const crashes = effects.flatMap((effect) => [`crash before ${effect}`, `crash after ${effect}`]);
    const others = [
      'rival accepted',
      'lost request',
      'lost acknowledgement',
      'delay',
      'drop round',
      'duplicate result',
      'stale read',
      'lease granted twice',
      'deferred by a stall',
      'deposed',
      'worker crash in an evaluation',
      'worker leaves',
      'store full',
      'evidence store full',
      'outage',
      'bit flipped',
      'replica rebuilt',
      'loaded from a snapshot',
      'unit fails everywhere',
      'unit fails on one worker only',
      'asked to pause',
      'asked to extend',
      'asked to cancel',
      'asked to stop',
    ];
    // A crash around the rarest effects may be missing from a set this small.
    const missing = [...crashes, ...others].filter(
      (name) => census[name] === undefined && !/deposed$|ended$/.test(name),
    );
    assert.deepEqual(missing, []);
  });

  it('are the same in every run of a seed', () => {
    for (const seed of [7, 57, 74, 439]) assert.deepEqual(simulate(seed, true), simulate(seed, true));
  });
});

describe('the simulator', () => {
  for (const bug of BUGS) {
    it(`notices when ${bug.name}`, () => {
      const { after, violation } = hunt(bug, SCHEDULES);
      assert.ok(after !== null && violation !== null, `not noticed in ${SCHEDULES} schedules`);
    });
  }
});
