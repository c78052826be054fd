// The noise kernels as WebAssembly SIMD: four Philox blocks at once, one in each 32-bit lane. Pure: makes the module's
// bytes. kernels-typescript.ts is the definition that these must equal bit for bit.
//
// Of Philox's twenty products, round 1's second and round 2's first depend on the direction alone, not on the block; they
// are made once a direction with scalars, and eighteen are left in the loop.
//
// Accumulated sums lie in memory as the lanes fall, not in element order, and hold Σ c·popcount (or Σ c·bit) without the
// centring: both are mended once a chunk by kernels-wasm.ts, instead of once a direction here. Sums wrap modulo 2^32.
import { assemble, op, type Code, type WasmFunction } from './wasm-assembler.js';

/** Where things lie in the module's memory, in bytes, and how much fits. */
export const MEMORY = {
  /** Key schedule: for round r, k0 and k1 as a vector of four equal lanes, at 32·r. */
  keys: 0,
  /** int32 coefficients of the directions in hand. */
  coefficients: 1024,
  maxCoefficients: 4096,
  /** Output of the fills; sums of the accumulations. */
  data: 32768,
  /** Elements of one chunk. */
  maxElements: 4096,
  pages: 1,
} as const;

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;

// Arguments of the fills: first block, counter words 1 to 3, groups of four blocks. The accumulations: first block,
// counter word 1, step, groups, first direction, number of directions.
const FIRST = 0;
const WORD1 = 1;

/** Numbers of a function's locals; `integers` and `vectors` are counted from where arguments end. */
function locals(parameters: number, integers: number) {
  const v = parameters + integers;
  return {
    pointer: parameters,
    groups: parameters + 1,
    a: parameters + 2,
    b: parameters + 3,
    coefficient: parameters + 4,
    bit: parameters + 5,
    x: [v, v + 1, v + 2, v + 3] as const,
    p: v + 4,
    q: v + 5,
    counter: v + 6,
    m0: v + 7,
    m1: v + 8,
    second: v + 9,
    third: v + 10,
    fourth: v + 11,
    fifth: v + 12,
    c: v + 13,
    t: v + 14,
  };
}
type Locals = ReturnType<typeof locals>;
const INTEGERS = 6;
const VECTORS = 15;

/** (high, low) 32-bit words of each lane of `x` times `m`: leaves p and q holding the 64-bit products. */
const multiply = (l: Locals, x: number, m: number): Code => [
  [op.get(x), op.get(m), op.i64x2ExtmulLowI32x4Unsigned, op.set(l.p)],
  [op.get(x), op.get(m), op.i64x2ExtmulHighI32x4Unsigned, op.set(l.q)],
];
const highWords = (l: Locals): Code => [op.get(l.p), op.get(l.q), op.shuffleWords([1, 3, 5, 7])];
const lowWords = (l: Locals): Code => [op.get(l.p), op.get(l.q), op.shuffleWords([0, 2, 4, 6])];
const roundKey = (round: number, which: 0 | 1): Code => [
  op.i32Const(0),
  op.load(MEMORY.keys + 32 * round + 16 * which),
];

const multipliers = (l: Locals): Code => [
  [op.constant([M0, M0, M0, M0]), op.set(l.m0)],
  [op.constant([M1, M1, M1, M1]), op.set(l.m1)],
];

/**
 * The direction's share of rounds 1 and 2, as vectors of equal lanes, from scalars. With (h1, l1) = M1·direction and
 * x0 = h1 ^ word1 ^ key0 after round 1, (h0, l0) = M0·x0: second = step ^ key1; third = l1 ^ key0';
 * fourth = h0 ^ key1'; fifth = l0. Primes mark round 2.
 */
const perDirection = (l: Locals, direction: Code, step: number): Code => {
  const key = (round: number, which: 0 | 1): Code => [
    op.i32Const(0),
    op.i32Load(MEMORY.keys + 32 * round + 16 * which),
  ];
  const product = (factor: Code, m: number): Code => [
    [factor, op.i64ExtendI32Unsigned, op.i64Const(BigInt(m)), op.i64Mul],
  ];
  const high: Code = [op.i64Const(32n), op.i64ShiftRightUnsigned, op.i32WrapI64];
  return [
    [op.get(step), key(0, 1), op.i32Xor, op.splat, op.set(l.second)],
    [product(direction, M1), op.i32WrapI64, key(1, 0), op.i32Xor, op.splat, op.set(l.third)],
    [product(direction, M1), high, op.get(WORD1), op.i32Xor, key(0, 0), op.i32Xor, op.set(l.a)],
    [product(op.get(l.a), M0), high, key(1, 1), op.i32Xor, op.splat, op.set(l.fourth)],
    [product(op.get(l.a), M0), op.i32WrapI64, op.splat, op.set(l.fifth)],
  ];
};

