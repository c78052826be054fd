// NumPy's .npy format, one array a file: a magic, a version, a header that is a Python dictionary, then the values. Read are
// f8, f4, f2 and i1 in either byte order and axis order, and as data also every whole number and truth value; written are f8,
// f4 and i1 in C order. Bytes in, bytes out.

import { SeedcastError } from '../errors.js';
import type { Dtype, TensorArray } from '../objectives/types.js';
import { dtypeOf, halfToNumber, sizeOf, type StoredTensor } from './stored.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const DESCRIPTIONS: Readonly<Record<Dtype, string>> = { float64: '<f8', float32: '<f4', int8: '|i1' };

/** A kind that is read: bytes a value, the array it becomes, and the value at a byte. */
interface Kind<A> {
  readonly width: number;
  allocate(size: number): A;
  value(view: DataView, at: number, little: boolean): number;
}

const float64s = (size: number): Float64Array => new Float64Array(size);
const float32s = (size: number): Float32Array => new Float32Array(size);
const bytes8 = (size: number): Uint8Array => new Uint8Array(size);

const TENSOR_KINDS: Readonly<Record<string, Kind<TensorArray>>> = {
  f8: { allocate: float64s, width: 8, value: (view, at, little) => view.getFloat64(at, little) },
  f4: { allocate: float32s, width: 4, value: (view, at, little) => view.getFloat32(at, little) },
  f2: { allocate: float32s, width: 2, value: (view, at, little) => halfToNumber(view.getUint16(at, little)) },
  i1: { allocate: (size) => new Int8Array(size), width: 1, value: (view, at) => view.getInt8(at) },
};

