// Finds a nats-server for the commands that embed one: named by the user, on PATH, in our cache folder, or fetched into
// it. Touches the file system only; cli/server/fetch does the downloading.
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SeedcastError } from '../../shared/errors.js';
import { fetchServer } from './fetch.js';

export interface LocateOptions {
  /** Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default true: download one if there is none. */
  readonly fetch?: boolean;
  /** Told what a download does, one line at a time. */
  readonly progress?: (line: string) => void;
}

export interface LocatedServer {
  readonly path: string;
  readonly origin: 'SEEDCAST_NATS_SERVER' | 'PATH' | 'cache' | 'fetched';
}

/** Where packages put it that are not on every user's PATH. */
const USUAL_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** `$XDG_CACHE_HOME/seedcast/nats-server`, by default `~/.cache/seedcast/nats-server`. Removing it is safe. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  return join(base?.startsWith('/') === true ? base : join(homedir(), '.cache'), 'seedcast', 'nats-server');
}

/**
 * @throws SC_PLATFORM on native Windows, SC_NATS_SERVER when there is none and none can be had, with the line to install it.
 */
export async function locateServer(options: LocateOptions = {}): Promise<LocatedServer> {
  const env = options.env ?? process.env;
  refuseWindows();
  const named = env.SEEDCAST_NATS_SERVER;
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return { path: named, origin: 'SEEDCAST_NATS_SERVER' };
    throw new SeedcastError(
      'SC_NATS_SERVER',
      `SEEDCAST_NATS_SERVER names '${named}', which is not a program`,
      { hint: 'give the path of a nats-server binary or unset it' },
    );
  }
  const folders = [...(env.PATH ?? '').split(delimiter).filter((f) => f !== ''), ...USUAL_FOLDERS];
  const onPath = folders.map((folder) => join(folder, 'nats-server')).find(isExecutable);
  if (onPath !== undefined) return { path: onPath, origin: 'PATH' };
  const cached = newestCached(cacheFolder(env));
  if (cached !== undefined) return { path: cached, origin: 'cache' };
  if (options.fetch === false)
    throw new SeedcastError('SC_NATS_SERVER', 'there is no nats-server on PATH or in the cache', {
      hint: installHint(),
    });
  const path = await fetchServer({
    folder: cacheFolder(env),
    env,
    progress: options.progress ?? (() => undefined),
    hint: installHint(),
  });
  return { path, origin: 'fetched' };
}

export function refuseWindows(platform: string = process.platform): void {
  if (platform === 'win32')
    throw new SeedcastError('SC_PLATFORM', 'native Windows is not supported', { hint: 'use WSL' });
}

/** The one line that installs it here. */
export function installHint(platform: string = process.platform): string {
  if (platform === 'darwin') return 'install it: brew install nats-server';
  if (['/usr/bin/apt-get', '/bin/apt-get'].some(isExecutable))
    return 'install it: sudo apt-get install nats-server';
  return 'install it from https://github.com/nats-io/nats-server/releases and put nats-server on PATH';
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function newestCached(folder: string): string | undefined {
  let versions: string[];
  try {
    versions = readdirSync(folder).filter((name) => /^\d/.test(name));
  } catch {
    return undefined;
  }
  return versions
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((version) => join(folder, version, 'nats-server'))
    .find(isExecutable);
}