/** counter = first block + (0, 1, 2, 3). */
const startCounter = (l: Locals): Code => [
  [op.get(FIRST), op.splat, op.constant([0, 1, 2, 3]), op.i32x4Add, op.set(l.counter)],
];
const nextCounter = (l: Locals): Code => [
  [op.get(l.counter), op.constant([4, 4, 4, 4]), op.i32x4Add, op.set(l.counter)],
];

/** x = the words of the four blocks that `counter` names: x[w] has word w, a block a lane. */
const philox = (l: Locals): Code => {
  const [x0, x1, x2, x3] = l.x;
  const rounds: Code[] = [];
  for (let round = 2; round < 10; round++) {
    rounds.push([
      multiply(l, x0, l.m0),
      [highWords(l), op.get(x3), op.xor, roundKey(round, 1), op.xor, op.set(l.t)],
      [lowWords(l), op.set(x3)],
      multiply(l, x2, l.m1),
      [highWords(l), op.get(x1), op.xor, roundKey(round, 0), op.xor, op.set(x0)],
      [lowWords(l), op.set(x1)],
      [op.get(l.t), op.set(x2)],
    ]);
  }
  return [
    multiply(l, l.counter, l.m0),
    [highWords(l), op.get(l.second), op.xor, op.set(x2)],
    [lowWords(l), op.set(x3)],
    multiply(l, x2, l.m1),
    [highWords(l), op.get(l.third), op.xor, op.set(x0)],
    [lowWords(l), op.set(x1)],
    [op.get(l.fourth), op.get(x3), op.xor, op.set(x2)],
    [op.get(l.fifth), op.set(x3)],
    rounds,
  ];
};

/** From words across lanes to blocks across lanes: x[b] = the four words of block b. */
const transpose = (l: Locals): Code => {
  const [x0, x1, x2, x3] = l.x;
  const pick = (a: number, b: number, lanes: readonly [number, number, number, number], to: number): Code => [
    [op.get(a), op.get(b), op.shuffleWords(lanes), op.set(to)],
  ];
  return [
    pick(x0, x1, [0, 4, 1, 5], l.p),
    pick(x2, x3, [0, 4, 1, 5], l.q),
    pick(x0, x1, [2, 6, 3, 7], l.t),
    pick(x2, x3, [2, 6, 3, 7], x3),
    pick(l.p, l.q, [0, 1, 4, 5], x0),
    pick(l.p, l.q, [2, 3, 6, 7], x1),
    pick(l.t, x3, [0, 1, 4, 5], x2),
    pick(l.t, x3, [2, 3, 6, 7], x3),
  ];
};

/** `body` once a group of four blocks; `pointer` walks the data by `bytes` a group. */
const overGroups = (l: Locals, groups: number, bytes: number, body: Code): Code => [
  [op.i32Const(0), op.set(l.pointer), op.get(groups), op.set(l.groups)],
  startCounter(l),
  op.loop,
  philox(l),
  body,
  nextCounter(l),
  [op.get(l.pointer), op.i32Const(bytes), op.i32Add, op.set(l.pointer)],
  [op.get(l.groups), op.i32Const(1), op.i32Sub, op.tee(l.groups), op.branchIf(0)],
  op.end,
];

/** popcounts of the eight 16-bit halves of a vector. */
const popcounts: Code = [op.i8x16Popcnt, op.i16x8ExtaddPairwiseI8x16Unsigned];

function fill(name: string, bytes: number, body: (l: Locals) => Code): WasmFunction {
  const parameters = 5;
  const [direction, step, groups] = [2, 3, 4];
  const l = locals(parameters, INTEGERS);
  return {
    name,
    parameters,
    integers: INTEGERS,
    vectors: VECTORS,
    body: [
      multipliers(l),
      perDirection(l, op.get(direction), step),
      overGroups(l, groups, bytes, [transpose(l), body(l)]),
    ],
  };
}

