// What a user says about a NATS server (URLs, credentials, TLS), compiled into what the client takes. Reads the files
// that hold credentials; opens no connection.
import { readFileSync } from 'node:fs';
import {
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import type { Authenticator, ConnectionOptions, TlsOptions } from 'nats';
import { SeedcastError, messageOf } from '../../errors.js';
import type { Clock } from '../../ports.js';

export interface NatsTls {
  /** Paths of PEM files. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface NatsOptions {
  /** One or more of `nats://host:port`, `tls://...`, `host:port`, with `user:password@` or `token@`; commas separate. Default nats://127.0.0.1:4222. */
  readonly url?: string | readonly string[];
  /** Shown by the server's monitoring. Default `seedcast`. */
  readonly name?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Path of a `.creds` file (JWT and seed). */
  readonly creds?: string;
  /** Path of a file that holds an nkey seed (`SU...`). */
  readonly nkey?: string;
  readonly tls?: NatsTls;
  /** Milliseconds of trying before the first connection is given up. Default 10,000. */
  readonly connectTimeout?: number;
  /** Milliseconds between pings; two unanswered ones cut the connection. Default 1,500. */
  readonly pingInterval?: number;
  /** Milliseconds before the next attempt to reconnect, plus up to as much again at random. Default 100. */
  readonly reconnectWait?: number;
  /** First tokens of this connection's reply subjects. Default `_INBOX`. A role that may not read others' replies has its own. */
  readonly inboxPrefix?: string;
  /** Stands before the name of the blob stream. Default `SEEDCAST_`. */
  readonly streamPrefix?: string;
  /** Stands before the blob subjects. Default `seedcast.v1`. */
  readonly subjectPrefix?: string;
  /** Replicas of buckets and of the blob stream. Default 1. */
  readonly replicas?: number;
  readonly clock?: Clock;
}

interface Compiled {
  readonly client: ConnectionOptions;
  /** The servers without credentials, for messages. */
  readonly shown: string;
}

const DEFAULT_URL = 'nats://127.0.0.1:4222';

/** @throws SC_USAGE for a URL or a credentials file that cannot be used, naming it. */
export function compileOptions(options: NatsOptions): Compiled {
  const given =
    options.url === undefined
      ? [DEFAULT_URL]
      : typeof options.url === 'string'
        ? options.url.split(',')
        : options.url;
  const servers = given
    .map((u) => u.trim())
    .filter((u) => u !== '')
    .map(parseServer);
  if (servers.length === 0)
    throw new SeedcastError('SC_USAGE', `no server in the NATS URL '${given.join(',')}'`, {
      hint: `write it as ${DEFAULT_URL}`,
    });
  const tls = tlsOptions(
    options.tls,
    servers.some((s) => s.secure),
  );
  return {
    shown: servers.map((s) => s.shown).join(','),
    client: {
      servers: servers.map((s) => s.address),
      name: options.name ?? 'seedcast',
      authenticator: authenticators(options, servers[0]),
      ...(tls === undefined ? {} : { tls }),
      ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
      pingInterval: options.pingInterval ?? 1_500,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: options.reconnectWait ?? 100,
      reconnectJitter: options.reconnectWait ?? 100,
      noEcho: false,
      // Building a stack trace for each request costs more than the request.
      noAsyncTraces: true,
    },
  };
}

interface Server {
  readonly address: string;
  readonly shown: string;
  readonly secure: boolean;
  readonly user: string;
  readonly password: string;
}

function parseServer(text: string): Server {
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `nats://${text}`;
  let url: URL;
  try {
    // The scheme is replaced because only special schemes have their hosts and ports checked.
    url = new URL(withScheme.replace(/^[a-z]+:/i, 'http:'));
  } catch (cause) {
    throw new SeedcastError('SC_USAGE', `'${text.replace(/\/\/.*@/, '//***@')}' is not a NATS URL`, {
      cause,
      hint: `write it as ${DEFAULT_URL}`,
    });
  }
  const scheme = withScheme.slice(0, withScheme.indexOf(':')).toLowerCase();
  if (scheme !== 'nats' && scheme !== 'tls') {
    throw new SeedcastError(
      'SC_USAGE',
      `the scheme '${scheme}' of '${scheme}://${url.host}' is not supported`,
      { hint: 'use nats:// or tls://' },
    );
  }
  const explicit = /:(\d+)\/?$/.exec(withScheme.replace(/^[a-z]+:\/\//i, ''))?.[1];
  const address = `${url.hostname}:${explicit ?? '4222'}`;
  return {
    address,
    shown: `${scheme}://${address}`,
    secure: scheme === 'tls',
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function authenticators(options: NatsOptions, server: Server | undefined): Authenticator[] {
  const found: Authenticator[] = [];
  if (options.creds !== undefined) found.push(credsAuthenticator(readSecret(options.creds, 'credentials')));
  if (options.nkey !== undefined) {
    const seed = new TextDecoder().decode(readSecret(options.nkey, 'nkey seed'));
    const line = seed.split(/\r?\n/).find((l) => /^S[A-Z2-7]{20,}$/.test(l.trim()));
    if (line === undefined)
      throw new SeedcastError('SC_USAGE', `no nkey seed in ${options.nkey}`, {
        hint: 'the file holds one line that begins with SU',
      });
    found.push(nkeyAuthenticator(new TextEncoder().encode(line.trim())));
  }
  if (options.token !== undefined) found.push(tokenAuthenticator(options.token));
  if (options.user !== undefined)
    found.push(usernamePasswordAuthenticator(options.user, options.password ?? ''));
  if (found.length === 0 && server !== undefined && server.user !== '') {
    found.push(
      server.password === ''
        ? tokenAuthenticator(server.user)
        : usernamePasswordAuthenticator(server.user, server.password),
    );
  }
  return found;
}

function readSecret(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new SeedcastError('SC_USAGE', `cannot read the ${what} file ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function tlsOptions(tls: NatsTls | undefined, secure: boolean): TlsOptions | undefined {
  if (tls === undefined) return secure ? {} : undefined;
  return {
    ...(tls.ca === undefined ? {} : { caFile: tls.ca }),
    ...(tls.cert === undefined ? {} : { certFile: tls.cert }),
    ...(tls.key === undefined ? {} : { keyFile: tls.key }),
  };
}
