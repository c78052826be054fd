// Messages come back as they were sent, and nothing but SC_MESSAGE_INVALID escapes from bytes that are no message.
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { exampleGenesis } from '../../test/support/example-genesis.js';
import { Random } from '../../test/simulation/random.js';
import { SeedcastError } from '../errors.js';
import { decodeEvidence, decodeEvidencePart, encodeEvidence, splitEvidence } from '../ledger/evidence.js';
import { decodeRecord, encodeRecord } from '../ledger/records.js';
import { decode, encode } from './codec.js';
import {
  askReply,
  assignMessage,
  placementMessage,
  planMessage,
  resultMessage,
  roundMessage,
} from './messages.js';
import { controlRequestSchema, decodeJson, encodeJson, heartbeatSchema } from './reports.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const packr = new Packr({ useRecords: false });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const count = fc.integer({ min: 0, max: 2 ** 20 });
const key = {
  epoch: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  step: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  phase: fc.constantFrom<0 | 1>(0, 1),
  parent: hash,
};
/** Ascending ranges without overlap. */
const ranges = fc
  .uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 0, maxLength: 8 })
  .map((edges) => edges.sort((a, b) => a - b))
  .map((edges) =>
    Array.from({ length: edges.length >> 1 }, (_, i): [number, number] => [
      edges[2 * i] ?? 0,
      edges[2 * i + 1] ?? 0,
    ]),
  );
const double = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, Number.MIN_VALUE));

/** Buffers become plain arrays of bytes, so that only contents are compared. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return ['bytes', ...value];
  if (value instanceof Float64Array) return ['doubles', ...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

/** As a client hands bytes over: a view at an odd place of a larger buffer. */
function received(bytes: Uint8Array): Buffer {
  const buffer = Buffer.alloc(bytes.length + 16, 0xff);
  buffer.set(bytes, 3);
  return buffer.subarray(3, 3 + bytes.length);
}

function comesBack<T>(
  message: { encode(value: T): Uint8Array; decode(bytes: Uint8Array): T },
  values: fc.Arbitrary<T>,
): void {
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(plain(message.decode(received(message.encode(value)))), plain(value));
    }),
  );
}

describe('a message comes back as it was sent', () => {
  it('round', () => {
    comesBack(
      roundMessage,
      fc.record({
        ...key,
        plan: count,
        sequence: count,
        record: fc.uint8Array(),
        repeats: count,
        validation: count,
        digest: fc.boolean(),
      }),
    );
  });
  it('assign', () =>
    comesBack(assignMessage, fc.record({ ...key, repeats: count, validation: count, ranges })));
  it('round and assign, whose version says whether there is a validation', () => {
    const version = (bytes: Uint8Array): unknown => decode(bytes, 'message')['v'];
    const assign = { ...round, repeats: 1, ranges: [[0, 4]] as const };
    const whole = { ...round, plan: 1, sequence: 9, record: parent, repeats: 1, digest: true };
    for (const [validation, v] of [
      [0, 1],
      [8, 2],
    ] as const) {
      assert.equal(version(assignMessage.encode({ ...assign, validation })), v);
      assert.equal(version(roundMessage.encode({ ...whole, validation })), v);
    }
    const map = decode(roundMessage.encode({ ...whole, validation: 8 }), 'message');
    assert.throws(() => roundMessage.decode(encode({ ...map, v: 1 })), { code: 'SC_MESSAGE_INVALID' });
  });
  it('plan', () => {
    const shares = fc
      .array(fc.integer({ min: 0, max: 65536 }), { maxLength: 20 })
      .map((list) => list.sort((a, b) => a - b));
    comesBack(
      planMessage,
      fc
        .record({ epoch: key.epoch, version: count, shares })
        .map((m) => ({ ...m, workers: m.shares.map((_, i) => `w${i}`) })),
    );
  });
  it('result, with every double there is', () => {
    const result = fc.record({
      ...key,
      worker: fc.constant('w1'),
      ranges,
      busy: fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
      seed: fc.infiniteStream(double),
    });
    comesBack(
      resultMessage,
      result.map(({ seed, ...m }) => {
        const units = m.ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
        return {
          ...m,
          scalars: Float64Array.from(units, () => seed.next().value as number),
          failures: units.slice(0, 2).map((unit): [number, string] => [unit, `öffnen: ${unit}`]),
          auxiliaryUnits: units.slice(0, 1),
          auxiliaries: Float64Array.from(units.slice(0, 3), () => seed.next().value as number),
          digest: units.length > 5 ? 'd'.repeat(64) : null,
        };
      }),
    );
  });
  it('placement and the answer to a question', () => {
    comesBack(
      placementMessage,
      fc.record({
        version: count,
        jobs: fc.array(fc.string(), { maxLength: 5 }),
        rebuild: fc.array(fc.string(), { maxLength: 2 }),
      }),
    );
    const job = fc.record({
      job: fc.string({ maxLength: 64 }),
      plan: fc.uint8Array(),
      round: fc.option(fc.uint8Array()),
    });
    comesBack(askReply, fc.record({ placement: fc.uint8Array(), jobs: fc.array(job, { maxLength: 4 }) }));
  });
  it('evidence, in parts', () => {
    fc.assert(
      fc.property(fc.array(double, { maxLength: 50 }), count, (values, step) => {
        const evidence = { step, members: values.length, values: Float64Array.from(values) };
        const parts = splitEvidence(step, encodeEvidence(evidence)).map((part) =>
          decodeEvidencePart(received(part)),
        );
        assert.deepEqual(
          plain(decodeEvidence(Buffer.concat(parts.map(({ bytes }) => bytes)))),
          plain(evidence),
        );
      }),
    );
  });
});

