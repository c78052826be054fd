// A worker that was told to build a replica again counts as not ready until it has said so, and is told again if it does not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Heartbeat } from '../shared/wire/reports.js';
import { names } from '../shared/wire/subjects.js';
import { Fleet } from './fleet.js';

function heartbeat(ready: boolean): Heartbeat {
  return {
    v: 1,
    worker: 'w',
    state: 'working',
    host: 'h',
    pid: 1,
    version: '0',
    engine: 'reference',
    threads: 1,
    capacity: { jobs: 1, memoryBytes: 1e9 },
    objectives: {},
    jobs: {
      j: {
        ready,
        step: 0,
        digest: null,
        evaluationsPerSecond: 0,
        signal: null,
        relativeStep: null,
        problem: null,
      },
    },
  };
}

void describe('a worker told to build a replica again', () => {
  void it('is told again when its heartbeats go on as if nothing had been said', () => {
    const fleet = new Fleet({ bus: new MemoryHub().connect(), names: names() });
    fleet.heard(heartbeat(true), 0);
    fleet.markRebuilding('w', 'j', 0);
    fleet.heard(heartbeat(true), 1000);
    assert.equal(fleet.isReady('w', 'j'), false);
    assert.deepEqual(fleet.notRebuilding('w', 1000), []);
    fleet.heard(heartbeat(true), 3000);
    assert.deepEqual(fleet.notRebuilding('w', 3000), ['j']);
    fleet.heard(heartbeat(false), 3100);
    assert.deepEqual(fleet.notRebuilding('w', 9000), []);
    fleet.heard(heartbeat(true), 4000);
    assert.equal(fleet.isReady('w', 'j'), true);
  });
});
