// Population forward of one linear layer on the addon: `npm run bench:eggroll`, `-- --json` for the numbers alone,
// `-- --threads N` for one count of threads. m inputs and outputs, rank 1, antithetic pairs; rows are what members have
// each. Four forwards of the same rows are timed in turns: unperturbed, noise ready, noise regenerated from its seeds within
// the measurement, and full-rank (every pair's noise regenerated and every member's weights formed). Figures are medians of
// ratios taken turn by turn, so that a busy machine disturbs both sides alike; GFLOP/s are of the best turn. Debian's numpy
// is asked for the same product where /usr/bin/python3 has it, with the BLAS it is linked to.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openNative, type Native } from '../../worker/native/addon.js';
import { denseLinear, linear, packLinear, perturbedLinear } from '../../worker/native/linear.js';
import { lowRankFactors } from '../../worker/native/noise.js';

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean' }, threads: { type: 'string' }, turns: { type: 'string' } },
});
const THREADS = flags.threads === undefined ? [1, 2] : [Number(flags.threads)];
const TURNS = Number(flags.turns ?? 9);
const KEY = [20251, 119] as const;

interface Row {
  readonly threads: number;
  readonly m: number;
  readonly rowsPerMember: number;
  readonly members: number;
  /** Unperturbed forward, best turn. */
  readonly gflops: number;
  /** Per cent of the unperturbed forward's speed. */
  readonly ready: number;
  readonly regenerated: number;
  readonly fullRank: number;
  /** numpy's GFLOP/s, best of as many; null without numpy. */
  readonly numpy: number | null;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

function timed(run: () => void): number {
  const began = performance.now();
  run();
  return performance.now() - began;
}

function measure(native: Native, m: number, rows: number): Omit<Row, 'numpy'> {
  const members = Math.max(2, (m < 1024 ? 2048 : 512) / rows);
  const directions = members / 2;
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
  const x = Float32Array.from({ length: members * rows * m }, random);
  const packed = packLinear(native, Float32Array.from({ length: m * m }, random), m, m);
  const y = new Float32Array(members * rows * m);
  const call = { x, xMembers: members, members, rows, y };
  const numbers = Uint32Array.from({ length: directions }, (_, k) => k);
  const sign = Int8Array.from({ length: members }, (_, p) => 1 - 2 * (p & 1));
  const direction = Uint32Array.from({ length: members }, (_, p) => p >> 1);
  const [a, b] = [new Int8Array(directions * m), new Int8Array(directions * m)];
  const pairs = { direction, sign, directions, rank: 1, scale: 0.01 / 4, a, b };
  const stream = (tensor: number) => ({ key: KEY, purpose: 0, tensor, step: 1 }) as const;
  const dense = { ...stream(3), noise: 'binomial', direction, sign, scale: 0.01 / 2 } as const;

  const plain = (): void => linear(native, call, packed);
  const ready = (): void => perturbedLinear(native, call, packed, pairs);
  const regenerated = (): void => {
    lowRankFactors(native, stream(1), numbers, m, a);
    lowRankFactors(native, stream(2), numbers, m, b);
    ready();
  };
  // Full-rank work grows with members, not with rows: a few pairs stand for all.
  const few = Math.min(members, 8);
  const part = { ...call, x: x.subarray(0, few * rows * m), xMembers: few, members: few };
  const fullRank = (): void => denseLinear(native, part, packed, dense);
  regenerated();
  plain();
  const turns = Array.from({ length: TURNS }, (_, turn) => {
    const times = { plain: 0, ready: 0, regenerated: 0 };
    const order =
      turn % 2 === 0
        ? (['plain', 'ready', 'regenerated'] as const)
        : (['regenerated', 'ready', 'plain'] as const);
    for (const name of order) times[name] = timed({ plain, ready, regenerated }[name]);
    return { ...times, fullRank: turn < 3 ? (timed(fullRank) * members) / few : NaN };
  });
  const percent = (name: 'ready' | 'regenerated' | 'fullRank'): number =>
    median(turns.map((turn) => (100 * turn.plain) / turn[name]).filter((value) => !Number.isNaN(value)));
  return {
    threads: native.threads,
    m,
    rowsPerMember: rows,
    members,
    gflops: (2 * members * rows * m * m) / Math.min(...turns.map((turn) => turn.plain)) / 1e6,
    ready: percent('ready'),
    regenerated: percent('regenerated'),
    fullRank: percent('fullRank'),
  };
}

const NUMPY = `
import sys, time, numpy
m, rows, turns = map(int, sys.argv[1:])
x = numpy.random.rand(rows, m).astype('f'); w = numpy.random.rand(m, m).astype('f')
times = []
for _ in range(turns + 1):
    began = time.perf_counter(); x @ w.T; times.append(time.perf_counter() - began)
maps = open('/proc/self/maps').read() if sys.platform == 'linux' else ''
print(2 * rows * m * m / min(times) / 1e9, 'OpenBLAS' if 'openblas' in maps else 'another BLAS')`;

/** The better of OpenBLAS's own choice of kernels and, where AVX-512 runs, its AVX-512 ones, which it passes over on some processors. */
function numpy(m: number, rows: number, threads: number): { gflops: number; blas: string } | null {
  const own = numpyWith(m, rows, threads, {});
  if (own === null || !simd.startsWith('avx512')) return own;
  const wide = numpyWith(m, rows, threads, { OPENBLAS_CORETYPE: 'SkylakeX' });
  return wide !== null && wide.gflops > own.gflops ? wide : own;
}

function numpyWith(
  m: number,
  rows: number,
  threads: number,
  choice: Readonly<Record<string, string>>,
): { gflops: number; blas: string } | null {
  const { status, stdout } = spawnSync('/usr/bin/python3', ['-c', NUMPY, `${m}`, `${rows}`, `${TURNS}`], {
    encoding: 'utf8',
    env: { ...process.env, ...choice, OPENBLAS_NUM_THREADS: String(threads) },
  });
  if (status !== 0) return null;
  const [gflops = '', ...blas] = stdout.trim().split(' ');
  return { gflops: Number(gflops), blas: blas.join(' ') };
}

const results: Row[] = [];
let blas: string | null = null;
const { simd } = openNative();
if (flags.json !== true) {
  const model = /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch;
  console.log(`addon ${simd}, ${model}; per cent of the same engine's unperturbed forward of the same rows`);
  console.log('threads     m  rows  members  plain GFLOP/s  of numpy  noise ready  regenerated  full-rank');
}
for (const threads of THREADS) {
  const native = openNative({ threads });
  for (const m of [256, 1024, 2048]) {
    for (const rows of [1, 16, 128]) {
      const own = measure(native, m, rows);
      const other = numpy(m, own.members * rows, threads);
      blas = other?.blas ?? blas;
      results.push({ ...own, numpy: other?.gflops ?? null });
      if (flags.json === true) continue;
      const share = other === null ? '-' : `${((100 * own.gflops) / other.gflops).toFixed(0)} %`;
      const cells = [own.ready, own.regenerated].map((value) => `${value.toFixed(1)} %`);
      const line = [
        threads,
        m,
        rows,
        own.members,
        own.gflops.toFixed(0),
        share,
        ...cells,
        `${own.fullRank.toFixed(2)} %`,
      ];
      const widths = [7, 6, 6, 9, 15, 10, 13, 13, 11];
      console.log(line.map((cell, i) => String(cell).padStart(widths[i] ?? 0)).join(''));
    }
  }
}
if (flags.json === true) console.log(JSON.stringify({ simd, blas, turns: TURNS, results }));
else
  console.log(
    blas === null ? 'numpy is not there (/usr/bin/python3, package python3-numpy)' : `numpy with ${blas}`,
  );