const parent = new Uint8Array(32).fill(7);
const round = { epoch: 2, step: 5, phase: 0 as const, parent };
const heartbeat = { v: 1, worker: 'w1', state: 'idle' };

/** Every decoder that bytes from outside meet, with a sound message of it. */
const DECODERS: readonly (readonly [string, (bytes: Uint8Array) => unknown, Uint8Array])[] = [
  [
    'plan',
    (b) => planMessage.decode(b),
    planMessage.encode({ epoch: 1, version: 3, workers: ['a', 'b'], shares: [30000, 65536] }),
  ],
  [
    'round',
    (b) => roundMessage.decode(b),
    roundMessage.encode({
      ...round,
      plan: 1,
      sequence: 9,
      record: parent,
      repeats: 1,
      validation: 0,
      digest: true,
    }),
  ],
  [
    'assign',
    (b) => assignMessage.decode(b),
    assignMessage.encode({ ...round, repeats: 1, validation: 0, ranges: [[0, 4]] }),
  ],
  [
    'result',
    (b) => resultMessage.decode(b),
    resultMessage.encode({
      ...round,
      worker: 'w',
      ranges: [[0, 3]],
      scalars: Float64Array.of(1, 2, NaN),
      failures: [[2, 'no']],
      auxiliaryUnits: [0],
      auxiliaries: Float64Array.of(1, 2),
      digest: 'd'.repeat(64),
      busy: 3,
    }),
  ],
  [
    'placement',
    (b) => placementMessage.decode(b),
    placementMessage.encode({ version: 1, jobs: ['a'], rebuild: [] }),
  ],
  [
    'answer',
    (b) => askReply.decode(b),
    askReply.encode({ placement: parent, jobs: [{ job: 'a', plan: parent, round: null }] }),
  ],
  ['genesis record', (b) => decodeRecord(b), encodeRecord(exampleGenesis())],
  [
    'step record',
    (b) => decodeRecord(b),
    encodeRecord({
      kind: 'step',
      epoch: 1,
      parent,
      step: 0,
      update: {
        coefficients: Int16Array.of(1, -1),
        exponent: 0,
        scale: 1,
        rate: 1,
        auxiliary: Float64Array.of(1),
      },
      fitness: { centre: 1, best: 1, mean: 1, deviation: 0, failed: 0, ties: 0, validation: null },
      evidence: parent,
      digest: null,
    }),
  ],
  [
    'extend record',
    (b) => decodeRecord(b),
    encodeRecord({
      kind: 'control',
      epoch: 1,
      parent,
      control: {
        action: 'extend',
        stop: {
          steps: 3,
          evaluations: null,
          fitness: null,
          wallClock: null,
          plateau: { steps: 2, minDelta: 0 },
        },
      },
    }),
  ],
  [
    'evidence',
    (b) => decodeEvidence(b),
    encodeEvidence({ step: 1, members: 2, values: Float64Array.of(1, 2) }),
  ],
  ['evidence part', (b) => decodeEvidencePart(b), splitEvidence(1, parent)[0] ?? parent],
  ['heartbeat', (b) => decodeJson(heartbeatSchema, b, 'heartbeat'), encodeJson(heartbeat)],
  [
    'control request',
    (b) => decodeJson(controlRequestSchema, b, 'control request'),
    encodeJson({ job: 'a', action: 'stop' }),
  ],
];

const NASTY: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  2 ** 53,
  1e300,
  NaN,
  Infinity,
  '',
  'x'.repeat(100_000),
  [],
  {},
  [[[]]],
  { toString: 1, valueOf: 1 },
  { length: 1e9 },
  new Uint8Array(0),
  new Uint8Array(33),
  new Uint8Array(200_000),
  new Date(0),
  -0,
  [null],
  ['\u0000'],
  [1.5, -3],
  [5, 2],
];

