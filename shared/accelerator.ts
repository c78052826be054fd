// Where compiled code may stand in for the exact arithmetic of replicas: the worker's C++ addon installs itself here, once
// a thread, before any replica is opened. Whatever it does must give the bits of the TypeScript that it replaces (property
// tests compare them), so a replica never knows which one ran. Pure; holds one reference.
import type { Coefficients } from './random/kernels-typescript.js';

export interface Accelerator {
  readonly name: string;
  /** As `fillBinomial` and `fillRademacher` of random/noise.ts; `word` is counter word 1. */
  fillBinomial(
    k0: number,
    k1: number,
    word: number,
    direction: number,
    step: number,
    start: number,
    out: Int8Array,
  ): void;
  fillRademacher(
    k0: number,
    k1: number,
    word: number,
    direction: number,
    step: number,
    start: number,
    out: Int8Array,
  ): void;
  /** As `accumulateBinomial` and `accumulateRademacher`: sums[i] += Σ_k c_k e_k,start+i, directions [first, last). */
  accumulateBinomial(
    k0: number,
    k1: number,
    word: number,
    step: number,
    coefficients: Coefficients,
    first: number,
    last: number,
    start: number,
    sums: Int32Array,
  ): void;
  accumulateRademacher(
    k0: number,
    k1: number,
    word: number,
    step: number,
    coefficients: Coefficients,
    first: number,
    last: number,
    start: number,
    sums: Int32Array,
  ): void;
  /**
   * wide[i·columns + j] = Σ_k c_k Σ_c A_k,c,row+i B_k,c,j exactly, rows i of [row, row + wide.length / columns): A [directions,
   * rank, rows] and B [directions, rank, columns] int8 as `binomial` noise gives them, |c| ≤ 2^23. Sums stay below 2^53.
   */
  lowRankSums(
    coefficients: Coefficients,
    rank: number,
    a: Int8Array,
    rows: number,
    b: Int8Array,
    columns: number,
    row: number,
    wide: Float64Array,
  ): void;
  /** The float step of arithmetic/optimizers.ts for float32, elements [lo, hi) of θ and the moments, `sums` from 0. */
  sgd(
    theta: Float32Array,
    next: Float32Array,
    sums: Float64Array,
    lo: number,
    hi: number,
    scale: number,
    rate: number,
    weightDecay: number,
    factor: number,
  ): void;
  momentum(
    theta: Float32Array,
    next: Float32Array,
    sums: Float64Array,
    lo: number,
    hi: number,
    scale: number,
    rate: number,
    weightDecay: number,
    factor: number,
    mu: number,
    from: Float32Array,
    to: Float32Array,
  ): void;
  adam(
    theta: Float32Array,
    next: Float32Array,
    sums: Float64Array,
    lo: number,
    hi: number,
    scale: number,
    rate: number,
    weightDecay: number,
    factor: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    mFrom: Float32Array,
    mTo: Float32Array,
    vFrom: Float32Array,
    vTo: Float32Array,
  ): void;
}

let installed: Accelerator | null = null;

/** Compiled code for this thread's replicas; null takes it out again (tests). */
export function installAccelerator(accelerator: Accelerator | null): void {
  installed = accelerator;
}

export function accelerator(): Accelerator | null {
  return installed;
}
