// The compute side of one job in a worker process: a replica in shared memory, updates and digests in strict order, and
// evaluations spread over the threads in pieces of a few milliseconds. The main thread only hands out work; a small
// update it does itself, since asking a thread would take longer.
import { messageOf } from '../../shared/errors.js';
import { replicaBytes } from '../../shared/methods/shape.js';
import { type GenesisRecord, type StepUpdate, encodeRecord } from '../../shared/ledger/records.js';
import type { TensorArray } from '../../shared/objectives/types.js';
import type { Clock } from '../../shared/ports.js';
import type { Ranges } from '../../shared/wire/messages.js';
import type { UnitLayout } from '../../shared/wire/slices.js';
import type { EvaluatedBatch } from '../core/job.js';
import { Replica } from '../replica/replica.js';
import {
  CONTROL_BYTES,
  CONTROL_GENERATION,
  type CatalogEntry,
  type EvaluatedUnits,
  type Figures,
} from './protocol.js';
import { ThreadLost, type ThreadPool } from './pool.js';

/** Noise values of an update below which the main thread applies it. */
const INLINE_TERMS = 40_000;
/** Milliseconds of work in one piece for a thread; more where a call prepares weights and noise for all its members. */
const PIECE = 20;
const POPULATION_PIECE = 250;
/**
 * Milliseconds after which finished units are reported although more are to come: what a worker that dies can lose. A slice
 * that takes less is one message, so that bytes a step do not depend on how long an evaluation takes.
 */
const FLUSH = 2000;
/** Milliseconds added to an objective's own timeout before the thread is replaced. */
const TIMEOUT_GRACE = 2000;

/** Times a unit is tried again after its thread was lost while another job evaluated there too. */
const SHARED_LOSSES = 8;

interface Evaluation {
  readonly generation: number;
  readonly step: number;
  readonly layout: UnitLayout;
  /** Units not handed to a thread yet. */
  queue: [number, number][];
  finished: EvaluatedUnits[];
  /** How often the thread of a unit was lost. */
  readonly lost: Map<number, number>;
  inFlight: number;
  flushedAt: number;
}

export type EvaluationLimits = Pick<CatalogEntry, 'timeout' | 'batched' | 'population'>;

export class JobCompute {
  private readonly memory: SharedArrayBuffer;
  private readonly control: Int32Array;
  private readonly replica: Replica;
  private tail: Promise<unknown> = Promise.resolve();
  private closed = false;
  private evaluation: Evaluation | null = null;
  private last: { readonly step: number; readonly update: StepUpdate } | null = null;
  private readonly busyThreads = new Set<number>();
  /** Milliseconds a unit takes on one thread, measured. */
  private cost: number | null = null;

  private constructor(
    readonly job: string,
    genesis: GenesisRecord,
    private readonly pool: ThreadPool,
    private readonly clock: Clock,
    private readonly limits: EvaluationLimits,
    private readonly onEvaluated: (generation: number, batch: EvaluatedBatch) => void,
    /** The replica can no longer be trusted (a thread was lost in an update): it must be built again. */
    private readonly onProblem: (message: string) => void,
  ) {
    this.memory = new SharedArrayBuffer(replicaBytes(genesis));
    this.control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
    this.replica = new Replica(genesis, this.memory);
  }

  static async open(
    job: string,
    genesis: GenesisRecord,
    pool: ThreadPool,
    clock: Clock,
    limits: EvaluationLimits,
    onEvaluated: (generation: number, batch: EvaluatedBatch) => void,
    onProblem: (message: string) => void,
  ): Promise<JobCompute> {
    const compute = new JobCompute(job, genesis, pool, clock, limits, onEvaluated, onProblem);
    const control = compute.control.buffer as SharedArrayBuffer;
    try {
      await pool.openJob({
        op: 'open',
        job,
        genesis: encodeRecord(genesis),
        memory: compute.memory,
        control,
      });
    } catch (error) {
      // Some threads may have opened it, and one that is replaced would open it again.
      await pool.closeJob(job);
      throw error;
    }
    return compute;
  }

  get bytes(): number {
    return this.memory.byteLength;
  }

  /** state(0): declared initial values, or `weights` (unbounded) where given. */
  initialise(weights: ReadonlyMap<string, TensorArray> | null): Promise<void> {
    return this.inOrder(async () => {
      await this.pool.run(0, { op: 'initialise', job: this.job, weights });
    });
  }

  restore(step: number, bytes: Uint8Array): Promise<void> {
    return this.inOrder(async () => {
      await this.pool.run(0, { op: 'restore', job: this.job, step, bytes });
    });
  }

