// What the pool costs: `npm run bench:pool`, with `-- --json` for machines. Real processes (coordinator, workers,
// nats-server with a file store) as the CLI starts them.
//   protocol   d = 10, population 256, an objective that costs nothing: steps/s, median of 5, beside a bare NATS loop that
//              moves messages of the same sizes between as many processes in the same order, and nothing else
//   timer      an objective that waits 20 ms, population 64, 2 workers: part of the ideal time
//   uneven     the same with 3 workers, one 4 times slower
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bus } from '../../shared/bus/port.js';
import { connectNats } from '../../shared/bus/nats/connect.js';
import { SeedcastError } from '../../shared/errors.js';
import { parseJob } from '../../shared/job/parse.js';
import {
  decodeJson,
  encodeJson,
  eventSchema,
  heartbeatSchema,
  type JobResult,
  openAnswer,
  resultSchema,
} from '../../shared/wire/reports.js';
import { names } from '../../shared/wire/subjects.js';
import { withNats } from '../support/nats.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const all = names();
const POPULATION = 256;

interface Row {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly aim: number | null;
  readonly note: string;
}

// --- processes -----------------------------------------------------------------------------------------------------------

const cleanups: (() => Promise<void>)[] = [];

function start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  cleanups.push(
    () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  );
  return child;
}

async function withServer<T>(work: (url: string, bus: Bus) => Promise<T>): Promise<T> {
  const server = await withNats({ after: (end) => cleanups.push(end) });
  const bus = await connectNats({
    url: server.url,
    streamPrefix: all.streamPrefix,
    subjectPrefix: all.prefix,
  });
  try {
    return await work(server.url, bus);
  } finally {
    await bus.drain();
    for (const end of cleanups.splice(0).reverse()) await end();
  }
}

async function workersReady(bus: Bus, count: number): Promise<void> {
  const seen = new Set<string>();
  await new Promise<void>((resolve) => {
    const subscription = bus.subscribe(all.all.heartbeat, ({ payload }) => {
      const { worker, state } = decodeJson(heartbeatSchema, payload, 'heartbeat');
      if (state === 'idle') seen.add(worker);
      if (seen.size < count) return;
      subscription.unsubscribe();
      resolve();
    });
  });
}

async function runJob(bus: Bus, id: string, spec: object): Promise<JobResult> {
  const job = parseJob({ apiVersion: 'seedcast/v1', kind: 'Job', metadata: { name: id }, spec });
  const subject = all.job(id).event;
  const result = new Promise<JobResult>((resolve) => {
    const subscription = bus.subscribe(subject, ({ payload }) => {
      const event = decodeJson(eventSchema, payload, 'event');
      if (event.type !== 'result') return;
      subscription.unsubscribe();
      resolve(resultSchema.parse(event.details));
    });
  });
  await bus.flush();
  openAnswer(await submitted(bus, encodeJson({ job: id, name: id, spec: job.spec, init: null })), 'submit');
  return result;
}

