// Ledgers that a leader finds: taken up once, whoever asks for them, and their replicas left on the workers that hold them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  all,
  HEARTBEAT,
  DESCRIBED,
  WITH_FILES,
  READY,
  asked,
  leading,
  until,
  submission,
  decoded,
  slowToRead,
  kinds,
  stateOf,
  placed,
  withJob,
} from '../test/support/leader.js';
import { MemoryHub } from '../shared/bus/memory.js';
import { encodeRecord, recordHash } from '../shared/ledger/records.js';
import { placementMessage } from '../shared/wire/messages.js';
import { type JobSummary, encodeJson, openAnswer } from '../shared/wire/reports.js';

void describe('a coordinator that takes up only the jobs it is asked for', () => {
  void it('leaves the others as they are, says so, and takes one up when someone controls it', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const first = await leading(hub.connect());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    openAnswer(await bus.request(all.service.submit, submission(), { timeout: 5000 }), 'answer');
    await first.stop();
    const head = async () => (await bus.streams.last(all.streams.ledger, all.job('j').ledger))?.sequence;
    const genesis = await head();
    assert.ok(genesis !== undefined);

    const second = await leading(hub.connect(), { holder: 'other', takeUp: ['another'] });
    t.after(() => second.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    const [summary] = (await asked(bus, all.service.list, {}))['jobs'] as JobSummary[];
    assert.match(summary?.reason ?? '', /left as it is/);
    // Two ticks of the leader: one that took it up would write that it leads.
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal(await head(), genesis);
    assert.equal((await asked(bus, all.service.describe, { job: 'j' }))['progress'], null);

    await asked(bus, all.service.control, { job: 'j', action: 'cancel' });
    const state = async () => ((await asked(bus, all.service.list, {}))['jobs'] as JobSummary[])[0]?.state;
    await until(async () => (await state()) === 'cancelled', 'it is cancelled');
  });
});

void describe('a job whose ledger is being read', () => {
  const EXTENSION = { steps: 2, evaluations: null, fitness: null, wallClock: null, plateau: null };

  void it('gets one runner, which every request reaches that came meanwhile', async (t) => {
    const { hub, bus } = await withJob();
    const second = await leading(slowToRead(hub.connect()), { holder: 'other', takeUp: [] });
    t.after(() => second.stop());
    await until(async () => (await stateOf(bus, 'j').catch(() => undefined)) !== undefined, 'it serves');
    const control = (action: string): Promise<unknown> =>
      asked(bus, all.service.control, { job: 'j', action });
    const pausing = control('pause');
    // A tick of the leader in between.
    await new Promise((resolve) => setTimeout(resolve, 80));
    await Promise.all([pausing, control('cancel')]);
    await until(async () => (await stateOf(bus, 'j')) === 'cancelled', 'it is cancelled');
    const records = await kinds(bus, 'j');
    assert.equal(records.filter((kind) => kind === 'leader').length, 1, records.join(' '));
    assert.equal(records.at(-1), 'end');
  });

  void it('is extended by one runner when two ask at once', async (t) => {
    const { hub, bus } = await withJob();
    const ending = await leading(hub.connect());
    await until(async () => (await stateOf(bus, 'j').catch(() => undefined)) !== undefined, 'it serves');
    await asked(bus, all.service.control, { job: 'j', action: 'cancel' });
    await until(async () => (await kinds(bus, 'j')).at(-1) === 'end', 'it is cancelled');
    await ending.stop();
    const leaders = async (): Promise<number> =>
      (await kinds(bus, 'j')).filter((kind) => kind === 'leader').length;
    const before = await leaders();

    const second = await leading(slowToRead(hub.connect()), { holder: 'other' });
    t.after(() => second.stop());
    await until(async () => (await stateOf(bus, 'j').catch(() => undefined)) !== undefined, 'it serves');
    const extend = (): Promise<unknown> =>
      asked(bus, all.service.control, { job: 'j', action: 'extend', stop: EXTENSION });
    await Promise.all([extend(), extend()]);
    // Longer than a runner that finds another's record needs to be replaced.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(await leaders(), before + 1, (await kinds(bus, 'j')).join(' '));
    assert.equal((await kinds(bus, 'j')).includes('extend'), true);
  });

  void it('is cancelled in its ledger also when its runner has just been replaced', async (t) => {
    const { hub, bus } = await withJob();
    const logged: string[] = [];
    const second = await leading(hub.connect(), { log: (message) => logged.push(message) });
    t.after(() => second.stop());
    await until(async () => (await kinds(bus, 'j')).length === 2, 'it leads the job');
    const last = await bus.streams.last(all.streams.ledger, all.job('j').ledger);
    assert.ok(last !== null);
    const rival = { kind: 'leader', epoch: 3, parent: recordHash(last.payload), holder: 'rival' } as const;
    await bus.streams.append(all.job('j').ledger, encodeRecord(rival));
    // The runner meets the rival's record when it is to write one of its own.
    await asked(bus, all.service.control, { job: 'j', action: 'pause' });
    await until(() => logged.includes('another coordinator wrote to the ledger'), 'its runner is gone');
    await asked(bus, all.service.control, { job: 'j', action: 'cancel' });
    await until(async () => (await kinds(bus, 'j')).at(-1) === 'end', 'the ledger says so');
    assert.equal(await stateOf(bus, 'j'), 'cancelled');
  });
});

