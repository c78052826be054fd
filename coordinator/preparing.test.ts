// From a submission to a ledger while the store or its answers fail: only a refusal ends a job, everything else is tried again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus } from '../shared/bus/port.js';
import { SeedcastError } from '../shared/errors.js';
import { type JobSummary, encodeJson } from '../shared/wire/reports.js';
import {
  DESCRIBED,
  HEARTBEAT,
  all,
  alteredStreams,
  asked,
  decoded,
  kinds,
  leading,
  stateOf,
  submission,
  until,
} from '../test/support/leader.js';

const lost = (): SeedcastError => new SeedcastError('SC_TIMEOUT', 'the answer was lost');

async function reasonOf(bus: Bus): Promise<string | null | undefined> {
  return ((await asked(bus, all.service.list, {}))['jobs'] as JobSummary[])[0]?.reason;
}

void describe('a job that is prepared while answers are lost', () => {
  void it('waits and says why when the store cannot be asked for its room, and begins later', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    const own = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    let broken = true;
    const room: Bus['streams']['room'] = (name) => (broken ? Promise.reject(lost()) : own.streams.room(name));
    const coordinator = await leading(alteredStreams(own, { room }));
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const answer = await asked(bus, all.service.submit, decoded(submission()));
    assert.equal(answer['state'], 'pending');
    assert.match(String(answer['reason']), /the answer was lost/);
    // Of the turns of the leader as well, which try it every second.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assert.equal(await stateOf(bus, 'j'), 'pending');
    assert.match((await reasonOf(bus)) ?? '', /the answer was lost/);
    broken = false;
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    await until(async () => (await kinds(bus, 'j'))[0] === 'genesis', 'it begins');
  });

  void it('goes on with the genesis it has written when that could not be read at once', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    const own = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    let failures = 1;
    const read: Bus['streams']['read'] = (stream, subject, from) => {
      if (stream === all.streams.ledger && failures-- > 0) throw lost();
      return own.streams.read(stream, subject, from);
    };
    const coordinator = await leading(alteredStreams(own, { read }));
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const answer = await asked(bus, all.service.submit, decoded(submission()));
    assert.match(String(answer['reason']), /the answer was lost/);
    await until(async () => (await kinds(bus, 'j')).join(' ') === 'genesis leader', 'it is opened');
    assert.notEqual(await stateOf(bus, 'j'), 'failed');
  });
});

void describe('a submission whose ledger is there already', () => {
  void it('is refused where that ledger is of another spec, which stays as it is', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const coordinator = await leading(hub.connect());
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    await asked(bus, all.service.submit, decoded(submission('j', 1)));
    await coordinator.stop();
    // As a lost record leaves it.
    const bucket = await bus.keyValue(all.buckets.jobs);
    await bucket.delete('j');

    const second = await leading(hub.connect(), { holder: 'other' });
    t.after(() => second.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    await assert.rejects(
      asked(bus, all.service.submit, decoded(submission('j', 2))),
      (error: SeedcastError) => error.code === 'SC_JOB_EXISTS' && error.message.includes('job j'),
    );
    assert.deepEqual(await kinds(bus, 'j'), ['genesis']);
    assert.deepEqual(await bucket.list(), []);
    // The same spec goes on with it.
    await asked(bus, all.service.submit, decoded(submission('j', 1)));
    await until(async () => (await kinds(bus, 'j')).join(' ') === 'genesis leader', 'it goes on');
  });
});
