// A refusal of the objective reaches who submitted, also when storing the submission takes longer than the leader's ticks.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
    const request = encodeJson({ job: 'j', name, spec, init: null });
    const answer = await bus.request(all.service.submit, request, { timeout: 5000 });
    assert.throws(
      () => openAnswer(answer, 'answer'),
      (error: SeedcastError) => error.code === 'SC_OBJECTIVE_OPTIONS' && error.message === 'no such taste',
    );
    assert.deepEqual(await (await bus.keyValue(all.buckets.jobs)).list(), []);
  });
});
