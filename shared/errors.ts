// Every failure a user can meet, in one place: a stable code, an exit code by class, and a message that names the bad
// value, the place and the mend. docs/errors.md has a row for each code; a test keeps the two equal.

/** Exit codes of the CLI, by class of failure. */
export const EXIT = {
  succeeded: 0,
  failed: 1,
  invalid: 2,
  notFound: 3,
  unreachable: 4,
  timedOut: 5,
  denied: 6,
  stopped: 7,
  cancelled: 8,
  interrupted: 130,
} as const;

/** code → exit code. The text of each row is in docs/errors.md. */
export const ERROR_CODES = {
  SC_USAGE: EXIT.invalid,
  SC_SPEC_SYNTAX: EXIT.invalid,
  SC_SPEC_INVALID: EXIT.invalid,
  SC_SPEC_BOUND: EXIT.invalid,
  SC_SPEC_STORAGE: EXIT.invalid,
  SC_OBJECTIVE_FILE: EXIT.invalid,
  SC_OBJECTIVE_OPTIONS: EXIT.invalid,
  SC_TENSOR_FILE: EXIT.invalid,
  SC_DATA_FILE: EXIT.invalid,
  SC_TENSOR_MISMATCH: EXIT.invalid,
  SC_PLATFORM: EXIT.invalid,
  SC_ENGINE: EXIT.invalid,
  SC_STORE_BUSY: EXIT.invalid,
  SC_JOB_EXISTS: EXIT.invalid,
  SC_JOB_STATE: EXIT.invalid,
  SC_NOT_FOUND: EXIT.notFound,
  SC_AMBIGUOUS: EXIT.notFound,
  SC_STEP_NOT_FOUND: EXIT.notFound,
  SC_UNREACHABLE: EXIT.unreachable,
  SC_NO_COORDINATOR: EXIT.unreachable,
  SC_NATS_SERVER: EXIT.unreachable,
  SC_STREAM_LOST: EXIT.unreachable,
  SC_TIMEOUT: EXIT.timedOut,
  SC_DENIED: EXIT.denied,
  SC_EVALUATION: EXIT.failed,
  SC_JOB_FAILED: EXIT.failed,
  SC_SEQUENCE_CONFLICT: EXIT.failed,
  SC_STORE_FULL: EXIT.failed,
  SC_LEDGER_CORRUPT: EXIT.failed,
  SC_MESSAGE_INVALID: EXIT.failed,
  SC_INTERNAL: EXIT.failed,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** Where in the user's input the bad value stands. Lines and columns count from 1. */
export interface ErrorPlace {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Dotted path, `spec.method.sigma`. */
  readonly field?: string;
}

export interface SeedcastErrorOptions {
  readonly place?: ErrorPlace;
  /** What to do about it: one sentence or one command. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class SeedcastError extends Error {
  override readonly name = 'SeedcastError';
  readonly code: ErrorCode;
  readonly place: ErrorPlace | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: SeedcastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.place = options.place;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/** Any thrown value as a SeedcastError; what is not one becomes SC_INTERNAL with its cause kept. */
export function asSeedcastError(thrown: unknown): SeedcastError {
  if (thrown instanceof SeedcastError) return thrown;
  return new SeedcastError('SC_INTERNAL', messageOf(thrown), { cause: thrown });
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `job.yaml:7:12 spec.method.sigma: message (hint) [SC_SPEC_INVALID]`, the one-line form that the CLI prints. */
export function formatError(error: SeedcastError): string {
  const { place } = error;
  const position =
    place?.line === undefined ? '' : `:${place.line}${place.column === undefined ? '' : `:${place.column}`}`;
  const at = [place?.file === undefined ? '' : place.file + position, place?.field ?? '']
    .filter(Boolean)
    .join(' ');
  const hint = error.hint === undefined ? '' : ` (${error.hint})`;
  return `${at === '' ? '' : `${at}: `}${error.message}${hint} [${error.code}]`;
}

/** What is refused once is refused again; every other failure may pass. */
export function isRefusal(error: unknown): boolean {
  return asSeedcastError(error).exitCode === EXIT.invalid;
}
