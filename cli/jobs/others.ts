// The other unfinished jobs of a store that a verb runs one job of: they stay as they are, and one line says so.
import { type Pool, targetFlags } from '../connection.js';
import type { Host } from '../host.js';
import { commandLine } from '../shell.js';
import { hasEnded, readJobs } from './reading.js';

const NAMED = 5;

export async function tellOthers(
  host: Host,
  pool: Pool,
  job: string,
  flags: { readonly store: string; readonly pool?: string },
): Promise<void> {
  const others = (await readJobs(pool)).filter((record) => record.job !== job && !hasEnded(record));
  if (others.length === 0) return;
  const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
  const names = others.slice(0, NAMED).map((record) => record.job);
  const again = commandLine(
    ['seedcast', 'up'],
    targetFlags({ store: flags.store, ...(flags.pool === undefined ? {} : { pool: flags.pool }) }, host.env),
  );
  host.io.message(
    `${others.length === 1 ? 'another job of the store has not ended and stays' : `${others.length} other jobs of the store have not ended and stay`} as ${others.length === 1 ? 'it is' : 'they are'}: ${names.join(', ')}${more}; go on with: ${again}`,
  );
}
