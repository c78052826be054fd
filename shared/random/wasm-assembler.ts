// A small assembler for WebAssembly: just the instructions and sections that the noise kernels need, as bytes. The binary
// format is that of the WebAssembly core specification 2.0 (sections 5.4 and 5.5). Pure.

/** Bytes of code, nested as convenient. */
export type Code = readonly (number | Code)[];

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];

/** Instructions without immediates, and those whose immediates are arguments. */
export const op = {
  block: [0x02, 0x40] as Code,
  loop: [0x03, 0x40] as Code,
  end: [0x0b] as Code,
  branch: (depth: number): Code => [0x0c, unsigned(depth)],
  branchIf: (depth: number): Code => [0x0d, unsigned(depth)],
  get: (local: number): Code => [0x20, unsigned(local)],
  set: (local: number): Code => [0x21, unsigned(local)],
  tee: (local: number): Code => [0x22, unsigned(local)],
  i32Const: (value: number): Code => [0x41, signed(BigInt(value | 0))],
  i64Const: (value: bigint): Code => [0x42, signed(value)],
  i32Load: (offset: number): Code => [0x28, 2, unsigned(offset)],
  i32Eqz: [0x45] as Code,
  i32LessUnsigned: [0x49] as Code,
  i32Add: [0x6a] as Code,
  i32Sub: [0x6b] as Code,
  i32Xor: [0x73] as Code,
  i32Shl: [0x74] as Code,
  i64Mul: [0x7e] as Code,
  i64ShiftRightUnsigned: [0x88] as Code,
  i32WrapI64: [0xa7] as Code,
  i64ExtendI32Unsigned: [0xad] as Code,
  load: (offset: number): Code => [simd(0), 4, unsigned(offset)],
  store: (offset: number): Code => [simd(11), 4, unsigned(offset)],
  /** A v128 of four 32-bit lanes. */
  constant: (lanes: readonly [number, number, number, number]): Code => [
    simd(12),
    lanes.map((lane) => [lane & 255, (lane >>> 8) & 255, (lane >>> 16) & 255, lane >>> 24]),
  ],
  /** Four 32-bit lanes out of the eight of two vectors. */
  shuffleWords: (lanes: readonly [number, number, number, number]): Code => [
    simd(13),
    lanes.map((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
  ],
  splat: simd(17),
  and: simd(78),
  xor: simd(81),
  i8x16Popcnt: simd(98),
  i8x16NarrowI16x8Unsigned: simd(102),
  i8x16Sub: simd(113),
  i16x8ExtaddPairwiseI8x16Unsigned: simd(125),
  i32x4Shl: simd(171),
  i32x4ShiftRightSigned: simd(172),
  i32x4ShiftRightUnsigned: simd(173),
  i32x4Add: simd(174),
  i32x4Mul: simd(181),
  i64x2ExtmulLowI32x4Unsigned: simd(222),
  i64x2ExtmulHighI32x4Unsigned: simd(223),
};

/** A function of `parameters` i32 arguments and no result. Locals are numbered arguments first, then i32, then v128. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  readonly integers: number;
  readonly vectors: number;
  readonly body: Code;
}

/** A module of these functions and one exported memory of `pages` 64 KiB pages, named `memory`. */
export function assemble(functions: readonly WasmFunction[], pages: number): Uint8Array {
  const types = functions.map((f) => [0x60, list(Array.from({ length: f.parameters }, () => I32)), list([])]);
  const exports = functions.map((f, i) => [name(f.name), 0x00, unsigned(i)]);
  const bodies = functions.map((f) => {
    const code = flat([
      list([
        [unsigned(f.integers), I32],
        [unsigned(f.vectors), V128],
      ]),
      f.body,
      op.end,
    ]);
    return [unsigned(code.length), code];
  });
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, list(types)),
      section(3, list(functions.map((_, i) => unsigned(i)))),
      section(5, list([[0x00, unsigned(pages)]])),
      section(7, list([...exports, [name('memory'), 0x02, 0x00]])),
      section(10, list(bodies)),
    ]),
  );
}

const I32 = 0x7f;
const V128 = 0x7b;

function section(id: number, contents: Code): Code {
  const bytes = flat(contents);
  return [id, unsigned(bytes.length), bytes];
}

function list(items: readonly (number | Code)[]): Code {
  return [unsigned(items.length), items];
}

function name(text: string): Code {
  return list(Array.from(text, (character) => character.charCodeAt(0)));
}

/** LEB128 of a whole number from 0 to 2^32 − 1. */
function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** Signed LEB128. */
function signed(value: bigint): Code {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    if ((rest === 0n && low < 64) || (rest === -1n && low >= 64)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

function flat(code: Code): number[] {
  const bytes: number[] = [];
  const walk = (part: number | Code): void => {
    if (typeof part === 'number') bytes.push(part);
    else part.forEach(walk);
  };
  walk(code);
  return bytes;
}