/** The answer of the coordinator, which may come up after the workers. */
async function submitted(bus: Bus, request: Uint8Array): Promise<Uint8Array> {
  for (let tries = 1; ; tries++) {
    try {
      return await bus.request(all.service.submit, request, { timeout: 15_000 });
    } catch (error) {
      if (!(error instanceof SeedcastError) || error.code !== 'SC_NO_COORDINATOR' || tries === 100)
        throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

// --- protocol ------------------------------------------------------------------------------------------------------------

async function protocol(): Promise<Row[]> {
  return withServer(async (url, bus) => {
    start([MAIN, 'coordinator'], { NATS_URL: url });
    for (const id of ['a', 'b']) start([MAIN, 'worker', '--id', id, '--threads', '1'], { NATS_URL: url });
    await workersReady(bus, 2);
    const spec = {
      seed: 'bench',
      method: { name: 'es', population: POPULATION, sigma: 0.1 },
      objective: { name: 'sphere', dimension: 10 },
      stop: { steps: 2000 },
    };
    await runJob(bus, 'warm', spec);
    const rates: number[] = [];
    let other = 0;
    const began = performance.now();
    const tap = bus.subscribe(`${all.prefix}.>`, ({ subject, payload }) => {
      if (!/\.(plan|round|assign|result|ledger|evidence)(\.|$)/.test(subject)) other += payload.length;
    });
    let last: JobResult | null = null;
    for (let run = 0; run < 5; run++) {
      last = await runJob(bus, `run-${run}`, spec);
      rates.push(last.steps / last.wallSeconds);
    }
    tap.unsubscribe();
    const otherRate = (1000 * other) / (performance.now() - began);
    rates.sort((a, b) => a - b);
    const down = Math.round((last?.bytesDown ?? 0) / (last?.steps ?? 1) / 2);
    const up = Math.round((last?.bytesUp ?? 0) / (last?.steps ?? 1) / 2);
    const bare = await bareLoop(url, bus, { down, up });
    const pool = rates[2] ?? 0;
    return [
      {
        what: `pool, d = 10, population ${POPULATION}, 2 workers`,
        unit: 'steps/s',
        value: pool,
        aim: 500,
        note: `median of 5 runs of 2,000; ${down} B down, ${up} B up a worker and step`,
      },
      {
        what: 'bare NATS loop of the same messages',
        unit: 'steps/s',
        value: bare,
        aim: null,
        note: 'broadcast, 2 answers, evidence and record appended with acknowledgement',
      },
      { what: 'pool over bare loop', unit: '%', value: (100 * pool) / bare, aim: null, note: '' },
      {
        what: 'other traffic (heartbeats, progress, events)',
        unit: 'B/s',
        value: otherRate,
        aim: null,
        note: 'one job, two workers',
      },
    ];
  });
}

/** Rounds, answers and two appends of the given sizes, between processes that do nothing else. */
async function bareLoop(
  url: string,
  bus: Bus,
  bytes: { readonly down: number; readonly up: number },
): Promise<number> {
  await bus.streams.ensure({
    name: 'BARE',
    subjects: ['bare.ledger', 'bare.evidence'],
    maxAge: 0,
    maxBytes: -1,
    replicas: 1,
  });
  const self = fileURLToPath(import.meta.url);
  let answers = 0;
  let awake = 0;
  let complete = (): void => undefined;
  bus.subscribe('bare.hello', () => awake++);
  bus.subscribe('bare.result', () => {
    if (++answers % 2 === 0) complete();
  });
  for (let i = 0; i < 2; i++) start([self, '--respond', String(bytes.up)], { NATS_URL: url });
  while (awake < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  const round = new Uint8Array(bytes.down).fill(1);
  const evidence = new Uint8Array(8 * POPULATION + 80).fill(2);
  const steps = 2000;
  let sequence = 0;
  let started = 0;
  for (let i = -200; i < steps; i++) {
    if (i === 0) started = performance.now();
    await new Promise<void>((resolve) => {
      complete = resolve;
      bus.publish('bare.round', round);
    });
    await bus.streams.append('bare.evidence', evidence);
    ({ sequence } = await bus.streams.append('bare.ledger', round, { expected: sequence }));
  }
  return (1000 * steps) / (performance.now() - started);
}

async function respond(bytes: number): Promise<void> {
  const bus = await connectNats({ url: process.env['NATS_URL'] ?? '' });
  const answer = new Uint8Array(bytes).fill(3);
  bus.subscribe('bare.round', () => bus.publish('bare.result', answer));
  await bus.flush();
  bus.publish('bare.hello', new Uint8Array(1));
  process.once('SIGTERM', () => void bus.drain().then(() => process.exit(0)));
}

// --- waiting objectives ----------------------------------------------------------------------------------------------------

/** Waits 20 ms times SLOWNESS of its process, by no timer's rounding: what is left of the last wait is carried over. */
const TIMER = `
let owed = 0;
export default {
  name: 'bench-timer',
  direction: 'minimize',
  parameters: () => ({ x: { shape: [10] } }),
  evaluate: ({ x }) => new Promise((resolve) => {
    const begun = performance.now();
    const wait = 20 * Number(process.env.SLOWNESS ?? 1) - owed;
    setTimeout(() => { owed = performance.now() - begun - wait; resolve(x[0]); }, wait);
  }),
};
`;

async function waiting(what: string, slowness: readonly number[], aim: number): Promise<Row> {
  return withServer(async (url, bus) => {
    const dir = mkdtempSync(join(tmpdir(), 'seedcast-bench-'));
    cleanups.push(() => Promise.resolve(rmSync(dir, { recursive: true })));
    const file = join(dir, 'timer.mjs');
    writeFileSync(file, TIMER);
    start([MAIN, 'coordinator'], { NATS_URL: url });
    slowness.forEach((factor, i) =>
      start([MAIN, 'worker', '--id', `w${i}`, '--threads', '1', '--objectives', file], {
        NATS_URL: url,
        SLOWNESS: String(factor),
      }),
    );
    await workersReady(bus, slowness.length);
    const population = 64;
    const spec = (steps: number) => ({
      seed: 'bench',
      method: { name: 'es', population, sigma: 0.1 },
      objective: { name: 'bench-timer' },
      evaluation: { every: 1_000_000 },
      stop: { steps },
    });
    // Speeds are learnt in a short job first; a pool that has run before knows them.
    const steps = 20;
    const seconds: number[] = [];
    const job = 'timed';
    let mark = 0;
    const subscription = bus.subscribe(all.job(job).round, () => {
      const now = performance.now();
      if (mark > 0) seconds.push((now - mark) / 1000);
      mark = now;
    });
    await runJob(bus, job, spec(steps + 6));
    subscription.unsubscribe();
    // The first steps find out who is how fast; the last round is the final evaluation.
    const steady = seconds.slice(5, 5 + steps);
    const mean = steady.reduce((a, b) => a + b, 0) / steady.length;
    const ideal = (0.02 * population) / slowness.reduce((sum, factor) => sum + 1 / factor, 0);
    return {
      what,
      unit: '% of ideal',
      value: (100 * ideal) / mean,
      aim,
      note: `${steady.length} steps of ${mean.toFixed(3)} s, ideal ${ideal.toFixed(3)} s`,
    };
  });
}

// --- output ------------------------------------------------------------------------------------------------------------------

const respondAt = process.argv.indexOf('--respond');
if (respondAt > 0) await respond(Number(process.argv[respondAt + 1]));
else {
  const rows = [
    ...(await protocol()),
    await waiting('20 ms objective, population 64, 2 workers', [1, 1], 95),
    await waiting('20 ms objective, population 64, 3 workers, one 4 times slower', [1, 1, 4], 88),
  ];
  for (const { what, unit, value, aim, note } of rows) {
    if (process.argv.includes('--json')) console.log(JSON.stringify({ what, unit, value, aim, note }));
    else
      console.log(
        `${what.padEnd(64)} ${value.toFixed(1).padStart(8)} ${unit.padEnd(11)} ${aim === null ? '' : `aim ${aim}`}  ${note}`,
      );
  }
}
