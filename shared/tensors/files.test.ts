import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SeedcastError } from '../errors.js';
import type { TensorArray } from '../objectives/types.js';
import { readNpy, writeNpy } from './npy.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import { halfToNumber, type StoredTensor } from './stored.js';

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof SeedcastError, String(error));
    assert.equal(error.code, 'SC_TENSOR_FILE');
    return `${error.place?.file ?? ''}: ${error.message}`;
  }
  return assert.fail('was accepted');
}

/** A safetensors file by the letter of the format. */
function safetensors(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(json.length), true);
  return Uint8Array.from([...prefix, ...json, ...data]);
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const tensor: fc.Arbitrary<StoredTensor> = fc.array(fc.nat({ max: 4 }), { maxLength: 4 }).chain((shape) => {
  const length = shape.reduce((a, b) => a * b, 1);
  const limits = { minLength: length, maxLength: length };
  return fc
    .oneof<fc.Arbitrary<TensorArray>[]>(
      fc.float32Array(limits),
      fc.float64Array(limits),
      fc.int8Array(limits),
    )
    .map((array) => ({ shape, array }));
});

describe('binary16', () => {
  it('has the published values', () => {
    const published: [number, number][] = [
      [0x0000, 0],
      [0x0001, 2 ** -24],
      [0x03ff, 0.000060975551605224609375],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x3bff, 0.99951171875],
      [0x3c00, 1],
      [0x3c01, 1.0009765625],
      [0x7bff, 65504],
      [0x7c00, Infinity],
      [0xc000, -2],
      [0xfc00, -Infinity],
    ];
    for (const [bits, value] of published) assert.equal(halfToNumber(bits), value);
    assert.ok(Object.is(halfToNumber(0x8000), -0) && Number.isNaN(halfToNumber(0x7e00)));
  });
});

