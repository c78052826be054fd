// A pool that somebody leads: a running one, or a store for which this process coordinates as long as the verb runs.
import { Coordinator } from '../../coordinator/service.js';
import { type ConnectionFlags, type Pool, withPool } from '../connection.js';
import type { Host } from '../host.js';
import { askLeader } from './leader.js';

export async function withLedPool<T>(
  host: Host,
  flags: ConnectionFlags,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  return withPool(host, flags, async (pool) => {
    if (pool.offline === null) return work(pool);
    const coordinator = new Coordinator({
      bus: pool.bus,
      names: pool.names,
      clock: host.clock,
      holder: `coordinator-${host.entropy(6)}`,
      // There are no workers: only the job that is asked for is touched.
      takeUp: [],
      log: (message) => host.io.message(`coordinator: ${message}`, 'debug'),
    });
    await coordinator.start();
    try {
      await askLeader(pool.bus, host.clock, pool.names.service.list, {});
      return await work(pool);
    } finally {
      await coordinator.stop();
    }
  });
}
