// The fold takes the first record whose parent is the head and skips everything else, whoever wrote it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { exampleGenesis } from '../../test/support/example-genesis.js';
import { decode, toHex } from '../wire/codec.js';
import { type Folded, type LedgerView, fold, viewAt } from './fold.js';
import {
  type ControlAction,
  type LedgerRecord,
  type StepFitness,
  decodeRecord,
  encodeRecord,
  recordHash,
} from './records.js';

const genesis = encodeRecord(exampleGenesis());
const fitness = { centre: 2, best: 1, mean: 3, deviation: 1, failed: 1, ties: 0, validation: null };
const update = { coefficients: Int16Array.of(1, -1), exponent: 0, scale: 1, rate: 1, auxiliary: null };

function stepRecord(
  step: number,
  parent: Uint8Array,
  epoch = 1,
  changes: Partial<StepFitness> = {},
): Uint8Array {
  return encodeRecord({
    kind: 'step',
    epoch,
    parent,
    step,
    update,
    fitness: { ...fitness, ...changes },
    evidence: null,
    digest: null,
  });
}

function control(action: ControlAction, parent: Uint8Array, epoch = 1): Uint8Array {
  return encodeRecord({ kind: 'control', epoch, parent, control: action });
}

function leader(epoch: number, parent: Uint8Array, holder = 'b'): Uint8Array {
  return encodeRecord({ kind: 'leader', epoch, parent, holder });
}

/** The view after all, and which records counted. */
function foldAll(records: readonly Uint8Array[]): { view: LedgerView; accepted: boolean[] } {
  let view: LedgerView | null = null;
  const accepted: boolean[] = [];
  for (const bytes of records) {
    const folded: Folded = fold(view, bytes, accepted.length + 1);
    view = folded.view;
    accepted.push(folded.accepted);
  }
  assert.ok(view !== null);
  return { view, accepted };
}

const h = recordHash;

describe('the fold of a ledger', () => {
  it('begins with a genesis record and with nothing else', () => {
    assert.equal(fold(null, stepRecord(0, h(genesis)), 1).accepted, false);
    const { view, accepted } = foldAll([genesis, genesis]);
    assert.deepEqual(accepted, [true, false]);
    assert.deepEqual(
      [view.steps, view.epoch, view.status, toHex(view.head)],
      [0, 1, 'running', toHex(h(genesis))],
    );
  });

  it('takes the first of two rivals and skips the second, and what is built on it', () => {
    const a = stepRecord(0, h(genesis), 1, { best: 1 });
    const b = stepRecord(0, h(genesis), 1, { best: 2 });
    const onA = stepRecord(1, h(a));
    const onB = stepRecord(1, h(b));
    assert.deepEqual(foldAll([genesis, a, b, onB, onA]).accepted, [true, true, false, false, true]);
    assert.deepEqual(foldAll([genesis, b, a, onB, onA]).accepted, [true, true, false, true, false]);
  });

  it('takes a record once, however often it is stored', () => {
    const a = stepRecord(0, h(genesis));
    assert.deepEqual(foldAll([genesis, a, a, a]).accepted, [true, true, false, false]);
  });

  it('fences a leader that was replaced: by parent, and by epoch even on the right parent', () => {
    const b = leader(2, h(genesis));
    assert.deepEqual(
      foldAll([genesis, b, stepRecord(0, h(genesis)), stepRecord(0, h(b), 1), stepRecord(0, h(b), 2)])
        .accepted,
      [true, true, false, false, true],
    );
  });

  it('wants the next epoch of a new leader, neither the same nor one further', () => {
    for (const epoch of [1, 3])
      assert.equal(foldAll([genesis, leader(epoch, h(genesis))]).accepted[1], false);
  });

  it('wants the next step, and none after the end until the job is extended', () => {
    const end = control(
      {
        action: 'end',
        status: 'succeeded',
        stoppedBy: 'steps',
        reason: null,
        centre: 1,
        validation: null,
        digest: null,
      },
      h(genesis),
    );
    const extend = control(
      {
        action: 'extend',
        stop: { steps: 9, evaluations: null, fitness: null, wallClock: null, plateau: null },
      },
      h(end),
    );
    assert.equal(foldAll([genesis, stepRecord(1, h(genesis))]).accepted[1], false);
    const { view, accepted } = foldAll([
      genesis,
      end,
      stepRecord(0, h(end)),
      control({ action: 'pause' }, h(end)),
      extend,
      stepRecord(0, h(extend)),
    ]);
    assert.deepEqual(accepted, [true, true, false, false, true, true]);
    assert.deepEqual([view.steps, view.status, view.end, view.stop.steps], [1, 'running', null, 9]);
  });

  it('counts members, failures and the best by the direction of the objective', () => {
    for (const [direction, best] of [
      ['minimize', 1],
      ['maximize', 5],
    ] as const) {
      const first = encodeRecord(exampleGenesis({ objective: { direction } }));
      const a = stepRecord(0, h(first), 1, { best: 5, centre: 7 });
      const b = stepRecord(1, h(a), 1, { best: 1, centre: null });
      const { view } = foldAll([first, a, b]);
      assert.deepEqual([view.evaluations, view.failed, view.best, view.lastCentre], [8, 2, best, 7]);
    }
  });

  it('skips bytes that are no record, and only remembers where they stand', () => {
    const { view, accepted } = foldAll([genesis, Uint8Array.of(1, 2, 3), stepRecord(0, h(genesis))]);
    assert.deepEqual(accepted, [true, false, true]);
    assert.equal(view.sequence, 3);
  });

  it('ends at the same head from any place of the chain, with any rubbish between its records', () => {
    const chain: Uint8Array[] = [genesis];
    const add = (make: (parent: Uint8Array) => Uint8Array): void =>
      void chain.push(make(h(chain.at(-1) ?? genesis)));
    add((p) => stepRecord(0, p));
    add((p) => leader(2, p));
    add((p) => stepRecord(1, p, 2));
    add((p) => control({ action: 'pause' }, p, 2));
    add((p) => control({ action: 'resume' }, p, 2));
    add((p) => stepRecord(2, p, 2));
    const expected = foldAll(chain).view;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(chain.length), fc.nat(chain.length - 1)), { maxLength: 12 }),
        fc.integer({ min: 0, max: chain.length - 1 }),
        (extras, from) => {
          // Rubbish: records of the chain again, after their place.
          const stored: { bytes: Uint8Array; own: number }[] = chain.map((bytes, own) => ({ bytes, own }));
          for (const [at, which] of extras)
            stored.splice(Math.max(at, stored.findIndex(({ own }) => own === which) + 1), 0, {
              bytes: chain[which] ?? genesis,
              own: -1,
            });
          const all = foldAll(stored.map(({ bytes }) => bytes)).view;
          assert.equal(toHex(all.head), toHex(expected.head));
          const start = foldAll(chain.slice(0, from + 1)).view;
          let late = viewAt(start.genesis, start);
          for (const { bytes } of stored.slice(stored.findIndex(({ own }) => own === from) + 1))
            late = fold(late, bytes, 99).view ?? late;
          assert.deepEqual(
            [toHex(late.head), late.steps, late.status, late.epoch],
            [toHex(expected.head), 3, 'running', 2],
          );
        },
      ),
    );
  });
});

