// A worker that has ended is silent, though the bus still tells it of connections that come back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus, BusStatus } from '../shared/bus/port.js';
import { systemClock } from '../shared/ports.js';
import { names } from '../shared/wire/subjects.js';
import { WorkerAgent } from './agent.js';

void describe('a worker that has ended', () => {
  void it('sends no heartbeat when the connection comes back', async () => {
    const all = names();
    const bus = new MemoryHub().connect();
    let tell: (status: BusStatus) => void = () => assert.fail('nobody listens');
    const onStatus: Bus['onStatus'] = (handler) => {
      tell = handler;
    };
    let beats = 0;
    const publish: Bus['publish'] = (subject, payload) => {
      if (subject === all.worker('w').heartbeat) beats += 1;
      bus.publish(subject, payload);
    };
    const agent = new WorkerAgent({
      bus: new Proxy(bus, {
        get: (target, name) => {
          if (name === 'onStatus') return onStatus;
          if (name === 'publish') return publish;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
      names: all,
      clock: systemClock,
      worker: 'w',
      version: '0',
      objectivePaths: [],
      threads: 1,
      log: () => undefined,
    });
    await agent.start();
    const again: BusStatus = { type: 'reconnected', server: 'memory' };
    const before = beats;
    tell(again);
    assert.equal(beats, before + 1);
    await agent.stop();
    const last = beats;
    tell(again);
    assert.equal(beats, last);
  });
});
