// A leader in the test's own process on a bus of memory, and workers that are no more than what they say: for tests of what
// a leader does with requests, ledgers and heartbeats. And buses that are slow or broken in one place.
import assert from 'node:assert/strict';
import { Coordinator } from '../../coordinator/service.js';
import type { CoordinatorOptions } from '../../coordinator/options.js';
import { MemoryHub } from '../../shared/bus/memory.js';
import type { Bus } from '../../shared/bus/port.js';
import { parseJob } from '../../shared/job/parse.js';
import { decodeRecord } from '../../shared/ledger/records.js';
import { systemClock } from '../../shared/ports.js';
import { askReply, placementMessage } from '../../shared/wire/messages.js';
import { type Heartbeat, type JobSummary, encodeJson, openAnswer } from '../../shared/wire/reports.js';
import { names } from '../../shared/wire/subjects.js';
import { exampleTensor } from './example-genesis.js';

export const all = names();
export const HEARTBEAT: Heartbeat = {
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

export const DESCRIPTION = {
  name: 'picky',
  direction: 'minimize',
  options: {},
  tensors: [exampleTensor('x', 3)],
  auxiliary: null,
  seeds: 'per-direction',
  code: 'c',
};
export const DESCRIBED = encodeJson({ ok: true, description: DESCRIPTION });
/** As an objective with data files is described: its code is another than the one that heartbeats announce. */
export const WITH_FILES = encodeJson({ ok: true, description: { ...DESCRIPTION, code: 'c and its files' } });
export const READY: Heartbeat['jobs'][string] = {
  ready: true,
  step: 0,
  digest: null,
  evaluationsPerSecond: 0,
  signal: null,
  relativeStep: null,
  problem: null,
};

/** Of the leader, unwrapped. */
export async function asked(bus: Bus, subject: string, body: object): Promise<Record<string, unknown>> {
  return openAnswer(await bus.request(subject, encodeJson(body), { timeout: 5000 }), 'answer');
}

export async function leading(bus: Bus, more: Partial<CoordinatorOptions> = {}): Promise<Coordinator> {
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
export function altered<K extends keyof Bus>(bus: Bus, key: K, method: Bus[K]): Bus {
  return new Proxy(bus, { get: (target, name) => (name === key ? method : bound(target, name)) });
}

export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 3000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The bus, with jobs that take 300 ms to be stored. */
export function slowToStore(bus: Bus): Bus {
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

export function submission(job = 'j', seed = 1): Uint8Array {
  const { name, spec } = parseJob({
    apiVersion: 'seedcast/v1',
    kind: 'Job',
    metadata: { name: 'j' },
    spec: {
      seed,
      method: { name: 'es', population: 2, sigma: 1 },
      objective: { name: 'picky' },
      stop: { steps: 1 },
    },
  });
  return encodeJson({ job, name, spec, init: null });
}

export function decoded(bytes: Uint8Array): object {
  return JSON.parse(new TextDecoder().decode(bytes)) as object;
}

async function* late<T>(read: () => AsyncIterable<T>): AsyncIterable<T> {
  await new Promise((resolve) => setTimeout(resolve, 200));
  yield* read();
}

/** The bus, with streams that take 200 ms to be read. */
export function slowToRead(bus: Bus): Bus {
  const read: Bus['streams']['read'] = (stream, subject, from) =>
    late(() => bus.streams.read(stream, subject, from));
  return alteredStreams(bus, { read });
}

/** The bus with some methods of its streams replaced. */
export function alteredStreams(bus: Bus, methods: Partial<Bus['streams']>): Bus {
  const streams = new Proxy(bus.streams, {
    get: (target, name) => (name in methods ? (Reflect.get(methods, name) as unknown) : bound(target, name)),
  });
  return new Proxy(bus, { get: (target, name) => (name === 'streams' ? streams : bound(target, name)) });
}

/** Kinds of the records in a job's ledger, of controls what they do. */
export async function kinds(bus: Bus, job: string): Promise<string[]> {
  const list: string[] = [];
  for await (const { payload } of bus.streams.read(all.streams.ledger, all.job(job).ledger)) {
    const record = decodeRecord(payload);
    list.push(record.kind === 'control' ? record.control.action : record.kind);
  }
  return list;
}

export async function stateOf(bus: Bus, job: string): Promise<string | undefined> {
  const { jobs } = await asked(bus, all.service.list, {});
  return (jobs as JobSummary[]).find((summary) => summary.job === job)?.state;
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

/** Of what the leader says to `worker` when it asks what it missed. */
export async function placed(bus: Bus, worker: string): Promise<readonly string[]> {
  const answer = await bus.request(all.service.ask, new TextEncoder().encode(worker), { timeout: 1000 });
  return placementMessage.decode(askReply.decode(answer).placement).jobs;
}

/** With one job, begun and left at its genesis, and its leader gone. */
export async function withJob(): Promise<{ readonly hub: MemoryHub; readonly bus: Bus }> {
  const hub = new MemoryHub();
  const bus = hub.connect();
  bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
  const first = await leading(hub.connect());
  bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
  await asked(bus, all.service.submit, decoded(submission()));
  await first.stop();
  return { hub, bus };
}
