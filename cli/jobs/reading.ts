// Jobs as the pool's bucket and ledgers tell, without a coordinator: who JOB means, and summaries for people.
import { SeedcastError, asSeedcastError } from '../../shared/errors.js';
import { nearest } from '../../shared/job/nearest.js';
import type { JobSpec } from '../../shared/job/spec.js';
import { type LedgerView, finalValidation } from '../../shared/ledger/fold.js';
import {
  type JobRecord,
  type JobState,
  type JobSummary,
  decodeJson,
  jobRecordSchema,
  stateShown,
} from '../../shared/wire/reports.js';
import type { Pool } from '../connection.js';

export const TERMINAL: readonly JobState[] = ['succeeded', 'failed', 'stopped', 'cancelled'];

export function hasEnded(record: Pick<JobRecord, 'state'>): boolean {
  return TERMINAL.includes(record.state);
}

/** Every job, oldest first; what cannot be read is left out. */
export async function readJobs(pool: Pool): Promise<JobRecord[]> {
  const bucket = await pool.bus.keyValue(pool.names.buckets.jobs);
  const records = (await bucket.list()).flatMap(({ key, value }) => {
    try {
      return [decodeJson(jobRecordSchema, value, `job record ${key}`)];
    } catch {
      return [];
    }
  });
  return records.sort((a, b) => compare(a.created, b.created) || compare(a.job, b.job));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export async function readJob(pool: Pool, job: string): Promise<JobRecord | null> {
  const entry = await (await pool.bus.keyValue(pool.names.buckets.jobs)).get(job);
  return entry === null ? null : decodeJson(jobRecordSchema, entry.value, `job record ${job}`);
}

/**
 * The job that a user means: its id, `last`, its name when only one has it, or the beginning of one id.
 * @throws SC_NOT_FOUND, SC_AMBIGUOUS listing the candidates.
 */
export async function findJob(pool: Pool, text: string): Promise<JobRecord> {
  return chooseJob(await readJobs(pool), text);
}

export function chooseJob(records: readonly JobRecord[], text: string): JobRecord {
  const exact = records.find(({ job }) => job === text);
  if (exact !== undefined) return exact;
  const newest = records.at(-1);
  if (text === 'last' && newest !== undefined) return newest;
  const named = records.filter(({ name }) => name === text);
  const found =
    named.length > 0 ? named : text === '' ? [] : records.filter(({ job }) => job.startsWith(text));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length > 1) {
    const shown = found.slice(-10).map(({ job, state }) => `${job} (${state})`);
    throw new SeedcastError(
      'SC_AMBIGUOUS',
      `${JSON.stringify(text)} is the name or beginning of ${found.length} jobs: ${found.length > 10 ? '..., ' : ''}${shown.join(', ')}`,
      {
        hint: 'give the whole id, or `last` for the newest job',
      },
    );
  }
  const guess = nearest(text, [...records.map(({ job }) => job), ...records.map(({ name }) => name)]);
  throw new SeedcastError('SC_NOT_FOUND', `there is no job ${JSON.stringify(text)}`, {
    hint: guess === null ? '`seedcast list` shows the jobs' : `did you mean ${guess}?`,
  });
}

/** The fold of a job's ledger; null when there is none. */
export async function readView(pool: Pool, job: string): Promise<LedgerView | null> {
  try {
    return (await pool.store.foldAll(job))?.view ?? null;
  } catch (thrown) {
    if (asSeedcastError(thrown).code === 'SC_STREAM_LOST') return null;
    throw thrown;
  }
}

/** A summary without a coordinator: the ledger is read where the record does not tell the end. */
export async function summarise(pool: Pool, record: JobRecord): Promise<JobSummary> {
  const spec = record.spec as JobSpec;
  const { result } = record;
  const view = result === null ? await readView(pool, record.job) : null;
  const reason = record.reason ?? (hasEnded(record) ? null : 'no coordinator runs');
  return {
    job: record.job,
    name: record.name,
    objective: spec.objective.name,
    method: spec.method.name,
    created: record.created,
    step: view?.steps ?? result?.steps ?? 0,
    evaluations: view?.evaluations ?? result?.evaluations ?? 0,
    centre: view?.end?.centre ?? view?.lastCentre ?? result?.fitness.centre ?? null,
    best: view?.best ?? result?.fitness.best ?? null,
    validation: (view == null ? null : finalValidation(view)) ?? result?.validation ?? null,
    workers: 0,
    state: stateShown(record.state, reason),
    reason,
    result,
  };
}
