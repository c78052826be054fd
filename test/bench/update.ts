// The exact update of one million parameters (1000 x 1000) from 1,024 directions: `npm run bench:update`, `-- --json` for the
// one object a row. Low-rank: rank 1, factors regenerated from their seeds within the measurement, and ready; full-rank: noise
// regenerated, never held. On the addon with one and two threads, on the kernels of shared/random and plain TypeScript, and
// beside them what one would write with numpy where /usr/bin/python3 has it: (c A)ᵀ B in float32, factors ready. Best of several
// runs. A term is one direction's part of one parameter; GB/s count a float32 of noise a term, which nothing here reads.
import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { installAccelerator } from '../../shared/accelerator.js';
import { directionBlocks, exactSums } from '../../shared/arithmetic/class-i.js';
import { visitLowRankSums, sumProducts } from '../../shared/methods/low-rank.js';
import { kernels } from '../../shared/random/kernels.js';
import { accumulateBinomial, BINOMIAL_MAX, fillBinomial } from '../../shared/random/noise.js';
import { PURPOSE } from '../../shared/random/purposes.js';
import { nativeAccelerator } from '../../worker/native/accelerator.js';
import { nativeStatus, openNative } from '../../worker/native/addon.js';

const { values: flags } = parseArgs({ options: { json: { type: 'boolean' } } });
const SIDE = 1000;
const SIZE = SIDE * SIDE;
const DIRECTIONS = 1024;
const TERMS = SIZE * DIRECTIONS;
const KEY = [20251, 119] as const;
const MATRIX = { rows: SIDE, columns: SIDE };
// Centred ranks of 2,048 members: differences of a pair, up to ±4,094.
const coefficients = Int16Array.from({ length: DIRECTIONS }, (_, k) => 4 * ((k * 389) % DIRECTIONS) - 2046);

function report(update: string, by: string, threads: number, milliseconds: number): void {
  const row = {
    update,
    by,
    threads,
    milliseconds,
    nsPerTerm: (milliseconds * 1e6) / TERMS,
    gigabytesPerSecond: (4 * TERMS) / milliseconds / 1e6,
  };
  if (flags.json === true) {
    console.log(JSON.stringify(row));
    return;
  }
  const figures = [milliseconds.toFixed(1), row.nsPerTerm.toFixed(4), row.gigabytesPerSecond.toFixed(0)];
  console.log(
    `${update.padEnd(22)}  ${by.padEnd(24)}  ${String(threads).padStart(7)}  ${figures.map((f) => f.padStart(9)).join('  ')}`,
  );
}

function best(runs: number, run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const began = performance.now();
    run();
    least = Math.min(least, performance.now() - began);
  }
  return least;
}

const wide = new Float64Array(SIZE);
const block = new Int32Array(SIZE);
const [a, b] = [new Int8Array(DIRECTIONS * SIDE), new Int8Array(DIRECTIONS * SIDE)];
for (let k = 0; k < DIRECTIONS; k++) {
  fillBinomial(KEY, PURPOSE.perturbation, 0, k, 0, 0, a.subarray(k * SIDE, (k + 1) * SIDE));
  fillBinomial(KEY, PURPOSE.perturbation, 1, k, 0, 0, b.subarray(k * SIDE, (k + 1) * SIDE));
}

const source = { key: KEY, tensor: 0, noiseStep: 0 };
const regenerated = (): void =>
  visitLowRankSums(source, coefficients, 1, MATRIX, 0, SIZE, (lo, _hi, sums) => wide.set(sums, lo));
const ready = (): void => sumProducts(coefficients, 1, a, SIDE, b, SIDE, wide);
const fullRank = (): void =>
  exactSums(
    (first, last, sums) =>
      accumulateBinomial(KEY, PURPOSE.perturbation, 0, 0, coefficients, first, last, 0, sums),
    directionBlocks(coefficients, BINOMIAL_MAX),
    block,
    wide,
  );

const NUMPY = `
import time, numpy
k, n = ${DIRECTIONS}, ${SIDE}
a = numpy.random.randint(-8, 9, (k, n)).astype('f'); b = numpy.random.randint(-8, 9, (k, n)).astype('f')
c = numpy.arange(k, dtype='f')[:, None]
times = []
for _ in range(8):
    began = time.perf_counter(); (c * a).T @ b; times.append(time.perf_counter() - began)
print(min(times) * 1000)`;

if (flags.json !== true)
  console.log(
    `1000 x 1000 parameters, ${DIRECTIONS} directions, load average ${(loadavg()[0] ?? NaN).toFixed(2)}\nupdate                  by                        threads         ms   ns/term     GB/s`,
  );
const status = nativeStatus();
if (status.available) {
  // In turn, so that what else the machine does falls on both alike.
  const natives = [1, 2].map((threads) => openNative({ threads }));
  for (const [update, runs, run] of [
    ['rank 1, noise ready', 9, ready],
    ['rank 1, regenerated', 9, regenerated],
    ['full rank', 5, fullRank],
  ] as const) {
    const least = natives.map(() => Number.POSITIVE_INFINITY);
    for (let i = 0; i < runs; i++)
      natives.forEach((native, n) => {
        installAccelerator(nativeAccelerator(native));
        least[n] = Math.min(least[n] ?? Number.POSITIVE_INFINITY, best(1, run));
      });
    natives.forEach((native, n) => report(update, `addon ${native.simd}`, native.threads, least[n] ?? NaN));
  }
  installAccelerator(null);
} else console.log(`no addon: ${status.reason}`);
report('rank 1, noise ready', 'TypeScript', 1, best(2, ready));
report('rank 1, regenerated', `TypeScript, noise ${kernels.name}`, 1, best(2, regenerated));
report('full rank', kernels.name, 1, best(2, fullRank));
for (const threads of [1, 2]) {
  const { status: code, stdout } = spawnSync('/usr/bin/python3', ['-c', NUMPY], {
    encoding: 'utf8',
    env: { ...process.env, OPENBLAS_NUM_THREADS: String(threads) },
  });
  if (code === 0) report('rank 1, noise ready', 'numpy float32, inexact', threads, Number(stdout.trim()));
}
