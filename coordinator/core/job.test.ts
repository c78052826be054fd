// The coordinator's core by its events and effects: one test a rule, and one a defect that simulated faults once found.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LedgerView, fold } from '../../shared/ledger/fold.js';
import { type LedgerRecord, decodeRecord, encodeRecord, recordHash } from '../../shared/ledger/records.js';
import { toHex } from '../../shared/wire/codec.js';
import type { ResultMessage, RoundMessage } from '../../shared/wire/messages.js';
import { type GenesisChanges, exampleGenesis } from '../../test/support/example-genesis.js';
import { JobCore, type JobCoreEffect, type JobCoreEvent } from './job.js';

/** A core with a ledger that takes what it commits, unless a test says otherwise. */
class Bench {
  readonly core: JobCore;
  readonly entries: { sequence: number; payload: Uint8Array }[] = [];
  now = 0;
  /** Number of the last read asked for. */
  read = 0;

  constructor(changes: GenesisChanges = {}, fresh = true) {
    const genesis = encodeRecord(exampleGenesis(changes));
    this.entries.push({ sequence: 1, payload: genesis });
    const folded = fold(null, genesis, 1);
    assert.ok(folded.accepted);
    this.core = new JobCore({ holder: 'a', fresh, elapsed: 0 }, folded.view, genesis, 0);
  }

  feed(event: JobCoreEvent, after = 1): JobCoreEffect[] {
    this.now += after;
    const effects = this.core.handle(event, this.now);
    for (const effect of effects) if (effect.type === 'read-ledger') this.read = effect.read;
    return effects;
  }

  /** Carries out stores and commits, as a ledger without faults does; returns what was left over. */
  settle(effects: readonly JobCoreEffect[]): JobCoreEffect[] {
    return effects.flatMap((effect): JobCoreEffect[] => {
      if (effect.type === 'store-evidence') return this.settle(this.feed({ type: 'evidence-stored' }));
      if (effect.type !== 'commit') return [effect];
      return this.settle(this.feed({ type: 'committed', sequence: this.write(effect.bytes) }));
    });
  }

  write(payload: Uint8Array): number {
    const sequence = (this.entries.at(-1)?.sequence ?? 0) + 1;
    this.entries.push({ sequence, payload });
    return sequence;
  }

  ledgerFrom(from: number): JobCoreEvent {
    return {
      type: 'ledger',
      read: this.read,
      entries: this.entries.filter(({ sequence }) => sequence >= from),
    };
  }

  view(): LedgerView {
    return this.core.view;
  }
}

function only<T extends JobCoreEffect['type']>(
  effects: readonly JobCoreEffect[],
  type: T,
): Extract<JobCoreEffect, { type: T }> {
  const found = effects.filter((e): e is Extract<JobCoreEffect, { type: T }> => e.type === type);
  assert.equal(found.length, 1, `one ${type} among ${effects.map((e) => e.type).join(', ')}`);
  const [first] = found;
  assert.ok(first !== undefined);
  return first;
}

function answer(
  { epoch, step, phase, parent }: RoundMessage,
  worker: string,
  from: number,
  values: readonly number[],
  changes: Partial<ResultMessage> = {},
): JobCoreEvent {
  const result: ResultMessage = {
    epoch,
    step,
    phase,
    parent,
    worker,
    ranges: values.length === 0 ? [] : [[from, from + values.length]],
    scalars: Float64Array.from(values),
    failures: [],
    auxiliaryUnits: [],
    auxiliaries: new Float64Array(0),
    digest: null,
    busy: 1,
    ...changes,
  };
  return { type: 'result', result };
}

const digest = 'd'.repeat(64);
const ready = (...workers: string[]): JobCoreEvent => ({ type: 'workers', ready: workers });
const kinds = (bench: Bench): string[] => bench.entries.map(({ payload }) => named(decodeRecord(payload)));
const named = (record: LedgerRecord): string =>
  record.kind === 'control' ? record.control.action : record.kind;

