// Random draws inside an objective: initial states, shifts, rotations. A counter generator keyed by a seed and a stream
// number, so that a draw depends on nothing but its key and its place; entropy never enters.

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
      philox(this.#block++, this.seed, this.stream, this.#words);
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
      if (s < 1 && s > 0) return u * Math.sqrt((-2 * Math.log(s)) / s);
    }
  }
}

function philox(block: number, key0: number, key1: number, out: Uint32Array): void {
  let c0 = block >>> 0;
  let c1 = 0;
  let c2 = 0;
  let c3 = 0;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd251_1f53, c0);
    const low0 = Math.imul(0xd251_1f53, c0) >>> 0;
    const high1 = mulHigh(0xcd9e_8d57, c2);
    const low1 = Math.imul(0xcd9e_8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e37_79b9) >>> 0;
    k1 = (k1 + 0xbb67_ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + Math.floor(middle / 0x1_0000) + Math.floor(cross / 0x1_0000)) >>> 0;
}
