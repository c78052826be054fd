// One live server a store: a file in the store folder names the process that holds it. The lock of a process that is
// gone is taken over. Two that take over at once are told apart by the exclusive creation of the file.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeedcastError } from '../../shared/errors.js';
import { systemClock, type Clock } from '../../shared/ports.js';

export interface StoreLock {
  /** Process id of the server. */
  readonly pid: number;
  /** Where it answers; empty while it starts. */
  readonly url: string;
  /** Process id of the command that started it. */
  readonly startedBy: number;
}

const NAME = 'seedcast.lock';

/** How long the server of a command that was killed may take to follow it. */
const ORPHAN_WAIT = 3_000;

/** The lock of a live process on this store, or undefined. */
export function readLock(storeDir: string): StoreLock | undefined {
  const text = readText(join(storeDir, NAME));
  const lock = text === undefined ? undefined : parseLock(text);
  return lock !== undefined && holderLives(lock) ? lock : undefined;
}

/** Takes the lock for this process. @throws SC_STORE_BUSY naming the holder and its URL. */
export async function takeLock(storeDir: string, clock: Clock = systemClock): Promise<void> {
  mkdirSync(storeDir, { recursive: true });
  const path = join(storeDir, NAME);
  const own = `${path}.${process.pid}`;
  writeFileSync(
    own,
    JSON.stringify({ pid: process.pid, url: '', startedBy: process.pid } satisfies StoreLock),
  );
  const deadline = clock.now() + ORPHAN_WAIT;
  try {
    while (!linked(own, path)) {
      const text = readText(path);
      if (text === undefined) continue;
      const holder = parseLock(text);
      if (holder === undefined || !holderLives(holder)) removeStale(path, text);
      else if (alive(holder.startedBy) || clock.now() > deadline) throw busy(storeDir, holder);
      else await new Promise<void>((resolve) => clock.after(20, resolve));
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Writes who serves the store, once that is known. The caller holds the lock. */
export function noteServer(storeDir: string, lock: StoreLock): void {
  const path = join(storeDir, NAME);
  const own = `${path}.${process.pid}.new`;
  writeFileSync(own, JSON.stringify(lock));
  renameSync(own, path);
}

export function releaseLock(storeDir: string): void {
  rmSync(join(storeDir, NAME), { force: true });
}

/** A link appears with its content at once, and fails if the name is taken. */
function linked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') return false;
    throw thrown;
  }
}

/** Removes the lock whose text was read; one that another command put there meanwhile is put back. */
function removeStale(path: string, text: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readText(aside) !== text) linked(aside, path);
  rmSync(aside, { force: true });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parseLock(text: string): StoreLock | undefined {
  try {
    const lock = JSON.parse(text) as Partial<StoreLock>;
    if (typeof lock.pid === 'number' && typeof lock.startedBy === 'number' && typeof lock.url === 'string')
      return lock as StoreLock;
  } catch {
    // Not one of ours: nobody holds it.
  }
  return undefined;
}

function holderLives(lock: StoreLock): boolean {
  if (!alive(lock.pid)) return false;
  if (lock.url === '') return true;
  // The number may have gone to another program since, in containers even often; where that can be seen it is.
  const command = readText(`/proc/${lock.pid}/cmdline`);
  return command === undefined || command === '' || command.includes('nats-server');
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

/** Who has the store, for messages: the command, since that is what a user ends or waits for. */
export function holderOf(lock: StoreLock): string {
  return alive(lock.startedBy)
    ? `process ${lock.startedBy}`
    : `nats-server, process ${lock.pid}, whose command was killed`;
}

function busy(storeDir: string, holder: StoreLock): SeedcastError {
  const where = holder.url === '' ? 'which is starting a server' : `which serves it at ${holder.url}`;
  return new SeedcastError(
    'SC_STORE_BUSY',
    `the store ${storeDir} is in use by ${holderOf(holder)}, ${where}`,
    {
      hint: !alive(holder.startedBy)
        ? `end it (kill ${holder.pid}), or take another --store`
        : holder.url === ''
          ? 'wait, or use another --store'
          : `submit to it (seedcast submit JOB.yaml --store ${storeDir}), wait until it ends, or take another --store`,
    },
  );
}
