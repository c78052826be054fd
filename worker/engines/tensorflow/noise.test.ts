// The noise of a WebGPU device, made by our shader, against the definition in shared/random: equal bits.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { fillBinomial, fillRademacher } from '../../../shared/random/noise.js';
import { PURPOSE } from '../../../shared/random/purposes.js';
import type { Key } from '../../../shared/random/philox.js';
import type { Device } from './device.js';
import { openWasm } from './wasm.js';
import { openWebgpu, probeWebgpu } from './webgpu.js';

const KEYS: readonly Key[] = [
  [0, 0],
  [0xffffffff, 0xffffffff],
  [0x243f6a88, 0x85a308d3],
];
const DIRECTIONS = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff];
const LENGTHS = [1, 7, 8, 9, 127, 128, 129, 1_000];

async function compare(
  device: Device,
  key: Key,
  tensor: number,
  step: number,
  length: number,
): Promise<void> {
  for (const kind of ['binomial', 'rademacher'] as const) {
    const value = device.noise({ kind, key, tensor, step, directions: DIRECTIONS, length });
    assert.deepEqual(value.shape, [DIRECTIONS.length, length]);
    const got = await value.data();
    value.dispose();
    device.check();
    for (const [row, direction] of DIRECTIONS.entries()) {
      const want = new Int8Array(length);
      const fill = kind === 'binomial' ? fillBinomial : fillRademacher;
      fill(key, PURPOSE.perturbation, tensor, direction, step, 0, want);
      assert.deepEqual(Array.from(got.slice(row * length, (row + 1) * length)), Array.from(want));
    }
  }
}

for (const backend of ['wasm', 'webgpu'] as const)
  describe(`noise on ${backend}`, () => {
    let device: Device | null = null;
    let reason = '';
    before(async () => {
      if (backend === 'wasm') device = await openWasm();
      else {
        const probe = await probeWebgpu();
        if (probe.available) device = await openWebgpu();
        else reason = probe.why;
      }
    });

    it('has the bits of the definition, for any key, tensor, step, direction and length', async (context) => {
      if (device === null) return context.skip(reason);
      for (const key of KEYS)
        for (const length of LENGTHS)
          await compare(device, key, length === 8 ? 0xffffff : length, length === 9 ? 0xffffffff : 7, length);
    });

    it('has them over more elements than one dimension of a dispatch holds', async (context) => {
      if (device === null) return context.skip(reason);
      const [key = [0, 0], length] = [KEYS[2], 7_000_003];
      const value = device.noise({ kind: 'binomial', key, tensor: 1, step: 2, directions: [9, 10], length });
      const got = await value.data();
      value.dispose();
      const want = new Int8Array(length);
      fillBinomial(key, PURPOSE.perturbation, 1, 10, 2, 0, want);
      const wrong = want.findIndex((element, i) => element !== got[length + i]);
      assert.equal(wrong, -1, `element ${wrong}`);
    });
  });
