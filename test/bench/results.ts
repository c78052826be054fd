// Evaluations to a threshold: `npm run bench:results`, with names of job files in examples/ to run those, `--seeds N`
// (default 5: seeds 1 to N), `--set PATH=VALUE` (repeatable, for trying other settings) and `--json` for one object a run.
// Each run is the command of the README, `seedcast run examples/NAME.yaml --workers 2`, as a process of its own with its own
// server and store; the threshold is the job's `stop.fitness`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseJobFile } from '../../shared/job/parse.js';
import { type JobResult, resultSchema } from '../../shared/wire/reports.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const EXAMPLES = join(ROOT, 'examples');

interface Run {
  readonly example: string;
  readonly seed: number;
  readonly threshold: number;
  readonly reached: boolean;
  /** Members evaluated, without evaluations of the centre. */
  readonly evaluations: number;
  readonly steps: number;
  /** Of the centre, over `evaluation.final` seeds of its own. */
  readonly final: number | null;
  /** From the job's start to its end, without starting and ending processes. */
  readonly seconds: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '5' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
  },
});
const seeds = Number(values.seeds);
if (!Number.isInteger(seeds) || seeds < 1) fail(`--seeds is ${values.seeds}: give an integer from 1`);

/** What docs/results.md shows. */
const TABLE = ['sphere', 'rosenbrock', 'rastrigin', 'cartpole', 'inverted-pendulum', 'swimmer', 'hopper'];
const known = readdirSync(EXAMPLES)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => basename(file, '.yaml'))
  .filter((name) => threshold(name, []) !== null);
for (const name of positionals) {
  if (!known.includes(name))
    fail(`${name} is not an example with a stop.fitness; these are: ${known.join(', ')}`);
}

if (!values.json)
  console.log(line('example', 'threshold', 'reached', 'median', 'min', 'max', 'steps', 'final', 's'));
let every = true;
for (const example of positionals.length > 0 ? positionals : TABLE) {
  const runs: Run[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const run = await runOnce(example, seed);
    runs.push(run);
    every &&= run.reached;
    if (values.json) console.log(JSON.stringify(run));
  }
  if (!values.json) console.log(summary(example, runs));
}
process.exit(every ? 0 : 1);

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function threshold(name: string, overrides: readonly string[]): number | null {
  const file = join(EXAMPLES, `${name}.yaml`);
  return parseJobFile(readFileSync(file, 'utf8'), file, overrides).spec.stop.fitness;
}

async function runOnce(example: string, seed: number): Promise<Run> {
  const store = mkdtempSync(join(tmpdir(), 'seedcast-results-'));
  try {
    const overrides = [`spec.seed=${seed}`, ...values.set].flatMap((override) => ['--set', override]);
    const file = join(EXAMPLES, `${example}.yaml`);
    const result = await resultOf([
      MAIN,
      'run',
      file,
      '--workers',
      '2',
      '--store',
      store,
      '--json',
      ...overrides,
    ]);
    return {
      example,
      seed,
      threshold: threshold(example, values.set) ?? NaN,
      reached: result.stoppedBy === 'fitness',
      evaluations: result.evaluations,
      steps: result.steps,
      final: result.fitness.centre,
      seconds: result.wallSeconds,
    };
  } finally {
    rmSync(store, { recursive: true, force: true });
  }
}

function resultOf(args: readonly string[]): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let messages = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      // Progress is not needed; the result is the last line.
      out = (out + text).slice(-65_536);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (messages += text));
    child.once('error', reject);
    child.once('close', (code) => {
      const last = out.trimEnd().split('\n').at(-1) ?? '';
      if (code === 0) resolve(resultSchema.parse(JSON.parse(last)));
      else reject(new Error(`seedcast ${args.slice(1).join(' ')} ended with ${String(code)}:\n${messages}`));
    });
  });
}

/** Median, least and greatest over all runs; one that did not reach the threshold counts as more than it used. */
function summary(example: string, runs: readonly Run[]): string {
  const sorted = runs.toSorted(
    (a, b) => Number(b.reached) - Number(a.reached) || a.evaluations - b.evaluations,
  );
  const at = (index: number): string => {
    const run = sorted[index];
    return run === undefined ? '' : `${run.reached ? '' : '>'}${run.evaluations}`;
  };
  const finals = runs.map(({ final }) => final ?? NaN);
  const reached = runs.filter((run) => run.reached).length;
  return line(
    example,
    String(runs[0]?.threshold),
    `${reached} of ${runs.length}`,
    at((runs.length - 1) >> 1),
    at(0),
    at(runs.length - 1),
    String(median(runs.map(({ steps }) => steps))),
    median(finals).toPrecision(5),
    median(runs.map((run) => run.seconds)).toFixed(1),
  );
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1] ?? NaN;
}

function line(name: string, ...columns: readonly string[]): string {
  return name.padEnd(24) + columns.map((column) => column.padStart(11)).join('');
}