describe('safetensors', () => {
  it('reads a file in a Buffer that is a part of a larger one, as reading a file gives', () => {
    const file = writeSafetensors([['x', { shape: [2], array: Float64Array.of(1.5, -2) }]]);
    const pool = Buffer.alloc(file.length + 24, 0xff);
    pool.set(file, 16);
    const { tensors } = readSafetensors(pool.subarray(16, 16 + file.length), 'f');
    assert.deepEqual([...(tensors.get('x')?.array ?? [])], [1.5, -2]);
  });

  it('reads a file laid out by the letter, halves as exact float32', () => {
    const data = Uint8Array.from([
      ...bytesOf(Float32Array.of(1.5, -2)),
      0x00,
      0x3c,
      0x55,
      0x35,
      0x49,
      0x40,
      0xff,
      0x80,
    ]);
    const header = {
      __metadata__: { format: 'pt' },
      b: { dtype: 'F16', shape: [2, 1], data_offsets: [8, 12] },
      a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      c: { dtype: 'BF16', shape: [], data_offsets: [12, 14] },
      d: { dtype: 'I8', shape: [1, 2, 1], data_offsets: [14, 16] },
    };
    const { tensors, metadata } = readSafetensors(safetensors(`${JSON.stringify(header)}   `, data), 'f');
    assert.deepEqual(metadata, { format: 'pt' });
    assert.deepEqual(
      [...tensors],
      [
        ['a', { shape: [2], array: Float32Array.of(1.5, -2) }],
        ['b', { shape: [2, 1], array: Float32Array.of(1, 0.333251953125) }],
        ['c', { shape: [], array: Float32Array.of(3.140625) }],
        ['d', { shape: [1, 2, 1], array: Int8Array.of(-1, -128) }],
      ],
    );
  });

  it('writes what the format asks for: a header without gaps, aligned, and the values', () => {
    const file = writeSafetensors(
      [
        ['x', { shape: [3], array: Int8Array.of(1, 2, 3) }],
        ['y', { shape: [1], array: Float64Array.of(0.1) }],
      ],
      { a: 'b' },
    );
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    assert.equal(length % 8, 0);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))), {
      __metadata__: { a: 'b' },
      y: { dtype: 'F64', shape: [1], data_offsets: [0, 8] },
      x: { dtype: 'I8', shape: [3], data_offsets: [8, 11] },
    });
    assert.deepEqual(file.slice(8 + length), Uint8Array.from([...bytesOf(Float64Array.of(0.1)), 1, 2, 3]));
  });

  it('gives back what was written, bit for bit, also from an unaligned view', () => {
    const named = fc.uniqueArray(fc.tuple(fc.string(), tensor), { selector: ([name]) => name, maxLength: 5 });
    fc.assert(
      fc.property(named, fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
        const file = writeSafetensors(tensors, metadata);
        const shifted = new Uint8Array(file.length + 3);
        shifted.set(file, 3);
        const back = readSafetensors(shifted.subarray(3), 'f');
        assert.deepEqual(back.metadata, { ...metadata });
        assert.equal(back.tensors.size, tensors.length);
        for (const [name, { shape, array }] of tensors) {
          const read = back.tensors.get(name);
          assert.deepEqual(read?.shape, shape);
          assert.equal(read.array.constructor, array.constructor);
          assert.deepEqual(bytesOf(read.array), bytesOf(array));
        }
      }),
      { numRuns: 200 },
    );
  });

  const entry = (change: object) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change } });
  const eight = new Uint8Array(8);
  const hostile: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /^f: byte 0: the file has 0 bytes/],
    [
      'a header longer than the file',
      Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123),
      /byte 0: the header would end at byte 263 of a file of 9/,
    ],
    [
      'a header of 2^63 bytes',
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 123),
      /byte 0: the header would have 9223372036854775808 bytes/,
    ],
    ['a header that is no JSON', safetensors('{'), /byte 8: the header is not JSON/],
    [
      'a header that is no UTF-8',
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 255),
      /byte 8: the header is not JSON/,
    ],
    ['a header that is a list', safetensors('[]'), /byte 8: the header is not a JSON object/],
    ['a header nested without end', safetensors('['.repeat(100_000)), /byte 8: the header is not JSON/],
    [
      'an unknown type',
      safetensors(entry({ dtype: 'I64' }), eight),
      /tensor a has dtype "I64"; read are F64, F32, F16, BF16, I8/,
    ],
    ['a type of the prototype', safetensors(entry({ dtype: 'constructor' }), eight), /dtype "constructor"/],
    ['a negative dimension', safetensors(entry({ shape: [-2] }), eight), /shape \[-2\]/],
    ['a shape that overflows', safetensors(entry({ shape: [2 ** 40, 2 ** 40] }), eight), /shape/],
    [
      'a shape that does not fit',
      safetensors(entry({ shape: [3] }), eight),
      /tensor a has 8 bytes, but its dtype and shape need 12/,
    ],
    [
      'offsets before the data',
      safetensors(entry({ data_offsets: [-8, 0] }), eight),
      /data_offsets \[-8,0\]/,
    ],
    ['offsets beyond the data', safetensors(entry({}), new Uint8Array(4)), /the file is cut short/],
    [
      'a gap',
      safetensors(entry({ data_offsets: [8, 16] }), new Uint8Array(16)),
      /begins at 8 of the data, not at 0/,
    ],
    [
      'an overlap',
      safetensors(
        { ...entry({}), b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } },
        new Uint8Array(12),
      ),
      /tensor b begins at 4/,
    ],
    [
      'bytes of no tensor',
      safetensors(entry({}), new Uint8Array(9)),
      /1 bytes follow that belong to no tensor/,
    ],
    ['metadata that is no text', safetensors({ __metadata__: { a: 1 } }), /the metadata a is not text/],
    ['a tensor that is none', safetensors({ a: 3 }), /tensor a has dtype undefined/],
  ];
  for (const [what, bytes, pattern] of hostile)
    it(`refuses ${what}`, () =>
      assert.match(
        refusal(() => readSafetensors(bytes, 'f')),
        pattern,
      ));

  it('refuses names that the format reserves or that stand twice, and values of another shape', () => {
    const one = { shape: [1], array: Float32Array.of(1) };
    assert.match(
      refusal(() => writeSafetensors([['__metadata__', one]])),
      /reserved/,
    );
    assert.match(
      refusal(() =>
        writeSafetensors([
          ['a', one],
          ['a', one],
        ]),
      ),
      /there already/,
    );
    assert.match(
      refusal(() => writeSafetensors([['a', { ...one, shape: [2] }]])),
      /shape/,
    );
  });
});

