// Who leads when answers of the store are lost: a renewal that arrived is not taken for somebody else's.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus, KeyValue } from '../shared/bus/port.js';
import { systemClock } from '../shared/ports.js';
import { encodeJson } from '../shared/wire/reports.js';
import { names } from '../shared/wire/subjects.js';
import { Lease } from './lease.js';
import { Coordinator } from './service.js';

const TTL = 400;

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'it never came to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A lease whose renewals go through `update`, and what it told. */
async function holding(update: (bucket: KeyValue) => KeyValue['update']) {
  const bucket = await new MemoryHub().connect().keyValue('LEASE');
  const told: string[] = [];
  const altered = update(bucket);
  const lease = new Lease(
    new Proxy(bucket, {
      get: (target, name) => {
        if (name === 'update') return altered;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    }),
    {
      holder: 'own',
      ttl: TTL,
      clock: systemClock,
      onGained: () => told.push('gained'),
      onLost: (reason) => told.push(reason),
      log: () => undefined,
    },
  );
  lease.start();
  return { bucket, lease, told };
}

void describe('a lease', () => {
  void it('is kept when the answer to a renewal was lost, though the renewal arrived', async () => {
    let renewals = 0;
    const { lease, told } = await holding((bucket) => async (key, value, revision) => {
      const answer = await bucket.update(key, value, revision);
      renewals += 1;
      if (renewals === 2) throw new Error('timeout');
      return answer;
    });
    // The second is lost, the third finds another revision than it knows and is made good by a fourth.
    await until(() => renewals >= 6);
    assert.deepEqual(told, ['gained']);
    assert.ok(lease.held);
    await lease.stop();
  });

  void it('is lost at the next renewal when another took it', async () => {
    const { bucket, lease, told } = await holding(
      (real) =>
        (...args) =>
          real.update(...args),
    );
    await until(() => lease.held);
    const entry = await bucket.get('leader');
    assert.ok(entry !== null);
    await bucket.update('leader', encodeJson({ holder: 'other' }), entry.revision);
    await until(() => told.length > 1);
    assert.deepEqual(told, ['gained', 'another coordinator took it']);
    await lease.stop();
  });
});

void describe('a coordinator that is stopped while it starts', () => {
  void it('stays stopped and never leads', async () => {
    const all = names();
    const hub = new MemoryHub();
    const bus = hub.connect();
    let go = (): void => undefined;
    const slow: Bus['keyValue'] = async (bucket) => {
      if (bucket === all.buckets.lease) await new Promise<void>((resolve) => (go = resolve));
      return bus.keyValue(bucket);
    };
    const coordinator = new Coordinator({
      bus: new Proxy(bus, {
        get: (target, name) => {
          if (name === 'keyValue') return slow;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
      names: all,
      clock: systemClock,
      holder: 'h',
      log: () => undefined,
    });
    const begun = go;
    const starting = coordinator.start();
    await until(() => go !== begun);
    await coordinator.stop();
    go();
    await starting;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(coordinator.state, 'stopped');
    assert.equal(await (await bus.keyValue(all.buckets.lease)).get('leader'), null);
  });
});
