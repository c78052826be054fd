// The state digest that replicas compare: SHA-256 over the raw little-endian bytes of the state's arrays, in the order the
// job's genesis declares. Touches node:crypto only.
import { createHash } from 'node:crypto';
import { LITTLE_ENDIAN } from './float-bits.js';

export type NumberArray =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** One array of the state. The name says what stands where in the declared order; it is not hashed. */
export interface NamedArray {
  readonly name: string;
  readonly array: NumberArray;
}

/** A digest in progress: arrays, or successive pieces of one, in declared order. */
export interface StateDigest {
  add(array: NumberArray): StateDigest;
  /** Lower-case hex, 64 characters. Ends the digest. */
  finish(): string;
}

// Under the 2^31 bytes one update may take.
const PIECE_BYTES = 1 << 26;

/**
 * Hex SHA-256 of the arrays' bytes one after another. Names, dtypes and lengths are not hashed: the genesis record, which
 * every replica has checked, already fixes them, and so anyone can recompute a digest from raw tensor bytes.
 */
export function stateDigest(arrays: readonly NamedArray[]): string {
  const digest = createStateDigest();
  for (const { array } of arrays) digest.add(array);
  return digest.finish();
}

export function createStateDigest(): StateDigest {
  const hash = createHash('sha256');
  const digest: StateDigest = {
    add(array) {
      const bytes = littleEndianBytes(array);
      for (let at = 0; at < bytes.length; at += PIECE_BYTES)
        hash.update(bytes.subarray(at, at + PIECE_BYTES));
      return digest;
    },
    finish: () => hash.digest('hex'),
  };
  return digest;
}

function littleEndianBytes(array: NumberArray): Uint8Array {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const size = array.BYTES_PER_ELEMENT;
  if (LITTLE_ENDIAN || size === 1) return bytes;
  const swapped = Uint8Array.from(bytes);
  for (let at = 0; at < swapped.length; at += size) swapped.subarray(at, at + size).reverse();
  return swapped;
}