describe('npy', () => {
  it('writes the bytes that NumPy documents', () => {
    const file = writeNpy({ shape: [3], array: Float32Array.of(1, 2, 3) });
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
    assert.equal(
      Buffer.from(file.subarray(0, 128)).toString('latin1'),
      `\u0093NUMPY\u0001\u0000v\u0000${header.padEnd(117)}\n`,
    );
    assert.deepEqual(file.slice(128), Uint8Array.from(bytesOf(Float32Array.of(1, 2, 3))));
  });

  const npy = (header: string, data: Uint8Array, version = 1): Uint8Array => {
    const length = header.length;
    const size = version === 1 ? [length & 255, length >> 8] : [length & 255, length >> 8, 0, 0];
    return Uint8Array.from([
      0x93,
      ...new TextEncoder().encode('NUMPY'),
      version,
      0,
      ...size,
      ...new TextEncoder().encode(header),
      ...data,
    ]);
  };

  it('reads Fortran order as C order', () => {
    // [[1, 2, 3], [4, 5, 6]] stored column by column.
    const read = readNpy(
      npy("{'shape': (2, 3), 'fortran_order': True, 'descr': '|i1'}\n", Uint8Array.of(1, 4, 2, 5, 3, 6)),
      'f',
    );
    assert.deepEqual(read, { shape: [2, 3], array: Int8Array.of(1, 2, 3, 4, 5, 6) });
  });

  it('reads big-endian, half precision, version 2 and a single number', () => {
    const big = new Uint8Array(8);
    new DataView(big.buffer).setFloat64(0, -0.1, false);
    assert.deepEqual(readNpy(npy("{'descr': '>f8', 'fortran_order': False, 'shape': (), }\n", big, 2), 'f'), {
      shape: [],
      array: Float64Array.of(-0.1),
    });
    assert.deepEqual(
      readNpy(
        npy("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }\n", Uint8Array.of(0, 0x3c, 1, 0)),
        'f',
      ).array,
      Float32Array.of(1, 2 ** -24),
    );
  });

  it('gives back what was written, bit for bit', () => {
    fc.assert(
      fc.property(tensor, ({ shape, array }) => {
        const back = readNpy(writeNpy({ shape, array }), 'f');
        assert.deepEqual(back.shape, shape);
        assert.deepEqual([...back.array], [...array]);
        assert.equal(back.array.constructor, array.constructor);
      }),
      { numRuns: 200 },
    );
  });

  const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
  const four = new Uint8Array(4);
  const hostile: [string, Uint8Array, RegExp][] = [
    [
      'another file',
      new TextEncoder().encode('PK\u0003\u0004 a zip file'),
      /byte 0: this is not a \.npy file/,
    ],
    ['version 9', npy(good, four, 9), /byte 6: version 9/],
    [
      'a header longer than the file',
      npy(good, four).slice(0, 30),
      /byte 8: the header would have 58 bytes of a file of 30/,
    ],
    ['values cut short', npy(good, new Uint8Array(3)), /3 bytes of values, but shape \(1\) of <f4 needs 4/],
    ['values too many', npy(good, new Uint8Array(5)), /5 bytes of values/],
    ['an unknown type', npy(good.replace('<f4', '<c8'), four), /type <c8; read are f8, f4, f2, i1/],
    ['objects', npy(good.replace('<f4', '|O'), four), /type \|O/],
    ['a structured type', npy(good.replace("'<f4'", "[('a', '<f4')]"), four), /not one with descr/],
    ['a missing key', npy("{'descr': '<f4', 'shape': (1,), }\n", four), /not one with descr/],
    [
      'a key twice',
      npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", four),
      /not one with descr/,
    ],
    [
      'a shape that overflows',
      npy(good.replace('(1,)', '(9007199254740993, 9007199254740993)'), four),
      /not one with descr/,
    ],
    ['code', npy('__import__("os")\n', four), /not one with descr/],
  ];
  for (const [what, bytes, pattern] of hostile)
    it(`refuses ${what}`, () =>
      assert.match(
        refusal(() => readNpy(bytes, 'f')),
        pattern,
      ));
});

describe('whatever the bytes', () => {
  const flip = (bytes: Uint8Array, at: number, value: number, cut: number): Uint8Array => {
    const copy = bytes.slice(0, bytes.length - (cut % 16));
    if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  };
  const tolerates = (run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      assert.ok(error instanceof SeedcastError && error.code === 'SC_TENSOR_FILE', String(error));
    }
  };

  it('reading gives tensors or SC_TENSOR_FILE', () => {
    const st = writeSafetensors(
      [
        ['a', { shape: [2, 2], array: Float32Array.of(1, 2, 3, 4) }],
        ['b', { shape: [1], array: Int8Array.of(1) }],
      ],
      { k: 'v' },
    );
    const npy = writeNpy({ shape: [2, 2], array: Float32Array.of(1, 2, 3, 4) });
    fc.assert(
      fc.property(
        fc.uint8Array(),
        (bytes) => (tolerates(() => readSafetensors(bytes, 'f')), tolerates(() => readNpy(bytes, 'f'))),
      ),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.nat({ max: 300 }), fc.nat({ max: 255 }), fc.nat({ max: 20 }), (at, value, cut) => {
        tolerates(() => readSafetensors(flip(st, at, value, cut), 'f'));
        tolerates(() => readNpy(flip(npy, at, value, cut), 'f'));
      }),
      { numRuns: 3_000 },
    );
  });
});
