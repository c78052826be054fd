// The addon in the place of the TypeScript that replicas compute with: noise, exact sums and the float step, bit for bit the
// same. Installed once a thread. Reads SEEDCAST_KERNELS, which forces these kernels or the others; touches
// shared/accelerator.ts, nothing else.
import { isMainThread } from 'node:worker_threads';
import { type Accelerator, accelerator, installAccelerator } from '../../shared/accelerator.js';
import { type Native, nativeStatus, openNative } from './addon.js';

/** The addon as an accelerator; every call runs with the threads of `native`. */
export function nativeAccelerator(native: Native): Accelerator {
  const noise =
    (name: string) =>
    (
      k0: number,
      k1: number,
      word: number,
      direction: number,
      step: number,
      start: number,
      out: Int8Array,
    ) => {
      native.call(name, k0, k1, word, step, direction, start, out);
    };
  const passOn =
    (name: string) =>
    (...values: readonly unknown[]) => {
      native.call(name, ...values);
    };
  return {
    name: `native (${native.simd})`,
    fillBinomial: noise('fillBinomial'),
    fillRademacher: noise('fillRademacher'),
    accumulateBinomial: passOn('accumulateBinomial'),
    accumulateRademacher: passOn('accumulateRademacher'),
    lowRankSums: passOn('lowRankSums'),
    sgd: passOn('sgdStep'),
    momentum: passOn('momentumStep'),
    adam: passOn('adamStep'),
  };
}

/**
 * Installs the addon for this thread's replicas, unless it is missing or SEEDCAST_KERNELS names other kernels. In a compute
 * thread it works on that thread alone, since the tiles of a replica are spread over threads already; elsewhere on all cores.
 * SEEDCAST_KERNELS = native insists: SC_PLATFORM where the addon is missing.
 */
export function accelerateReplicas(): void {
  const wish = process.env.SEEDCAST_KERNELS ?? '';
  if (accelerator() !== null || !['', 'native'].includes(wish)) return;
  if (wish === '' && !nativeStatus().available) return;
  installAccelerator(nativeAccelerator(openNative(isMainThread ? {} : { threads: 1 })));
}
