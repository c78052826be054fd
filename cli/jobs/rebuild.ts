// Parameters of a job at a step, rebuilt here from its ledger: the same replica that workers hold. With or without the
// help of a snapshot; every digest that the ledger records on the way is checked.
import { SeedcastError } from '../../shared/errors.js';
import { type LedgerView, fold, viewAt } from '../../shared/ledger/fold.js';
import type { GenesisRecord } from '../../shared/ledger/records.js';
import type { StoredTensor } from '../../shared/tensors/stored.js';
import { accelerateReplicas } from '../../worker/native/accelerator.js';
import { Replica } from '../../worker/replica/replica.js';
import { startWeights } from '../../worker/replica/start-weights.js';
import type { Pool } from '../connection.js';

export interface RebuildOptions {
  /** Null: the last step. */
  readonly step: number | null;
  /** Begin at the nearest snapshot before the step. */
  readonly snapshots: boolean;
}

export interface Rebuilt {
  readonly step: number;
  readonly digest: string;
  /** Digests recorded in the ledger that were found equal, and the step of each. */
  readonly verified: readonly number[];
  /** The step it began at: 0, or that of a snapshot. */
  readonly from: number;
  readonly replica: Replica;
  readonly genesis: GenesisRecord;
  /** Hash of the objective code that may evaluate at that step. */
  readonly code: string;
  /** In the user's units. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** @throws SC_NOT_FOUND without a ledger, SC_STEP_NOT_FOUND past its end, SC_LEDGER_CORRUPT when a recorded digest differs. */
export async function rebuild(pool: Pool, job: string, options: RebuildOptions): Promise<Rebuilt> {
  const { store } = pool;
  const { record, sequence, bytes } = await store.genesis(job);
  accelerateReplicas();
  const replica = new Replica(record);
  const begun = fold(null, bytes, sequence);
  if (!begun.accepted) throw new SeedcastError('SC_LEDGER_CORRUPT', `job ${job}: ${begun.reason}`);
  let view: LedgerView = begun.view;
  const snapshot = options.snapshots
    ? await store.nearestSnapshot(job, options.step ?? Number.POSITIVE_INFINITY)
    : null;
  if (snapshot === null) replica.initialise((await startWeights(pool.bus.blobs, record)) ?? undefined);
  else {
    replica.restore(snapshot.position.steps, snapshot.bytes);
    view = viewAt(record, snapshot.position);
  }
  const from = view.steps;
  const target = options.step ?? Number.POSITIVE_INFINITY;
  const verified: number[] = [];
  const verify = (step: number, recorded: string): void => {
    const digest = replica.digest(step);
    if (digest !== recorded) {
      throw new SeedcastError(
        'SC_LEDGER_CORRUPT',
        `job ${job}, step ${step}: the ledger records digest ${recorded.slice(0, 16)}, rebuilding gives ${digest.slice(0, 16)}`,
      );
    }
    if (verified.at(-1) !== step) verified.push(step);
  };
  for await (const { payload, sequence: at } of store.records(job, view.sequence + 1)) {
    const before: LedgerView = view;
    const folded = fold(view, payload, at);
    view = folded.view ?? view;
    if (!folded.accepted) continue;
    if (
      folded.record.kind === 'control' &&
      folded.record.control.action === 'end' &&
      folded.record.control.digest !== null
    )
      verify(view.steps, folded.record.control.digest);
    if (folded.record.kind !== 'step') continue;
    if (folded.record.digest !== null) verify(before.steps, folded.record.digest);
    if (before.steps >= target) {
      view = before;
      break;
    }
    replica.apply(before.steps, folded.record.update);
  }
  if (options.step !== null && view.steps < options.step) {
    throw new SeedcastError('SC_STEP_NOT_FOUND', `job ${job} has ${view.steps} steps, not ${options.step}`, {
      hint: 'leave --step out for the last one',
    });
  }
  const step = view.steps;
  const arrays = replica.exported(step);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, shape } of record.objective.tensors) {
    const array = arrays.get(name);
    if (array !== undefined) tensors.set(name, { shape, array });
  }
  return {
    step,
    digest: replica.digest(step),
    verified,
    from,
    replica,
    genesis: record,
    code: view.code,
    tensors,
  };
}
