// The compiled noise kernels: one WebAssembly instance a thread, its memory, and the copies in and out. wasm-code.ts has
// the code, kernels-typescript.ts the definition.
import { LITTLE_ENDIAN } from '../arithmetic/float-bits.js';
import type { Accumulate, Kernels } from './kernels-typescript.js';
import { MEMORY, kernelModule } from './wasm-code.js';

type Fill = (first: number, word: number, direction: number, step: number, groups: number) => void;
type Sum = (
  first: number,
  word: number,
  step: number,
  groups: number,
  direction: number,
  count: number,
) => void;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly words: Fill;
  readonly binomial: Fill;
  readonly accumulateBinomial: Sum;
  readonly accumulateRademacher: Sum;
}

// The part of the WebAssembly JavaScript interface used here; Node's types leave it to the browser's.
interface WebAssemblyInterface {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/**
 * The compiled kernels, or undefined where WebAssembly or its SIMD instructions are missing, or where typed arrays do not
 * see its memory in its own, little-endian, order.
 */
export function wasmKernels(): Kernels | undefined {
  const { WebAssembly: wasm } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyInterface };
  const bytes = kernelModule();
  if (!LITTLE_ENDIAN || wasm?.validate(bytes) !== true) return undefined;
  return kernelsOf(new wasm.Instance(new wasm.Module(bytes)).exports as Exports);
}

function kernelsOf(compiled: Exports): Kernels {
  const { buffer } = compiled.memory;
  const keys = new Int32Array(buffer, MEMORY.keys, 80);
  const weights = new Int32Array(buffer, MEMORY.coefficients, MEMORY.maxCoefficients);
  const words = new Uint32Array(buffer, MEMORY.data, MEMORY.maxElements);
  const bytes = new Int8Array(buffer, MEMORY.data, MEMORY.maxElements);
  const sumsByLane = new Int32Array(buffer, MEMORY.data, MEMORY.maxElements);
  // Before any key is set, entries 0 and 4 are 0, as for the key (0, 0), whose schedule is not all zeros.
  let ready = false;

  const setKey = (k0: number, k1: number): void => {
    if (ready && keys[0] === (k0 | 0) && keys[4] === (k1 | 0)) return;
    ready = true;
    for (let round = 0; round < 10; round++) {
      keys.fill(k0 + Math.imul(round, 0x9e3779b9), 8 * round, 8 * round + 4);
      keys.fill(k1 + Math.imul(round, 0xbb67ae85), 8 * round + 4, 8 * round + 8);
    }
  };

  /** Runs `kernel` over the directions, as many coefficients at a time as memory holds; answers Σ c modulo 2^32. */
  const sumDirections = (kernel: Sum, ...call: Parameters<Accumulate>): number => {
    const [first, word, step, k0, k1, blocks, coefficients, from, to] = call;
    setKey(k0, k1);
    sumsByLane.fill(0);
    let total = 0;
    for (let direction = from; direction < to; direction += MEMORY.maxCoefficients) {
      const count = Math.min(to - direction, MEMORY.maxCoefficients);
      for (let k = 0; k < count; k++) {
        const c = coefficients[direction + k] as number;
        weights[k] = c;
        total = (total + c) | 0;
      }
      kernel(first, word, step, Math.ceil(blocks / 8), direction, count);
    }
    return total;
  };

  return {
    name: 'wasm',
    maxBlocks: {
      fill: MEMORY.maxElements / 8,
      binomial: MEMORY.maxElements / 8,
      rademacher: MEMORY.maxElements / 128,
    },
    words(first, word, direction, step, k0, k1, blocks) {
      setKey(k0, k1);
      compiled.words(first, word, direction, step, Math.ceil(blocks / 8));
      return words;
    },
    binomial(first, word, direction, step, k0, k1, blocks) {
      setKey(k0, k1);
      compiled.binomial(first, word, direction, step, Math.ceil(blocks / 8));
      return bytes;
    },
    accumulateBinomial(...call) {
      const total = sumDirections(compiled.accumulateBinomial, ...call);
      const [, , , , , , , , , skip, sums, at, count] = call;
      for (let i = 0; i < count; i++) {
        const e = skip + i;
        // Set e>>>5, lane (e>>>3)&3, halfword e&7.
        const sum = sumsByLane[(e & ~31) + ((e & 7) << 2) + ((e >>> 3) & 3)] as number;
        sums[at + i] = ((sums[at + i] as number) + sum - (total << 3)) | 0;
      }
    },
    accumulateRademacher(...call) {
      const total = sumDirections(compiled.accumulateRademacher, ...call);
      const [, , , , , , , , , skip, sums, at, count] = call;
      for (let i = 0; i < count; i++) {
        const e = skip + i;
        // Set e>>>9, lane (e>>>7)&3, word (e>>>5)&3, bit e&31 counted from the top.
        const sum = sumsByLane[
          (e & ~511) + ((31 - (e & 31)) << 4) + (((e >>> 5) & 3) << 2) + ((e >>> 7) & 3)
        ] as number;
        sums[at + i] = ((sums[at + i] as number) + (sum << 1) - total) | 0;
      }
    },
  };
}
