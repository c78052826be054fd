// What a command objective costs beside its own work: members a second through a Python process that answers the first
// value, by size and encoding. `npm run bench:command` prints a table, `-- --json` one JSON object a row.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/ports.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { loadObjectives } from '../../worker/objectives/load.js';
import { packageRoot } from '../../worker/objectives/package-root.js';
import { type EvaluationRequest, ObjectiveRunner } from '../../worker/objectives/run.js';

const SECONDS = 3;
/** Members handed over together, as a worker's slice. */
const SLICE = 16;

const VARIANTS = [
  { name: 'json', encoding: 'json', batch: false },
  { name: 'json + batch', encoding: 'json', batch: true },
  { name: 'base64', encoding: 'base64', batch: false },
  { name: 'base64 + batch', encoding: 'base64', batch: true },
] as const;

async function measure(folder: string, dimension: number, variant: (typeof VARIANTS)[number]) {
  const file = join(folder, 'first.json');
  const { encoding, batch } = variant;
  const declaration = {
    name: 'first',
    direction: 'minimize',
    command: ['python3', 'first.py'],
    parameters: { x: { shape: [dimension] } },
    encoding,
    batch,
    timeout: '60s',
  };
  writeFileSync(file, JSON.stringify(declaration));
  const loaded = (await loadObjectives([file])).at(-1);
  if (loaded === undefined) throw new Error('nothing was loaded');
  const runner = new ObjectiveRunner(loaded, await describeObjective(loaded, {}, 'float32'), {
    clock: systemClock,
    log: console.error,
    thread: 0,
  });
  await runner.start();
  const x = Float32Array.from({ length: dimension }, (_, i) => Math.sin(i + 1));
  const slice: EvaluationRequest[] = Array.from({ length: SLICE }, (_, member) => ({
    parameters: { x },
    seed: 1,
    step: 0,
    member,
    point: 'member',
    part: null,
    statistics: new Float64Array(0),
    wantsAuxiliary: false,
  }));
  const { signal } = new AbortController();
  const ask = async (): Promise<void> => {
    for (const outcome of await runner.evaluate(slice, signal)) {
      if (!('value' in outcome) || outcome.value !== x[0])
        throw new Error(`wrong answer: ${JSON.stringify(outcome)}`);
    }
  };
  await ask();
  const began = performance.now();
  let members = 0;
  while (performance.now() - began < SECONDS * 1_000) {
    await ask();
    members += SLICE;
  }
  const seconds = (performance.now() - began) / 1_000;
  await runner.dispose();
  return {
    dimension,
    variant: variant.name,
    members,
    seconds,
    membersPerSecond: members / seconds,
    megabytesPerSecond: (members * dimension * 4) / seconds / 1e6,
  };
}

const json = process.argv.includes('--json');
if (spawnSync('python3', ['--version']).status !== 0) {
  console.error('there is no python3 on PATH');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'seedcast-bench-'));
try {
  const helper = JSON.stringify(join(packageRoot(), 'examples', 'objectives'));
  writeFileSync(
    join(folder, 'first.py'),
    `import sys\nsys.path.insert(0, ${helper})\nfrom seedcast_objective import serve\nserve(lambda parameters, request: parameters["x"][0])\n`,
  );
  if (!json) console.log(`${'dimension'.padStart(9)}  ${'encoding'.padEnd(14)}  members/s  parameters MB/s`);
  for (const dimension of [100_000, 1_000_000]) {
    for (const variant of VARIANTS) {
      const row = await measure(folder, dimension, variant);
      if (json) console.log(JSON.stringify(row));
      else
        console.log(
          `${String(dimension).padStart(9)}  ${variant.name.padEnd(14)}  ${row.membersPerSecond.toFixed(1).padStart(9)}  ${row.megabytesPerSecond.toFixed(1).padStart(15)}`,
        );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
