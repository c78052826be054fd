// A session that is closed while its replica is being opened leaves nothing behind in the threads, and touches nothing that
// a later session of the same job opens there.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleGenesis } from '../test/support/example-genesis.js';
import { MemoryHub } from '../shared/bus/memory.js';
import { encodeRecord } from '../shared/ledger/records.js';
import { LedgerStore } from '../shared/ledger/store.js';
import { systemClock } from '../shared/ports.js';
import { names } from '../shared/wire/subjects.js';
import type { ThreadPool } from './compute/pool.js';
import { JobSession } from './job-session.js';

const all = names();

void describe('a session closed while its replica is opened', () => {
  void it('closes the replica once it is open, and does not fill it', async () => {
    const bus = new MemoryHub().connect();
    const { ledger, evidence, events } = all.streams;
    for (const [name, subject] of [
      [ledger, all.all.ledger],
      [evidence, all.all.evidence],
      [events, all.all.event],
    ] as const)
      await bus.streams.ensure({ name, subjects: [subject], maxAge: 0, maxBytes: -1, replicas: 1 });
    await bus.streams.append(all.job('j').ledger, encodeRecord(exampleGenesis()), { expected: 0 });

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
