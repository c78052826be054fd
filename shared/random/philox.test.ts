import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readVectors, word } from '../vectors/read.js';
import { philox4x32, philoxBlocks } from './philox.js';

interface Block {
  counter: [string, string, string, string];
  key: [string, string];
  output: string[];
  source: string;
}
const { blocks } = readVectors('philox') as { blocks: Block[] };

test('Philox4x32-10 gives the published known answers and those of a second implementation', () => {
  assert.ok(blocks.length >= 8);
  const out = new Uint32Array(4);
  for (const { counter, key, output } of blocks) {
    const [c0, c1, c2, c3] = counter.map(word) as [number, number, number, number];
    philox4x32(c0, c1, c2, c3, word(key[0]), word(key[1]), out);
    assert.deepEqual([...out], output.map(word));
  }
});

test('consecutive blocks are single blocks of consecutive counters, also across 2^32', () => {
  const many = new Uint32Array(4 * 5);
  philoxBlocks(0xfffffffe, 1, 2, 3, 4, 5, many, 5);
  const one = new Uint32Array(4);
  [0xfffffffe, 0xffffffff, 0, 1, 2].forEach((block, i) => {
    philox4x32(block, 1, 2, 3, 4, 5, one);
    assert.deepEqual(many.slice(4 * i, 4 * i + 4), one);
  });
});
