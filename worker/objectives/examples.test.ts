import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorArray } from '../../shared/objectives/types.js';
import { systemClock } from '../../shared/ports.js';
import { describeObjective } from './describe.js';
import { loadObjectives } from './load.js';
import { packageRoot } from './package-root.js';
import { ObjectiveRunner } from './run.js';

const folder = join(packageRoot(), 'examples', 'objectives');

/** Values of parameters given by name, evaluated with seed 1 by the objective of a file. */
async function valuesOf(file: string, rows: readonly Record<string, TensorArray>[]) {
  const loaded = (await loadObjectives([join(folder, file)])).at(-1);
  assert.ok(loaded);
  const description = await describeObjective(loaded, {}, 'float32');
  const log: string[] = [];
  const runner = new ObjectiveRunner(loaded, description, {
    clock: systemClock,
    log: (line) => log.push(line),
    thread: 0,
  });
  await runner.start();
  const requests = rows.map(
    (parameters, member) =>
      ({
        parameters,
        seed: 1,
        step: 0,
        member,
        point: 'member',
        part: null,
        statistics: new Float64Array(0),
        wantsAuxiliary: false,
      }) as const,
  );
  const outcomes = await runner.evaluate(requests, new AbortController().signal);
  await runner.dispose();
  return outcomes.map((outcome) =>
    'value' in outcome ? outcome.value : assert.fail(`${outcome.error}\n${log.join('\n')}`),
  );
}

describe('the example objectives', () => {
  it('in shell: the bowl is Σ (x − 3)²', async () => {
    assert.deepEqual(
      await valuesOf('bowl.yaml', [
        { x: Float64Array.of(3, 3, 3, 3) },
        { x: Float64Array.of(0, 1e-3, -2, 5.5) },
      ]),
      [0, 9 + 2.999 ** 2 + 25 + 6.25],
    );
  });

  it('in Python: the oscillator’s truth leaves the noise alone', async (t) => {
    if (spawnSync('python3', ['--version']).status !== 0) return t.skip('there is no python3 on PATH');
    const at = (...values: number[]) =>
      Object.fromEntries(
        ['amplitude', 'damping', 'frequency', 'phase'].map((name, i) => [
          name,
          Float32Array.of(values[i] ?? NaN),
        ]),
      );
    const [truth = NaN, silent = NaN] = await valuesOf('oscillator.yaml', [
      at(1.5, 0.4, 1.25, 0.6),
      at(0, 0.4, 1.25, 0.6),
    ]);
    // Mean square of noise with deviation 0.05 over 100 samples: 0.0025, five standard errors are 0.0018.
    assert.ok(Math.abs(truth - 0.0025) < 0.0018, String(truth));
    assert.ok(silent > 0.2, String(silent));
  });

  it('in JavaScript: an integer network that says nothing has no margin, one that always says even has half of all', async () => {
    const of = (bias: number, sign: number) => ({
      w1: new Int8Array(64),
      b1: new Int8Array(16).fill(bias),
      w2: new Int8Array(16).fill(sign),
    });
    // A bias of 127 gives 63 in each of 16 units, 16·63·w2/64 out: −16 wins eight words by 16 and loses eight by 252.
    const [silent, even] = await valuesOf('parity.js', [of(0, 5), of(127, -16)]);
    assert.deepEqual([silent, even], [0, 8 * 16 - 8 * 252]);
  });

  it('in TypeScript: equal feeds give the −13 dB side lobe of a uniform line, a cosine taper its own', async (t) => {
    if (!existsSync(join(packageRoot(), 'dist', 'index.js'))) return t.skip('the package entry is not built');
    const taper = Float32Array.from({ length: 8 }, (_, i) => Math.log(Math.sin((Math.PI * (i + 0.5)) / 16)));
    const [uniform = NaN, tapered = NaN] = await valuesOf('antenna.ts', [
      { x: new Float32Array(8) },
      { x: taper },
    ]);
    assert.ok(Math.abs(uniform + 13.2) < 0.6, String(uniform));
    // A cosine feed is the mean of two uniform ones steered by ∓1/16; the highest angle looked at is the first, u = 21/128.
    const uniformPattern = (angle: number): number => Math.sin(8 * angle) / Math.sin(angle / 2);
    const pattern = (u: number): number =>
      uniformPattern(Math.PI * (u + 1 / 16)) + uniformPattern(Math.PI * (u - 1 / 16));
    const expected = 20 * Math.log10(pattern(21 / 128) / pattern(0));
    assert.ok(Math.abs(tapered - expected) < 0.6, `${tapered} ${expected}`);
  });

  it('load as a folder', async (t) => {
    if (!existsSync(join(packageRoot(), 'dist', 'index.js'))) return t.skip('the package entry is not built');
    const names = (await loadObjectives([folder]))
      .filter(({ source }) => source !== null)
      .map(({ definition }) => definition.name);
    assert.deepEqual(names, ['antenna', 'bowl', 'oscillator', 'parity', 'spiral']);
  });
});
