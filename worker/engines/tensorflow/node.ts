// The `tensorflow` backend: TensorFlow's C library through @tensorflow/tfjs-node-gpu (CUDA) or @tensorflow/tfjs-node. Their
// installation fetches that library; where it cannot, the backend says so. What it computes is what the other backends
// compute, by the same code, but no CUDA device has run it here: untested, and its speed too.
import { execFile } from 'node:child_process';
import { SeedcastError, messageOf } from '../../../shared/errors.js';
import type { EngineProbe } from '../open.js';
import type { Device, Tf } from './device.js';
import { versionOf } from './packages.js';
import { uploadNoise } from './upload-noise.js';

const GPU_PACKAGE = '@tensorflow/tfjs-node-gpu';
const CPU_PACKAGE = '@tensorflow/tfjs-node';

/** The parts of tfjs-node's backend that say what it runs on. */
interface NodeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TensorFlowVersion?: string; readonly TF_Version?: string };
}

export async function probeNode(): Promise<EngineProbe> {
  const name = packageName();
  if (name === null)
    return {
      available: false,
      backend: 'tensorflow',
      why: `neither ${GPU_PACKAGE} nor ${CPU_PACKAGE} is installed`,
      mend: `npm install ${GPU_PACKAGE} (CUDA 11.2 and cuDNN 8.1, Node 20) or npm install ${CPU_PACKAGE}`,
    };
  try {
    const tf = await load(name);
    const backend = tf.backend() as unknown as NodeBackend;
    const gpu = backend.isUsingGpuDevice === true;
    const card = await graphicsCard();
    const library = backend.binding?.TF_Version ?? backend.binding?.TensorFlowVersion;
    return {
      available: true,
      backend: 'tensorflow',
      details: [
        `${name} ${versionOf(name) ?? ''}`,
        ...(library === undefined ? [] : [`TensorFlow ${library}`]),
        gpu ? (card ?? 'a CUDA device') : noGpu(name, card),
        'untested',
      ].join(', '),
      gpu,
    };
  } catch (error) {
    return {
      available: false,
      backend: 'tensorflow',
      why: `${name} does not load: ${firstLine(messageOf(error))}`,
      mend: `npm rebuild ${name} on Node 20, where TensorFlow's library can be fetched`,
    };
  }
}

function noGpu(name: string, card: string | null): string {
  if (name === CPU_PACKAGE) return `processor only (${GPU_PACKAGE} uses CUDA)`;
  return card === null
    ? 'processor only: nvidia-smi finds no device'
    : `processor only: TensorFlow found no CUDA 11.2 or cuDNN 8.1 beside ${card}`;
}

export async function openNode(): Promise<Device> {
  const name = packageName();
  if (name === null)
    throw new SeedcastError('SC_ENGINE', `neither ${GPU_PACKAGE} nor ${CPU_PACKAGE} is installed`);
  const tf = await load(name);
  return {
    tf,
    backend: 'tensorflow',
    noise: (request) => uploadNoise(tf, request),
    uploadsNoise: true,
    check: () => undefined,
  };
}

function packageName(): string | null {
  return [GPU_PACKAGE, CPU_PACKAGE].find((name) => versionOf(name) !== null) ?? null;
}

async function load(name: string): Promise<Tf> {
  // Since Ampere, CUDA's products take float32 as TF32, of 11 bits, unless told not to; it reads this as it starts. Integer
  // operations here would bear it (they multiply numbers of 8 bits), floats would agree with other engines to 3 digits only.
  process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
  // By name, so that neither the compiler nor an installation without it needs the package.
  const loaded = (await import(name)) as Tf & { readonly default?: Tf };
  // Its own copy of tfjs-core, should there be several: tensors of one mean nothing to another.
  const tf = loaded.default ?? loaded;
  if (!(await tf.setBackend('tensorflow'))) throw new Error('its backend did not start');
  return tf;
}

/** Name, compute capability, driver and CUDA version of the first device, by nvidia-smi; null where there is none. */
async function graphicsCard(): Promise<string | null> {
  const [query, summary] = await Promise.all([
    output('nvidia-smi', ['--query-gpu=name,compute_cap,driver_version', '--format=csv,noheader']),
    output('nvidia-smi', []),
  ]);
  return query === null ? null : describeCard(query, summary ?? '');
}

/** From `name, compute_cap, driver_version` lines and the heading of nvidia-smi's summary. */
export function describeCard(query: string, summary: string): string | null {
  const [name = '', capability, driver] = firstLine(query)
    .split(',')
    .map((field) => field.trim());
  if (name === '') return null;
  const cuda = /CUDA Version:\s*([\d.]+)/.exec(summary)?.[1];
  return [
    name,
    ...(capability === undefined ? [] : [`compute capability ${capability}`]),
    ...(driver === undefined ? [] : [`driver ${driver}`]),
    ...(cuda === undefined ? [] : [`CUDA ${cuda}`]),
  ].join(', ');
}

function output(command: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 5_000 }, (error, stdout) => resolve(error === null ? stdout : null));
  });
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
