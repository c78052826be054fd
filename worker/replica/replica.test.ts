// A replica: the same ledger gives the same bits, from the start or from a snapshot.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { StepUpdate } from '../../shared/ledger/records.js';
import { exampleGenesis, exampleTensor } from '../../test/support/example-genesis.js';
import { Replica } from './replica.js';

const genesis = exampleGenesis({
  method: { optimizer: { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } },
  objective: {
    tensors: [exampleTensor('x', 5, 'float32'), exampleTensor('y', 3)],
    auxiliary: { length: 2, every: 1 },
  },
});
const layout = { members: 4, group: 2, repeats: 2, validation: 0 };

function updateOf(step: number): StepUpdate {
  return {
    coefficients: Int16Array.of(3 - step, 2 * step - 1),
    exponent: 0,
    scale: 1 / 48,
    rate: 0.1,
    auxiliary: Float64Array.of(1, step / 3),
  };
}

function at(steps: number): Replica {
  const replica = new Replica(genesis);
  replica.initialise();
  for (let step = 0; step < steps; step++) replica.apply(step, updateOf(step));
  return replica;
}

describe('a replica', () => {
  it('goes on from a snapshot of any step to the same bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }), (from, more) => {
        const late = new Replica(genesis);
        late.restore(from, at(from).snapshot(from).bytes);
        for (let step = from; step < from + more; step++) late.apply(step, updateOf(step));
        assert.equal(late.digest(from + more), at(from + more).digest(from + more));
      }),
      { numRuns: 40 },
    );
  });

  it('has as its digest the SHA-256 of its snapshot: parameters, moments, statistics', () => {
    const replica = at(3);
    const { bytes, sha256 } = replica.snapshot(3);
    // x, y and two moments of each in their types, and two sums.
    assert.equal(bytes.length, 3 * (5 * 4 + 3 * 8) + 2 * 8);
    assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'));
    assert.equal(replica.digest(3), sha256);
  });

  it('refuses a snapshot of another length by name', () => {
    assert.throws(() => at(0).restore(4, new Uint8Array(7)), { code: 'SC_LEDGER_CORRUPT' });
  });

  it('adds up the statistics of the steps', () => {
    assert.deepEqual([...at(4).memory.statistics(4)], [4, 0 / 3 + 1 / 3 + 2 / 3 + 3 / 3]);
  });

  it('gives both members of a pair one seed, and the centre and held-out units seeds of their own', () => {
    const replica = at(0);
    const seed = (unit: number, where = layout): number => replica.contextOf(0, where, unit).seed;
    assert.equal(seed(0), seed(1));
    assert.equal(seed(2), seed(3));
    const held = { members: 0, group: 1, repeats: 2, validation: 0 };
    const all = [seed(0), seed(2), seed(4), seed(5), seed(0, held), seed(1, held)];
    assert.equal(new Set(all).size, all.length);
    assert.deepEqual(
      [0, 4].map((unit) => replica.contextOf(0, layout, unit).point),
      ['member', 'centre'],
    );
    assert.equal(replica.contextOf(0, layout, 4).member, null);
    assert.equal(replica.contextOf(0, held, 1).point, 'held-out');
  });

  it('evaluates each part of the validation at the centre, with one seed at every step', () => {
    const replica = at(2);
    const validated = { ...layout, validation: 3 };
    const parts = [6, 7, 8].map((unit) => replica.contextOf(2, validated, unit));
    assert.deepEqual(
      parts.map(({ point, part, member }) => [point, part, member]),
      [0, 1, 2].map((index) => ['validation', { index, count: 3 }, null]),
    );
    const again = [2, 3, 4].map(
      (unit) => replica.contextOf(0, { members: 0, group: 1, repeats: 2, validation: 3 }, unit).seed,
    );
    assert.deepEqual(
      parts.map(({ seed }) => seed),
      again,
    );
    const others = [0, 1, 2, 3, 4, 5].map((unit) => replica.contextOf(2, validated, unit).seed);
    assert.equal(new Set([...again, ...others]).size, 3 + 4);
    const out = replica.allocate();
    replica.parametersOf(2, validated, 7, out);
    assert.deepEqual(out, replica.memory.parameters(2));
  });

  it('differs in its digest by any one flipped bit', () => {
    const replica = at(2);
    const before = replica.digest(2);
    const { bytes } = replica.snapshot(2);
    for (let bit = 0; bit < bytes.length * 8; bit += 37) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      replica.restore(2, flipped);
      assert.notEqual(replica.digest(2), before);
    }
  });
});
