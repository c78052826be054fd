// The job files in examples/ as their comments promise: valid, runnable as they stand, and with a goal to reach.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJobFile } from '../shared/job/parse.js';
import { describeObjective } from '../worker/objectives/describe.js';
import { loadObjectives } from '../worker/objectives/load.js';
import { packageRoot } from '../worker/objectives/package-root.js';

const folder = join(packageRoot(), 'examples');
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

describe('the example jobs', () => {
  it('are the tasks that results are given for', () => {
    for (const name of [
      'sphere',
      'rosenbrock',
      'rastrigin',
      'cartpole',
      'inverted-pendulum',
      'swimmer',
      'hopper',
    ])
      assert.ok(files.includes(`${name}.yaml`), name);
  });

  for (const file of files) {
    it(`${file} is accepted, ends at a fitness, and says how to run it`, async () => {
      const text = readFileSync(join(folder, file), 'utf8');
      const { name, spec } = parseJobFile(text, file);
      assert.equal(`${name}.yaml`, file);
      assert.notEqual(spec.stop.fitness, null);
      assert.notEqual(spec.stop.steps, null, 'a limit for a run that never gets there');
      assert.match(text, new RegExp(`^# +npx seedcast run examples/${file}`, 'm'));
      const loaded = (await loadObjectives([])).find(
        ({ definition }) => definition.name === spec.objective.name,
      );
      assert.ok(loaded, 'a built-in objective');
      await describeObjective(loaded, spec.objective.options, 'float32');
    });
  }
});
