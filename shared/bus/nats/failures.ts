// What the client and the server say, as Seedcast's errors. The client speaks in `code` (its own words or an HTTP-like
// number) and JetStream in `api_error.err_code`; the numbers below are nats-server's (server/errors.json).
import { NatsError } from 'nats';
import { SeedcastError, messageOf } from '../../errors.js';

/** JetStream error numbers that decide something here. */
export const API = {
  wrongLastSequence: [10071, 10164],
  streamNotFound: 10059,
  streamNameInUse: 10058,
  noMessage: 10037,
  /** Store failed (maximum bytes or messages, no space left on device), and the limits of an account or server. */
  full: [10077, 10047, 10028, 10023, 10002],
  jetStreamOff: [10076, 10039],
} as const;

const NO_RESPONDERS = '503';

export function apiCode(thrown: unknown): number {
  return thrown instanceof NatsError ? (thrown.api_error?.err_code ?? 0) : 0;
}

export function isWrongLastSequence(thrown: unknown): boolean {
  return (API.wrongLastSequence as readonly number[]).includes(apiCode(thrown));
}

export function isNoResponders(thrown: unknown): boolean {
  return thrown instanceof NatsError && thrown.api_error === undefined && thrown.code === NO_RESPONDERS;
}

/** Failures of authentication, and not of one subject. */
export function isRefusedLogin(thrown: unknown): boolean {
  return thrown instanceof NatsError && (thrown.isAuthError() || thrown.code === 'AUTHENTICATION_TIMEOUT');
}

/**
 * Any failure of the client as a SeedcastError.
 * `doing` completes "could not ...", `server` is the URL named in the message.
 */
export function busError(thrown: unknown, doing: string, server: string): SeedcastError {
  if (thrown instanceof SeedcastError) return thrown;
  const cause = thrown;
  const what = `could not ${doing} at ${server}`;
  const number = apiCode(thrown);
  if ((API.wrongLastSequence as readonly number[]).includes(number)) {
    return new SeedcastError(
      'SC_SEQUENCE_CONFLICT',
      `${what}: another entry came first (${messageOf(thrown)})`,
      { cause },
    );
  }
  if ((API.full as readonly number[]).includes(number)) {
    return new SeedcastError('SC_STORE_FULL', `${what}: ${messageOf(thrown)}`, {
      cause,
      hint: 'delete finished jobs, raise the limit of the stream or account, or free disk space',
    });
  }
  if (number === API.streamNotFound) {
    return new SeedcastError('SC_STREAM_LOST', `${what}: the stream is gone`, {
      cause,
      hint: 'the store of this server was emptied or is another one',
    });
  }
  if ((API.jetStreamOff as readonly number[]).includes(number)) {
    return new SeedcastError('SC_UNREACHABLE', `${what}: JetStream is off (${messageOf(thrown)})`, {
      cause,
      hint: 'start nats-server with -js or a jetstream block',
    });
  }
  if (!(thrown instanceof NatsError))
    return new SeedcastError('SC_INTERNAL', `${what}: ${messageOf(thrown)}`, { cause });
  switch (thrown.code) {
    case 'TIMEOUT':
      return new SeedcastError('SC_TIMEOUT', `${what}: no answer in time`, { cause });
    case 'PERMISSIONS_VIOLATION':
    case 'AUTHORIZATION_VIOLATION':
    case 'AUTHENTICATION_EXPIRED':
    case 'ACCOUNT_EXPIRED':
    case 'AUTHENTICATION_TIMEOUT':
      return new SeedcastError('SC_DENIED', `${what}: ${messageOf(thrown)}`, {
        cause,
        hint: 'check the credentials and the permissions of this user',
      });
    case 'CONNECTION_CLOSED':
    case 'CONNECTION_DRAINING':
    case 'CONNECTION_REFUSED':
    case 'CONNECTION_TIMEOUT':
    case 'DISCONNECT':
    case NO_RESPONDERS:
      return new SeedcastError('SC_UNREACHABLE', `${what}: ${messageOf(thrown)}`, { cause });
    default:
      return new SeedcastError('SC_INTERNAL', `${what}: ${messageOf(thrown)}`, { cause });
  }
}
