// What people read: JSON on progress, event and heartbeat subjects, and the bodies of requests to the leader. `nats sub`
// must show something readable, so names are whole words and units are in them.
import { z } from 'zod';
import { IDENTIFIER } from './subjects.js';
import { type ErrorPlace, SeedcastError, isErrorCode, messageOf } from '../errors.js';

export const jobState = z.enum([
  'pending',
  'running',
  'paused',
  'succeeded',
  'failed',
  'stopped',
  'cancelled',
]);
export type JobState = z.infer<typeof jobState>;

/** As people are told: a job with a reason why nothing moves is pending, not running. */
export function stateShown(state: JobState, reason: string | null): JobState {
  return state === 'running' && reason !== null ? 'pending' : state;
}

/** Characters of an objective's own summary that are told. */
export const SUMMARY_LENGTH = 200;

const nullableNumber = z.number().nullable();

export const heartbeatSchema = z.object({
  v: z.literal(1),
  worker: z.string().regex(IDENTIFIER),
  state: z.enum(['starting', 'idle', 'loading', 'working', 'draining']),
  host: z.string(),
  pid: z.number(),
  version: z.string(),
  engine: z.string(),
  /** What does the engine's work: a SIMD level, a tfjs backend. */
  backend: z.string().max(64).optional(),
  threads: z.number(),
  /** Replicas it may hold, and bytes for them. */
  capacity: z.object({ jobs: z.number(), memoryBytes: z.number() }),
  /** Objective name → SHA-256 of its code. */
  objectives: z.record(z.string(), z.string().max(64)),
  jobs: z.record(
    z.string(),
    z.object({
      ready: z.boolean(),
      step: z.number(),
      digest: z.string().nullable(),
      evaluationsPerSecond: z.number(),
      /** |g|² over its noise floor, and |step| / |parameters|, of a recent step; null where unknown. */
      signal: nullableNumber,
      relativeStep: nullableNumber,
      /** Why the worker cannot run the job; null when it can. */
      problem: z.string().nullable(),
      /** What the objective's `summarize` says of the centre's fitness. */
      summary: z.string().max(SUMMARY_LENGTH).nullable().optional(),
    }),
  ),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

export const progressSchema = z.object({
  v: z.literal(1),
  job: z.string(),
  state: jobState,
  step: z.number(),
  steps: nullableNumber,
  evaluations: z.number(),
  fitness: z.object({
    centre: nullableNumber,
    best: nullableNumber,
    mean: nullableNumber,
    deviation: nullableNumber,
  }),
  /** The objective's own figure of data that training never sees, and the step it is of; null where it has none. */
  validation: z
    .object({ metric: z.string(), value: nullableNumber, step: nullableNumber })
    .nullable()
    .default(null),
  evaluationsPerSecond: z.number(),
  workers: z.number(),
  bytesPerStep: z.number(),
  failedEvaluations: z.number(),
  secondsElapsed: z.number(),
  secondsLeft: nullableNumber,
  hints: z.array(z.string()),
  /** Why nothing moves, when it does not. */
  waiting: z.string().nullable(),
  /** What the objective itself says of the centre's fitness, of a recent step; null where it says nothing. */
  summary: z.string().nullable().default(null),
});
export type Progress = z.infer<typeof progressSchema>;

export const eventSchema = z.object({
  v: z.literal(1),
  job: z.string(),
  time: z.string(),
  type: z.string(),
  step: z.number(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type JobEvent = z.infer<typeof eventSchema>;

/** The last line of `--json`, and what `describe` shows of an ended job. */
export const resultSchema = z.object({
  type: z.literal('result'),
  job: z.string(),
  status: z.enum(['succeeded', 'failed', 'stopped', 'cancelled']),
  stoppedBy: z.string(),
  reason: z.string().nullable(),
  steps: z.number(),
  evaluations: z.number(),
  fitness: z.object({ centre: nullableNumber, best: nullableNumber, mean: nullableNumber }),
  /** Of the final state, or as last measured where the job was cancelled or failed; absent where the objective declares none. */
  validation: z.object({ metric: z.string(), value: nullableNumber }).optional(),
  digest: z.string().nullable(),
  wallSeconds: z.number(),
  bytesDown: z.number(),
  bytesUp: z.number(),
});
export type JobResult = z.infer<typeof resultSchema>;

export const jobSummarySchema = z.object({
  job: z.string(),
  name: z.string(),
  state: jobState,
  objective: z.string(),
  method: z.string(),
  created: z.string(),
  step: z.number(),
  evaluations: z.number(),
  centre: nullableNumber,
  best: nullableNumber,
  validation: z.object({ metric: z.string(), value: nullableNumber }).nullable().default(null),
  workers: z.number(),
  /** Why it does not run. */
  reason: z.string().nullable(),
  result: resultSchema.nullable(),
});
export type JobSummary = z.infer<typeof jobSummarySchema>;

/** A job's view in the bucket of jobs; the ledger is what counts. */
export const jobRecordSchema = z.object({
  job: z.string(),
  name: z.string(),
  spec: z.unknown(),
  init: z.string().nullable(),
  created: z.string(),
  state: jobState,
  reason: z.string().nullable(),
  /** What was asked of the job and its ledger does not show yet: the next leader goes on with it. */
  request: z.enum(['stop', 'cancel']).nullable().default(null),
  result: resultSchema.nullable(),
});
export type JobRecord = z.infer<typeof jobRecordSchema>;

/** Request to a worker: what an objective is with these options. The answer is an ObjectiveDescription. */
export const describeObjectiveRequestSchema = z.object({
  objective: z.string(),
  options: z.record(z.string(), z.unknown()),
  dtype: z.enum(['float32', 'float64']),
  /** Start weights that must fit the objective's tensors. */
  init: z
    .object({ sha256: z.string(), map: z.record(z.string(), z.string()) })
    .nullable()
    .default(null),
});

/** Bodies of requests; answers are `{ ok: true, ... }` or `{ ok: false, error }`. */
export const submitRequestSchema = z.object({
  job: z.string(),
  name: z.string(),
  spec: z.unknown(),
  /** SHA-256 of uploaded start weights. */
  init: z.string().nullable(),
});

export const controlRequestSchema = z.object({
  job: z.string(),
  action: z.enum(['pause', 'resume', 'stop', 'cancel', 'delete', 'extend']),
  /** resume: other code than the genesis named may evaluate from here on. */
  acceptCode: z.boolean().optional(),
  /** extend: new stop rules, as a compiled spec has them. */
  stop: z.unknown().optional(),
});
export type ControlRequest = z.infer<typeof controlRequestSchema>;

export const jobRequestSchema = z.object({ job: z.string() });

/** The start of every answer of the leader or a worker; the rest depends on the request. */
export const answerSchema = z.union([
  z.looseObject({ ok: z.literal(true) }),
  z.object({
    ok: z.literal(false),
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      place: z
        .object({ file: z.string(), line: z.number(), column: z.number(), field: z.string() })
        .partial()
        .optional(),
    }),
  }),
]);

const encoder = new TextEncoder();
/** The body of a good answer; a bad one is thrown as the error it names. */
export function openAnswer(bytes: Uint8Array, what: string): Record<string, unknown> {
  const answer = decodeJson(answerSchema, bytes, what);
  if (answer.ok) return answer;
  const { code, message, hint, place } = answer.error;
  throw new SeedcastError(isErrorCode(code) ? code : 'SC_INTERNAL', message, {
    ...(hint === undefined ? {} : { hint }),
    // zod gives `undefined` for what is absent; JSON never does.
    ...(place === undefined ? {} : { place: place as ErrorPlace }),
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** Checked JSON, or SC_MESSAGE_INVALID naming `what`. */
export function decodeJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new SeedcastError('SC_MESSAGE_INVALID', `${what} is not JSON: ${messageOf(cause)}`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new SeedcastError(
    'SC_MESSAGE_INVALID',
    `${what} has ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'a wrong form'}`,
  );
}
