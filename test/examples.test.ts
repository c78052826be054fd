// The job files that docs/results.md measures: each has a goal, a limit, and a comment that says how to run it.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJobFile } from '../shared/job/parse.js';
import { packageRoot } from '../worker/objectives/package-root.js';

const TASKS = ['sphere', 'rosenbrock', 'rastrigin', 'cartpole', 'inverted-pendulum', 'swimmer', 'hopper'];

describe('the example jobs with results', () => {
  for (const task of TASKS) {
    it(`${task}.yaml ends at a fitness or a step, and says how to run it`, () => {
      const file = `${task}.yaml`;
      const text = readFileSync(join(packageRoot(), 'examples', file), 'utf8');
      const { name, spec } = parseJobFile(text, file);
      assert.equal(name, task);
      assert.notEqual(spec.stop.fitness, null);
      assert.notEqual(spec.stop.steps, null, 'a limit for a run that never gets there');
      assert.match(text, new RegExp(`^# +npx seedcast run examples/${file}`, 'm'));
    });
  }
});
