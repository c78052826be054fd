import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatOfBits, readVectors } from '../vectors/read.js';
import { createStateDigest, stateDigest, type NumberArray } from './digest.js';

interface Case {
  arrays: { type: 'float32' | 'float64' | 'int32'; values: string[] | number[] }[];
  sha256: string;
}
const { cases } = readVectors('digests') as { cases: Case[] };

function arrayOf({ type, values }: Case['arrays'][number]): NumberArray {
  const numbers = values.map((value) => (typeof value === 'string' ? floatOfBits(value) : value));
  if (type === 'int32') return Int32Array.from(numbers);
  return type === 'float32' ? Float32Array.from(numbers) : Float64Array.from(numbers);
}

test('digests agree with an independent SHA-256 of the little-endian bytes', () => {
  for (const { arrays, sha256 } of cases) {
    const named = arrays.map((array, i) => ({ name: `array ${i}`, array: arrayOf(array) }));
    assert.equal(stateDigest(named), sha256);
    const pieces = createStateDigest();
    for (const { array } of named) pieces.add(array.subarray(0, 1)).add(array.subarray(1));
    assert.equal(pieces.finish(), sha256);
  }
});

test('views, shared memory and names make no difference, one bit does', () => {
  const shared = new Float32Array(new SharedArrayBuffer(16));
  shared.set([9, 1, 2, 9]);
  const view = shared.subarray(1, 3);
  const digest = stateDigest([{ name: 'a', array: Float32Array.of(1, 2) }]);
  assert.equal(stateDigest([{ name: 'b', array: view }]), digest);
  shared[2] = 2.000000238418579;
  assert.notEqual(stateDigest([{ name: 'b', array: view }]), digest);
  assert.notEqual(
    stateDigest([{ name: 'z', array: Float32Array.of(0) }]),
    stateDigest([{ name: 'z', array: Float32Array.of(-0) }]),
  );
});

test('an array longer than one update hashes like its pieces', () => {
  const long = new Uint8Array((1 << 26) + 5).fill(7);
  const pieces = createStateDigest();
  for (let at = 0; at < long.length; at += 9999991) pieces.add(long.subarray(at, at + 9999991));
  assert.equal(stateDigest([{ name: 'long', array: long }]), pieces.finish());
});
