// `npm run simulate -- --schedules 20000 --seed 1`: runs schedules on as many threads as there are cores, prints the
// census of faults and every violation with the line that reproduces it, and exits 1 if there is one.
// `--only SEED --trace` runs one and prints what happened; `--first` stops at the first violation; `--json` is for programs.
import { availableParallelism } from 'node:os';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { parseArgs } from 'node:util';
import { type Batch, runSeeds } from './batch.js';
import { type Census, addCensus } from './history.js';
import { LIVENESS_BOUND, simulate } from './simulate.js';

interface ThreadData {
  readonly first: number;
  readonly end: number;
  readonly stride: number;
  /** Schedules with violations after which the thread stops. */
  readonly enough: number;
}

function runOnThreads(
  first: number,
  end: number,
  threads: number,
  enough: number,
  each: (batch: Batch) => void,
): Promise<void> {
  const all = Array.from({ length: threads }, (_, i) => {
    const data: ThreadData = { first: first + i, end, stride: threads, enough };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    worker.on('message', each);
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`a simulator thread ended with ${code}`)),
      );
    });
  });
  return Promise.all(all).then(() => undefined);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      schedules: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(availableParallelism()) },
      only: { type: 'string' },
      trace: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      first: { type: 'boolean', default: false },
    },
  });
  if (values.only !== undefined) {
    const verdict = simulate(Number(values.only), values.trace);
    for (const line of verdict.trace) console.log(line);
    for (const text of verdict.violations) console.log(`VIOLATION ${text}`);
    console.log(`schedule ${verdict.seed}: ${verdict.violations.length} violations`);
    return verdict.violations.length > 0 ? 1 : 0;
  }
  const count = Number(values.schedules);
  const first = Number(values.seed);
  const census: Census = {};
  let done = 0;
  let failed = 0;
  let slowest = 0;
  let example: string | null = null;
  const begun = performance.now();
  let said = begun;
  const threads = Math.max(1, Math.min(Number(values.threads), count));
  await runOnThreads(first, first + count, threads, values.first ? 1 : 20, (batch) => {
    done += batch.done;
    slowest = Math.max(slowest, batch.slowestRecovery);
    addCensus(census, batch.census);
    for (const { seed, texts } of batch.violations) {
      failed++;
      example ??= texts[0] ?? null;
      if (values.json) continue;
      for (const text of texts) console.log(`VIOLATION in schedule ${seed}: ${text}`);
      console.log(`  reproduce: npm run simulate -- --only ${seed} --trace`);
    }
    if (!values.json && performance.now() - said > 15_000) {
      said = performance.now();
      console.log(`${done} of ${count} schedules, ${failed} with violations, ${rate(done, begun)} a second`);
    }
  });
  if (values.json) {
    console.log(JSON.stringify({ schedules: done, failed, example, census }));
    return failed > 0 ? 1 : 0;
  }
  console.log('Census:');
  for (const name of Object.keys(census).sort())
    console.log(`  ${String(census[name]).padStart(9)}  ${name}`);
  console.log(
    `${done} schedules from seed ${first} in ${((performance.now() - begun) / 1000).toFixed(1)} s (${rate(done, begun)} a second), ${failed} with violations; ` +
      `slowest recovery ${(slowest / 1000).toFixed(1)} s of virtual time after faults ended (bound ${LIVENESS_BOUND / 1000} s and the evaluations)`,
  );
  return failed > 0 ? 1 : 0;
}

function rate(done: number, begun: number): string {
  return (done / ((performance.now() - begun) / 1000)).toFixed(0);
}

if (isMainThread) {
  process.exitCode = await main();
} else {
  const { first, end, stride, enough } = workerData as ThreadData;
  runSeeds(first, end, stride, (batch) => parentPort?.postMessage(batch), enough);
}