describe('a record', () => {
  const parent = new Uint8Array(32).fill(3);
  const records: LedgerRecord[] = [
    exampleGenesis(),
    { kind: 'leader', epoch: 4, parent, holder: 'host-1' },
    {
      kind: 'step',
      epoch: 1,
      parent,
      step: 7,
      update: {
        ...update,
        coefficients: Int32Array.of(-(2 ** 23), 2 ** 23),
        auxiliary: Float64Array.of(NaN, -0, 1e-300),
      },
      fitness: { ...fitness, centre: null },
      evidence: parent,
      digest: 'f'.repeat(64),
    },
    { kind: 'control', epoch: 1, parent, control: { action: 'accept-code', code: 'b'.repeat(64) } },
    {
      kind: 'control',
      epoch: 1,
      parent,
      control: {
        action: 'end',
        status: 'failed',
        stoppedBy: 'failure',
        reason: 'step 3',
        centre: null,
        validation: null,
        digest: null,
      },
    },
  ];
  it('has no word of a validation where there is none, as before there were any', () => {
    for (const record of records) assert.equal('validation' in decode(encodeRecord(record), 'record'), false);
    const genesisText = new TextDecoder().decode(encodeRecord(exampleGenesis()));
    assert.doesNotMatch(genesisText, /validat/i);
    const step = decodeRecord(stepRecord(0, parent, 1, { validation: 0.75 }));
    assert.equal(step.kind === 'step' ? step.fitness.validation : null, 0.75);
  });

  it('reads back to bytes that hash the same', () => {
    for (const record of records) {
      // At an odd place of a larger buffer, as a client hands it over.
      const sent = encodeRecord(record);
      const buffer = Buffer.alloc(sent.length + 8);
      buffer.set(sent, 5);
      const folded = encodeRecord(decodeRecord(buffer.subarray(5, 5 + sent.length)));
      assert.equal(toHex(h(folded)), toHex(h(sent)), record.kind);
    }
  });
});