/** Data beside tensors' types: an array that holds every value exactly (i8 and u8 up to 2^53). */
const DATA_KINDS: Readonly<Record<string, Kind<TensorArray | Uint8Array>>> = {
  ...TENSOR_KINDS,
  b1: { allocate: bytes8, width: 1, value: (view, at) => view.getUint8(at) },
  u1: { allocate: bytes8, width: 1, value: (view, at) => view.getUint8(at) },
  i2: { allocate: float32s, width: 2, value: (view, at, little) => view.getInt16(at, little) },
  u2: { allocate: float32s, width: 2, value: (view, at, little) => view.getUint16(at, little) },
  i4: { allocate: float64s, width: 4, value: (view, at, little) => view.getInt32(at, little) },
  u4: { allocate: float64s, width: 4, value: (view, at, little) => view.getUint32(at, little) },
  i8: { allocate: float64s, width: 8, value: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u8: { allocate: float64s, width: 8, value: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

/**
 * Reads a .npy file of version 1, 2 or 3; Fortran order is turned into C order.
 * @param file how messages call it.
 * @throws SC_TENSOR_FILE naming the file, the byte and the reason.
 */
export function readNpy(bytes: Uint8Array, file: string): StoredTensor {
  return read(bytes, file, TENSOR_KINDS);
}

/** As `readNpy`, of data: whole numbers of every width and truth values too. */
export function readNpyData(
  bytes: Uint8Array,
  file: string,
): { readonly shape: readonly number[]; readonly array: TensorArray | Uint8Array } {
  return read(bytes, file, DATA_KINDS);
}

function read<A extends TensorArray | Uint8Array>(
  bytes: Uint8Array,
  file: string,
  kinds: Readonly<Record<string, Kind<A>>>,
): { readonly shape: readonly number[]; readonly array: A } {
  const fail = (at: number, reason: string): never => {
    throw new SeedcastError('SC_TENSOR_FILE', `byte ${at}: ${reason}`, { place: { file } });
  };
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    fail(0, 'this is not a .npy file: its first bytes are not \\x93NUMPY');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(6);
  if (version < 1 || version > 3) fail(6, `version ${version}; read are 1, 2 and 3`);
  const prefix = version === 1 ? 10 : 12;
  if (bytes.length < prefix) fail(8, 'the file is cut short');
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = prefix + length;
  if (length > 65_536 || start > bytes.length)
    fail(8, `the header would have ${length} bytes of a file of ${bytes.length}`);
  const { description, fortran, shape } = parseHeader(
    new TextDecoder('latin1').decode(bytes.subarray(prefix, start)),
    (reason) => fail(prefix, reason),
  );
  const [, order, kind] = /^([<>=|]?)(\w+)$/.exec(description) ?? [];
  const found = kind !== undefined && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (found === undefined)
    return fail(prefix, `type ${description}; read are ${Object.keys(kinds).join(', ')}`);
  const size = sizeOf(shape);
  if (start + size * found.width !== bytes.length) {
    fail(
      start,
      `${bytes.length - start} bytes of values, but shape (${shape.join(', ')}) of ${description} needs ${size * found.width}`,
    );
  }
  const array = found.allocate(size);
  for (let i = 0; i < size; i++) array[i] = found.value(view, start + i * found.width, order !== '>');
  return { shape, array: fortran ? fromFortran(array, shape, found.allocate(size)) : array };
}

interface Header {
  readonly description: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** The dictionary with the keys descr, fortran_order and shape, each once, in any order. */
function parseHeader(text: string, fail: (reason: string) => never): Header {
  const refuse = (): never =>
    fail(
      `the header ${JSON.stringify(text.trim().slice(0, 120))} is not one with descr, fortran_order and shape`,
    );
  const body = /^\s*\{([^{}]*)\}\s*$/.exec(text)?.[1] ?? refuse();
  const found = new Map<string, string>();
  const item = /\s*(?:'(\w+)'|"(\w+)")\s*:\s*('[^']*'|"[^"]*"|True|False|\([\d\s,L]*\))\s*(?:,|$)/y;
  while (item.lastIndex < body.length) {
    const rest = body.slice(item.lastIndex);
    if (rest.trim() === '') break;
    const match = item.exec(body) ?? refuse();
    const key = match[1] ?? match[2] ?? '';
    if (found.has(key)) refuse();
    found.set(key, match[3] ?? '');
  }
  const [descr, fortran, shape] = ['descr', 'fortran_order', 'shape'].map(
    (key) => found.get(key) ?? refuse(),
  );
  if (
    found.size !== 3 ||
    !/^['"]/.test(descr ?? '') ||
    !/^(True|False)$/.test(fortran ?? '') ||
    !/^\(/.test(shape ?? '')
  )
    refuse();
  const dimensions = (shape ?? '')
    .slice(1, -1)
    .split(',')
    .map((part) => part.trim().replace(/L$/, ''));
  if (dimensions.at(-1) === '') dimensions.pop();
  const numbers = dimensions.map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  if (Number.isNaN(sizeOf(numbers)) || numbers.length > 64) refuse();
  return { description: (descr ?? '').slice(1, -1), fortran: fortran === 'True', shape: numbers };
}

/** First axis fastest → last axis fastest. */
function fromFortran<A extends TensorArray | Uint8Array>(array: A, shape: readonly number[], result: A): A {
  const index = shape.map(() => 0);
  for (let from = 0; from < array.length; from++) {
    let to = 0;
    for (let axis = 0; axis < shape.length; axis++) to = to * (shape[axis] ?? 1) + (index[axis] ?? 0);
    result[to] = array[from] ?? 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next === shape[axis] ? 0 : next;
      if (next !== shape[axis]) break;
    }
  }
  return result;
}

/** A version 1 .npy file, values aligned to 64 bytes. */
export function writeNpy({ shape, array }: StoredTensor): Uint8Array<ArrayBuffer> {
  if (sizeOf(shape) !== array.length) {
    throw new SeedcastError(
      'SC_TENSOR_FILE',
      `${array.length} values are not those of shape (${shape.join(', ')})`,
    );
  }
  const tuple = shape.length === 1 ? `(${shape.join()},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '${DESCRIPTIONS[dtypeOf(array)]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const file = new Uint8Array(start + array.byteLength);
  file.set(MAGIC);
  file.set([1, 0], 6);
  new DataView(file.buffer).setUint16(8, start - 10, true);
  file.set(new TextEncoder().encode(`${dictionary.padEnd(start - 11)}\n`), 10);
  file.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), start);
  return file;
}
