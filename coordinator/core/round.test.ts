// A round's bookkeeping: a unit counts once, whoever answers first and however often; a failure counts only after a
// second worker failed too.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ResultMessage } from '../../shared/wire/messages.js';
import { Round } from './round.js';

const key = { epoch: 1, step: 0, phase: 0 as const, parent: new Uint8Array(32) };

function roundOf(members: number, repeats = 0, auxiliaryLength = 0): Round {
  return new Round(key, { members, group: 1, repeats, validation: 0 }, false, 0, auxiliaryLength);
}

function result(
  worker: string,
  from: number,
  values: readonly number[],
  changes: Partial<ResultMessage> = {},
): ResultMessage {
  const ranges: [number, number][] = [[from, from + values.length]];
  return {
    ...key,
    worker,
    ranges,
    scalars: Float64Array.from(values),
    failures: [],
    auxiliaryUnits: [],
    auxiliaries: new Float64Array(0),
    digest: null,
    busy: 1,
    ...changes,
  };
}

describe('a round', () => {
  it('counts a unit once, and keeps the first value', () => {
    const round = roundOf(3);
    assert.deepEqual(round.accept(result('a', 0, [1, 2])), { fresh: 2, duplicates: 0, retry: [] });
    assert.deepEqual(round.accept(result('b', 1, [2, 3])), { fresh: 1, duplicates: 1, retry: [] });
    assert.ok(round.complete);
    assert.deepEqual([...round.values], [1, 2, 3]);
  });

  it('ends with the same values in every order of results, with any of them twice', () => {
    const pieces = [result('a', 0, [1, 2]), result('b', 2, [3]), result('c', 3, [4, 5]), result('b', 5, [6])];
    const orders = fc.shuffledSubarray([...pieces, ...pieces], { minLength: 8 });
    fc.assert(
      fc.property(orders, (order) => {
        const round = roundOf(6);
        for (const piece of order) round.accept(piece);
        assert.ok(round.complete);
        assert.deepEqual([...round.values], [1, 2, 3, 4, 5, 6]);
      }),
    );
  });

  it('lets a unit fail only when two workers failed it; NaN and both infinities are failures', () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const round = roundOf(1);
      assert.deepEqual(round.accept(result('a', 0, [value])).retry, [0]);
      assert.deepEqual(round.accept(result('a', 0, [value])), { fresh: 0, duplicates: 0, retry: [] });
      assert.equal(round.complete, false);
      assert.equal(round.accept(result('b', 0, [value])).fresh, 1);
      assert.ok(round.isFailed(0));
      assert.equal(round.wordsOf(0), `returned ${value}`);
    }
  });

  it('takes the value of the second worker where the first failed', () => {
    const round = roundOf(2);
    round.accept(result('a', 0, [7, NaN], { failures: [[1, 'no memory']] }));
    assert.equal(round.wordsOf(1), 'no memory');
    assert.deepEqual(round.failedOnce(), [[1, 'a']]);
    assert.deepEqual(round.openOf([[0, 2]], 'a'), []);
    assert.deepEqual(round.openOf([[0, 2]], 'b'), [[1, 2]]);
    round.accept(result('b', 1, [9]));
    assert.deepEqual([...round.values], [7, 9]);
    assert.ok(round.complete && !round.isFailed(1));
  });

  it('belongs to one epoch, step, phase and parent', () => {
    const round = roundOf(1);
    assert.ok(round.matches({ ...key, parent: new Uint8Array(32) }));
    for (const other of [
      { epoch: 2 },
      { step: 1 },
      { phase: 1 as const },
      { parent: new Uint8Array(32).fill(1) },
    ])
      assert.ok(!round.matches({ ...key, ...other }));
  });

  it('adds statistics in member order, whatever came when', () => {
    // In member order 1 is lost in 1e16; in another the sum would be 1.
    const parts = [1e16, 1, -1e16].map((value, unit) =>
      result('a', unit, [0], { auxiliaryUnits: [unit], auxiliaries: Float64Array.of(value) }),
    );
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
      [0, 2, 1],
    ]) {
      const round = roundOf(3, 0, 1);
      for (const i of order) round.accept(parts[i] ?? result('a', 0, []));
      assert.deepEqual([...(round.foldAuxiliaries() ?? [])], [0]);
    }
  });

  it('ignores units outside it', () => {
    const round = roundOf(2);
    assert.deepEqual(round.accept(result('a', 1, [5, 6, 7])), { fresh: 1, duplicates: 0, retry: [] });
  });
});
