// Reads the test vectors of this folder: JSON that an implementation in any language can check itself against. For tests;
// touches the file system. Words are hex strings; floats are the hex of their bits, high end first.
import { readFileSync } from 'node:fs';

/** The parsed `shared/vectors/<name>.vectors.json`. The caller states its shape. */
export function readVectors(name: string): unknown {
  const url = new URL(`../../../shared/vectors/${name}.vectors.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as unknown;
}

/** A uint32 of its 8 hex digits. */
export function word(hex: string): number {
  return Number.parseInt(hex, 16);
}

/** A float of the hex of its bits: 8 digits float32, 16 float64. */
export function floatOfBits(hex: string): number {
  const view = new DataView(Uint8Array.from(Buffer.from(hex, 'hex')).buffer);
  return hex.length === 8 ? view.getFloat32(0) : view.getFloat64(0);
}

/** The hex of a float64's bits. */
export function bitsOf(x: number): string {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(x);
  return buffer.toString('hex');
}

/** How many float64 lie between a and b: 0 if they are the same bits, Infinity if one alone is NaN. */
export function ulpsBetween(a: number, b: number): number {
  if (Object.is(a, b)) return 0;
  if (a !== a || b !== b) return Infinity;
  return Math.abs(Number(ordinal(a) - ordinal(b)));
}

/** Float64 in order as whole numbers: +0 is 0, the next one 1, and so on; negatives mirror them. */
function ordinal(x: number): bigint {
  const bits = BigInt(`0x${bitsOf(x)}`);
  return bits >> 63n === 0n ? bits : -(bits & 0x7fffffffffffffffn);
}
