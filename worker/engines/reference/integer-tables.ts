// 2^x and log2 in sixteenths, for losses counted in 1/16 bit. Made with whole numbers of any size, so that no rounding of a
// library function decides an entry: k ≤ 16·2^(i/16) exactly where k^16 ≤ 2^(64 + i).

const ENTRIES = 256;
/** Σ of 256 entries is at most 257,054,464 < 2^28 = 16·2^(384/16). */
const SIXTEENTHS = 384;

/** The greatest whole k with k^16 ≤ 2^power. */
function sixteenthRoot(power: number): number {
  const limit = 1n << BigInt(power);
  let low = 0n;
  let high = 1n << BigInt(Math.ceil(power / 16) + 1);
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle ** 16n <= limit) low = middle;
    else high = middle;
  }
  return Number(low);
}

/** EXP2[i] = ⌊16·2^(i/16)⌋, i in [0, 255]. */
export const EXP2: Int32Array = Int32Array.from({ length: ENTRIES }, (_, i) => sixteenthRoot(64 + i));

/** The least whole Σ with 16·log2(Σ/16) ≥ n, n in [0, 384]: a root is whole only where 16 divides n. */
export const LEAST_SUM: Int32Array = Int32Array.from({ length: SIXTEENTHS + 1 }, (_, n) => {
  const root = sixteenthRoot(64 + n);
  return n % 16 === 0 ? root : root + 1;
});

/** ⌊16·log2(sum/16)⌋ for whole sums in [16, 2^28]. */
export function log2Sixteenths(sum: number): number {
  let low = 0;
  let high = LEAST_SUM.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((LEAST_SUM[middle] as number) <= sum) low = middle;
    else high = middle;
  }
  return low;
}
