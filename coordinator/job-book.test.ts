// Submissions against time: a refusal reaches who submitted, also when storing takes longer than the leader's ticks, and a
// job that is cancelled before it began stays cancelled.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  all,
  HEARTBEAT,
  DESCRIBED,
  READY,
  asked,
  leading,
  altered,
  until,
  slowToStore,
  submission,
  alteredStreams,
} from '../test/support/leader.js';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus } from '../shared/bus/port.js';
import type { SeedcastError } from '../shared/errors.js';
import { type Clock, systemClock } from '../shared/ports.js';
import { encodeJson, openAnswer } from '../shared/wire/reports.js';
import { Coordinator } from './service.js';

void describe('a submission', () => {
  void it('is refused to who submitted it, and leaves nothing behind', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    const coordinator = new Coordinator({
      bus: slowToStore(hub.connect()),
      names: all,
      clock: systemClock,
      holder: 'h',
      log: () => undefined,
    });
    const refusal = encodeJson({
      ok: false,
      error: { code: 'SC_OBJECTIVE_OPTIONS', message: 'no such taste' },
    });
    // Longer than storing: a description that a tick asked for would be under way when the job is stored.
    bus.subscribe(all.worker('w').describe, ({ respond }) => {
      setTimeout(() => respond?.(refusal), 500);
    });
    await coordinator.start();
    t.after(() => coordinator.stop());
    while (coordinator.state !== 'leading') await new Promise((resolve) => setTimeout(resolve, 5));
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const request = submission();
    const answer = await bus.request(all.service.submit, request, { timeout: 5000 });
    assert.throws(
      () => openAnswer(answer, 'answer'),
      (error: SeedcastError) => error.code === 'SC_OBJECTIVE_OPTIONS' && error.message === 'no such taste',
    );
    assert.deepEqual(await (await bus.keyValue(all.buckets.jobs)).list(), []);
  });

  void it('that is cancelled while a worker describes its objective never begins', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    const coordinator = new Coordinator({
      bus: hub.connect(),
      names: all,
      clock: systemClock,
      holder: 'h',
      log: () => undefined,
    });
    let answerWorker = (): void => assert.fail('nobody asked');
    const asked = new Promise<void>((resolve) => {
      bus.subscribe(all.worker('w').describe, ({ respond }) => {
        answerWorker = () => respond?.(DESCRIBED);
        resolve();
      });
    });
    await coordinator.start();
    t.after(() => coordinator.stop());
    while (coordinator.state !== 'leading') await new Promise((resolve) => setTimeout(resolve, 5));
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const submitted = bus.request(all.service.submit, submission(), { timeout: 5000 });
    await asked;
    const request = encodeJson({ job: 'j', action: 'cancel' });
    openAnswer(await bus.request(all.service.control, request, { timeout: 5000 }), 'answer');
    answerWorker();
    const { state } = openAnswer(await submitted, 'answer');
    assert.equal(state, 'cancelled');
    // Two ticks of the leader.
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal(await bus.streams.last(all.streams.ledger, all.job('j').ledger), null);
    const extend = encodeJson({
      job: 'j',
      action: 'extend',
      stop: { steps: 2, evaluations: null, fitness: null, wallClock: null, plateau: null },
    });
    const answer = await bus.request(all.service.control, extend, { timeout: 5000 });
    assert.throws(
      () => openAnswer(answer, 'answer'),
      (error: SeedcastError) => error.code === 'SC_JOB_STATE' && error.message.includes('never began'),
    );
  });
});

void describe('a job that is deleted', () => {
  void it('while its genesis is on the way leaves no ledger and no record', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const own = hub.connect();
    let appending = (): void => undefined;
    const begun = new Promise<void>((resolve) => (appending = resolve));
    const append: Bus['streams']['append'] = async (subject, payload, options) => {
      if (subject === all.job('j').ledger) {
        appending();
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      return own.streams.append(subject, payload, options);
    };
    const coordinator = await leading(alteredStreams(own, { append }));
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const submitted = bus.request(all.service.submit, submission(), { timeout: 5000 });
    await begun;
    await asked(bus, all.service.control, { job: 'j', action: 'delete' });
    await submitted;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await bus.streams.last(all.streams.ledger, all.job('j').ledger), null);
    assert.deepEqual(await (await bus.keyValue(all.buckets.jobs)).list(), []);
  });

  void it('while a worker describes its objective is not reborn by what is learnt afterwards', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    let refuseIt = (): void => assert.fail('nobody asked');
    const begun = new Promise<void>((resolve) => {
      bus.subscribe(all.worker('w').describe, ({ respond }) => {
        // A fault of the worker, which the pending job would otherwise wait with.
        const error = { code: 'SC_INTERNAL', message: 'no room' };
        refuseIt = () => respond?.(encodeJson({ ok: false, error }));
        resolve();
      });
    });
    const coordinator = await leading(hub.connect());
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const submitted = bus.request(all.service.submit, submission(), { timeout: 5000 });
    await begun;
    await asked(bus, all.service.control, { job: 'j', action: 'delete' });
    refuseIt();
    await submitted;
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.deepEqual((await asked(bus, all.service.list, {}))['jobs'], []);
    assert.deepEqual(await (await bus.keyValue(all.buckets.jobs)).list(), []);
  });
});

void describe('the leader', () => {
  void it('keeps no timer of a submission that was answered', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const waits: { cancelled: boolean }[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (ms, callback) => {
        const cancel = systemClock.after(ms, callback);
        if (ms !== 3000) return cancel;
        const wait = { cancelled: false };
        waits.push(wait);
        return () => {
          wait.cancelled = true;
          cancel();
        };
      },
    };
    const coordinator = await leading(hub.connect(), { clock });
    t.after(() => coordinator.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    openAnswer(await bus.request(all.service.submit, submission(), { timeout: 5000 }), 'answer');
    assert.deepEqual(waits, [{ cancelled: true }]);
  });

  void it('gives the other jobs their turn when one throws, and says which and why', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const own = hub.connect();
    let broken = false;
    const publish: Bus['publish'] = (subject, payload) => {
      if (broken && subject === all.job('first').round) throw new Error('torn wire');
      own.publish(subject, payload);
    };
    const coordinator = await leading(altered(own, 'publish', publish));
    t.after(() => coordinator.stop());
    const told: string[] = [];
    await bus.streams.follow(all.streams.events, all.job('first').event, ({ payload }) => {
      const { type, message } = JSON.parse(new TextDecoder().decode(payload)) as Record<string, string>;
      if (type === 'fault') told.push(message ?? '');
    });
    const rounds: string[] = [];
    bus.subscribe(all.job('second').round, () => rounds.push('second'));
    bus.publish(
      all.worker('w').heartbeat,
      encodeJson({ ...HEARTBEAT, capacity: { jobs: 2, memoryBytes: 1e9 } }),
    );
    for (const job of ['first', 'second'])
      openAnswer(await bus.request(all.service.submit, submission(job), { timeout: 5000 }), 'answer');
    broken = true;
    bus.publish(
      all.worker('w').heartbeat,
      encodeJson({
        ...HEARTBEAT,
        capacity: { jobs: 2, memoryBytes: 1e9 },
        jobs: { first: READY, second: READY },
      }),
    );
    await until(() => rounds.length > 0, 'the second job has its round');
    await until(() => told.length > 0, 'the fault is told');
    assert.deepEqual(told, ['torn wire']);
  });
});
