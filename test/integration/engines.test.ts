// A network of one's own on a pool: the same ledger whoever evaluates which part of the population, and in process.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { minimize } from '../../cli/library/minimize.js';
import { loadObjectives } from '../../worker/objectives/load.js';
import { packageRoot } from '../../worker/objectives/package-root.js';
import { withPool } from '../support/pool.js';

const spiral = join(packageRoot(), 'examples', 'objectives', 'spiral.ts');
const job = {
  seed: 'networks',
  method: { name: 'es', population: 12, sigma: 0.05, learningRate: 0.03 },
  objective: { name: 'spiral', width: 6 },
  engine: 'reference',
  evaluation: { every: 2 },
  stop: { steps: 6 },
} as const;

describe('a network on a pool', () => {
  it('ends with one digest and one fitness for any workers and threads, and in process', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    const outcomes = new Set<string>();
    let started = 0;
    for (const workers of [1, 2, 3]) {
      while (started < workers)
        await pool.worker(`w${started++}`, {
          threads: started === 1 ? 2 : 1,
          objectives: [spiral],
          engine: 'reference',
        });
      const { status, digest, fitness } = await pool.result(await pool.submit(job));
      assert.equal(status, 'succeeded');
      outcomes.add(`${digest ?? ''} ${fitness.centre ?? ''}`);
    }
    const loaded = (await loadObjectives([spiral])).find(({ definition }) => definition.name === 'spiral');
    assert.ok(loaded !== undefined);
    const { seed, method, stop, evaluation } = job;
    const here = await minimize(loaded.definition, {
      seed,
      method,
      stop,
      evaluation,
      options: { width: 6 },
      engine: 'reference',
    });
    outcomes.add(`${here.digest} ${here.fitness ?? ''}`);
    assert.equal(outcomes.size, 1, [...outcomes].join('\n'));
    assert.ok((here.fitness ?? NaN) < Math.LN2 + 0.1, String(here.fitness));
  });
});
