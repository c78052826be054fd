// A tfjs backend as the engine uses it. tfjs keeps its state once a thread: one active backend, one registry; an operation
// therefore names its backend first, so that engines of several backends can live side by side.
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Key } from '../../../shared/random/philox.js';

export type Tf = typeof tfjs;
export type Value = tfjs.Tensor;

/** Noise of one tensor number: element j of a direction as shared/random/noise.ts defines it, purpose perturbation. */
export interface NoiseRequest {
  readonly kind: 'binomial' | 'rademacher';
  readonly key: Key;
  readonly tensor: number;
  readonly step: number;
  readonly directions: readonly number[];
  /** Elements a direction, from 0. */
  readonly length: number;
}

export interface Device {
  readonly tf: Tf;
  /** What the engine is called by: `tensorflow`, `webgpu`, `wasm`. */
  readonly backend: string;
  /** float32 [directions, length]; the caller frees it (or a `tidy` around it). */
  noise(request: NoiseRequest): Value;
  /** True where noise is made on the CPU and copied over, which bounds full-rank directions. */
  readonly uploadsNoise: boolean;
  /** SC_ENGINE where the device reported an error since it was opened: its numbers then mean nothing. */
  check(): void;
}

/** Makes the device's backend the one that tfjs works on. Synchronous: the backend was started when it was opened. */
export function activate({ tf, backend }: Device): void {
  if (tf.getBackend() !== backend) void tf.setBackend(backend);
}
