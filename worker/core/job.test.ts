// The worker's core by its events and effects: it follows the ledger, evaluates only at the parent of the round, and
// says again what may have been lost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fold } from '../../shared/ledger/fold.js';
import { encodeRecord, recordHash } from '../../shared/ledger/records.js';
import type { PlanMessage, RoundMessage } from '../../shared/wire/messages.js';
import { exampleGenesis } from '../../test/support/example-genesis.js';
import { WorkerJobCore, type WorkerJobEffect } from './job.js';

const genesis = encodeRecord(exampleGenesis());
const update = { coefficients: Int16Array.of(1, -1), exponent: 0, scale: 1, rate: 1, auxiliary: null };
const fitness = { centre: 2, best: 1, mean: 3, deviation: 1, failed: 0, ties: 0, validation: null };

function stepRecord(step: number, parent: Uint8Array, epoch = 1): Uint8Array {
  const base = { kind: 'step' as const, epoch, parent, step, update, fitness };
  return encodeRecord({ ...base, evidence: null, digest: null });
}
/** The record a replica stands at is read again: its ledger may have lost it. */
const origin = { sequence: 1, payload: genesis };
const first = stepRecord(0, recordHash(genesis));
const second = stepRecord(1, recordHash(first));

function round(step: number, record: Uint8Array, changes: Partial<RoundMessage> = {}): RoundMessage {
  return {
    epoch: 1,
    step,
    phase: 0,
    parent: recordHash(record),
    plan: 1,
    sequence: step + 1,
    record,
    repeats: 1,
    validation: 0,
    digest: false,
    ...changes,
  };
}

const plan: PlanMessage = { epoch: 1, version: 1, workers: ['v', 'w'], shares: [26214, 65536] };

/** A worker that has loaded step 0 and reads `entries` behind the genesis. */
function started(entries: readonly Uint8Array[] = []): WorkerJobCore {
  const core = new WorkerJobCore('w');
  assert.deepEqual(core.open(0), [{ type: 'load', verified: false }]);
  const folded = fold(null, genesis, 1);
  assert.ok(folded.accepted);
  assert.deepEqual(core.handle({ type: 'loaded', view: folded.view }, 1), [{ type: 'fetch', from: 1 }]);
  const list = entries.map((payload, i) => ({ sequence: i + 2, payload }));
  core.handle({ type: 'ledger', entries: [origin, ...list], last: true }, 2);
  core.handle({ type: 'applied', step: entries.length }, 3);
  core.handle({ type: 'plan', message: plan }, 4);
  return core;
}

const types = (effects: readonly WorkerJobEffect[]): string[] => effects.map(({ type }) => type);
const evaluated = (effects: readonly WorkerJobEffect[]): unknown =>
  effects.flatMap((e) => (e.type === 'evaluate' ? [[e.key.step, e.ranges]] : []));

function batch(ranges: readonly (readonly [number, number])[]) {
  const count = ranges.reduce((sum, [a, b]) => sum + b - a, 0);
  const empty = { failures: [], auxiliaryUnits: [], auxiliaries: new Float64Array(0) };
  return { ranges, scalars: new Float64Array(count), busy: 1, ...empty };
}

