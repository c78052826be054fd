// The float step of the canonical optimisers from the addon, for float32: the same bits as shared/arithmetic/optimizers.ts,
// which is the definition. θ and the moments are read and written at [lo, hi), the sums from 0. An array and its successor
// are one array or have nothing in common.
import type { Native } from './addon.js';

export interface NativeStep {
  readonly theta: Float32Array;
  readonly next: Float32Array;
  readonly sums: Float64Array;
  readonly lo: number;
  readonly hi: number;
  readonly scale: number;
  readonly rate: number;
  readonly weightDecay: number;
  readonly factor: number;
}

export interface NativeMoment {
  readonly from: Float32Array;
  readonly to: Float32Array;
}

const step = (s: NativeStep): readonly unknown[] => [
  s.theta,
  s.next,
  s.sums,
  s.lo,
  s.hi,
  s.scale,
  s.rate,
  s.weightDecay,
  s.factor,
];

export function sgdStep(native: Native, s: NativeStep): void {
  native.call('sgdStep', ...step(s));
}

export function momentumStep(native: Native, s: NativeStep, mu: number, velocity: NativeMoment): void {
  native.call('momentumStep', ...step(s), mu, velocity.from, velocity.to);
}

/** `rate` is that of `adamRate`. */
export function adamStep(
  native: Native,
  s: NativeStep,
  { beta1, beta2, epsilon }: { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
  first: NativeMoment,
  second: NativeMoment,
): void {
  native.call('adamStep', ...step(s), beta1, beta2, epsilon, first.from, first.to, second.from, second.to);
}