  /** state(step) → state(step + updates.length); evaluations under way are no longer wanted. */
  apply(step: number, updates: readonly StepUpdate[]): Promise<void> {
    this.abandon();
    return this.inOrder(() => {
      const update = updates.at(-1);
      if (update !== undefined) this.last = { step: step + updates.length, update };
      const terms =
        updates.reduce((sum, u) => sum + u.coefficients.length, 0) * this.replica.memory.coordinates;
      if (terms <= INLINE_TERMS) {
        updates.forEach((update, i) => this.replica.apply(step + i, update));
        return;
      }
      return this.applyOnThreads(step, updates);
    });
  }

  /** Tiles go to threads that do not evaluate; a stale evaluation may hold its thread for long. */
  private async applyOnThreads(step: number, updates: readonly StepUpdate[]): Promise<void> {
    const { coordinates } = this.replica.memory;
    const all = Array.from({ length: this.pool.size }, (_, thread) => thread);
    const free = all.filter((thread) => !this.busyThreads.has(thread));
    const threads = free.length > 0 ? free : all;
    const width = Math.ceil(coordinates / threads.length / 64) * 64;
    const tiles = threads.flatMap((thread, i) => {
      const [lo, hi] = [Math.min(i * width, coordinates), Math.min((i + 1) * width, coordinates)];
      return lo === hi ? [] : [this.pool.run(thread, { op: 'apply', job: this.job, step, updates, lo, hi })];
    });
    await Promise.all(tiles);
  }

  digest(step: number): Promise<string> {
    return this.inOrder(() => this.pool.run(this.freeThread(), { op: 'digest', job: this.job, step }));
  }

  snapshot(step: number): Promise<{ readonly bytes: Uint8Array; readonly sha256: string }> {
    return this.inOrder(() => this.pool.run(this.freeThread(), { op: 'snapshot', job: this.job, step }));
  }

  /** Figures of the last update, taken in order with the others; null before the first. */
  figures(centre: number | null): Promise<Figures | null> {
    return this.inOrder(() => {
      const { last } = this;
      return last === null
        ? null
        : this.pool.run(this.freeThread(), { op: 'figures', job: this.job, centre, ...last });
    });
  }

  private freeThread(): number {
    for (let thread = 0; thread < this.pool.size; thread++) if (!this.busyThreads.has(thread)) return thread;
    return 0;
  }

  /** Adds units of a round; a new generation replaces the old one. Starts after the updates given before. */
  evaluate(generation: number, step: number, layout: UnitLayout, ranges: Ranges): void {
    if (this.evaluation?.generation !== generation) {
      this.abandon();
      Atomics.store(this.control, CONTROL_GENERATION, generation);
      this.evaluation = {
        generation,
        step,
        layout,
        queue: [],
        finished: [],
        lost: new Map(),
        inFlight: 0,
        flushedAt: -1,
      };
    }
    const { evaluation } = this;
    void this.inOrder(() => {
      if (this.evaluation !== evaluation) return;
      for (const [from, to] of ranges) evaluation.queue.push([from, to]);
      if (evaluation.flushedAt < 0 || evaluation.inFlight === 0) evaluation.flushedAt = this.clock.now();
      this.pump();
    });
  }

  private abandon(): void {
    const { evaluation } = this;
    if (evaluation === null) return;
    this.evaluation = null;
    // A generation that no evaluation has: threads stop at their next member.
    Atomics.store(this.control, CONTROL_GENERATION, -1);
    if (evaluation.inFlight > 0) this.pool.abort(this.job, evaluation.generation + 1);
  }

  private pump(): void {
    const { evaluation } = this;
    if (evaluation === null) return;
    for (let thread = 0; thread < this.pool.size; thread++) {
      if (this.busyThreads.has(thread)) continue;
      const piece = this.nextPiece(evaluation);
      if (piece === null) return;
      void this.runPiece(evaluation, thread, piece);
    }
  }

  private nextPiece(evaluation: Evaluation): readonly [number, number] | null {
    const first = evaluation.queue[0];
    if (first === undefined) return null;
    const [from, to] = first;
    const left = evaluation.queue.reduce((sum, [a, b]) => sum + b - a, 0);
    const { group, members } = evaluation.layout;
    const share = Math.ceil(left / this.pool.size);
    const piece = this.limits.population ? POPULATION_PIECE : PIECE;
    const timely = this.cost === null ? 2 * group : Math.floor(piece / Math.max(this.cost, 1e-6));
    // A limit holds for one evaluation; only an objective that takes many at once is given many.
    const { timeout, batched } = this.limits;
    const single = timeout !== null && !batched;
    let size = !single ? Math.max(group, Math.min(share, timely)) : 1;
    if (!single && from < members) size += (group - (size % group)) % group;
    const end = Math.min(from + size, to);
    if (end === to) evaluation.queue.shift();
    else first[0] = end;
    return [from, end];
  }

