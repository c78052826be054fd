// The safetensors format: 8 bytes of header length, a JSON header, then the values of all tensors without gaps, all
// little-endian. Bytes in, bytes out; hostile bytes are refused, never followed.

import { messageOf, SeedcastError } from '../errors.js';
import type { Dtype, TensorArray } from '../objectives/types.js';
import { bfloat16ToFloat32, dtypeOf, halfToNumber, sizeOf, type StoredTensor } from './stored.js';

export interface SafetensorsFile {
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const PREFIX = 8;
const MAX_HEADER = 16 * 1024 * 1024;

/** What is read: bytes a value, and how bytes (a copy, aligned) become values. */
const READ: Readonly<
  Record<string, { readonly width: number; readonly values: (bytes: ArrayBuffer) => TensorArray }>
> = {
  F64: { width: 8, values: (bytes) => new Float64Array(bytes) },
  F32: { width: 4, values: (bytes) => new Float32Array(bytes) },
  F16: { width: 2, values: (bytes) => Float32Array.from(new Uint16Array(bytes), halfToNumber) },
  BF16: { width: 2, values: (bytes) => bfloat16ToFloat32(new Uint16Array(bytes)) },
  I8: { width: 1, values: (bytes) => new Int8Array(bytes) },
};
const WRITTEN: Readonly<Record<Dtype, string>> = { float64: 'F64', float32: 'F32', int8: 'I8' };

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file: F64, F32 and I8 as they are, F16 and BF16 as float32 (exact).
 * @param file how messages call it.
 * @throws SC_TENSOR_FILE naming the file, the byte and the reason.
 */
export function readSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const fail = (at: number, reason: string): never => {
    throw new SeedcastError('SC_TENSOR_FILE', `byte ${at}: ${reason}`, { place: { file } });
  };
  if (bytes.length < PREFIX)
    fail(0, `the file has ${bytes.length} bytes, less than the ${PREFIX} of a safetensors prefix`);
  const stated = new DataView(bytes.buffer, bytes.byteOffset, PREFIX).getBigUint64(0, true);
  if (stated > MAX_HEADER)
    fail(0, `the header would have ${stated} bytes, more than ${MAX_HEADER}; is this a safetensors file?`);
  const length = Number(stated);
  const start = PREFIX + length;
  if (start > bytes.length)
    fail(0, `the header would end at byte ${start} of a file of ${bytes.length}; it is cut short`);
  const header = parseHeader(bytes.subarray(PREFIX, start), fail);
  const metadata = metadataOf(header, fail);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => entryOf(name, value, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, StoredTensor>();
  let expected = 0;
  for (const { name, dtype, shape, begin, end } of entries) {
    if (begin !== expected)
      fail(
        start + begin,
        `tensor ${name} begins at ${begin} of the data, not at ${expected} where the one before ends`,
      );
    if (start + end > bytes.length)
      fail(bytes.length, `tensor ${name} would end at byte ${start + end}; the file is cut short`);
    // Not `slice`: that of a Buffer, which is what reading a file gives, copies nothing.
    const copy = new Uint8Array(bytes.subarray(start + begin, start + end)).buffer;
    const values = READ[dtype]?.values(copy);
    if (values !== undefined) tensors.set(name, { shape, array: values });
    expected = end;
  }
  if (start + expected !== bytes.length)
    fail(start + expected, `${bytes.length - start - expected} bytes follow that belong to no tensor`);
  return { tensors, metadata };
}

type Fail = (at: number, reason: string) => never;

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return fail(PREFIX, `the header is not JSON: ${messageOf(error).slice(0, 200)}`);
  }
  return isRecord(header) ? header : fail(PREFIX, 'the header is not a JSON object');
}

function metadataOf(header: Record<string, unknown>, fail: Fail): Record<string, string> {
  const metadata = Object.hasOwn(header, '__metadata__') ? header['__metadata__'] : {};
  if (!isRecord(metadata)) return fail(PREFIX, 'the header has a __metadata__ that is not an object');
  const entries = Object.entries(metadata).map(([key, value]): [string, string] =>
    typeof value === 'string' ? [key, value] : fail(PREFIX, `the metadata ${key} is not text`),
  );
  return Object.fromEntries(entries);
}

function entryOf(name: string, value: unknown, fail: Fail): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const width = typeof dtype === 'string' && Object.hasOwn(READ, dtype) ? READ[dtype]?.width : undefined;
  if (typeof dtype !== 'string' || width === undefined) {
    return fail(
      PREFIX,
      `tensor ${name} has dtype ${JSON.stringify(dtype)}; read are ${Object.keys(READ).join(', ')}`,
    );
  }
  const size = Array.isArray(shape) ? sizeOf(shape) : Number.NaN;
  if (!Number.isSafeInteger(size * width))
    return fail(PREFIX, `tensor ${name} has shape ${JSON.stringify(shape)}, which is none`);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isOffset(begin) || !isOffset(end))
    return fail(PREFIX, `tensor ${name} has data_offsets ${JSON.stringify(offsets)}, which are none`);
  if (end - begin !== size * width) {
    return fail(
      PREFIX,
      `tensor ${name} has ${end - begin} bytes, but its dtype and shape need ${size * width}`,
    );
  }
  return { name, dtype, shape: shape as number[], begin, end };
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A safetensors file of these tensors; the same tensors give the same bytes. Values lie wide types first, then in the order
 * given, so that every tensor is aligned to its type.
 * @throws SC_TENSOR_FILE for a name that the format reserves or that stands twice, or a shape that does not fit its values.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = [...tensors].sort(([, a], [, b]) => b.array.BYTES_PER_ELEMENT - a.array.BYTES_PER_ELEMENT);
  const names = new Set<string>(['__metadata__']);
  const fields: string[] =
    Object.keys(metadata).length === 0 ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let size = 0;
  for (const [name, { shape, array }] of ordered) {
    if (names.has(name))
      throw new SeedcastError(
        'SC_TENSOR_FILE',
        `a tensor cannot be called ${JSON.stringify(name)} here: reserved, or there already`,
      );
    if (sizeOf(shape) !== array.length)
      throw new SeedcastError(
        'SC_TENSOR_FILE',
        `tensor ${name} has ${array.length} values, not those of shape ${JSON.stringify(shape)}`,
      );
    names.add(name);
    const entry = { dtype: WRITTEN[dtypeOf(array)], shape, data_offsets: [size, size + array.byteLength] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    size += array.byteLength;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(PREFIX + padded + size).fill(0x20, PREFIX, PREFIX + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, PREFIX);
  let at = PREFIX + padded;
  for (const [, { array }] of ordered) {
    file.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return file;
}