describe("a worker's core", () => {
  it('is ready only once its replica stands where the ledger does', () => {
    const core = new WorkerJobCore('w');
    core.open(0);
    const folded = fold(null, genesis, 1);
    assert.ok(folded.accepted);
    core.handle({ type: 'loaded', view: folded.view }, 1);
    const entries = [{ sequence: 2, payload: first }];
    assert.deepEqual(types(core.handle({ type: 'ledger', entries: [origin, ...entries], last: true }, 2)), [
      'apply',
    ]);
    assert.equal(core.head.ready, false);
    assert.deepEqual(core.handle({ type: 'applied', step: 1 }, 3), [{ type: 'ready', ready: true }]);
  });

  it('evaluates its own slice of the plan', () => {
    assert.deepEqual(evaluated(started().handle({ type: 'round', message: round(0, genesis) }, 5)), [
      [0, [[2, 5]]],
    ]);
  });

  it('moves on by the record that a round carries, and applies before it evaluates', () => {
    const effects = started().handle({ type: 'round', message: round(1, first) }, 5);
    assert.deepEqual(types(effects), ['apply', 'evaluate']);
  });

  it('reads the ledger when it is two records behind, and evaluates after that', () => {
    const core = started();
    assert.deepEqual(core.handle({ type: 'round', message: round(2, second) }, 5), [
      { type: 'fetch', from: 1 },
    ]);
    const entries = [first, second].map((payload, i) => ({ sequence: i + 2, payload }));
    const effects = core.handle({ type: 'ledger', entries: [origin, ...entries], last: true }, 6);
    assert.deepEqual([types(effects), evaluated(effects)], [['apply', 'evaluate'], [[2, [[2, 5]]]]]);
  });

  it('never evaluates at a parent that its ledger does not lead to', () => {
    const core = started();
    const elsewhere = stepRecord(0, recordHash(Uint8Array.of(1)));
    assert.deepEqual(types(core.handle({ type: 'round', message: round(1, elsewhere) }, 5)), ['fetch']);
    assert.deepEqual(core.handle({ type: 'ledger', entries: [origin], last: true }, 6), []);
  });

  it('builds its replica again when its ledger no longer holds the record it stands at', () => {
    const lost = [[], [{ sequence: 1, payload: first }], [{ sequence: 2, payload: first }]];
    for (const entries of lost) {
      const core = started();
      core.handle({ type: 'round', message: round(2, second) }, 5);
      const effects = core.handle({ type: 'ledger', entries, last: true }, 6);
      assert.deepEqual(types(effects), ['ready', 'load']);
    }
  });

  it('looks whether its ledger holds its record when a leader says an earlier step', () => {
    const core = started([first, second]);
    const effects = core.handle({ type: 'round', message: round(0, genesis, { epoch: 2 }) }, 5);
    assert.deepEqual(effects, [{ type: 'fetch', from: 3 }]);
    assert.deepEqual(types(core.handle({ type: 'ledger', entries: [], last: true }, 6)), ['ready', 'load']);
  });

  it('lets a late round not take the place of a newer one that waits for the ledger', () => {
    const core = started();
    core.handle({ type: 'round', message: round(2, second) }, 5);
    core.handle({ type: 'round', message: round(0, stepRecord(0, recordHash(first))) }, 6);
    const entries = [first, second].map((payload, i) => ({ sequence: i + 2, payload }));
    assert.deepEqual(
      evaluated(core.handle({ type: 'ledger', entries: [origin, ...entries], last: true }, 7)),
      [[2, [[2, 5]]]],
    );
  });

  it('says its results again when the round is said again, and evaluates nothing twice', () => {
    const core = started();
    const message = round(0, genesis);
    core.handle({ type: 'round', message }, 5);
    const said = core.handle({ type: 'evaluated', generation: 1, batch: batch([[2, 5]]) }, 9);
    assert.deepEqual(types(said), ['result']);
    assert.deepEqual(core.handle({ type: 'round', message }, 20), said);
    assert.deepEqual(core.handle({ type: 'assign', message: { ...message, ranges: [[4, 5]] } }, 30), said);
  });

  it('evaluates what it is assigned beyond its slice, once', () => {
    const core = started();
    const message = round(0, genesis);
    core.handle({ type: 'round', message }, 5);
    const assign = { type: 'assign', message: { ...message, ranges: [[0, 3]] } } as const;
    assert.deepEqual(evaluated(core.handle(assign, 6)), [[0, [[0, 2]]]]);
    assert.deepEqual(core.handle(assign, 7), []);
  });

  it('keeps an assignment for a round it has not heard of, and asks', () => {
    const core = started();
    const message = round(0, genesis);
    const assign = { type: 'assign', message: { ...message, ranges: [[0, 1]] } } as const;
    assert.deepEqual(types(core.handle(assign, 5)), ['ask']);
    assert.deepEqual(evaluated(core.handle({ type: 'round', message }, 6)), [
      [0, [[2, 5]]],
      [0, [[0, 1]]],
    ]);
  });

  it('asks once for a plan that nobody gives it, however often the round is said again', () => {
    const core = started();
    core.handle({ type: 'plan', message: { ...plan, epoch: 2 } }, 5);
    const message = round(0, genesis, { plan: 3 });
    const effects = Array.from({ length: 20 }, (_, i) =>
      core.handle({ type: 'round', message }, 300 + i),
    ).flat();
    assert.deepEqual(effects, [{ type: 'ask' }]);
  });

  it('forgets a round that the ledger has left behind, so that silence makes it ask', () => {
    const core = started();
    core.handle({ type: 'round', message: round(0, genesis) }, 5);
    core.handle({ type: 'round', message: round(2, second) }, 6);
    // The ledger seems to end one record early: the host gave its evaluations up, and no round is left.
    core.handle({ type: 'ledger', entries: [origin, { sequence: 2, payload: first }], last: true }, 7);
    assert.equal(core.busy, false);
    assert.deepEqual(core.handle({ type: 'tick' }, 5000), [{ type: 'ask' }]);
  });

  it('drops what it evaluated for a round that is over', () => {
    const core = started();
    core.handle({ type: 'round', message: round(0, genesis) }, 5);
    core.handle({ type: 'round', message: round(1, first) }, 6);
    assert.deepEqual(core.handle({ type: 'evaluated', generation: 1, batch: batch([[2, 5]]) }, 7), []);
  });

  it('reports the digest of the state that a round asks for, in the order of its host', () => {
    const core = started();
    const effects = core.handle({ type: 'round', message: round(1, first, { digest: true }) }, 5);
    assert.deepEqual(types(effects), ['apply', 'digest', 'evaluate']);
    const [result] = core.handle({ type: 'digested', step: 1, digest: 'd'.repeat(64) }, 6);
    assert.ok(result?.type === 'result' && result.message.digest === 'd'.repeat(64));
  });

  it('is not ready while it rebuilds, and loads again', () => {
    const core = started();
    assert.deepEqual(core.handle({ type: 'rebuild' }, 5), [
      { type: 'ready', ready: false },
      { type: 'load', verified: true },
    ]);
    assert.deepEqual(core.handle({ type: 'round', message: round(0, genesis) }, 6), []);
  });
});
