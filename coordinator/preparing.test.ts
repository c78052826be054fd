// From a submission to a ledger while the store or its answers fail: only a refusal ends a job, everything else is tried again.
import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus } from '../shared/bus/port.js';
import { SeedcastError } from '../shared/errors.js';
import { type JobSummary, encodeJson } from '../shared/wire/reports.js';
import {
  DESCRIBED,
  DESCRIPTION,
  HEARTBEAT,
  WITH_FILES,
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

void describe('a job that one worker refuses', () => {
  const refusal = (message: string): Uint8Array =>
    encodeJson({ ok: false, error: { code: 'SC_DATA_FILE', message } });

  /** Describes as each worker answers, in the order of their ids. */
  async function withWorkers(
    t: TestContext,
    answers: Readonly<Record<string, Uint8Array>>,
  ): Promise<{ readonly bus: Bus; readonly asked: string[] }> {
    const hub = new MemoryHub();
    const bus = hub.connect();
    const asked: string[] = [];
    for (const [worker, answer] of Object.entries(answers))
      bus.subscribe(all.worker(worker).describe, ({ respond }) => {
        asked.push(worker);
        respond?.(answer);
      });
    const coordinator = await leading(hub.connect());
    t.after(() => coordinator.stop());
    for (const worker of Object.keys(answers))
      bus.publish(all.worker(worker).heartbeat, encodeJson({ ...HEARTBEAT, worker }));
    return { bus, asked };
  }

  void it('runs on another, and says of the first what it said', async (t) => {
    const { bus } = await withWorkers(t, { v: refusal('there is no tray'), w: WITH_FILES });
    await asked(bus, all.service.submit, decoded(submission()));
    assert.deepEqual(await kinds(bus, 'j'), ['genesis']);
    const { workers } = await asked(bus, all.service.describe, { job: 'j' });
    const [v, w] = workers as { placed: boolean; problem: string | null }[];
    assert.equal(v?.placed, false);
    assert.equal(v.problem, 'v refuses picky: there is no tray');
    assert.deepEqual([w?.placed, w?.problem], [true, null]);
  });

  void it('is refused where all refuse it', async (t) => {
    const { bus, asked: order } = await withWorkers(t, {
      v: refusal('there is no tray'),
      w: refusal('no room'),
    });
    await assert.rejects(
      asked(bus, all.service.submit, decoded(submission())),
      (error: SeedcastError) => error.code === 'SC_DATA_FILE' && error.message === 'there is no tray',
    );
    assert.deepEqual(order, ['v', 'w']);
  });

  void it('waits where another gives no answer that counts', async (t) => {
    const fault = encodeJson({ ok: false, error: { code: 'SC_INTERNAL', message: 'out of breath' } });
    const { bus } = await withWorkers(t, { v: refusal('there is no tray'), w: fault });
    const { state, reason } = await asked(bus, all.service.submit, decoded(submission()));
    assert.equal(state, 'pending');
    assert.match(String(reason), /worker w .* out of breath/);
  });

  void it('is asked about again when it goes on after its end', async (t) => {
    const { bus, asked: order } = await withWorkers(t, { w: WITH_FILES });
    await asked(bus, all.service.submit, decoded(submission()));
    await asked(bus, all.service.control, { job: 'j', action: 'cancel' });
    await until(async () => (await stateOf(bus, 'j')) === 'cancelled', 'it is cancelled');
    // Two ticks of the leader: it keeps nothing of jobs that have ended.
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.deepEqual(order, ['w']);
    const stop = { steps: 2, evaluations: null, fitness: null, wallClock: null, plateau: null };
    await asked(bus, all.service.control, { job: 'j', action: 'extend', stop });
    await until(() => order.length === 2, 'it is asked again');
  });
});

void describe('a submission to a store with little room', () => {
  void it('is refused where the parts of its validation alone take more than there is', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    const validation = { metric: 'accuracy', direction: 'maximize', parts: 2 ** 16 };
    const answer = encodeJson({ ok: true, description: { ...DESCRIPTION, validation } });
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(answer));
    let left = 0;
    const coordinator = await leading(alteredStreams(hub.connect(), { room: () => Promise.resolve(left) }));
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    // Every tenth step has its parts, of 8 bytes each. Members, centre and record of this job take about 1 kB a step.
    left = (2 ** 16 * 8) / 10;
    await assert.rejects(
      asked(bus, all.service.submit, decoded(submission())),
      (error: SeedcastError) => error.code === 'SC_SPEC_STORAGE',
    );
    left += 2000;
    await asked(bus, all.service.submit, decoded(submission()));
    assert.deepEqual(await kinds(bus, 'j'), ['genesis']);
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
