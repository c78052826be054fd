// Which pool a verb talks to, and the connection to it. In this order: --store, then --server or NATS_URL, then the pool
// that `up` noted in .seedcast, then the store .seedcast itself, offline: a server is started on it for as long as the
// verb runs. Every verb says which one it took.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Bus } from '../shared/bus/port.js';
import { connectNats } from '../shared/bus/nats/connect.js';
import type { NatsOptions, NatsTls } from '../shared/bus/nats/options.js';
import { SeedcastError } from '../shared/errors.js';
import { LedgerStore } from '../shared/ledger/store.js';
import { type Names, checkIdentifier, names } from '../shared/wire/subjects.js';
import type { Host } from './host.js';
import { readPoolState } from './pool/state-file.js';
import { startServer } from './server/embedded.js';
import { holderOf, readLock } from './server/lock.js';

export const DEFAULT_STORE = '.seedcast';

export interface ServerFlags {
  readonly server?: string;
  readonly creds?: string;
  readonly nkey?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly tlsca?: string;
  readonly tlscert?: string;
  readonly tlskey?: string;
  readonly pool?: string;
}

export interface ConnectionFlags extends ServerFlags {
  readonly store?: string;
}

/** Options of a verb that talks to NATS, by the names of the nats command. */
export function serverOptions(command: Command): Command {
  return command
    .addOption(new Option('-s, --server <url>', 'NATS server(s)').env('NATS_URL'))
    .addOption(new Option('--creds <file>', 'credentials file').env('NATS_CREDS'))
    .addOption(new Option('--nkey <file>', 'nkey seed file').env('NATS_NKEY'))
    .addOption(new Option('--user <name>', 'user').env('NATS_USER'))
    .addOption(new Option('--password <text>', 'password').env('NATS_PASSWORD'))
    .addOption(new Option('--token <text>', 'token').env('NATS_TOKEN'))
    .addOption(new Option('--tlsca <file>', 'certificate authority, PEM').env('NATS_CA'))
    .addOption(new Option('--tlscert <file>', 'client certificate, PEM').env('NATS_CERT'))
    .addOption(new Option('--tlskey <file>', 'client key, PEM').env('NATS_KEY'))
    .addOption(poolOption());
}

export function poolOption(): Option {
  return new Option('--pool <name>', 'name of the pool, when several share a NATS').env('SEEDCAST_POOL');
}

/** The same and a store. */
export function connectionOptions(command: Command): Command {
  return serverOptions(command).option(
    '--store <dir>',
    `store of \`run\` and \`up\` (default: ${DEFAULT_STORE})`,
  );
}

export function namesOf(flags: { readonly pool?: string }): Names {
  return names(flags.pool === undefined || flags.pool === '' ? null : checkIdentifier(flags.pool, 'pool'));
}