  private async runPiece(
    evaluation: Evaluation,
    thread: number,
    [from, to]: readonly [number, number],
  ): Promise<void> {
    const { generation, step, layout } = evaluation;
    this.busyThreads.add(thread);
    evaluation.inFlight++;
    const begun = this.clock.now();
    let cancelTimer = (): void => undefined;
    const timed = { out: false };
    const limit = this.limits.timeout === null ? null : this.limits.timeout * (to - from);
    // From when it begins: a thread that was replaced opens its jobs first, and the limit is not meant for that.
    const guard =
      limit === null
        ? null
        : (): void => {
            cancelTimer = this.clock.after(limit + TIMEOUT_GRACE, () => {
              timed.out = true;
              void this.pool.kill(thread, 'timeout');
            });
          };
    let done: EvaluatedUnits | null;
    try {
      const job = this.job;
      const task = { op: 'evaluate', job, generation, step, layout, from, to } as const;
      done = await this.pool.run(thread, task, guard);
    } catch (error) {
      const lost = error instanceof ThreadLost;
      const tries = lost && !error.alone ? SHARED_LOSSES : 1;
      // Which unit ended the thread is not known, and others of its piece are innocent: each is tried by itself.
      const again = range(from, to).filter((unit) =>
        timed.out ? to - from > 1 : lost && (evaluation.lost.get(unit) ?? 0) < tries,
      );
      if (again.length > 0) {
        for (const unit of again) evaluation.lost.set(unit, (evaluation.lost.get(unit) ?? 0) + 1);
        evaluation.queue.unshift(...again.map((unit): [number, number] => [unit, unit + 1]));
        done = null;
      } else {
        const words = timed.out
          ? `timed out after ${limit ?? 0} ms`
          : lost
            ? `the evaluation ended its thread: ${error.message}`
            : messageOf(error);
        done = failedUnits(from, to, words);
      }
    }
    cancelTimer();
    this.busyThreads.delete(thread);
    evaluation.inFlight--;
    if (done?.stuck === true) void this.pool.kill(thread, 'an evaluation hangs');
    if (done !== null && done.to < to && this.evaluation === evaluation)
      evaluation.queue.unshift([done.to, to]);
    if (this.evaluation === evaluation && done !== null) {
      const cost = (this.clock.now() - begun) / Math.max(1, done.to - from);
      this.cost = this.cost === null ? cost : this.cost + 0.3 * (cost - this.cost);
      evaluation.finished.push(done);
      if (
        (evaluation.queue.length === 0 && evaluation.inFlight === 0) ||
        this.clock.now() - evaluation.flushedAt >= FLUSH
      )
        this.flush(evaluation);
    }
    this.pump();
  }

  private flush(evaluation: Evaluation): void {
    const pieces = evaluation.finished.sort((a, b) => a.from - b.from);
    evaluation.finished = [];
    const now = this.clock.now();
    const batch: EvaluatedBatch = {
      ranges: merge(pieces),
      scalars: join(pieces.map((p) => p.scalars)),
      failures: pieces.flatMap((p) => p.failures),
      auxiliaryUnits: pieces.flatMap((p) => p.auxiliaryUnits),
      auxiliaries: join(pieces.map((p) => p.auxiliaries)),
      busy: Math.max(now - evaluation.flushedAt, 1e-3),
    };
    evaluation.flushedAt = now;
    this.onEvaluated(evaluation.generation, batch);
  }

  private inOrder<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.tail.then(() => {
      if (this.closed) throw new ThreadLost(`job ${this.job} is closed`, false);
      return task();
    });
    this.tail = result.catch((error: unknown) => {
      if (!this.closed) this.onProblem(messageOf(error));
    });
    return result;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.abandon();
    // What waits in line would else find, by its name, the replica that is opened next.
    await this.tail;
    await this.pool.closeJob(this.job);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function failedUnits(from: number, to: number, words: string): EvaluatedUnits {
  const failures = range(from, to).map((unit): [number, string] => [unit, words]);
  const scalars = new Float64Array(to - from).fill(Number.NaN);
  return { from, to, scalars, failures, auxiliaryUnits: [], auxiliaries: new Float64Array(0), stuck: false };
}

function merge(pieces: readonly EvaluatedUnits[]): Ranges {
  const ranges: [number, number][] = [];
  for (const { from, to } of pieces) {
    const last = ranges.at(-1);
    if (last?.[1] === from) last[1] = to;
    else ranges.push([from, to]);
  }
  return ranges;
}

function join(arrays: readonly Float64Array[]): Float64Array {
  const [only] = arrays;
  if (arrays.length === 1 && only !== undefined) return only;
  const all = new Float64Array(arrays.reduce((sum, a) => sum + a.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
