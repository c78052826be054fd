// The IDX format of the MNIST files: two zero bytes, a type, the number of axes, their lengths (big-endian uint32), then the
// values. Read are unsigned bytes, which is what the known files hold. Bytes in, an array out.
import { SeedcastError } from '../../shared/errors.js';

/** A view of the file's own bytes. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const HINT = 'give an unpacked IDX file of unsigned bytes';

/**
 * @param file how messages call it.
 * @throws SC_DATA_FILE naming the file, the byte and the reason.
 */
export function readIdx(bytes: Uint8Array, file: string): IdxArray {
  const fail = (at: number, reason: string): SeedcastError =>
    new SeedcastError('SC_DATA_FILE', `byte ${at}: ${reason}`, { place: { file }, hint: HINT });
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw fail(0, 'the file is packed by gzip');
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    throw fail(0, 'this is not an IDX file: it does not begin with two bytes 0');
  if (bytes[2] !== UNSIGNED_BYTE)
    throw fail(2, `values of type 0x${(bytes[2] ?? 0).toString(16).padStart(2, '0')}, read is 0x08`);
  const axes = bytes[3] ?? 0;
  const start = 4 + 4 * axes;
  if (axes === 0 || bytes.length < start) throw fail(3, `${axes} axes in a file of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length - start !== size)
    throw fail(start, `${bytes.length - start} values, but shape [${shape.join(', ')}] needs ${size}`);
  return { shape, values: bytes.subarray(start) };
}