function hostile(random: Random, sound: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(sound);
  switch (random.integer(0, 5)) {
    case 0:
      return Uint8Array.from({ length: random.integer(0, 200) }, () => random.integer(0, 255));
    case 1:
      return bytes.subarray(0, random.integer(0, bytes.length));
    case 2:
      for (let i = random.integer(1, 4); i > 0; i--)
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
      return bytes;
    case 3:
      return Uint8Array.from([
        ...bytes,
        ...Array.from({ length: random.integer(1, 9) }, () => random.integer(0, 255)),
      ]);
    case 4: {
      // One field is something else, or gone.
      const fields = fieldsOf(sound);
      const name = random.choose(Object.keys(fields));
      if (name === undefined) return bytes;
      const value = random.choose(NASTY);
      return pack(
        sound,
        random.chance(0.1)
          ? Object.fromEntries(Object.entries(fields).filter(([n]) => n !== name))
          : { ...fields, [name]: value },
      );
    }
    default:
      return pack(sound, { ...fieldsOf(sound), v: random.choose([0, 2, 99, -1, '1', null]) });
  }
}

function isJson(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b;
}

function fieldsOf(bytes: Uint8Array): Record<string, unknown> {
  return (isJson(bytes) ? JSON.parse(Buffer.from(bytes).toString()) : packr.unpack(bytes)) as Record<
    string,
    unknown
  >;
}

function pack(like: Uint8Array, fields: object): Uint8Array {
  return isJson(like) ? encodeJson(fields) : packr.pack(fields);
}

describe('hostile bytes', () => {
  it('give a message or SC_MESSAGE_INVALID, 100,000 times over all decoders, within 20 MB of memory', () => {
    const random = new Random(5);
    const each = Math.ceil(100_000 / DECODERS.length);
    let refused = 0;
    const feed = (name: string, decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void => {
      try {
        decode(bytes);
      } catch (error) {
        refused++;
        assert.ok(
          error instanceof SeedcastError && error.code === 'SC_MESSAGE_INVALID',
          `${name}: ${String(error)} for ${Buffer.from(bytes.subarray(0, 200)).toString('hex')}`,
        );
      }
    };
    for (const [name, decode, sound] of DECODERS)
      for (let i = 0; i < 500; i++) feed(name, decode, hostile(random, sound));
    collect();
    const before = process.memoryUsage().heapUsed;
    for (const [name, decode, sound] of DECODERS)
      for (let i = 0; i < each; i++) feed(name, decode, hostile(random, sound));
    collect();
    const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(grown < 20, `${grown.toFixed(1)} MB`);
    assert.ok(refused > 50_000, `${refused} refused`);
  });

  it('nested ten thousand deep, huge by claim, or sound but of another version are refused by name', () => {
    const deep = Buffer.concat([
      Buffer.from([0x81, 0xa1, 0x76]),
      Buffer.alloc(10_000, 0x91),
      Buffer.from([0x01]),
    ]);
    const claims = Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]);
    for (const [name, decode, sound] of DECODERS) {
      const other = pack(sound, { ...fieldsOf(sound), v: 2 });
      const cases = name === 'control request' ? [deep, claims] : [deep, claims, other];
      for (const bytes of cases) assert.throws(() => decode(bytes), { code: 'SC_MESSAGE_INVALID' }, name);
    }
    assert.throws(
      () => planMessage.decode(packr.pack({ v: 2 })),
      /plan message is of version 2, this program speaks 1/,
    );
    assert.throws(
      () => assignMessage.decode(pack(parent, { ...fieldsOf(DECODERS[2]?.[2] ?? parent), step: -4 })),
      /assign message has step = -4, expected an integer in \[0, 4294967295\]/,
    );
  });
});

describe('a heartbeat', () => {
  it('may claim codes of 64 characters, a SHA-256, and no longer ones', () => {
    const whole = {
      ...heartbeat,
      host: 'h',
      pid: 1,
      version: '0',
      engine: 'reference',
      threads: 1,
      capacity: { jobs: 1, memoryBytes: 1 },
      jobs: {},
    };
    const claiming = (code: string): Uint8Array => encodeJson({ ...whole, objectives: { sphere: code } });
    const read = (bytes: Uint8Array) => decodeJson(heartbeatSchema, bytes, 'heartbeat').objectives['sphere'];
    assert.equal(read(claiming('c'.repeat(64))), 'c'.repeat(64));
    assert.throws(() => read(claiming('c'.repeat(65))), /objectives\.sphere/);
  });
});
