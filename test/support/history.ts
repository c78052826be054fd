// Judges what a job left behind after faults: the ledger folds to the result that was told, each step was taken once,
// epochs grow, the evidence of every accepted step is there, and the ledger alone rebuilds the digest.
import assert from 'node:assert/strict';
import { EVIDENCE_PART_BYTES, decodeEvidence, decodeEvidencePart } from '../../shared/ledger/evidence.js';
import { type LedgerRecord, type StepRecord, recordHash } from '../../shared/ledger/records.js';
import { toHex } from '../../shared/wire/codec.js';
import type { JobResult } from '../../shared/wire/reports.js';
import { Replica } from '../../worker/replica/replica.js';
import type { TestPool } from './pool.js';

export interface History {
  readonly steps: number;
  readonly epoch: number;
  readonly leaders: readonly string[];
  /** Records in the stream that the fold skipped. */
  readonly skipped: number;
  /** Digest of the state that the ledger alone rebuilds. */
  readonly digest: string;
}

export async function checkHistory(pool: TestPool, job: string, result?: JobResult): Promise<History> {
  const accepted: { readonly record: LedgerRecord; readonly sequence: number }[] = [];
  let stored = 0;
  for await (const { sequence } of pool.store.records(job)) if (sequence > 0) stored++;
  const folded = await pool.store.foldAll(job, ({ record }, { sequence }) =>
    accepted.push({ record, sequence }),
  );
  assert.ok(folded !== null, `job ${job} has a ledger`);
  const { view } = folded;

  const steps = accepted.flatMap(({ record }) => (record.kind === 'step' ? [record] : []));
  assert.deepEqual(
    steps.map(({ step }) => step),
    Array.from({ length: view.steps }, (_, i) => i),
    'each step was taken once, in order',
  );
  const leaders = accepted.flatMap(({ record }) => (record.kind === 'leader' ? [record] : []));
  assert.deepEqual(
    leaders.map(({ epoch }) => epoch),
    Array.from({ length: leaders.length }, (_, i) => i + 2),
    'every leader has the next epoch',
  );
  let epoch = 1;
  for (const { record } of accepted) {
    assert.ok(record.epoch >= epoch, 'epochs never fall');
    epoch = record.epoch;
  }
  await checkEvidence(pool, job, steps);

  const [genesis] = accepted;
  assert.ok(genesis?.record.kind === 'genesis');
  const replica = new Replica(genesis.record);
  replica.initialise();
  const digests = new Map<number, string>();
  for (const { step, update, digest } of steps) {
    if (digest !== null) digests.set(step, digest);
    if (digest !== null) assert.equal(digest, replica.digest(step), `the agreed digest of step ${step}`);
    replica.apply(step, update);
  }
  const digest = replica.digest(view.steps);
  if (result !== undefined) {
    assert.equal(result.steps, view.steps);
    assert.equal(result.evaluations, view.evaluations);
    if (result.digest !== null) assert.equal(digest, result.digest, 'the ledger alone rebuilds the digest');
  }
  return {
    steps: view.steps,
    epoch: view.epoch,
    leaders: leaders.map(({ holder }) => holder),
    skipped: stored - accepted.length,
    digest,
  };
}

/** Some stored evidence of a step has the hash that its record names; evidence of attempts that failed may lie beside it. */
async function checkEvidence(pool: TestPool, job: string, steps: readonly StepRecord[]): Promise<void> {
  const hashes = new Set<string>();
  const values = new Map<string, number>();
  for await (const { payload } of pool.bus.streams.read(
    pool.names.streams.evidence,
    pool.names.job(job).evidence,
  )) {
    let part: ReturnType<typeof decodeEvidencePart>;
    try {
      part = decodeEvidencePart(payload);
    } catch {
      continue;
    }
    if (part.parts !== 1) continue;
    assert.ok(part.bytes.length <= EVIDENCE_PART_BYTES);
    const hash = toHex(recordHash(part.bytes));
    hashes.add(hash);
    values.set(hash, decodeEvidence(part.bytes).members);
  }
  for (const { step, evidence } of steps) {
    assert.ok(evidence !== null, `step ${step} names its evidence`);
    assert.ok(hashes.has(toHex(evidence)), `the evidence of step ${step} is stored`);
    assert.ok((values.get(toHex(evidence)) ?? 0) > 0);
  }
}
