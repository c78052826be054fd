// Submissions against time: a refusal reaches who submitted, also when storing takes longer than the leader's ticks, and a
// job that is cancelled before it began stays cancelled.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleTensor } from '../test/support/example-genesis.js';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus } from '../shared/bus/port.js';
import type { SeedcastError } from '../shared/errors.js';
import { parseJob } from '../shared/job/parse.js';
import { systemClock } from '../shared/ports.js';
import { type Heartbeat, encodeJson, openAnswer } from '../shared/wire/reports.js';
import { names } from '../shared/wire/subjects.js';
import { Coordinator } from './service.js';

const all = names();
const HEARTBEAT: Heartbeat = {
  v: 1,
  worker: 'w',
  state: 'idle',
  host: 'h',
  pid: 1,
  version: '0',
  engine: 'reference',
  threads: 1,
  capacity: { jobs: 1, memoryBytes: 1e9 },
  objectives: { picky: 'c' },
  jobs: {},
};

/** The bus, with jobs that take 300 ms to be stored. */
function slowToStore(bus: Bus): Bus {
  const keyValue: Bus['keyValue'] = async (bucket) => {
    const real = await bus.keyValue(bucket);
    if (bucket !== all.buckets.jobs) return real;
    const create: typeof real.create = async (key, value) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return real.create(key, value);
    };
    return new Proxy(real, { get: (target, name) => (name === 'create' ? create : bound(target, name)) });
  };
  return new Proxy(bus, { get: (target, name) => (name === 'keyValue' ? keyValue : bound(target, name)) });
}

function submission(): Uint8Array {
  const { name, spec } = parseJob({
    apiVersion: 'seedcast/v1',
    kind: 'Job',
    metadata: { name: 'j' },
    spec: {
      seed: 1,
      method: { name: 'es', population: 2, sigma: 1 },
      objective: { name: 'picky' },
      stop: { steps: 1 },
    },
  });
  return encodeJson({ job: 'j', name, spec, init: null });
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

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
    const description = {
      name: 'picky',
      direction: 'minimize',
      options: {},
      tensors: [exampleTensor('x', 3)],
      auxiliary: null,
      seeds: 'per-direction',
      code: 'c',
    };
    let answerWorker = (): void => assert.fail('nobody asked');
    const asked = new Promise<void>((resolve) => {
      bus.subscribe(all.worker('w').describe, ({ respond }) => {
        answerWorker = () => respond?.(encodeJson({ ok: true, description }));
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
