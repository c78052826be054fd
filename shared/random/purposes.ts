// What random numbers are drawn for: the closed list that keeps streams apart. A purpose and a tensor share one counter
// word, so no two uses can ever read the same block. Numbers are part of every ledger: never renumber, only append.
import { SeedcastError } from '../errors.js';

/** Purpose numbers, 8 bits. */
export const PURPOSE = {
  /** Perturbation directions of a method. */
  perturbation: 0,
  /** Initial values of parameters and particles. */
  init: 1,
  /** Which data an objective's batch holds. */
  objectiveBatch: 2,
  /** Seeds handed to an evaluation (`context.seed`). */
  episode: 3,
  /** Which results are evaluated a second time by another worker. */
  audit: 4,
  /** Orders: visiting sequences, shuffles. */
  permutation: 5,
  /** Resampling of particles, and restarts. */
  resample: 6,
  /** Random walks of a token between agents. */
  walk: 7,
  /** The diffusion term of particle methods. */
  diffusion: 8,
  /** Random subsets of data or coordinates chosen by a method. */
  subset: 9,
} as const;

export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];

/** Tensors a job may number: 24 bits. */
export const TENSOR_LIMIT = 0x1000000;

/** Counter word 1: `purpose` in the high 8 bits, `tensor` in the low 24, as uint32. Refuses a tensor outside 24 bits. */
export function counterWord(purpose: Purpose, tensor: number): number {
  if (!Number.isInteger(tensor) || tensor < 0 || tensor >= TENSOR_LIMIT) {
    throw new SeedcastError(
      'SC_SPEC_BOUND',
      `tensor number ${tensor} is not an integer in [0, ${TENSOR_LIMIT})`,
      {
        hint: 'a job may hold at most 16,777,216 tensors and factors',
      },
    );
  }
  return ((purpose << 24) | tensor) >>> 0;
}
