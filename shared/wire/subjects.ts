// Every subject, stream, bucket and lease name in one place. A pool's name prefixes all of them, so that two pools share
// a NATS without meeting. Identifiers are checked before they become part of a subject.
import { SeedcastError } from '../errors.js';

export const IDENTIFIER = /^[A-Za-z0-9_-]{1,64}$/;

/** Returns `id` when it may stand in a subject; else SC_USAGE naming `what`. */
export function checkIdentifier(id: string, what: string): string {
  if (IDENTIFIER.test(id)) return id;
  throw new SeedcastError('SC_USAGE', `${what} ${JSON.stringify(id)} is not a valid identifier`, {
    hint: 'use 1 to 64 letters, digits, "_" or "-"',
  });
}

export interface Names {
  readonly prefix: string;
  /** Stands before stream names, for the bus's own stream of blobs. */
  readonly streamPrefix: string;
  readonly streams: { readonly ledger: string; readonly evidence: string; readonly events: string };
  readonly buckets: { readonly jobs: string; readonly lease: string; readonly snapshots: string };
  /** Requests that the leader serves. */
  readonly service: {
    readonly submit: string;
    readonly control: string;
    readonly describe: string;
    readonly list: string;
    readonly workers: string;
    /** A worker asks for the plans and rounds of the jobs it holds. */
    readonly ask: string;
    /** A coordinator says that it leads now: workers ask. */
    readonly leading: string;
  };
  job(job: string): JobSubjects;
  worker(worker: string): WorkerSubjects;
  /** Wildcards that name every job or worker. */
  readonly all: {
    readonly ledger: string;
    readonly evidence: string;
    readonly event: string;
    readonly progress: string;
    readonly result: string;
    readonly heartbeat: string;
  };
}

export interface JobSubjects {
  readonly plan: string;
  readonly round: string;
  readonly ledger: string;
  readonly evidence: string;
  readonly progress: string;
  readonly event: string;
  /** All workers' results of this job. */
  readonly results: string;
  assign(worker: string): string;
  result(worker: string): string;
}

export interface WorkerSubjects {
  readonly heartbeat: string;
  /** Which jobs the worker holds; coordinator to worker. */
  readonly placement: string;
  /** Request: describe an objective with options. */
  readonly describe: string;
}

/** `pool`: null for the default pool, else an identifier. */
export function names(pool: string | null = null): Names {
  const subjectPrefix = pool === null ? 'seedcast.v1' : `${checkIdentifier(pool, 'pool')}.seedcast.v1`;
  const bucketPrefix = pool === null ? 'seedcast' : `${pool}_seedcast`;
  const streamPrefix = pool === null ? 'SEEDCAST' : `${pool}_SEEDCAST`;
  const job = (id: string): JobSubjects => {
    const at = `${subjectPrefix}.job.${id}`;
    return {
      plan: `${at}.plan`,
      round: `${at}.round`,
      ledger: `${at}.ledger`,
      evidence: `${at}.evidence`,
      progress: `${at}.progress`,
      event: `${at}.event`,
      results: `${at}.result.*`,
      assign: (worker) => `${at}.assign.${worker}`,
      result: (worker) => `${at}.result.${worker}`,
    };
  };
  return {
    prefix: subjectPrefix,
    streamPrefix: `${streamPrefix}_`,
    streams: {
      ledger: `${streamPrefix}_LEDGER`,
      evidence: `${streamPrefix}_EVIDENCE`,
      events: `${streamPrefix}_EVENTS`,
    },
    buckets: {
      jobs: `${bucketPrefix}_jobs`,
      lease: `${bucketPrefix}_lease`,
      snapshots: `${bucketPrefix}_snapshots`,
    },
    service: {
      submit: `${subjectPrefix}.submit`,
      control: `${subjectPrefix}.control`,
      describe: `${subjectPrefix}.describe`,
      list: `${subjectPrefix}.list`,
      workers: `${subjectPrefix}.workers`,
      ask: `${subjectPrefix}.ask`,
      leading: `${subjectPrefix}.leading`,
    },
    job,
    worker: (id) => ({
      heartbeat: `${subjectPrefix}.worker.${id}.heartbeat`,
      placement: `${subjectPrefix}.worker.${id}.placement`,
      describe: `${subjectPrefix}.worker.${id}.describe`,
    }),
    all: {
      ledger: `${subjectPrefix}.job.*.ledger`,
      evidence: `${subjectPrefix}.job.*.evidence`,
      event: `${subjectPrefix}.job.*.event`,
      progress: `${subjectPrefix}.job.*.progress`,
      result: `${subjectPrefix}.job.*.result.*`,
      heartbeat: `${subjectPrefix}.worker.*.heartbeat`,
    },
  };
}
