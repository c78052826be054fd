// The time that a job runs, which `stop.wallClock` and the result's wallSeconds count: pauses, the time after an end and the
// time without a leader do not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryHub } from '../../shared/bus/memory.js';
import { parseJob } from '../../shared/job/parse.js';
import { fold } from '../../shared/ledger/fold.js';
import { type GenesisRecord, NO_PARENT, encodeRecord, recordHash } from '../../shared/ledger/records.js';
import { LedgerStore } from '../../shared/ledger/store.js';
import { names } from '../../shared/wire/subjects.js';
import { JobCore, type JobCoreEffect, type JobCoreEvent } from './job.js';

const { name, spec } = parseJob({
  apiVersion: 'seedcast/v1',
  kind: 'Job',
  metadata: { name: 'timed' },
  spec: {
    seed: 1,
    method: { name: 'es', population: 2, sigma: 1 },
    objective: { name: 'any' },
    stop: { steps: 5 },
  },
});
const GENESIS: GenesisRecord = {
  kind: 'genesis',
  epoch: 1,
  parent: NO_PARENT,
  name,
  spec,
  objective: {
    name: 'any',
    direction: 'minimize',
    options: {},
    tensors: [],
    auxiliary: null,
    seeds: 'per-direction',
    code: '',
  },
  init: null,
  method: { name: 'es', version: 1 },
};

void describe('the time that a job runs', () => {
  void it('stands still while it is paused and after it has ended', () => {
    const bytes = encodeRecord(GENESIS);
    const { view } = fold(null, bytes, 1);
    assert.ok(view !== null);
    const core = new JobCore({ holder: 'h', fresh: true, elapsed: 500 }, view, bytes, 1000);
    let sequence = 1;
    /** Commits at once what the core wants committed. */
    const tell = (event: JobCoreEvent, now: number): void => {
      const commits = (effects: readonly JobCoreEffect[]): boolean =>
        effects.some(({ type }) => type === 'commit');
      let effects = core.handle(event, now);
      while (commits(effects)) effects = core.handle({ type: 'committed', sequence: ++sequence }, now);
    };
    tell({ type: 'tick' }, 1000);
    assert.equal(core.elapsed(1300), 800);
    tell({ type: 'control', request: { action: 'pause' } }, 2000);
    assert.deepEqual([core.view.status, core.elapsed(2000), core.elapsed(9000)], ['paused', 1500, 1500]);
    tell({ type: 'control', request: { action: 'resume' } }, 10_000);
    assert.deepEqual([core.view.status, core.elapsed(10_250)], ['running', 1750]);
    tell({ type: 'control', request: { action: 'stop' } }, 10_500);
    assert.deepEqual([core.view.status, core.elapsed(99_000)], ['ended', 2000]);
  });

  void it('is read from the times of the records, without the wait for a new leader', async () => {
    let wall = 0;
    const hub = new MemoryHub({ clock: { now: () => wall, wall: () => wall, after: () => () => undefined } });
    const bus = hub.connect();
    const all = names();
    await bus.streams.ensure({
      name: all.streams.ledger,
      subjects: [all.all.ledger],
      maxAge: 0,
      maxBytes: -1,
      replicas: 1,
    });
    const { ledger } = all.job('j');
    let parent: Uint8Array = NO_PARENT;
    const append = async (at: number, record: object): Promise<void> => {
      wall = at;
      const bytes = encodeRecord({ epoch: 1, ...record, parent } as GenesisRecord);
      parent = recordHash(bytes);
      await bus.streams.append(ledger, bytes);
    };
    await append(1000, GENESIS);
    await append(1700, { kind: 'control', control: { action: 'pause' } });
    await append(5000, { kind: 'control', control: { action: 'resume' } });
    await append(5200, { kind: 'control', control: { action: 'accept-code', code: 'c' } });
    // Nobody leads for a day.
    await append(90_000_000, { kind: 'leader', epoch: 2, holder: 'heir' });
    await append(90_000_040, { kind: 'control', epoch: 2, control: { action: 'accept-code', code: 'd' } });
    const folded = await new LedgerStore(bus, all).foldAll('j');
    assert.deepEqual(
      [folded?.startedAt, folded?.activeMilliseconds, folded?.lastAt],
      [1000, 700 + 200 + 40, 90_000_040],
    );
  });
});
