// Random draws inside an objective: initial states, shifts, rotations. A counter generator keyed by a seed and a stream
// number, so that a draw depends on nothing but its key and its place; entropy never enters.

import { log } from '../../shared/arithmetic/polynomials.js';
import { philox4x32 } from '../../shared/random/philox.js';

/** Sequential draws from Philox4x32-10 with key (seed, stream); two streams of one seed share nothing. */
export class Draws {
  #block = 0;
  #used = 4;
  readonly #words = new Uint32Array(4);

  constructor(
    readonly seed: number,
    readonly stream: number,
  ) {}

  /** Uniform over 0 … 2^32 − 1. */
  word(): number {
    if (this.#used === 4) {
      philox4x32(this.#block++, 0, 0, 0, this.seed, this.stream, this.#words);
      this.#used = 0;
    }
    return this.#words[this.#used++] ?? 0;
  }

  /** Uniform on the open interval (low, high): 32-bit midpoints, so never an end. */
  uniform(low: number, high: number): number {
    return low + (high - low) * ((this.word() + 0.5) / 0x1_0000_0000);
  }

  /** Standard normal, by the polar method of Marsaglia and Bray (1964), one value of each pair. */
  normal(): number {
    for (;;) {
      const u = this.uniform(-1, 1);
      const v = this.uniform(-1, 1);
      const s = u * u + v * v;
      if (s < 1 && s > 0) return u * Math.sqrt((-2 * log(s)) / s);
    }
  }
}
