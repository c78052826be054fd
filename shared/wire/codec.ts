// msgpack with plain maps, and the small checked readers that wire messages and ledger records are parsed with. Typed
// arrays travel as `bin`, little-endian. Whatever arrives is `unknown` until a reader has seen it; a reader names the
// message, the field and the bad value (SC_MESSAGE_INVALID), and nothing else escapes from hostile bytes.
import { Packr } from 'msgpackr';
import { SeedcastError, messageOf } from '../errors.js';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: false, int64AsType: 'number' });

export type Fields = Readonly<Record<string, unknown>>;

/** The bytes of a plain map; the caller may keep them. */
export function encode(value: object): Uint8Array {
  return Uint8Array.prototype.slice.call(packr.pack(value));
}

/** A plain map, or SC_MESSAGE_INVALID naming `what`. */
export function decode(bytes: Uint8Array, what: string): Fields {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw invalid(what, `is not msgpack: ${messageOf(cause)}`, cause);
  }
  if (!isPlain(value)) throw invalid(what, 'is not a map');
  return value;
}

function isPlain(value: unknown): value is Fields {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.getPrototypeOf(value) === Object.prototype
  );
}

export function invalid(what: string, problem: string, cause?: unknown): SeedcastError {
  return new SeedcastError('SC_MESSAGE_INVALID', `${what} ${problem}`, cause === undefined ? {} : { cause });
}

/** A value in an error's words: never its own conversion to text, which hostile bytes may have replaced. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Reads checked fields of one message; `what` names it in errors. */
export class Reader {
  constructor(
    private readonly fields: Fields,
    private readonly what: string,
  ) {}

  private fail(field: string, wanted: string): never {
    throw invalid(this.what, `has ${field} = ${show(this.fields[field])}, expected ${wanted}`);
  }

  integer(field: string, low: number, high: number): number {
    const value = this.fields[field];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high)
      this.fail(field, `an integer in [${low}, ${high}]`);
    return value;
  }

  number(field: string): number {
    const value = this.fields[field];
    return typeof value === 'number' ? value : this.fail(field, 'a number');
  }

  finite(field: string): number {
    const value = this.number(field);
    return Number.isFinite(value) ? value : this.fail(field, 'a finite number');
  }

  boolean(field: string): boolean {
    const value = this.fields[field];
    return typeof value === 'boolean' ? value : this.fail(field, 'true or false');
  }

  string(field: string, longest = 4096): string {
    const value = this.fields[field];
    return typeof value === 'string' && value.length <= longest
      ? value
      : this.fail(field, `a string of at most ${longest} characters`);
  }

  oneOf<T extends string>(field: string, choices: readonly T[]): T {
    const value = this.fields[field];
    const found = choices.find((choice) => choice === value);
    return found ?? this.fail(field, choices.join(' | '));
  }

  bytes(field: string, length?: number): Uint8Array {
    const value = this.fields[field];
    if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length))
      this.fail(field, length === undefined ? 'bytes' : `${length} bytes`);
    return value;
  }

  array(field: string, longest: number): readonly unknown[] {
    const value = this.fields[field];
    return Array.isArray(value) && value.length <= longest
      ? value
      : this.fail(field, `an array of at most ${longest}`);
  }

  map(field: string): Fields {
    const value = this.fields[field];
    return isPlain(value) ? value : this.fail(field, 'a map');
  }

  /** Null or absent gives null. */
  optional<T>(field: string, read: (reader: this, field: string) => T): T | null {
    const value = this.fields[field];
    return value === undefined || value === null ? null : read(this, field);
  }
}

/** A view of the same bytes when aligned, else of a copy. Length must be a multiple of the element's. */
export function float64s(bytes: Uint8Array, what: string): Float64Array {
  const aligned = realign(bytes, 8, what);
  return new Float64Array(aligned.buffer, aligned.byteOffset, aligned.length / 8);
}

export function float32s(bytes: Uint8Array, what: string): Float32Array {
  const aligned = realign(bytes, 4, what);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

export function int16s(bytes: Uint8Array, what: string): Int16Array {
  const aligned = realign(bytes, 2, what);
  return new Int16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

export function int32s(bytes: Uint8Array, what: string): Int32Array {
  const aligned = realign(bytes, 4, what);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function realign(bytes: Uint8Array, width: number, what: string): Uint8Array {
  if (bytes.length % width !== 0)
    throw invalid(what, `has ${bytes.length} bytes, not a multiple of ${width}`);
  // Buffer.slice is a view of the same bytes; Uint8Array.from copies.
  return bytes.byteOffset % width === 0 ? bytes : Uint8Array.from(bytes);
}

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
