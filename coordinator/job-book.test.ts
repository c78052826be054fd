// Submissions against time: a refusal reaches who submitted, also when storing takes longer than the leader's ticks, and a
// job that is cancelled before it began stays cancelled.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleTensor } from '../test/support/example-genesis.js';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus } from '../shared/bus/port.js';
import type { SeedcastError } from '../shared/errors.js';
import { parseJob } from '../shared/job/parse.js';
import { type Clock, systemClock } from '../shared/ports.js';
import { askReply, placementMessage } from '../shared/wire/messages.js';
import { type Heartbeat, type JobSummary, encodeJson, openAnswer } from '../shared/wire/reports.js';
import { names } from '../shared/wire/subjects.js';
import type { CoordinatorOptions } from './options.js';
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

const DESCRIPTION = {
  name: 'picky',
  direction: 'minimize',
  options: {},
  tensors: [exampleTensor('x', 3)],
  auxiliary: null,
  seeds: 'per-direction',
  code: 'c',
};
const DESCRIBED = encodeJson({ ok: true, description: DESCRIPTION });
/** As an objective with data files is described: its code is another than the one that heartbeats announce. */
const WITH_FILES = encodeJson({ ok: true, description: { ...DESCRIPTION, code: 'c and its files' } });
const READY: Heartbeat['jobs'][string] = {
  ready: true,
  step: 0,
  digest: null,
  evaluationsPerSecond: 0,
  signal: null,
  relativeStep: null,
  problem: null,
};

/** Of the leader, unwrapped. */
async function asked(bus: Bus, subject: string, body: object): Promise<Record<string, unknown>> {
  return openAnswer(await bus.request(subject, encodeJson(body), { timeout: 5000 }), 'answer');
}

async function leading(bus: Bus, more: Partial<CoordinatorOptions> = {}): Promise<Coordinator> {
  const coordinator = new Coordinator({
    bus,
    names: all,
    clock: systemClock,
    holder: 'h',
    log: () => undefined,
    ...more,
  });
  await coordinator.start();
  while (coordinator.state !== 'leading') await new Promise((resolve) => setTimeout(resolve, 5));
  return coordinator;
}

/** The bus with one method replaced. */
function altered<K extends keyof Bus>(bus: Bus, key: K, method: Bus[K]): Bus {
  return new Proxy(bus, { get: (target, name) => (name === key ? method : bound(target, name)) });
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 3000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

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
  return altered(bus, 'keyValue', keyValue);
}

function submission(job = 'j'): Uint8Array {
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
  return encodeJson({ job, name, spec, init: null });
}

function decoded(bytes: Uint8Array): object {
  return JSON.parse(new TextDecoder().decode(bytes)) as object;
}

