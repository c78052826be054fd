// Which noise kernels this process uses, chosen once at load: compiled ones where the runtime has WebAssembly SIMD, plain
// TypeScript elsewhere. Both give the same bits. SEEDCAST_KERNELS=typescript or wasm forces one; with `native` these
// are what compiled code of a worker (shared/accelerator.ts) stands in for. Touches only that variable.
import { SeedcastError } from '../errors.js';
import { typescriptKernels, type Kernels } from './kernels-typescript.js';
import { wasmKernels } from './kernels-wasm.js';

/**
 * The kernels that a wish names: undefined takes the fastest there are. Refused: an unknown name (SC_USAGE), or `wasm`
 * where the runtime lacks WebAssembly SIMD (SC_PLATFORM).
 */
export function chooseKernels(wish: string | undefined): Kernels {
  if (wish === 'typescript') return typescriptKernels;
  if (wish !== undefined && !['', 'wasm', 'native'].includes(wish)) {
    throw new SeedcastError('SC_USAGE', `SEEDCAST_KERNELS is '${wish}'`, {
      hint: 'set it to typescript, wasm or native, or unset it',
    });
  }
  const compiled = wasmKernels();
  if (compiled === undefined && wish === 'wasm') {
    throw new SeedcastError(
      'SC_PLATFORM',
      'SEEDCAST_KERNELS is wasm, but this runtime has no WebAssembly SIMD',
      {
        hint: 'unset it, or set it to typescript',
      },
    );
  }
  return compiled ?? typescriptKernels;
}

export const kernels: Kernels = chooseKernels(process.env.SEEDCAST_KERNELS);
