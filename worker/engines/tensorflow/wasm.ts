// The `wasm` backend: tfjs on WebAssembly with SIMD, one thread. Runs wherever Node does.
import { sep } from 'node:path';
import type { EngineProbe } from '../open.js';
import type { Device } from './device.js';
import { folderOf, installed, missing } from './packages.js';
import { uploadNoise } from './upload-noise.js';

const PACKAGES = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'] as const;

export function probeWasm(): EngineProbe {
  const versions = installed(PACKAGES);
  if ('missing' in versions) return missing('wasm', PACKAGES, versions.missing);
  return {
    available: true,
    backend: 'wasm',
    details: `tfjs ${versions.versions[0] ?? ''} on WebAssembly, one thread`,
    gpu: false,
  };
}

export async function openWasm(): Promise<Device> {
  const tf = await import('@tensorflow/tfjs-core');
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(folderOf('@tensorflow/tfjs-backend-wasm') + sep);
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend of tfjs did not start');
  return {
    tf,
    backend: 'wasm',
    noise: (request) => uploadNoise(tf, request),
    uploadsNoise: true,
    check: () => undefined,
  };
}
