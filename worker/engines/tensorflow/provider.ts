// Offers the tensorflow engine on whichever of its backends can be had: TensorFlow itself (with CUDA), WebGPU, WebAssembly.
import { SeedcastError } from '../../../shared/errors.js';
import type { EngineProbe, EngineProvider } from '../open.js';
import type { Device } from './device.js';
import { createTensorflowEngine } from './engine.js';
import { openNode, probeNode } from './node.js';
import { openWasm, probeWasm } from './wasm.js';
import { openWebgpu, probeWebgpu } from './webgpu.js';

interface Backend {
  readonly probe: () => EngineProbe | Promise<EngineProbe>;
  readonly open: () => Promise<Device>;
}

const BACKENDS: Readonly<Record<string, Backend>> = {
  tensorflow: { probe: probeNode, open: openNode },
  webgpu: { probe: probeWebgpu, open: openWebgpu },
  wasm: { probe: probeWasm, open: openWasm },
};

export const tensorflowProvider: EngineProvider = {
  name: 'tensorflow',
  async probe(backend) {
    const wanted = Object.entries(BACKENDS).filter(([name]) => backend === null || name === backend);
    const probes = await Promise.all(wanted.map(async ([, { probe }]) => probe()));
    // What can be had first, a graphics processor before all.
    const rank = (probe: EngineProbe): number => (probe.available ? (probe.gpu ? 0 : 1) : 2);
    return probes.sort((a, b) => rank(a) - rank(b));
  },
  async open(name) {
    const backend = Object.hasOwn(BACKENDS, name) ? BACKENDS[name] : undefined;
    if (backend === undefined)
      throw new SeedcastError('SC_ENGINE', `engine tensorflow has no backend ${JSON.stringify(name)}`, {
        hint: `its backends are ${Object.keys(BACKENDS).join(', ')}`,
      });
    return createTensorflowEngine(await backend.open());
  },
};
