// What people ask of the leader: controls of a job, summaries, a description. Decides what a request may do in which
// state; the ledger and the workers are reached by opening and placing.
import { finalValidation } from '../shared/ledger/fold.js';
import type { KeyValue } from '../shared/bus/port.js';
import { SeedcastError } from '../shared/errors.js';
import { type StopRules, compiledSpec } from '../shared/job/spec.js';
import type { LedgerStore } from '../shared/ledger/store.js';
import { toHex } from '../shared/wire/codec.js';
import type { ControlRequest, JobState, JobSummary } from '../shared/wire/reports.js';
import type { Fleet } from './fleet.js';
import { type JobEntry, type JobTable, isEnd } from './job-table.js';
import type { Opening } from './opening.js';
import type { CoordinatorOptions } from './options.js';
import type { Placing } from './placing.js';

export class Answering {
  constructor(
    private readonly options: CoordinatorOptions,
    private readonly store: LedgerStore,
    private readonly bucket: KeyValue,
    private readonly fleet: Fleet,
    private readonly table: JobTable,
    private readonly opening: Opening,
    private readonly placing: Placing,
  ) {}

  async control(request: ControlRequest): Promise<{ job: string; state: JobState }> {
    const entry = this.table.entry(request.job);
    // What is to be deleted need not run.
    if (request.action !== 'delete') await this.opening.takeUp(entry);
    const { record, runner } = entry;
    const state = this.table.stateOf(entry);
    const ended = isEnd(state);
    const { state: shown, reason } = this.table.shown(entry);
    const refuse = (why: string): never => {
      throw new SeedcastError('SC_JOB_STATE', `${request.action}: job ${record.job} ${why}`);
    };
    if (request.action === 'delete') {
      if (!ended && state !== 'pending' && runner?.stuck !== true) refuse(`is ${shown}; cancel it first`);
      await this.remove(entry);
      return { job: record.job, state };
    }
    if (request.action === 'extend') {
      if (!ended) refuse(`is ${shown}; only an ended job can be extended`);
      const stop = checkedStop(request.stop);
      await this.opening.open(entry, false);
      if (entry.runner === null) refuse('never began');
      await this.table.save(entry, { state: 'running', reason: null, request: null, result: null });
      entry.runner?.control({ action: 'extend', stop });
      return { job: record.job, state: 'running' };
    }
    if (ended) refuse(`has ended (${state})`);
    if (runner === null) {
      if (record.state !== 'pending') refuse(`is ${state}, but has no ledger any more`);
      if (request.action !== 'cancel' && request.action !== 'stop') refuse(`is pending: ${reason ?? ''}`);
      // The request, for a genesis that is on its way: the job then begins and is cancelled at once.
      await this.table.save(entry, {
        state: 'cancelled',
        reason: 'cancelled before it began',
        request: 'cancel',
      });
      return { job: record.job, state: 'cancelled' };
    }
    if (runner.stuck) refuse(`is stuck and can only be deleted: ${reason ?? ''}`);
    // Kept until the ledger shows it: this leader may die before it does.
    if (request.action === 'stop' || request.action === 'cancel')
      await this.table.save(entry, { request: request.action });
    if (request.action === 'pause' && state === 'paused') refuse('is paused already');
    if (request.action === 'resume') {
      if (request.acceptCode === true)
        runner.control({ action: 'accept-code', code: this.offeredCode(entry) });
      else if (state !== 'paused') refuse(`is ${shown}, not paused`);
    }
    if (request.action !== 'resume' || state === 'paused') runner.control({ action: request.action });
    return { job: record.job, state: this.table.stateOf(entry) };
  }

  private async remove(entry: JobEntry): Promise<void> {
    const { job } = entry.record;
    // First, so that nothing begins it meanwhile.
    this.table.remove(entry);
    entry.runner?.stop();
    entry.runner = null;
    try {
      // A genesis on its way would come after what is deleted.
      await entry.writing;
      await this.store.deleteJob(job);
      await this.bucket.delete(job);
    } catch (error) {
      this.table.restore(entry);
      throw error;
    }
  }

  /** The code for the job's objective that most workers have. */
  private offeredCode({ spec, record, runner }: JobEntry): string {
    const counts = new Map<string, number>();
    for (const heartbeat of this.fleet.alive(this.options.clock.now())) {
      const code = this.fleet.codeFor(heartbeat, spec, runner?.view.code ?? '')?.code ?? null;
      if (code !== null) counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const [best] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (best !== undefined) return best[0];
    throw new SeedcastError(
      'SC_JOB_STATE',
      `resume: no worker has the objective of job ${record.job}, ${JSON.stringify(spec.objective.name)}`,
    );
  }

  summaries(): JobSummary[] {
    return this.table
      .all()
      .map((entry) => this.summary(entry))
      .sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : a.job < b.job ? -1 : 1));
  }

  private summary(entry: JobEntry): JobSummary {
    const { record, runner, spec } = entry;
    const view = runner?.view ?? entry.parked;
    return {
      job: record.job,
      name: record.name,
      objective: spec.objective.name,
      method: spec.method.name,
      created: record.created,
      step: view?.steps ?? record.result?.steps ?? 0,
      evaluations: view?.evaluations ?? record.result?.evaluations ?? 0,
      centre: view?.end?.centre ?? view?.lastCentre ?? record.result?.fitness.centre ?? null,
      best: view?.best ?? record.result?.fitness.best ?? null,
      validation: (view == null ? null : finalValidation(view)) ?? record.result?.validation ?? null,
      workers: this.table.hasEnded(entry) ? 0 : this.placing.countOf(record.job),
      ...this.table.shown(entry),
      result: record.result,
    };
  }

  describe(job: string): object {
    const entry = this.table.entry(job);
    const { runner, spec } = entry;
    const workers = this.fleet.alive(this.options.clock.now()).map((heartbeat) => ({
      worker: heartbeat.worker,
      placed: this.placing.isPlaced(heartbeat.worker, job),
      ready: this.fleet.isReady(heartbeat.worker, job),
      step: heartbeat.jobs[job]?.step ?? null,
      problem: heartbeat.jobs[job]?.problem ?? this.placing.problem(entry, heartbeat),
    }));
    return {
      summary: this.summary(entry),
      spec,
      objective: runner?.view.genesis.objective ?? null,
      progress: runner?.describeProgress() ?? null,
      ledger:
        runner === null
          ? null
          : {
              steps: runner.view.steps,
              epoch: runner.view.epoch,
              head: toHex(runner.view.head),
              digest: runner.view.lastDigest,
              code: runner.view.code,
            },
      workers: this.table.hasEnded(entry) ? [] : workers,
    };
  }
}

function checkedStop(value: unknown): StopRules {
  const parsed = compiledSpec.shape.stop.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SeedcastError('SC_SPEC_INVALID', issue?.message ?? 'the stop rules are invalid', {
    place: { field: ['stop', ...(issue?.path ?? [])].join('.') },
  });
}