void describe('a leader that takes over', () => {
  void it('leaves replicas where they are while it asks which data files their workers have', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    let answers = true;
    const waiting: (() => void)[] = [];
    for (const worker of ['v', 'w'])
      bus.subscribe(all.worker(worker).describe, ({ respond }) => {
        const answer = (): void => respond?.(WITH_FILES);
        if (answers) answer();
        else waiting.push(answer);
      });
    const first = await leading(hub.connect());
    bus.publish(all.worker('w').heartbeat, encodeJson(HEARTBEAT));
    for (const job of ['j', 'k']) await asked(bus, all.service.submit, decoded(submission(job)));
    await first.stop();
    answers = false;

    const second = await leading(hub.connect(), { holder: 'other' });
    t.after(() => second.stop());
    const orders: string[] = [];
    for (const worker of ['v', 'w'])
      bus.subscribe(all.worker(worker).placement, ({ payload }) =>
        orders.push(`${worker} ${placementMessage.decode(payload).jobs.join(' ')}`),
      );
    // The other way round than a leader places that knows of no replicas.
    const holds = { v: 'k', w: 'j' };
    const beat = (): void => {
      for (const [worker, job] of Object.entries(holds))
        bus.publish(
          all.worker(worker).heartbeat,
          encodeJson({ ...HEARTBEAT, worker, jobs: { [job]: READY } }),
        );
    };
    beat();
    await until(() => waiting.length > 0, 'a worker is asked');
    for (const [worker, job] of Object.entries(holds)) assert.deepEqual(await placed(bus, worker), [job]);
    beat();
    for (const answer of waiting) answer();
    // Two ticks of the leader.
    await new Promise((resolve) => setTimeout(resolve, 120));
    beat();
    for (const [worker, job] of Object.entries(holds)) assert.deepEqual(await placed(bus, worker), [job]);
    assert.ok(
      orders.every((order) => ['v k', 'w j'].includes(order)),
      orders.join(', '),
    );
  });

  void it('places nothing until it knows all jobs', async (t) => {
    const hub = new MemoryHub();
    const bus = hub.connect();
    bus.subscribe(all.worker('w').describe, ({ respond }) => respond?.(DESCRIBED));
    const both = { ...HEARTBEAT, capacity: { jobs: 2, memoryBytes: 1e9 } };
    const first = await leading(hub.connect());
    bus.publish(all.worker('w').heartbeat, encodeJson(both));
    for (const job of ['j', 'k']) await asked(bus, all.service.submit, decoded(submission(job)));
    await first.stop();
    const orders: string[] = [];
    bus.subscribe(all.worker('w').placement, ({ payload }) =>
      orders.push(placementMessage.decode(payload).jobs.join(' ')),
    );
    // The heartbeat is there before the first ledger is read.
    const second = await leading(slowToRead(hub.connect()), { holder: 'other' });
    t.after(() => second.stop());
    bus.publish(all.worker('w').heartbeat, encodeJson({ ...both, jobs: { j: READY, k: READY } }));
    await until(async () => (await placed(bus, 'w').catch(() => [])).length > 0, 'it has its placement');
    assert.deepEqual(await placed(bus, 'w'), ['j', 'k']);
    assert.deepEqual([...new Set(orders)], ['j k']);
  });
});