/** Words in order: 64 bytes a group. */
const words = fill('words', 64, (l) =>
  l.x.map((x, b) => [op.get(l.pointer), op.get(x), op.store(MEMORY.data + 16 * b)]),
);

/** popcount − 8 of each 16-bit half, in order, as int8: 32 bytes a group. */
const binomial = fill('binomial', 32, (l) => {
  const [x0, x1, x2, x3] = l.x;
  const eights = 0x08080808;
  const half = (a: number, b: number, offset: number): Code => [
    [op.get(l.pointer), op.get(a), popcounts, op.get(b), popcounts, op.i8x16NarrowI16x8Unsigned],
    [op.constant([eights, eights, eights, eights]), op.i8x16Sub, op.store(MEMORY.data + offset)],
  ];
  return [half(x0, x1, 0), half(x2, x3, 16)];
});

function accumulate(name: string, bytes: number, body: (l: Locals) => Code): WasmFunction {
  const parameters = 6;
  const [step, groups, direction, count] = [2, 3, 4, 5];
  const l = locals(parameters, INTEGERS);
  return {
    name,
    parameters,
    integers: INTEGERS,
    vectors: VECTORS,
    body: [
      multipliers(l),
      [op.i32Const(0), op.set(l.b)],
      op.block,
      op.loop,
      // Past the last direction: leave.
      [op.get(l.b), op.get(count), op.i32LessUnsigned, op.i32Eqz, op.branchIf(1)],
      [op.get(l.b), op.i32Const(2), op.i32Shl, op.i32Load(MEMORY.coefficients), op.set(l.coefficient)],
      op.block,
      [op.get(l.coefficient), op.i32Eqz, op.branchIf(0)],
      [op.get(l.coefficient), op.splat, op.set(l.c)],
      perDirection(l, [op.get(direction), op.get(l.b), op.i32Add], step),
      overGroups(l, groups, bytes, body(l)),
      op.end,
      [op.get(l.b), op.i32Const(1), op.i32Add, op.set(l.b), op.branch(0)],
      op.end,
      op.end,
    ],
  };
}

/** sums at `offset` of the group += the vector that `value` leaves. */
const addTo = (pointer: number, offset: number, value: Code): Code => [
  [op.get(pointer), op.get(pointer), op.load(MEMORY.data + offset), value, op.i32x4Add],
  op.store(MEMORY.data + offset),
];

/** Σ c·popcount: 32 elements a group, element 8·lane + 2·word + half at int32 index (2·word + half)·4 + lane. */
const accumulateBinomial = accumulate('accumulateBinomial', 128, (l) =>
  l.x.map((x, w) => [
    [op.get(x), popcounts, op.set(l.t)],
    addTo(l.pointer, 32 * w, [
      [op.get(l.t), op.constant([0xffff, 0xffff, 0xffff, 0xffff]), op.and, op.get(l.c), op.i32x4Mul],
    ]),
    addTo(l.pointer, 32 * w + 16, [
      [op.get(l.t), op.i32Const(16), op.i32x4ShiftRightUnsigned, op.get(l.c), op.i32x4Mul],
    ]),
  ]),
);

/** Σ c·bit: 512 elements a group, element 128·lane + 32·word + 31 − t at int32 index (4·t + word)·4 + lane. */
const accumulateRademacher = accumulate('accumulateRademacher', 2048, (l) => [
  [op.get(l.pointer), op.set(l.a), op.i32Const(32), op.set(l.bit)],
  op.loop,
  l.x.map((x, w) => [
    addTo(l.a, 16 * w, [op.get(x), op.i32Const(31), op.i32x4ShiftRightSigned, op.get(l.c), op.and]),
    [op.get(x), op.i32Const(1), op.i32x4Shl, op.set(x)],
  ]),
  [op.get(l.a), op.i32Const(64), op.i32Add, op.set(l.a)],
  [op.get(l.bit), op.i32Const(1), op.i32Sub, op.tee(l.bit), op.branchIf(0)],
  op.end,
]);

/** The module's bytes: exports `memory` and the four kernels. */
export function kernelModule(): Uint8Array {
  return assemble([words, binomial, accumulateBinomial, accumulateRademacher], MEMORY.pages);
}
