// The event file against the published formats: CRC-32C's check value and RFC 3720's vectors, and a reader of TFRecords and
// protocol buffers written here from their specifications.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c, tensorboardHeader, tensorboardScalars } from './tensorboard.js';

void describe('CRC-32C', () => {
  const cases: readonly (readonly [string, Uint8Array, number])[] = [
    ['the check value of "123456789"', new TextEncoder().encode('123456789'), 0xe3069283],
    ['32 zero bytes (RFC 3720, B.4)', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones (RFC 3720, B.4)', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 incrementing bytes (RFC 3720, B.4)', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ];
  for (const [what, bytes, expected] of cases)
    void it(`gives ${what}`, () => assert.equal(crc32c(bytes), expected));
});

/** Payloads of TFRecords; checks lengths and both masked checksums. */
function records(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const unmasked = (masked: number): number => {
    const rotated = (masked - 0xa282ead8) >>> 0;
    return ((rotated << 15) | (rotated >>> 17)) >>> 0;
  };
  const payloads: Uint8Array[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(view.getBigUint64(at, true));
    assert.equal(unmasked(view.getUint32(at + 8, true)), crc32c(file.subarray(at, at + 8)));
    const payload = file.subarray(at + 12, at + 12 + length);
    assert.equal(unmasked(view.getUint32(at + 12 + length, true)), crc32c(payload));
    payloads.push(payload);
    at += 16 + length;
  }
  return payloads;
}

/** Fields of a protocol buffer: number → values, undecoded. */
function fields(bytes: Uint8Array): Map<number, (number | Uint8Array)[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<number, (number | Uint8Array)[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const take = (): number | Uint8Array => {
      switch (key & 7) {
        case 0:
          return varint();
        case 1:
          return view.getFloat64((at += 8) - 8, true);
        case 5:
          return view.getFloat32((at += 4) - 4, true);
        default: {
          const length = varint();
          return bytes.subarray(at, (at += length));
        }
      }
    };
    found.set(key >>> 3, [...(found.get(key >>> 3) ?? []), take()]);
  }
  return found;
}

const text = (bytes: unknown): string => new TextDecoder().decode(bytes as Uint8Array);

void describe('the event file', () => {
  void it('begins with the version that TensorBoard looks for', () => {
    const [event] = records(tensorboardHeader(1.5));
    const read = fields(event ?? new Uint8Array());
    assert.deepEqual(read.get(1), [1.5]);
    assert.equal(text(read.get(3)?.[0]), 'brain.Event:2');
  });

  void it('holds each scalar under its tag, with step and wall time', () => {
    const [event] = records(
      tensorboardScalars(1_700_000_000.25, 70_000, { 'fitness/centre': -0.5, 'fitness/mean': 1e30 }),
    );
    const read = fields(event ?? new Uint8Array());
    assert.deepEqual([read.get(1), read.get(2)], [[1_700_000_000.25], [70_000]]);
    const values = (fields(read.get(5)?.[0] as Uint8Array).get(1) ?? []).map((value) =>
      fields(value as Uint8Array),
    );
    assert.deepEqual(
      values.map((value) => [text(value.get(1)?.[0]), value.get(2)?.[0]]),
      [
        ['fitness/centre', -0.5],
        ['fitness/mean', Math.fround(1e30)],
      ],
    );
  });
});
