// The state file of a pool that `up` keeps: where its server answers, so that other verbs find it. Lies in the store.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PoolState {
  readonly url: string;
  /** Null when clients need none. */
  readonly token: string | null;
  /** Process id of `up`. */
  readonly pid: number;
}

const NAME = 'pool.json';

export function writePoolState(storeDir: string, state: PoolState): void {
  mkdirSync(storeDir, { recursive: true });
  const path = join(storeDir, NAME);
  // The token is a secret of this user.
  writeFileSync(`${path}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removePoolState(storeDir: string): void {
  rmSync(join(storeDir, NAME), { force: true });
}

/** The pool of a live `up` on this store, or undefined. */
export function readPoolState(storeDir: string): PoolState | undefined {
  try {
    const state = JSON.parse(readFileSync(join(storeDir, NAME), 'utf8')) as Partial<PoolState>;
    if (typeof state.url !== 'string' || typeof state.pid !== 'number') return undefined;
    process.kill(state.pid, 0);
    return { url: state.url, pid: state.pid, token: state.token ?? null };
  } catch {
    return undefined;
  }
}
