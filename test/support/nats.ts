// A NATS server for a test: one of its own in a temporary folder, started in some 40 ms, that the test may restart, kill
// or empty; or one that is there, for tests that only need some server. Looked for in this order: SEEDCAST_TEST_NATS_URL
// or NATS_URL (shared tests only), nats-server on PATH, one that the CLI has fetched or fetches now, a container.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchServer, type RunningServer } from '../../cli/server/launch.js';
import { locateServer } from '../../cli/server/locate.js';
import { messageOf } from '../../shared/errors.js';

export interface NatsFixtureOptions {
  /** Lines added to the configuration: accounts, permissions, limits. */
  readonly config?: string;
  /** Settings inside the jetstream block, such as `max_file_store: 1MB`. */
  readonly jetstream?: string;
  readonly log?: (line: string) => void;
}

export interface NatsFixture {
  /** The same after every restart. */
  readonly url: string;
  readonly pid: number;
  readonly storeDir: string;
  /** Ends it in good order. */
  stop(): Promise<void>;
  /** Sends the signal; resolves when the process has ended (for SIGSTOP and SIGCONT: at once). */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again (stopping it first) on the same port and store. */
  restart(): Promise<void>;
  /** Empties the store. The server must be stopped. */
  wipe(): void;
}

/** A test's context, or anything that runs the given work when all is done. */
export interface Lasting {
  after(work: () => Promise<void>): void;
}

let found: Promise<string> | undefined;

/** Path of a nats-server. Fails naming what was tried. */
export function findNatsServer(): Promise<string> {
  found ??= locateServer({ progress: (line) => process.stderr.write(`${line}\n`) }).then(
    (server) => server.path,
  );
  return found;
}

/** Starts a server of this test's own; it ends with the test. */
export async function withNats(t: Lasting, options: NatsFixtureOptions = {}): Promise<NatsFixture> {
  const binary = await findNatsServer();
  const dir = mkdtempSync(join(tmpdir(), 'seedcast-nats-'));
  const storeDir = join(dir, 'jetstream');
  let server: RunningServer | undefined;
  let port = -1;
  const start = async () => {
    const config = [
      'host: "127.0.0.1"',
      `port: ${port}`,
      `jetstream { store_dir: ${JSON.stringify(storeDir)}\n${options.jetstream ?? ''} }`,
      options.config ?? '',
    ].join('\n');
    server = await launchServer({
      binary,
      config,
      runDir: dir,
      ...(options.log === undefined ? {} : { log: options.log }),
      startTimeout: 20_000,
    });
    port = Number(new URL(server.url.replace('nats:', 'http:')).port);
  };
  const running = (): RunningServer => {
    if (server === undefined) throw new Error('the NATS server of this test is stopped');
    return server;
  };
  const stop = async () => {
    server?.kill('SIGCONT');
    await server?.stop();
    server = undefined;
  };
  t.after(async () => {
    await stop();
    rmSync(dir, { recursive: true, force: true });
  });
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    storeDir,
    get pid() {
      return running().pid;
    },
    stop,
    kill: async (signal) => {
      const target = running();
      target.kill(signal);
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
      await target.exited;
      server = undefined;
    },
    restart: async () => {
      await stop();
      await start();
    },
    wipe: () => {
      if (server !== undefined) throw new Error('stop the NATS server before its store is emptied');
      rmSync(storeDir, { recursive: true, force: true });
    },
  };
}

/**
 * URL of some server with JetStream, for tests that do not harm it: SEEDCAST_TEST_NATS_URL or NATS_URL, else a server of
 * this test's own, else a container where a Docker engine answers.
 */
export async function anyNats(t: Lasting): Promise<string> {
  const given = process.env.SEEDCAST_TEST_NATS_URL ?? process.env.NATS_URL;
  if (given !== undefined && given !== '') return given;
  let refusal: unknown;
  try {
    return (await withNats(t)).url;
  } catch (thrown) {
    refusal = thrown;
  }
  try {
    return await containerUrl(t);
  } catch (thrown) {
    throw new Error(
      `no NATS server for this test. Of its own: ${messageOf(refusal)}. In a container: ${messageOf(thrown)}. Set SEEDCAST_TEST_NATS_URL or install nats-server.`,
    );
  }
}

/** The library is loaded only when it is needed: it takes half a second. */
async function containerUrl(t: Lasting): Promise<string> {
  const { NatsContainer } = await import('@testcontainers/nats');
  const container = await new NatsContainer('nats:2.12-alpine').withJetStream().start();
  t.after(async () => {
    await container.stop();
  });
  const login = container.username === undefined ? '' : `${container.username}:${container.password ?? ''}@`;
  return `nats://${login}${container.getHost()}:${container.getMappedPort(4222)}`;
}

/** A port of 127.0.0.1 on which nothing listens. */
export function deadPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
