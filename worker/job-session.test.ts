// A session that is closed while its replica is being opened leaves nothing behind in the threads, and touches nothing that
// a later session of the same job opens there.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleGenesis } from '../test/support/example-genesis.js';
import { MemoryHub } from '../shared/bus/memory.js';
import type { Bus } from '../shared/bus/port.js';
import { encodeRecord } from '../shared/ledger/records.js';
import { LedgerStore } from '../shared/ledger/store.js';
import { systemClock } from '../shared/ports.js';
import { names } from '../shared/wire/subjects.js';
import type { ThreadPool } from './compute/pool.js';
import { JobSession } from './job-session.js';

const all = names();

async function busWithJob(): Promise<Bus> {
  const bus = new MemoryHub().connect();
  const { ledger, evidence, events } = all.streams;
  for (const [name, subject] of [
    [ledger, all.all.ledger],
    [evidence, all.all.evidence],
    [events, all.all.event],
  ] as const)
    await bus.streams.ensure({ name, subjects: [subject], maxAge: 0, maxBytes: -1, replicas: 1 });
  await bus.streams.append(all.job('j').ledger, encodeRecord(exampleGenesis()), { expected: 0 });
  return bus;
}

void describe('a session closed while its replica is opened', () => {
  void it('closes the replica once it is open, and does not fill it', async () => {
    const bus = await busWithJob();

    const done: string[] = [];
    let opened = (): void => undefined;
    let begun = (): void => undefined;
    const opening = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const threads = {
      size: 1,
      openJob: () => {
        begun();
        return new Promise<void>((resolve) => {
          opened = () => {
            done.push('open');
            resolve();
          };
        });
      },
      closeJob: () => {
        done.push('close');
        return Promise.resolve();
      },
      run: (_: number, { op }: { readonly op: string }) => {
        done.push(op);
        return Promise.resolve(null);
      },
      abort: () => undefined,
    };
    const session = new JobSession('j', 'w', {
      bus,
      store: new LedgerStore(bus, all),
      clock: systemClock,
      pool: threads as unknown as ThreadPool,
      log: () => undefined,
      limitsOf: () => ({ timeout: null, batched: false, population: false }),
      onChange: () => undefined,
      onAsk: () => undefined,
    });
    session.open();
    await opening;
    const closed = session.close();
    opened();
    await closed;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(done, ['open', 'close']);
  });
});

void describe('a session whose job a replaced thread cannot open', () => {
  void it('tells the problem and opens everything again once what it had is closed', async () => {
    const done: string[] = [];
    const threads = {
      size: 1,
      openJob: () => {
        done.push('open');
        return Promise.resolve();
      },
      closeJob: async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        done.push('close');
      },
      run: (_: number, { op }: { readonly op: string }) => {
        done.push(op);
        return Promise.resolve(null);
      },
      abort: () => undefined,
    };
    const bus = await busWithJob();
    const problems = new Set<string | null>();
    const session: JobSession = new JobSession('j', 'w', {
      bus,
      store: new LedgerStore(bus, all),
      // Waits that would only take time are cut short.
      clock: { ...systemClock, after: (ms, callback) => systemClock.after(Math.min(ms, 5), callback) },
      pool: threads as unknown as ThreadPool,
      log: () => undefined,
      limitsOf: () => ({ timeout: null, batched: false, population: false }),
      onChange: () => problems.add(session.status.problem),
      onAsk: () => undefined,
    });
    const until = async (holds: () => boolean): Promise<void> => {
      const deadline = Date.now() + 3000;
      while (!holds()) {
        assert.ok(Date.now() < deadline, done.join());
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    session.open();
    await until(() => session.status.ready);
    session.reopen('no licence left');
    assert.ok(!session.status.ready);
    await until(() => session.status.ready);
    assert.deepEqual(
      done.filter((op) => op === 'open' || op === 'close'),
      ['open', 'close', 'open'],
    );
    assert.deepEqual([problems.has('no licence left'), session.status.problem], [true, null]);
    await session.close();
  });
});
