// Evidence: the raw scalars of a step, kept beside the ledger so that a step can be audited. The record names the SHA-256
// of the payload; the payload is stored in parts that fit any server's default message size.
import { Reader, bytesOf, decode, encode, float32s, float64s, invalid } from '../wire/codec.js';

/** Bytes of payload in one stored message. */
export const EVIDENCE_PART_BYTES = 512 * 1024;

export interface Evidence {
  readonly step: number;
  /** One a unit: members in order, repeats of the centre, parts of the validation; NaN where failed. Objective's own units. */
  readonly values: Float64Array;
  readonly members: number;
}

/** `single`: the values are float32 numbers and are kept as such. */
export function encodeEvidence({ step, members, values }: Evidence, single = false): Uint8Array {
  return encode({
    v: 1,
    step,
    members,
    width: single ? 4 : 8,
    values: bytesOf(single ? Float32Array.from(values) : values),
  });
}

export function decodeEvidence(payload: Uint8Array): Evidence {
  const what = 'evidence';
  const r = new Reader(decode(payload, what), what);
  if (r.integer('v', 0, 1e6) !== 1) throw invalid(what, 'is of another version');
  const bytes = r.bytes('values');
  const values =
    r.integer('width', 4, 8) === 4 ? Float64Array.from(float32s(bytes, what)) : float64s(bytes, what);
  return { step: r.integer('step', 0, 2 ** 32 - 1), members: r.integer('members', 0, 2 ** 31), values };
}

export interface EvidencePart {
  readonly step: number;
  readonly part: number;
  readonly parts: number;
  readonly bytes: Uint8Array;
}

export function splitEvidence(step: number, payload: Uint8Array): Uint8Array[] {
  const parts = Math.max(1, Math.ceil(payload.length / EVIDENCE_PART_BYTES));
  return Array.from({ length: parts }, (_, part) =>
    encode({
      v: 1,
      step,
      part,
      parts,
      bytes: payload.subarray(part * EVIDENCE_PART_BYTES, (part + 1) * EVIDENCE_PART_BYTES),
    }),
  );
}

export function decodeEvidencePart(bytes: Uint8Array): EvidencePart {
  const what = 'evidence part';
  const r = new Reader(decode(bytes, what), what);
  if (r.integer('v', 0, 1e6) !== 1) throw invalid(what, 'is of another version');
  const parts = r.integer('parts', 1, 65536);
  return {
    step: r.integer('step', 0, 2 ** 32 - 1),
    part: r.integer('part', 0, parts - 1),
    parts,
    bytes: r.bytes('bytes'),
  };
}
