// Controls of jobs that do not move: what is refused names the state that people see, and nothing is left that cannot be deleted.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SeedcastError } from '../shared/errors.js';
import type { JobSummary } from '../shared/wire/reports.js';
import { all, asked, kinds, leading, until, withJob } from '../test/support/leader.js';

void describe('a job that does not move', () => {
  void it('and is stuck can be deleted, and is not said to be cancelled', async (t) => {
    const { hub, bus } = await withJob();
    // Longer than a record may name: the ledger takes none of this leader's records.
    const leader = await leading(hub.connect(), { holder: 'h'.repeat(300) });
    t.after(() => leader.stop());
    const summary = async (): Promise<JobSummary | undefined> =>
      ((await asked(bus, all.service.list, {}))['jobs'] as JobSummary[])[0];
    await until(
      async () => (await summary().catch(() => undefined))?.reason?.includes('does not accept') === true,
      'it is stuck',
    );
    const control = (action: string): Promise<unknown> =>
      asked(bus, all.service.control, { job: 'j', action });
    await assert.rejects(
      control('cancel'),
      (error: SeedcastError) => error.code === 'SC_JOB_STATE' && error.message.includes('only be deleted'),
    );
    await control('delete');
    assert.deepEqual(await kinds(bus, 'j'), []);
    assert.equal(await summary(), undefined);
  });

  void it('is refused by the state that a list shows', async (t) => {
    const { hub, bus } = await withJob();
    const leader = await leading(hub.connect(), { holder: 'other' });
    t.after(() => leader.stop());
    await until(async () => (await kinds(bus, 'j')).length === 2, 'it leads the job');
    const [summary] = (await asked(bus, all.service.list, {}))['jobs'] as JobSummary[];
    assert.equal(summary?.state, 'pending');
    await assert.rejects(
      asked(bus, all.service.control, { job: 'j', action: 'delete' }),
      (error: SeedcastError) => error.code === 'SC_JOB_STATE' && error.message.includes('is pending; cancel'),
    );
  });
});
