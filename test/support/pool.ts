// A whole pool in the test's own process on a real nats-server: coordinators and workers as the CLI makes them, only
// without processes of their own. Everything is ended with the test.
import { Coordinator } from '../../coordinator/service.js';
import type { Bus, Subscription } from '../../shared/bus/port.js';
import { connectNats } from '../../shared/bus/nats/connect.js';
import { asSeedcastError } from '../../shared/errors.js';
import { parseJob } from '../../shared/job/parse.js';
import { LedgerStore } from '../../shared/ledger/store.js';
import { systemClock, systemEntropy } from '../../shared/ports.js';
import {
  type JobEvent,
  type JobResult,
  decodeJson,
  encodeJson,
  eventSchema,
  openAnswer,
  resultSchema,
} from '../../shared/wire/reports.js';
import { type Names, names } from '../../shared/wire/subjects.js';
import { WorkerAgent } from '../../worker/agent.js';
import { parseEngineWish } from '../../worker/engines/open.js';
import { type Lasting, withNats } from './nats.js';

export interface TestPool {
  readonly bus: Bus;
  readonly names: Names;
  readonly store: LedgerStore;
  readonly server: Awaited<ReturnType<typeof withNats>>;
  coordinator(options?: { readonly leaseTtl?: number; readonly maxBytes?: number }): Promise<Coordinator>;
  worker(
    id: string,
    options?: {
      readonly threads?: number;
      readonly objectives?: readonly string[];
      readonly engine?: string;
    },
  ): Promise<WorkerAgent>;
  /** `spec` as in a job file; the id is returned. */
  submit(spec: object, id?: string, init?: string): Promise<string>;
  control(job: string, action: string, more?: object): Promise<void>;
  request(subject: string, body: object): Promise<Record<string, unknown>>;
  result(job: string, timeout?: number): Promise<JobResult>;
  events(job: string): Promise<JobEvent[]>;
}

export async function withPool(t: Lasting, options: { readonly log?: boolean } = {}): Promise<TestPool> {
  const server = await withNats(t);
  const all = names();
  const connect = async (): Promise<Bus> => {
    const bus = await connectNats({
      url: server.url,
      streamPrefix: all.streamPrefix,
      subjectPrefix: all.prefix,
    });
    t.after(() => bus.drain());
    return bus;
  };
  const log = (who: string) => (message: string, details?: Record<string, unknown>) => {
    if (options.log === true) console.error(who, message, JSON.stringify(details ?? {}));
  };
  const bus = await connect();
  const store = new LedgerStore(bus, all);
  /** Waits up to 10 s for a leader, as the CLI does. */
  const request = async (subject: string, body: object): Promise<Record<string, unknown>> => {
    const deadline = Date.now() + 10_000;
    for (;;) {
      try {
        return openAnswer(await bus.request(subject, encodeJson(body), { timeout: 10_000 }), 'answer');
      } catch (error) {
        if (asSeedcastError(error).code !== 'SC_NO_COORDINATOR' || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  return {
    bus,
    names: all,
    store,
    server,
    request,
    async coordinator({ leaseTtl = 500, maxBytes = -1 } = {}) {
      const holder = systemEntropy(6);
      const coordinator = new Coordinator({
        bus: await connect(),
        names: all,
        clock: systemClock,
        holder,
        leaseTtl,
        maxBytes,
        log: log(`coordinator ${holder}`),
      });
      await coordinator.start();
      t.after(() => coordinator.stop());
      return coordinator;
    },
    async worker(id, { threads = 1, objectives = [], engine = 'auto' } = {}) {
      const worker = new WorkerAgent({
        bus: await connect(),
        names: all,
        clock: systemClock,
        worker: id,
        version: 'test',
        objectivePaths: objectives,
        threads,
        engine: parseEngineWish(engine),
        log: log(`worker ${id}`),
      });
      await worker.start();
      t.after(() => worker.stop());
      return worker;
    },
    async submit(spec, id = `job-${systemEntropy(6)}`, init) {
      const job = parseJob({ apiVersion: 'seedcast/v1', kind: 'Job', metadata: { name: id }, spec });
      await request(all.service.submit, { job: id, name: job.name, spec: job.spec, init: init ?? null });
      return id;
    },
    async control(job, action, more = {}) {
      await request(all.service.control, { job, action, ...more });
    },
    async result(job, timeout = 60_000) {
      return new Promise<JobResult>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`job ${job} has no result after ${timeout} ms`)),
          timeout,
        );
        const follow = (): Promise<Subscription> =>
          bus.streams.follow(
            all.streams.events,
            all.job(job).event,
            ({ payload }) => {
              const event = readable(payload);
              const result = resultSchema.safeParse(event?.details);
              if (event?.type !== 'result' || !result.success) return;
              clearTimeout(timer);
              resolve(result.data);
              void done.then((subscription) => subscription.unsubscribe());
            },
            { from: 1 },
          );
        // A store that was emptied a moment ago has no stream of events until its leader makes it.
        const done = follow().catch(async () => {
          await new Promise((again) => setTimeout(again, 1000));
          return follow();
        });
        done.catch(reject);
      });
    },
    async events(job) {
      const list: JobEvent[] = [];
      for await (const { payload } of bus.streams.read(all.streams.events, all.job(job).event))
        list.push(...[readable(payload)].filter((event) => event !== null));
      return list;
    },
  };
}

/** Resolves once the job has taken so many steps. */
export async function stepReached(pool: TestPool, job: string, step: number): Promise<void> {
  for (;;) {
    const { summary } = await pool.request(pool.names.service.describe, { job });
    if ((summary as { step: number }).step >= step) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Null for what is no event: anyone may write to the stream. */
function readable(payload: Uint8Array): JobEvent | null {
  try {
    return decodeJson(eventSchema, payload, 'event');
  } catch {
    return null;
  }
}
