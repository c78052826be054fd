// The baselines against entropies that are known.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Draws } from '../../worker/objectives/draws.js';
import { baselines, bigramModel, unigramModel } from './language-baselines.js';

describe('the baselines of a text', () => {
  it('are probabilities', () => {
    const bytes = Buffer.from('the whale, the sea, the ship');
    const unigram = unigramModel(bytes);
    const bigram = bigramModel(bytes, unigram);
    const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs(total(unigram) - 1) < 1e-12);
    for (let before = 0; before < 256; before++)
      assert.ok(Math.abs(total(bigram.subarray(256 * before, 256 * before + 256)) - 1) < 1e-12);
  });

  it('reach the entropy of a Markov chain: log2 of 4 bytes, and of the 2 that may follow each', () => {
    const draws = new Draws(1, 0);
    let state = 0;
    const bytes = Uint8Array.from({ length: 200_000 }, () => {
      state = (state + 1 + (draws.word() % 2)) % 4;
      return 97 + state;
    });
    const found = baselines(bytes, 150_000);
    assert.ok(Math.abs(found.unigram - 2) < 0.01, `${found.unigram}`);
    assert.ok(Math.abs(found.bigram - 1) < 0.01, `${found.bigram}`);
    assert.ok(found.gzip > 1 && found.gzip < 2, `${found.gzip}`);
  });

  it('need log2 (n + 256) bits for a byte that n bytes did not have', () => {
    const bytes = Uint8Array.from([...new Array<number>(744).fill(97), 97, 98]);
    assert.equal(baselines(bytes, 744).unigram, Math.log2(1000));
  });
});