function given(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function credentials(flags: ServerFlags): NatsOptions {
  const tls: NatsTls = {
    ...(given(flags.tlsca) ? { ca: flags.tlsca } : {}),
    ...(given(flags.tlscert) ? { cert: flags.tlscert } : {}),
    ...(given(flags.tlskey) ? { key: flags.tlskey } : {}),
  };
  return {
    ...(given(flags.creds) ? { creds: flags.creds } : {}),
    ...(given(flags.nkey) ? { nkey: flags.nkey } : {}),
    ...(given(flags.user) ? { user: flags.user } : {}),
    ...(given(flags.password) ? { password: flags.password } : {}),
    ...(given(flags.token) ? { token: flags.token } : {}),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

export type Target =
  /** A server that is there; `why` says how it was found. */
  | { readonly kind: 'server'; readonly options: NatsOptions; readonly why: string }
  /** A store that nobody serves now. */
  | { readonly kind: 'store'; readonly dir: string };

/** The flags by which another verb reaches the same pool, for hints. Secrets are left for the user to fill in. */
export function targetFlags(flags: ConnectionFlags, env: NodeJS.ProcessEnv): string[] {
  const named = (
    flag: string,
    value: string | undefined,
    fromEnv: string | undefined,
    shown = value,
  ): string[] => (given(value) && value !== fromEnv && shown !== undefined ? [flag, shown] : []);
  return [
    ...named('--store', flags.store, DEFAULT_STORE),
    ...named('--server', flags.server, env.NATS_URL),
    ...named('--creds', flags.creds, env.NATS_CREDS),
    ...named('--nkey', flags.nkey, env.NATS_NKEY),
    ...named('--user', flags.user, env.NATS_USER),
    ...named('--password', flags.password, env.NATS_PASSWORD, 'PASSWORD'),
    ...named('--token', flags.token, env.NATS_TOKEN, 'TOKEN'),
    ...named('--tlsca', flags.tlsca, env.NATS_CA),
    ...named('--tlscert', flags.tlscert, env.NATS_CERT),
    ...named('--tlskey', flags.tlskey, env.NATS_KEY),
    ...named('--pool', flags.pool, env.SEEDCAST_POOL),
  ];
}

/** A server that serves this store now, or the store. */
export function storeTarget(dir: string): Target {
  const state = readPoolState(dir);
  if (state !== undefined) {
    const options: NatsOptions = { url: state.url, ...(state.token === null ? {} : { token: state.token }) };
    return {
      kind: 'server',
      options,
      why: `${state.url} (the pool of \`up\`, process ${state.pid}, on ${dir})`,
    };
  }
  const lock = readLock(dir);
  if (lock !== undefined && lock.url !== '')
    return {
      kind: 'server',
      options: { url: lock.url },
      why: `${lock.url} (${holderOf(lock)} serves ${dir})`,
    };
  return { kind: 'store', dir };
}

/** The pool that the flags and the environment mean; null when there is none. */
export function findTarget(flags: ConnectionFlags): Target | null {
  if (given(flags.store)) return storeTarget(flags.store);
  if (given(flags.server)) {
    return {
      kind: 'server',
      options: { url: flags.server, ...credentials(flags) },
      why: shownUrl(flags.server),
    };
  }
  const target = storeTarget(DEFAULT_STORE);
  return target.kind === 'server' || existsSync(join(target.dir, 'jetstream')) ? target : null;
}

/** URLs without what stands before an @. */
function shownUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/g, '//');
}

export interface Pool {
  readonly bus: Bus;
  readonly names: Names;
  readonly store: LedgerStore;
  /** The store whose server this verb started, so that nothing else runs on it; null when connected to a pool. */
  readonly offline: string | null;
  close(): Promise<void>;
}

export async function connect(host: Host, flags: ServerFlags, options: NatsOptions): Promise<Bus> {
  const { prefix, streamPrefix } = namesOf(flags);
  return connectNats({
    ...options,
    name: 'seedcast',
    subjectPrefix: prefix,
    streamPrefix,
    clock: host.clock,
  });
}

/** Connects to the pool that the flags mean. @throws SC_UNREACHABLE when there is none. */
export async function openPool(host: Host, flags: ConnectionFlags): Promise<Pool> {
  const target = findTarget(flags);
  if (target === null) {
    throw new SeedcastError(
      'SC_UNREACHABLE',
      `there is no pool: NATS_URL is not set and ${DEFAULT_STORE} does not exist here`,
      {
        hint: 'start one (seedcast up), name one (--server, --store), or run a job (seedcast run JOB.yaml)',
      },
    );
  }
  if (target.kind === 'server') return openServer(host, flags, target.options, target.why);
  if (!existsSync(target.dir))
    throw new SeedcastError('SC_NOT_FOUND', `there is no store ${target.dir}`, { hint: 'check --store' });
  host.io.message(`using the store ${target.dir}, offline`);
  const server = await startServer({
    storeDir: target.dir,
    port: 'free',
    env: host.env,
    clock: host.clock,
    progress: (line) => host.io.message(line),
  });
  try {
    const pool = await openServer(host, flags, { url: server.url }, null);
    return {
      ...pool,
      offline: target.dir,
      close: async () => {
        await pool.close();
        await server.stop();
      },
    };
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }
}

async function openServer(
  host: Host,
  flags: ServerFlags,
  options: NatsOptions,
  why: string | null,
): Promise<Pool> {
  if (why !== null) host.io.message(`using ${why}${flags.pool === undefined ? '' : `, pool ${flags.pool}`}`);
  const bus = await connect(host, flags, options);
  tellDenials(host, bus);
  const poolNames = namesOf(flags);
  return {
    bus,
    names: poolNames,
    store: new LedgerStore(bus, poolNames),
    offline: null,
    close: () => bus.drain(),
  };
}

/** A refused publish or subscription is told nowhere else. */
export function tellDenials(host: Host, bus: Bus): void {
  bus.onStatus((status) => {
    if (status.type === 'denied')
      host.io.message(`NATS refused to ${status.operation} ${status.subject}`, 'warn');
  });
}

/** Runs `work` with the pool and closes it whatever happens. */
export async function withPool<T>(
  host: Host,
  flags: ConnectionFlags,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = await openPool(host, flags);
  try {
    return await work(pool);
  } finally {
    await pool.close().catch(() => undefined);
  }
}

/** Of a long-running process: --server or NATS_URL, else the pool noted in .seedcast, else the usual port of this machine. */
export function serverTarget(flags: ServerFlags): NatsOptions {
  if (given(flags.server)) return { url: flags.server, ...credentials(flags) };
  const target = storeTarget(DEFAULT_STORE);
  return target.kind === 'server' ? target.options : credentials(flags);
}
