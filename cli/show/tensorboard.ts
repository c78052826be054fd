// TensorBoard's event file, written by hand: TFRecords (length, masked CRC-32C of it, payload, masked CRC-32C of it) that
// hold `Event` protocol buffers with scalars. Bytes out; no I/O.

/** CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Rotated right by 15 bits, plus a constant: a checksum of data that holds checksums. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function record(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(payload.length), true);
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(payload, 12);
  view.setUint32(12 + payload.length, masked(crc32c(payload)), true);
  return bytes;
}

/** Field numbers of tensorflow's event.proto and summary.proto. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const SUMMARY_VALUE = 1;
const VALUE = { tag: 1, simpleValue: 2 } as const;
/** Wire types of protocol buffers. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

function key(field: number, wire: number): number {
  return field * 8 + wire;
}

function delimited(field: number, bytes: ArrayLike<number>): number[] {
  return [key(field, LENGTH), ...varint(bytes.length), ...Array.from(bytes)];
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}

function float32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}

const text = new TextEncoder();

/** The first record of every event file. `time`: seconds since 1970. */
export function tensorboardHeader(time: number): Uint8Array {
  return record(
    Uint8Array.from([
      key(EVENT.wallTime, FIXED64),
      ...float64(time),
      ...delimited(EVENT.fileVersion, text.encode('brain.Event:2')),
    ]),
  );
}

/** Scalars of one step. */
export function tensorboardScalars(
  time: number,
  step: number,
  scalars: Readonly<Record<string, number>>,
): Uint8Array {
  const values = Object.entries(scalars).flatMap(([tag, value]) =>
    delimited(SUMMARY_VALUE, [
      ...delimited(VALUE.tag, text.encode(tag)),
      key(VALUE.simpleValue, FIXED32),
      ...float32(value),
    ]),
  );
  return record(
    Uint8Array.from([
      key(EVENT.wallTime, FIXED64),
      ...float64(time),
      key(EVENT.step, VARINT),
      ...varint(step),
      ...delimited(EVENT.summary, values),
    ]),
  );
}
