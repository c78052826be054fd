// The nats-server that `run` and `up` bring along: JetStream in the store folder, listening on 127.0.0.1 unless told
// otherwise, no monitoring port. Only one may serve a store; cli/server/lock sees to that.
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import type { Clock } from '../../shared/ports.js';
import { launchServer, type RunningServer } from './launch.js';
import { locateServer, refuseWindows } from './locate.js';
import { noteServer, releaseLock, takeLock } from './lock.js';

export interface EmbeddedOptions {
  /** The store, `.seedcast` for one; JetStream's files go to `<storeDir>/jetstream`. */
  readonly storeDir: string;
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** A port, `free` for any, `preferred` (default) for 4222 if it is free and else any. */
  readonly port?: number | 'free' | 'preferred';
  /** When set, clients must give it. */
  readonly token?: string;
  /** Path of a nats-server; default: the one that is located, or fetched. */
  readonly binary?: string;
  /** Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Each line that the server logs. */
  readonly log?: (line: string) => void;
  /** What locating and fetching do. */
  readonly progress?: (line: string) => void;
  readonly clock?: Clock;
}

export interface EmbeddedServer {
  /** Without the token. */
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  /** Resolves when the server has ended by itself or by `stop`. */
  readonly exited: Promise<number | NodeJS.Signals>;
  stop(): Promise<void>;
}

const PREFERRED_PORT = 4222;

/**
 * Starts a server on the store and resolves when it answers.
 * @throws SC_STORE_BUSY when a live server has the store, SC_NATS_SERVER when there is none to run or it fails, SC_PLATFORM.
 */
export async function startServer(options: EmbeddedOptions): Promise<EmbeddedServer> {
  refuseWindows();
  const storeDir = resolve(options.storeDir);
  const host = options.host ?? '127.0.0.1';
  const binary =
    options.binary ??
    (
      await locateServer({
        ...(options.env === undefined ? {} : { env: options.env }),
        ...(options.progress === undefined ? {} : { progress: options.progress }),
      })
    ).path;
  await takeLock(storeDir, options.clock);
  try {
    let version = '';
    const launch = (port: number) =>
      launchServer({
        binary,
        config: configuration(storeDir, host, port, options.token),
        runDir: join(storeDir, 'server'),
        log: (line) => {
          version = /Version:\s+(\S+)/.exec(line)?.[1] ?? version;
          options.log?.(line);
        },
        ...(options.clock === undefined ? {} : { clock: options.clock }),
      });
    const wanted = options.port ?? 'preferred';
    const server =
      typeof wanted === 'number'
        ? await launch(wanted)
        : wanted === 'free'
          ? await launch(-1)
          : await preferred(host, launch);
    const { url } = server;
    noteServer(storeDir, { pid: server.pid, url, startedBy: process.pid });
    void server.exited.then(() => releaseLock(storeDir));
    return { url, pid: server.pid, version, exited: server.exited, stop: () => server.stop() };
  } catch (thrown) {
    releaseLock(storeDir);
    throw thrown;
  }
}

async function preferred(
  host: string,
  launch: (port: number) => Promise<RunningServer>,
): Promise<RunningServer> {
  if (!(await isFree(host, PREFERRED_PORT))) return launch(-1);
  try {
    return await launch(PREFERRED_PORT);
  } catch (thrown) {
    // Someone may have taken it since it was looked at.
    if (await isFree(host, PREFERRED_PORT)) throw thrown;
    return launch(-1);
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}

/** `port` -1 lets the server choose. Strings are quoted as JSON, which its parser reads. */
export function configuration(storeDir: string, host: string, port: number, token?: string): string {
  return [
    `host: ${JSON.stringify(host)}`,
    `port: ${port}`,
    `jetstream { store_dir: ${JSON.stringify(join(storeDir, 'jetstream'))} }`,
    ...(token === undefined ? [] : [`authorization { token: ${JSON.stringify(token)} }`]),
  ].join('\n');
}