describe("a coordinator's core", () => {
  it('takes a job from its first round to its end', () => {
    const bench = new Bench();
    let round = only(bench.settle(bench.feed(ready('w'))), 'round').message;
    for (let step = 0; step < 3; step++) {
      assert.deepEqual([round.step, round.phase], [step, 0]);
      round = only(bench.settle(bench.feed(answer(round, 'w', 0, [1, 2, 3, 4, 5]))), 'round').message;
    }
    assert.equal(round.phase, 1);
    const left = bench.settle(bench.feed(answer(round, 'w', 0, [0.5], { digest })));
    assert.ok(left.some((e) => e.type === 'ended'));
    assert.deepEqual(kinds(bench), ['genesis', 'step', 'step', 'step', 'end']);
    const { end, evaluations } = bench.view();
    assert.deepEqual(end, {
      status: 'succeeded',
      stoppedBy: 'steps',
      reason: null,
      centre: 0.5,
      validation: null,
      digest,
    });
    // Four members a step; the centre does not count.
    assert.equal(evaluations, 12);
  });

  it('asks for the validation when it is due, apart from the centre, and once more at the end', () => {
    const bench = new Bench({
      spec: { evaluation: { every: 1, repeats: 1, final: 1, validateEvery: 2 } },
      objective: { validation: { metric: 'accuracy', direction: 'maximize', parts: 3 } },
    });
    let { message } = only(bench.settle(bench.feed(ready('w'))), 'round');
    const due: number[] = [];
    for (let step = 0; step < 3; step++) {
      due.push(message.validation);
      // The last of three parts fails at step 2: a mean of the other two would be of something else.
      const parts = [0.25, 0.5, step === 2 ? Number.NaN : 1].slice(0, message.validation);
      const left = bench.settle(bench.feed(answer(message, 'w', 0, [1, 2, 3, 4, 9, ...parts])));
      message = only(left, 'round').message;
    }
    assert.deepEqual([...due, message.validation], [3, 0, 3, 3]);
    const steps = bench.entries.flatMap(({ payload }) => {
      const record = decodeRecord(payload);
      return record.kind === 'step' ? [record.fitness] : [];
    });
    assert.deepEqual(
      steps.map(({ centre, validation }) => [centre, validation]),
      [
        [9, (0.25 + 0.5 + 1) / 3],
        [9, null],
        [9, null],
      ],
    );
    assert.deepEqual(bench.view().lastValidation, { value: (0.25 + 0.5 + 1) / 3, step: 0 });
    bench.settle(bench.feed(answer(message, 'w', 0, [0.5, 1, 0.5, 0.75], { digest })));
    assert.equal(bench.view().end?.centre, 0.5);
    assert.equal(bench.view().end?.validation, 0.75);
    assert.equal(bench.view().evaluations, 12);
  });

  it('makes the same record of the same values in any order of arrival', () => {
    const orders = [
      [0, 1, 2, 3, 4],
      [4, 2, 0, 3, 1],
      [3, 3, 1, 4, 0, 2],
    ];
    const records = orders.map((order) => {
      const bench = new Bench();
      const { message } = only(bench.feed(ready('w')), 'round');
      const effects = order.flatMap((unit) =>
        bench.feed(answer(message, unit % 2 === 0 ? 'w' : 'v', unit, [unit ** 2])),
      );
      return only(
        bench.feed({ type: 'evidence-stored' }).concat(effects.filter((e) => e.type === 'commit')),
        'commit',
      ).bytes;
    });
    assert.deepEqual(records[1], records[0]);
    assert.deepEqual(records[2], records[0]);
  });

  it('writes a leader record before anything else when it takes over', () => {
    const bench = new Bench({}, false);
    const { bytes, expected } = only(bench.feed({ type: 'tick' }), 'commit');
    const record = decodeRecord(bytes);
    assert.ok(record.kind === 'leader');
    assert.deepEqual([record.epoch, record.holder, toHex(record.parent)], [2, 'a', toHex(bench.view().head)]);
    assert.equal(expected, 1);
  });

  it('commits a step only after its evidence is stored', () => {
    const bench = new Bench();
    const { message } = only(bench.feed(ready('w')), 'round');
    const stored = bench.feed(answer(message, 'w', 0, [1, 2, 3, 4, 5]));
    assert.deepEqual(
      stored.map((e) => e.type),
      ['store-evidence'],
    );
    assert.deepEqual(bench.feed({ type: 'tick' }), []);
    const record = decodeRecord(only(bench.feed({ type: 'evidence-stored' }), 'commit').bytes);
    assert.ok(record.kind === 'step' && record.evidence !== null);
    assert.equal(toHex(record.evidence), toHex(recordHash(only(stored, 'store-evidence').payload)));
  });

  const committing = (): { bench: Bench; bytes: Uint8Array } => {
    const bench = new Bench();
    const { message } = only(bench.feed(ready('w')), 'round');
    bench.feed(answer(message, 'w', 0, [1, 2, 3, 4, 5]));
    return { bench, bytes: only(bench.feed({ type: 'evidence-stored' }), 'commit').bytes };
  };

  it('reads the ledger after a commit of unknown outcome: landed, it goes on; not there, it tries the same bytes', () => {
    const landed = committing();
    landed.bench.write(landed.bytes);
    const { from } = only(landed.bench.feed({ type: 'commit-unknown' }), 'read-ledger');
    assert.equal(only(landed.bench.feed(landed.bench.ledgerFrom(from)), 'round').message.step, 1);
    const lost = committing();
    only(lost.bench.feed({ type: 'commit-unknown' }), 'read-ledger');
    assert.deepEqual(only(lost.bench.feed(lost.bench.ledgerFrom(from)), 'commit').bytes, lost.bytes);
  });

  const rival = encodeRecord({
    kind: 'leader',
    epoch: 2,
    parent: recordHash(encodeRecord(exampleGenesis())),
    holder: 'b',
  });

  it('does not take its record for the head when a rival was accepted just before it', () => {
    const { bench, bytes } = committing();
    bench.write(rival);
    const sequence = bench.write(bytes);
    const { from } = only(bench.feed({ type: 'committed', sequence }), 'read-ledger');
    assert.equal(bench.view().steps, 0);
    assert.deepEqual(bench.feed(bench.ledgerFrom(from)), [{ type: 'deposed' }]);
  });

  it('fails the job with the reason when the fold refuses what it wrote itself, instead of writing it again', () => {
    // Two finite statistics whose sum is not: no replica could fold it, so no ledger takes the step.
    const overflow = new Bench({ objective: { auxiliary: { length: 1, every: 1 } } });
    const { message } = only(overflow.feed(ready('w')), 'round');
    const auxiliaries = Float64Array.of(1e308, 1e308);
    overflow.feed(answer(message, 'w', 0, [1, 2, 3, 4, 5], { auxiliaryUnits: [0, 1], auxiliaries }));
    // Words that are longer than a record's reason may be.
    const wordy = new Bench({ spec: { onFailure: 'fail' } });
    const failing = only(wordy.feed(ready('w')), 'round').message;
    const failures: ResultMessage['failures'] = [[0, 'x'.repeat(5000)]];
    const effects = wordy.feed(answer(failing, 'w', 0, [0, 2, 3, 4, 5], { failures }));
    const commits = [
      [overflow, only(overflow.feed({ type: 'evidence-stored' }), 'commit'), /statistics/],
      [wordy, only(effects, 'commit'), /reason/],
    ] as const;
    for (const [bench, commit, words] of commits) {
      const { from } = only(
        bench.feed({ type: 'committed', sequence: bench.write(commit.bytes) }),
        'read-ledger',
      );
      const left = bench.settle(bench.feed(bench.ledgerFrom(from)));
      assert.ok(left.some(({ type }) => type === 'ended'));
      const { end } = bench.view();
      assert.equal(end?.status, 'failed');
      assert.match(end.reason ?? '', /^the ledger does not accept the job's own record: /);
      assert.match(end.reason ?? '', words);
    }
  });

  it('ends a job whose last record is refused with nothing of what that held', () => {
    const bench = new Bench({
      spec: { stop: { steps: 1, evaluations: null, fitness: null, wallClock: null, plateau: null } },
      objective: { validation: { metric: 'accuracy', direction: 'maximize', parts: 1 } },
    });
    let round = only(bench.settle(bench.feed(ready('w'))), 'round').message;
    round = only(bench.settle(bench.feed(answer(round, 'w', 0, [1, 2, 3, 4, 5, 0.5]))), 'round').message;
    assert.equal(round.phase, 1);
    // A character more than a digest has.
    const refused = answer(round, 'w', 0, [0.25, 0.75], { digest: 'd'.repeat(65) });
    const commit = only(bench.feed(refused), 'commit');
    const { from } = only(
      bench.feed({ type: 'committed', sequence: bench.write(commit.bytes) }),
      'read-ledger',
    );
    bench.settle(bench.feed(bench.ledgerFrom(from)));
    const { end } = bench.view();
    assert.equal(end?.status, 'failed');
    assert.deepEqual([end.centre, end.validation, end.digest], [null, null, null]);
  });

  it('does not measure the speed of a worker that has gone by a result that comes late', () => {
    const bench = new Bench({ method: { population: 64 } });
    const values = (units: number): number[] => Array.from({ length: units }, (_, i) => i);
    let { message } = only(bench.feed(ready('v', 'w')), 'round');
    bench.feed(ready('w'));
    // A tenth of a millisecond for all: a thousand times as fast as the one that stays.
    bench.feed(answer(message, 'v', 0, values(32), { busy: 0.1 }));
    const effects = bench.settle(bench.feed(answer(message, 'w', 32, values(33), { busy: 100 })));
    ({ message } = only(effects, 'round'));
    bench.feed(ready('w', 'x'));
    // A new worker counts as the mean of those measured: as fast as the only one there is, so that they share alike.
    bench.settle(bench.feed(answer(message, 'w', 0, values(65), { busy: 200 })));
    const { workers, shares } = bench.core.plan;
    assert.deepEqual(workers, ['w', 'x']);
    assert.equal(shares[0], (shares[1] ?? 0) / 2);
  });

  it('is not deposed by a read of the ledger that was overtaken', () => {
    const bench = new Bench();
    let { message } = only(bench.feed(ready('w')), 'round');
    // A look at the ledger while the workers are silent, whose answer takes long.
    const { from } = only(bench.feed({ type: 'tick' }, 4000), 'read-ledger');
    const slow = bench.ledgerFrom(from);
    ({ message } = only(bench.settle(bench.feed(answer(message, 'w', 0, [1, 2, 3, 4, 5]))), 'round'));
    bench.feed(answer(message, 'w', 0, [1, 2, 3, 4, 5]));
    bench.write(only(bench.feed({ type: 'evidence-stored' }), 'commit').bytes);
    const late = only(bench.feed({ type: 'commit-unknown' }), 'read-ledger');
    assert.deepEqual(bench.feed(slow), []);
    assert.equal(only(bench.feed(bench.ledgerFrom(late.from)), 'round').message.step, 2);
  });

  it('finds out that it was replaced while its workers are silent, and while the job is paused', () => {
    const silent = new Bench();
    silent.feed(ready('w'));
    const paused = new Bench();
    paused.settle(paused.feed({ type: 'control', request: { action: 'pause' } }));
    for (const bench of [silent, paused]) {
      const { epoch, head: parent } = bench.view();
      bench.write(encodeRecord({ kind: 'leader', epoch: epoch + 1, parent, holder: 'b' }));
      const { from } = only(bench.feed({ type: 'tick' }, 4000), 'read-ledger');
      assert.deepEqual(bench.feed(bench.ledgerFrom(from)), [{ type: 'deposed' }]);
    }
  });

  it('tells the only worker again what it owes when it says nothing', () => {
    const bench = new Bench();
    bench.feed(ready('w'));
    const { worker, ranges } = only(bench.feed({ type: 'tick' }, 2500), 'assign');
    assert.deepEqual([worker, ranges], ['w', [[0, 5]]]);
  });

  it('asks another worker for a failed unit, and hands it to no worker that failed it', () => {
    const bench = new Bench();
    const { message } = only(bench.feed(ready('v', 'w')), 'round');
    const effects = bench.feed(answer(message, 'v', 0, [NaN], { failures: [[0, 'no']] }));
    const assigned = effects.filter((e) => e.type === 'assign');
    assert.ok(
      assigned.some(({ worker, ranges }) => worker === 'w' && ranges.some(([a, b]) => a === 0 && b === 1)),
    );
    for (let i = 0; i < 40; i++) {
      for (const effect of bench.feed({ type: 'tick' }, 1000)) {
        if (effect.type === 'assign' && effect.worker === 'v')
          assert.ok(!effect.ranges.some(([a]) => a === 0));
      }
    }
  });

  it('commits a doubled pause once, and a pause with a resume behind it in this order', () => {
    for (const actions of [
      ['pause', 'pause'],
      ['pause', 'pause', 'resume', 'resume'],
    ] as const) {
      const bench = new Bench();
      const first = bench.feed({ type: 'control', request: { action: 'pause' } });
      const rest = actions.slice(1).flatMap((action) => bench.feed({ type: 'control', request: { action } }));
      bench.settle([...first, ...rest]);
      assert.deepEqual(kinds(bench), ['genesis', ...new Set(actions)]);
    }
  });

  it('extends a job that ended with a pause still waiting', () => {
    const bench = new Bench();
    const end = bench.feed({ type: 'control', request: { action: 'cancel' } });
    bench.feed({ type: 'control', request: { action: 'pause' } });
    bench.settle(end);
    assert.equal(bench.view().end?.status, 'cancelled');
    const stop = { steps: 9, evaluations: null, fitness: null, wallClock: null, plateau: null };
    bench.settle(bench.feed({ type: 'control', request: { action: 'extend', stop } }));
    assert.deepEqual([bench.view().status, bench.view().stop.steps], ['running', 9]);
  });

  it('sends replicas whose digests differ to rebuild, tells them again, and listens to none before', () => {
    const bench = new Bench({
      spec: { stop: { steps: 1, evaluations: null, fitness: null, wallClock: null, plateau: null } },
    });
    const first = only(bench.feed(ready('v', 'w')), 'round').message;
    const { message } = only(bench.settle(bench.feed(answer(first, 'v', 0, [1, 2, 3, 4, 5]))), 'round');
    bench.feed(answer(message, 'v', 0, [1], { digest }));
    const effects = bench.feed(answer(message, 'w', 0, [], { digest: 'e'.repeat(64) }));
    assert.deepEqual(only(effects, 'rebuild').workers, ['v', 'w']);
    assert.deepEqual(bench.feed(ready('v', 'w')), [], 'an old heartbeat changes nothing');
    assert.deepEqual(only(bench.feed({ type: 'tick' }, 4000), 'rebuild').workers, ['v', 'w']);
    assert.deepEqual(bench.feed(ready()), []);
    assert.equal(only(bench.feed(ready('v')), 'round').message.phase, 1);
  });

  it('waits while the store is full, and then stores the same record', () => {
    const { bench, bytes } = committing();
    assert.equal(only(bench.feed({ type: 'store-full', message: 'no space' }), 'event').event, 'store-full');
    assert.match(bench.core.status.waiting ?? '', /no space/);
    const { from } = only(bench.feed({ type: 'tick' }, 2000), 'read-ledger');
    assert.deepEqual(only(bench.feed(bench.ledgerFrom(from)), 'commit').bytes, bytes);
  });

  it('fails the job when no member has a value, with the words of the objective', () => {
    const bench = new Bench();
    const { message } = only(bench.feed(ready('w')), 'round');
    const failures = [0, 1, 2, 3].map((unit): [number, string] => [unit, 'singular matrix']);
    bench.settle(bench.feed(answer(message, 'w', 0, [NaN, NaN, NaN, NaN, 1], { failures })));
    assert.equal(bench.view().end?.status, 'failed');
    assert.match(
      bench.view().end?.reason ?? '',
      /step 0: no member has a finite value; member 0: singular matrix/,
    );
  });
});