async function* late<T>(read: () => AsyncIterable<T>): AsyncIterable<T> {
  await new Promise((resolve) => setTimeout(resolve, 200));
  yield* read();
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

void describe('a coordinator that takes up only the jobs it is asked for', () => {
  void it('leaves the others as they are, says so, and takes one up when someone controls it', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const first = await leading(hub.connect());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    openAnswer(await bus.request(all.service.submit, submission(), { timeout: 5000 }), 'answer');
    await first.stop();
    const head = async () => (await bus.streams.last(all.streams.ledger, all.job('j').ledger))?.sequence;
    const genesis = await head();
    assert.ok(genesis !== undefined);

    const second = await leading(hub.connect(), { holder: 'other', takeUp: ['another'] });
    t.after(() => second.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const [summary] = (await asked(bus, all.service.list, {}))['jobs'] as JobSummary[];
    assert.match(summary?.reason ?? '', /left as it is/);
    // Two ticks of the leader: one that took it up would write that it leads.
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal(await head(), genesis);
    assert.equal((await asked(bus, all.service.describe, { job: 'j' }))['progress'], null);

    await asked(bus, all.service.control, { job: 'j', action: 'cancel' });
    const state = async () => ((await asked(bus, all.service.list, {}))['jobs'] as JobSummary[])[0]?.state;
    await until(async () => (await state()) === 'cancelled', 'it is cancelled');
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
    const streams = new Proxy(own.streams, {
      get: (target, name) => (name === 'append' ? append : bound(target, name)),
    });
    const coordinator = await leading(
      new Proxy(own, { get: (target, name) => (name === 'streams' ? streams : bound(target, name)) }),
    );
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

/** Of what the leader says to `worker` when it asks what it missed. */
async function placed(bus: Bus, worker: string): Promise<readonly string[]> {
  const answer = await bus.request(all.service.ask, new TextEncoder().encode(worker), { timeout: 1000 });
  return placementMessage.decode(askReply.decode(answer).placement).jobs;
}

void describe('a leader that takes over', () => {
  void it('leaves replicas where they are while it asks which data files their workers have', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    let answers = true;
    const waiting: (() => void)[] = [];
    for (const worker of ['v', 'w'])
      bus.subscribe(all.worker(worker).describe, ({ respond }) => {
        const answer = (): void => respond?.(WITH_FILES);
        if (answers) answer();
        else waiting.push(answer);
      });
    const first = await leading(hub.connect());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    for (const job of ['j', 'k']) await asked(bus, all.service.submit, decoded(submission(job)));
    await first.stop();
    answers = false;

    const second = await leading(hub.connect(), { holder: 'other' });
    t.after(() => second.stop());
    const orders: string[] = [];
    for (const worker of ['v', 'w'])
      bus.subscribe(all.worker(worker).placement, ({ payload }) =>
        orders.push(`${worker} ${placementMessage.decode(payload).jobs.join(' ')}`),
      );
    // The other way round than a leader places that knows of no replicas.
    const holds = { v: 'k', w: 'j' };
    const beat = (): void => {
      for (const [worker, job] of Object.entries(holds))
        bus.publish(
          all.worker(worker).heartbeat,
          encodeJson({ ...HEARTBEAT, worker, jobs: { [job]: READY } }),
        );
    };
    beat();
    await until(() => waiting.length > 0, 'a worker is asked');
    for (const [worker, job] of Object.entries(holds)) assert.deepEqual(await placed(bus, worker), [job]);
    beat();
    for (const answer of waiting) answer();
    // Two ticks of the leader.
    await new Promise((resolve) => setTimeout(resolve, 120));
    beat();
    for (const [worker, job] of Object.entries(holds)) assert.deepEqual(await placed(bus, worker), [job]);
    assert.ok(
      orders.every((order) => ['v k', 'w j'].includes(order)),
      orders.join(', '),
    );
  });

  void it('places nothing until it knows all jobs', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const both = { ...HEARTBEAT, capacity: { jobs: 2, memoryBytes: 1e9 } };
    const first = await leading(hub.connect());
    bus.publish(all.worker('w').heartbeat, encodeJson(both));
    for (const job of ['j', 'k']) await asked(bus, all.service.submit, decoded(submission(job)));
    await first.stop();
    const orders: string[] = [];
    bus.subscribe(all.worker('w').placement, ({ payload }) =>
      orders.push(placementMessage.decode(payload).jobs.join(' ')),
    );
    // Ledgers that are slow to read: the heartbeat is there before the first.
    const own = hub.connect();
    const read: Bus['streams']['read'] = (stream, subject, from) =>
      late(() => own.streams.read(stream, subject, from));
    const streams = new Proxy(own.streams, {
      get: (target, name) => (name === 'read' ? read : bound(target, name)),
    });
    const slow = new Proxy(own, {
      get: (target, name) => (name === 'streams' ? streams : bound(target, name)),
    });
    const second = await leading(slow, { holder: 'other' });
    t.after(() => second.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson({ ...both, jobs: { j: READY, k: READY } }));
    await until(async () => (await placed(bus, 'w').catch(() => [])).length > 0, 'it has its placement');
    assert.deepEqual(await placed(bus, 'w'), ['j', 'k']);
    assert.deepEqual([...new Set(orders)], ['j k']);
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
