// What is found of the backends, and what is said of those that are missing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeedcastError } from '../../../shared/errors.js';
import { describeCard } from './node.js';
import { installed, missing } from './packages.js';
import { tensorflowProvider } from './provider.js';
import { isSoftware } from './webgpu.js';

describe('the backends of the tensorflow engine', () => {
  it('are all probed, those that can be had first', async () => {
    const probes = await tensorflowProvider.probe(null);
    assert.deepEqual(probes.map(({ backend }) => backend).sort(), ['tensorflow', 'wasm', 'webgpu']);
    const available = probes.map((probe) => probe.available);
    assert.deepEqual(available, [...available].sort().reverse());
    for (const probe of probes)
      if (!probe.available) {
        assert.notEqual(probe.why, '');
        assert.notEqual(probe.mend, '');
      }
    // One that is named is looked at alone.
    assert.deepEqual(
      (await tensorflowProvider.probe('wasm')).map(({ backend }) => backend),
      ['wasm'],
    );
  });

  it('open by name, and by no other', async () => {
    const engine = await tensorflowProvider.open('wasm');
    assert.deepEqual([engine.name, engine.backend], ['tensorflow', 'wasm']);
    await assert.rejects(
      tensorflowProvider.open('webgl'),
      (error: unknown) =>
        error instanceof SeedcastError &&
        error.code === 'SC_ENGINE' &&
        error.hint === 'its backends are tensorflow, webgpu, wasm',
    );
  });

  it('name a missing package with the command that installs it', () => {
    const names = ['@tensorflow/tfjs-core', '@tensorflow/no-such-backend'];
    const found = installed(names);
    assert.ok('missing' in found);
    assert.deepEqual(missing('x', names, found.missing), {
      available: false,
      backend: 'x',
      why: '@tensorflow/no-such-backend is not installed',
      mend: 'npm install @tensorflow/tfjs-core @tensorflow/no-such-backend',
    });
  });

  it('tell software adapters from graphics processors', () => {
    const adapter = { vendor: '', architecture: '', device: '', description: '' };
    const software = [
      { ...adapter, vendor: 'google', architecture: 'swiftshader' },
      { ...adapter, description: 'llvmpipe (LLVM 15.0.6, 256 bits)' },
      { ...adapter, description: 'Microsoft Basic Render Driver' },
      { ...adapter, vendor: 'nvidia', isFallbackAdapter: true },
    ];
    for (const info of software) assert.equal(isSoftware(info), true, JSON.stringify(info));
    const real = [
      { ...adapter, vendor: 'nvidia', architecture: 'ampere', description: 'NVIDIA A100-SXM4-40GB' },
      { ...adapter, vendor: 'apple', architecture: 'metal-3', isFallbackAdapter: false },
      { ...adapter, vendor: 'amd', architecture: 'rdna-2' },
    ];
    for (const info of real) assert.equal(isSoftware(info), false, JSON.stringify(info));
  });

  it('read the name, compute capability and CUDA version that nvidia-smi prints', () => {
    const heading = '| NVIDIA-SMI 535.104.05   Driver Version: 535.104.05   CUDA Version: 12.2     |';
    assert.equal(
      describeCard('Tesla T4, 7.5, 535.104.05\n', heading),
      'Tesla T4, compute capability 7.5, driver 535.104.05, CUDA 12.2',
    );
    assert.equal(describeCard('\n', heading), null);
  });
});
