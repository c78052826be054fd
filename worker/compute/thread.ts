// The entry of a compute thread: loads the objectives, opens replicas on shared memory, and carries out one task at a
// time. It evaluates members, applies tiles, hashes and copies state; it has no connection and takes no decision.
import { parentPort, workerData } from 'node:worker_threads';
import { SeedcastError, asSeedcastError, messageOf } from '../../shared/errors.js';
import type { Engine } from '../../shared/objectives/engine.js';
import { decodeRecord } from '../../shared/ledger/records.js';
import { systemClock } from '../../shared/ports.js';
import { loadObjectives, type LoadedObjective } from '../objectives/load.js';
import { describeObjective } from '../objectives/describe.js';
import { chooseEngine } from '../engines/open.js';
import { ENGINE_PROVIDERS, lazyEngine } from '../engines/providers.js';
import { accelerateReplicas } from '../native/accelerator.js';
import { Replica } from '../replica/replica.js';
import { summaryOf } from '../objectives/summary.js';
import { JobEvaluator } from './evaluator.js';
import {
  type CatalogEntry,
  CONTROL_GENERATION,
  type FromThread,
  type Task,
  type ThreadData,
  type ToThread,
} from './protocol.js';

interface OpenJob {
  readonly replica: Replica;
  readonly control: Int32Array;
  readonly objective: LoadedObjective;
  readonly evaluator: JobEvaluator;
}

/** Forgotten rejections that are logged. */
const LEAKS_TOLD = 10;

const { thread, objectivePaths } = workerData as ThreadData;
const jobs = new Map<string, OpenJob>();
let loaded: Promise<readonly LoadedObjective[]> | null = null;
let engine: (() => Promise<Engine>) | null = null;

function send(message: FromThread): void {
  parentPort?.postMessage(message);
}

async function objectiveNamed(name: string): Promise<LoadedObjective> {
  loaded ??= loadObjectives(objectivePaths);
  const found = (await loaded).find(({ definition }) => definition.name === name);
  if (found !== undefined) return found;
  throw new SeedcastError(
    'SC_OBJECTIVE_FILE',
    `objective ${JSON.stringify(name)} is not known to this worker`,
    {
      hint: 'give the file that defines it with --objectives',
    },
  );
}

function jobNamed(job: string): OpenJob {
  const open = jobs.get(job);
  if (open !== undefined) return open;
  throw new SeedcastError('SC_INTERNAL', `job ${job} is not open on thread ${thread}`);
}

async function run(task: Task): Promise<unknown> {
  switch (task.op) {
    case 'catalog': {
      loaded ??= loadObjectives(objectivePaths);
      const all = await loaded;
      return Object.fromEntries(
        all.map(({ definition, code }): [string, CatalogEntry] => [
          definition.name,
          {
            code,
            timeout: definition.timeout ?? null,
            batched: definition.evaluateMany !== undefined || definition.evaluatePopulation !== undefined,
            population: definition.evaluatePopulation !== undefined,
          },
        ]),
      );
    }
    case 'choose-engine':
      return chooseEngine(task.wish, ENGINE_PROVIDERS);
    case 'describe':
      return describeObjective(await objectiveNamed(task.objective), task.options, task.dtype);
    case 'open': {
      const record = decodeRecord(task.genesis);
      if (record.kind !== 'genesis') throw new SeedcastError('SC_INTERNAL', 'open: the record is no genesis');
      const objective = await objectiveNamed(record.objective.name);
      accelerateReplicas();
      const replica = new Replica(record, task.memory);
      const log = (message: string): void => send({ type: 'log', job: task.job, message });
      const evaluator = new JobEvaluator(replica, objective, {
        thread,
        log,
        clock: systemClock,
        engine: (engine ??= lazyEngine(task.engine)),
      });
      await evaluator.start();
      jobs.set(task.job, { replica, objective, control: new Int32Array(task.control), evaluator });
      return null;
    }
    case 'close': {
      const open = jobs.get(task.job);
      jobs.delete(task.job);
      await open?.evaluator.dispose();
      return null;
    }
    case 'initialise':
      jobNamed(task.job).replica.initialise(task.weights ?? new Map());
      return null;
    case 'restore':
      jobNamed(task.job).replica.restore(task.step, task.bytes);
      return null;
    case 'apply': {
      const { replica } = jobNamed(task.job);
      task.updates.forEach((update, i) => replica.apply(task.step + i, update, task.lo, task.hi));
      return null;
    }
    case 'figures': {
      const { replica, objective } = jobNamed(task.job);
      const summary = summaryOf(objective.definition, task.centre);
      return { ...replica.figures(task.step, task.update), summary };
    }
    case 'digest':
      return jobNamed(task.job).replica.digest(task.step);
    case 'snapshot':
      return jobNamed(task.job).replica.snapshot(task.step);
    case 'evaluate': {
      const { evaluator, control } = jobNamed(task.job);
      const wanted = (): boolean => Atomics.load(control, CONTROL_GENERATION) === task.generation;
      return evaluator.evaluate(task.generation, task.step, task.layout, task.from, task.to, wanted);
    }
  }
}

// A promise that an objective forgot says nothing of the value it returned; without this it would end the thread.
let leaks = 0;
process.on('unhandledRejection', (reason) => {
  leaks += 1;
  if (leaks <= LEAKS_TOLD)
    send({
      type: 'log',
      job: null,
      message: `a promise was rejected and nobody waited: ${messageOf(reason)}`,
    });
});

// Tasks begin in the order given. An evaluation may wait for a process or a server; what comes after it must not wait
// with it: updates write another buffer than the one it reads, and its generation says whether it still counts.
let before: Promise<unknown> = Promise.resolve();

parentPort?.on('message', (message: ToThread) => {
  if (message.type === 'abort') {
    jobs.get(message.job)?.evaluator.abort(message.generation);
    return;
  }
  const { id, task, tellBegin } = message;
  before = before.then(() => {
    if (tellBegin) send({ type: 'begun', id });
    const finished = run(task).then(
      (result) => send({ type: 'done', id, result }),
      (thrown: unknown) => {
        const { code, message, hint = null, place = null } = asSeedcastError(thrown);
        send({ type: 'failed', id, code, message, hint, place });
      },
    );
    return task.op === 'evaluate' ? undefined : finished;
  });
});
