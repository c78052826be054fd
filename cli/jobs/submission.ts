// From a job file to a submission: reads and compiles it, gives it an id, uploads its start weights once, and hands it to
// the leader.
import { existsSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { SeedcastError, asSeedcastError, messageOf } from '../../shared/errors.js';
import { bytesText } from '../../shared/job/estimate.js';
import { nearest } from '../../shared/job/nearest.js';
import { type ParsedJob, parseJobFile } from '../../shared/job/parse.js';
import { readSource } from '../../shared/job/yaml-source.js';
import type { ObjectiveDescription } from '../../shared/objectives/types.js';
import type { Entropy } from '../../shared/ports.js';
import { checkWithinBounds, matchTensors } from '../../shared/tensors/match.js';
import { readNpy } from '../../shared/tensors/npy.js';
import { readSafetensors, writeSafetensors } from '../../shared/tensors/safetensors.js';
import { type Heartbeat, type JobState, encodeJson, openAnswer } from '../../shared/wire/reports.js';
import { checkIdentifier } from '../../shared/wire/subjects.js';
import type { Pool } from '../connection.js';
import type { Host } from '../host.js';
import { askLeader } from './leader.js';
import { findJob } from './reading.js';
import { rebuild } from './rebuild.js';

export interface JobSource {
  readonly parsed: ParsedJob;
  /** As the user gave it; null for a job that came as an object. */
  readonly file: string | null;
  readonly text: string;
}

/** @throws SC_USAGE when it cannot be read, SpecError listing every problem. */
export function readJobFile(file: string, overrides: readonly string[]): JobSource {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SeedcastError('SC_USAGE', `cannot read the job file ${file}: ${messageOf(cause)}`, {
      cause,
      hint: 'check the path',
    });
  }
  return { parsed: parseJobFile(text, file, overrides), file, text };
}

const SUFFIX = 5;

/** `--id`, or the name and a suffix. */
export function jobId(name: string, id: string | undefined, entropy: Entropy): string {
  return id === undefined ? `${name.slice(0, 63 - SUFFIX)}-${entropy(SUFFIX)}` : checkIdentifier(id, '--id');
}

/** Gives an error about a field of the job the line where that field stands. */
export function located(thrown: unknown, { file, text }: JobSource): SeedcastError {
  const error = asSeedcastError(thrown);
  const field = error.place?.field;
  if (
    field === undefined ||
    file === null ||
    error.place?.line !== undefined ||
    error.place?.file !== undefined
  )
    return error;
  const place = { ...readSource(text, file).place(field.split('.')), field };
  return new SeedcastError(error.code, error.message, {
    place,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** Refuses an objective that none of these workers has. */
export function checkObjective(source: JobSource, workers: readonly Heartbeat[]): void {
  const { name } = source.parsed.spec.objective;
  const known = [...new Set(workers.flatMap(({ objectives }) => Object.keys(objectives)))].sort();
  if (known.includes(name)) return;
  const guess = nearest(name, known);
  throw located(
    new SeedcastError(
      'SC_SPEC_INVALID',
      `no worker has the objective ${JSON.stringify(name)}; known are ${known.join(', ')}`,
      {
        place: { field: 'spec.objective.name' },
        hint: guess === null ? 'give the file that defines it with --objectives' : `did you mean ${guess}?`,
      },
    ),
    source,
  );
}

export interface Submitted {
  readonly job: string;
  readonly state: JobState;
  readonly reason: string | null;
}

/** Uploads what the job starts from and submits it. The same id and spec may be submitted again. */
export async function submitJob(
  host: Host,
  pool: Pool,
  source: JobSource,
  job: string,
  workers: readonly Heartbeat[],
): Promise<Submitted> {
  const { name, spec } = source.parsed;
  try {
    const init =
      spec.init === null
        ? null
        : await uploadStart(host, pool, source, job, await describeByWorker(pool, source, workers));
    const answer = await askLeader(pool.bus, host.clock, pool.names.service.submit, {
      job,
      name,
      spec,
      init,
    });
    return { job, state: answer['state'] as JobState, reason: (answer['reason'] ?? null) as string | null };
  } catch (thrown) {
    throw located(thrown, source);
  }
}

/** What a worker says the objective is; null when none has it. */
async function describeByWorker(
  pool: Pool,
  source: JobSource,
  workers: readonly Heartbeat[],
): Promise<ObjectiveDescription | null> {
  const { name, options } = source.parsed.spec.objective;
  const able = workers.find(({ objectives }) => Object.hasOwn(objectives, name));
  if (able === undefined) return null;
  const request = encodeJson({ objective: name, options, dtype: 'float32' });
  const answer = await pool.bus.request(pool.names.worker(able.worker).describe, request, {
    timeout: 15_000,
  });
  return openAnswer(answer, `the answer of worker ${able.worker}`)['description'] as ObjectiveDescription;
}

/** SHA-256 of the start weights, which are in the pool afterwards. */
async function uploadStart(
  host: Host,
  pool: Pool,
  source: JobSource,
  job: string,
  objective: ObjectiveDescription | null,
): Promise<string> {
  const { init } = source.parsed.spec;
  if (init === null) throw new SeedcastError('SC_INTERNAL', 'the job has no init');
  const bytes = await startBytes(pool, source, init.from, objective);
  const shown = init.from;
  if (objective !== null) {
    const { tensors } = objective;
    checkWithinBounds(
      tensors,
      matchTensors(tensors, readSafetensors(bytes, shown).tensors, init.map, shown),
      shown,
    );
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const begun = host.clock.now();
  await pool.bus.blobs.put(sha256, bytes, job);
  host.io.message(
    `start weights ${shown}: ${bytesText(bytes.length)} uploaded in ${((host.clock.now() - begun) / 1000).toFixed(2)} s, sha256 ${sha256.slice(0, 12)}`,
  );
  return sha256;
}

async function startBytes(
  pool: Pool,
  { file }: JobSource,
  from: string,
  objective: ObjectiveDescription | null,
): Promise<Uint8Array> {
  // A path is meant from the job file's folder.
  const path = resolve(file === null ? '.' : dirname(file), from);
  const [, other, step] = /^([A-Za-z0-9_-]{1,64})@(\d+|last)$/.exec(from) ?? [];
  if (other !== undefined && step !== undefined && !existsSync(path)) {
    const { job } = await findJob(pool, other);
    const { tensors } = await rebuild(pool, job, {
      step: step === 'last' ? null : Number(step),
      snapshots: true,
    });
    return writeSafetensors(tensors);
  }
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new SeedcastError('SC_TENSOR_FILE', `cannot read the start weights ${path}: ${messageOf(cause)}`, {
      place: { field: 'spec.init.from' },
      hint: 'paths are relative to the job file; JOB@STEP starts from another job',
      cause,
    });
  }
  if (!path.endsWith('.npy')) return bytes;
  // The one array of a .npy file has no name: it takes the objective's.
  const name = objective?.tensors[0]?.name ?? 'x';
  return writeSafetensors([[name, readNpy(bytes, from)]]);
}
