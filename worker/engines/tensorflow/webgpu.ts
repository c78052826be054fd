// The `webgpu` backend: tfjs on WebGPU, which in Node comes from the package `webgpu` (Dawn, on Vulkan, Metal or Direct3D).
// Both find each other through globals that must be there before tfjs's backend is imported. A software adapter works too
// and is what the tests use, but it is no graphics processor and `auto` does not take it.
import { existsSync } from 'node:fs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { SeedcastError, messageOf } from '../../../shared/errors.js';
import type { EngineProbe } from '../open.js';
import type { Device } from './device.js';
import { installed, missing } from './packages.js';
import { wgslNoise } from './philox-wgsl.js';

const PACKAGES = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu', 'webgpu'] as const;

/** What the device says of itself. */
export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

interface Gpu {
  requestAdapter(): Promise<{ readonly info: AdapterInfo } | null>;
}

export async function probeWebgpu(): Promise<EngineProbe> {
  const versions = installed(PACKAGES);
  if ('missing' in versions) return missing('webgpu', PACKAGES, versions.missing);
  const mend = 'on Linux install a Vulkan driver and its loader (libvulkan.so.1)';
  if (!mayHaveDevice())
    return {
      available: false,
      backend: 'webgpu',
      why: 'there is no graphics device (/dev/dri, /dev/nvidia0, /dev/dxg)',
      mend: `${mend}; VK_ICD_FILENAMES names a software one`,
    };
  try {
    const adapter = await (await gpu()).requestAdapter();
    if (adapter === null)
      return { available: false, backend: 'webgpu', why: 'WebGPU found no adapter on this machine', mend };
    const { description, vendor, architecture } = adapter.info;
    const software = isSoftware(adapter.info);
    const name = description === '' ? [vendor, architecture].filter(Boolean).join(' ') : description;
    return {
      available: true,
      backend: 'webgpu',
      details: `tfjs ${versions.versions[0] ?? ''}, adapter ${name}${software ? ', software' : ''}`,
      gpu: !software,
    };
  } catch (error) {
    return { available: false, backend: 'webgpu', why: `WebGPU does not start: ${messageOf(error)}`, mend };
  }
}

/** Where neither device nor driver is named, starting Dawn only prints warnings about what is missing. */
function mayHaveDevice(): boolean {
  if (process.platform !== 'linux') return true;
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES } = process.env;
  return (
    (VK_ICD_FILENAMES ?? VK_DRIVER_FILES) !== undefined ||
    ['/dev/dri', '/dev/nvidia0', '/dev/dxg'].some((path) => existsSync(path))
  );
}

/** Rasterisers that run on the processor: SwiftShader, Mesa's llvmpipe and lavapipe, Microsoft's WARP. */
export function isSoftware({
  vendor,
  architecture,
  device,
  description,
  isFallbackAdapter,
}: AdapterInfo): boolean {
  const all = [vendor, architecture, device, description].join(' ').toLowerCase();
  return isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render|\bcpu\b/.test(all);
}

export async function openWebgpu(): Promise<Device> {
  if ((await (await gpu()).requestAdapter()) === null)
    throw new SeedcastError('SC_ENGINE', 'WebGPU found no adapter on this machine');
  const tf = await import('@tensorflow/tfjs-core');
  const { webgpu_util: util } = await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu')))
    throw new SeedcastError('SC_ENGINE', 'the webgpu backend of tfjs did not start');
  // An error of the device reaches no call: results that it spoilt would read as zeros.
  let failure: string | null = null;
  const { device }: Pick<WebGPUBackend, 'device'> = tf.backend() as never;
  device.addEventListener('uncapturederror', (event) => {
    failure ??= event.error.message;
  });
  void device.lost.then(({ reason, message }) => {
    failure ??= `it was lost (${reason}): ${message}`;
  });
  return {
    tf,
    backend: 'webgpu',
    noise: (request) => wgslNoise(tf, util, request),
    uploadsNoise: false,
    check: () => {
      if (failure !== null) throw new SeedcastError('SC_ENGINE', `the WebGPU device failed: ${failure}`);
    },
  };
}

let started: Gpu | null = null;

/** `navigator.gpu` and WebGPU's constants as globals, once a thread. */
async function gpu(): Promise<Gpu> {
  if (started !== null) return started;
  const { create, globals } = await import('webgpu');
  const made: Gpu = create([]);
  Object.assign(globalThis, globals);
  const present: unknown = Reflect.get(globalThis, 'navigator');
  if (typeof present === 'object' && present !== null)
    Object.defineProperty(present, 'gpu', { value: made, configurable: true });
  else
    // Node 20 has no navigator; others that look for one expect a user agent as of Node 21.
    Object.defineProperty(globalThis, 'navigator', {
      value: { gpu: made, userAgent: `Node.js/${process.versions.node.split('.')[0] ?? ''}` },
      configurable: true,
      writable: true,
    });
  started = made;
  return made;
}
