// A worker that comes late to a long job: it takes the nearest good snapshot, replays the rest, and works within seconds.
// The ledger is written here, not run: its early steps are ties and change nothing, so the state that a snapshot holds is
// known without replaying them; the last ones, as many as the pacing of snapshots leaves to replay, are real updates.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { viewAt } from '../../shared/ledger/fold.js';
import {
  type GenesisRecord,
  NO_PARENT,
  decodeRecord,
  encodeRecord,
  recordHash,
} from '../../shared/ledger/records.js';
import { snapshotEntry } from '../../shared/ledger/store.js';
import { parseJob } from '../../shared/job/parse.js';
import { methodNamed } from '../../shared/methods/registry.js';
import { toHex } from '../../shared/wire/codec.js';
import { encodeJson } from '../../shared/wire/reports.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { loadObjectives } from '../../worker/objectives/load.js';
import { Replica } from '../../worker/replica/replica.js';
import { type TestPool, stepReached, withPool } from '../support/pool.js';
import { coordinatorProcess, workerProcess } from '../support/processes.js';

const POPULATION = 64;
/** Milliseconds of a replayed step up to which 5 s hold as they stand. */
const UNHURRIED = 12;

interface Written {
  readonly job: string;
  readonly genesis: GenesisRecord;
  /** The state after the last written step. */
  readonly replica: Replica;
  readonly steps: number;
}

/**
 * Writes a running job of `steps` steps, of which the last `live` change the state, and stores a snapshot before those.
 * Fitness of a live step: a fixed function of member and step, so that its coefficients are those of real ranks.
 */
async function writeJob(
  pool: TestPool,
  job: string,
  { dimension, steps, live, extra }: { dimension: number; steps: number; live: number; extra: number },
): Promise<Written> {
  const { spec, name } = parseJob({
    apiVersion: 'seedcast/v1',
    kind: 'Job',
    metadata: { name: job },
    spec: {
      seed: 'late',
      method: {
        name: 'es',
        population: POPULATION,
        sigma: 0.1,
        learningRate: 0.05,
        optimizer: { name: 'sgd' },
      },
      objective: { name: 'sphere', dimension },
      stop: { steps: steps + extra },
      ledger: { evidence: 'none', digestEvery: 10_000 },
    },
  });
  const method = methodNamed(spec.method.name);
  const sphere = (await loadObjectives([])).find(({ definition }) => definition.name === 'sphere');
  assert.ok(sphere !== undefined);
  const objective = await describeObjective(sphere, spec.objective.options, 'float32');
  const genesis: GenesisRecord = {
    kind: 'genesis',
    epoch: 1,
    parent: NO_PARENT,
    name,
    spec,
    objective,
    init: null,
    method: { name: method.name, version: method.version },
  };
  const { ledger } = pool.names.job(job);
  const replica = new Replica(genesis);
  replica.initialise();
  let bytes = encodeRecord(genesis);
  let { sequence } = await pool.bus.streams.append(ledger, bytes, { expected: 0 });
  const none = new Uint8Array(POPULATION);
  for (let step = 0; step < steps; step++) {
    if (step === steps - live) {
      const position = {
        head: recordHash(bytes),
        sequence,
        epoch: 1,
        steps: step,
        status: 'running',
        code: objective.code,
      } as const;
      const snapshot = replica.snapshot(step);
      await pool.store.addSnapshot(job, snapshotEntry(viewAt(genesis, position), snapshot), snapshot.bytes);
    }
    const fitness = Float64Array.from({ length: POPULATION }, (_, i) =>
      step < steps - live ? 1 : Math.sin(1 + 7 * i + 13 * step),
    );
    const { update, ties } = method.reduce(spec, step, fitness, none);
    // Ties have rank 0 on average: neither of the two buffers of the parameters changes but by a copy.
    if (step < steps - live) assert.ok(update.coefficients.every((c) => c === 0));
    bytes = encodeRecord({
      kind: 'step',
      epoch: 1,
      parent: recordHash(bytes),
      step,
      update: { ...update, auxiliary: null },
      fitness: { centre: null, best: 1, mean: 1, deviation: 0, failed: 0, ties, validation: null },
      evidence: null,
      digest: null,
    });
    if (step >= steps - live - 2) replica.apply(step, { ...update, auxiliary: null });
    ({ sequence } = await pool.bus.streams.append(ledger, bytes, { expected: sequence }));
  }
  const record = {
    job,
    name,
    spec,
    init: null,
    created: new Date().toISOString(),
    state: 'running',
    reason: null,
    result: null,
  };
  await (await pool.bus.keyValue(pool.names.buckets.jobs)).put(job, encodeJson(record));
  return { job, genesis, replica, steps };
}

/** Milliseconds that a replica of this size takes for one step. */
function replayCost(genesis: GenesisRecord): number {
  const replica = new Replica(genesis);
  replica.initialise();
  const fitness = Float64Array.from({ length: POPULATION }, (_, i) => Math.sin(1 + 7 * i));
  const { update } = methodNamed('es').reduce(genesis.spec, 0, fitness, new Uint8Array(POPULATION));
  const apply = (step: number): void => replica.apply(step, { ...update, auxiliary: null });
  for (let step = 0; step < 5; step++) apply(step);
  const begun = performance.now();
  for (let step = 5; step < 15; step++) apply(step);
  return (performance.now() - begun) / 10;
}

async function madeReady(pool: TestPool): Promise<void> {
  // The streams are the coordinator's to make.
  const coordinator = await pool.coordinator();
  await coordinator.stop();
}

describe('a worker that comes late', () => {
  it('to step 5,099 of a job of d = 1e5 and 64 members works within 5 s', async (t) => {
    const pool = await withPool(t);
    await madeReady(pool);
    const probe = await writeJob(pool, 'probe', { dimension: 100_000, steps: 1, live: 1, extra: 1 });
    await (await pool.bus.keyValue(pool.names.buckets.jobs)).delete('probe');
    const cost = replayCost(probe.genesis);
    // A snapshot is due once a second of replay has gathered; the newest may be twice as old while one is being written.
    const live = Math.max(20, Math.ceil(2000 / cost));
    const { job, genesis, replica, steps } = await writeJob(pool, 'long', {
      dimension: 100_000,
      steps: 5099,
      live,
      extra: 3,
    });
    await coordinatorProcess(t, pool.server.url);

    const begun = performance.now();
    let committed: (milliseconds: number) => void;
    const works = new Promise<number>((resolve) => (committed = resolve));
    const head =
      (await pool.bus.streams.last(pool.names.streams.ledger, pool.names.job(job).ledger))?.sequence ?? 0;
    await pool.bus.streams.follow(
      pool.names.streams.ledger,
      pool.names.job(job).ledger,
      () => committed(performance.now() - begun),
      { from: head + 1 },
    );
    // The leader's own record may be the first.
    await workerProcess(t, pool.server.url, 'late', { threads: 2 });
    const started = performance.now() - begun;
    await works;
    const result = await pool.result(job, 30_000);
    const milliseconds = performance.now() - begun;
    t.diagnostic(
      `a step of replay takes ${cost.toFixed(1)} ms, ${live} steps after the snapshot; worker up after ${Math.round(started)} ms, ` +
        `its first steps committed and the job ended after ${Math.round(milliseconds)} ms`,
    );
    assert.equal(result.status, 'succeeded');
    assert.equal(result.steps, steps + 3);
    // On two free cores a step of replay takes about 6 ms; a machine that is busier or slower gets its share more time.
    const allowed = 5000 * Math.max(1, cost / UNHURRIED);
    assert.ok(milliseconds < allowed, `${milliseconds} ms, allowed are ${allowed}`);

    // The state is what the snapshot, the replayed steps and the three new ones give.
    for await (const { payload } of pool.store.records(job, head + 1)) {
      const record = decodeRecord(payload);
      if (record.kind === 'step') replica.apply(record.step, record.update);
    }
    assert.equal(result.digest, replica.digest(steps + 3));
    assert.equal(genesis.spec.method.population, POPULATION);
  });

  it('passes over snapshots that are damaged, missing or of another ledger', async (t) => {
    const pool = await withPool(t);
    await madeReady(pool);
    const { job, genesis, replica, steps } = await writeJob(pool, 'short', {
      dimension: 500,
      steps: 40,
      live: 20,
      extra: 5,
    });
    const { store, names, bus } = pool;
    assert.equal((await store.nearestSnapshot(job))?.position.steps, 20);

    const newest = replica.snapshot(steps);
    const folded = await store.foldAll(job);
    assert.ok(folded !== null);
    const entry = snapshotEntry(folded.view, newest);
    const index = await bus.keyValue(names.buckets.snapshots);
    const [older] = await store.snapshotsOf(job);
    const list = (first: object): Promise<number> => index.put(job, encodeJson([first, older]));

    await list(entry);
    assert.equal((await store.nearestSnapshot(job))?.position.steps, 20, 'missing');
    await store.addSnapshot(job, entry, newest.bytes);
    assert.equal((await store.nearestSnapshot(job))?.position.steps, 40, 'good');
    await list({ ...entry, head: toHex(createHash('sha256').update('another').digest()) });
    assert.equal((await store.nearestSnapshot(job))?.position.steps, 20, 'of another ledger');
    await list(entry);
    const part = `${names.prefix}.blob.${entry.sha256}.0`;
    const damaged = Uint8Array.from(newest.bytes);
    damaged[3] = (damaged[3] ?? 0) ^ 1;
    await bus.streams.append(part, damaged);
    assert.equal((await store.nearestSnapshot(job))?.position.steps, 20, 'damaged');

    await coordinatorProcess(t, pool.server.url);
    await workerProcess(t, pool.server.url, 'late');
    const result = await pool.result(job, 20_000);
    assert.equal(result.status, 'succeeded');
    const whole = new Replica(genesis);
    whole.initialise();
    await store.foldAll(job, ({ record }) => {
      if (record.kind === 'step') whole.apply(record.step, record.update);
    });
    assert.equal(result.digest, whole.digest(steps + 5));
  });

  it('finds snapshots that the worker before it has written, at its own pace', async (t) => {
    const pool = await withPool(t);
    await coordinatorProcess(t, pool.server.url);
    const first = await workerProcess(t, pool.server.url, 'first', { threads: 2 });
    const job = await pool.submit({
      seed: 'snapshots',
      method: { name: 'es', population: POPULATION, sigma: 0.1, learningRate: 0.05 },
      objective: { name: 'sphere', dimension: 100_000 },
      stop: { steps: 100_000 },
    });
    let made = await pool.store.snapshotsOf(job);
    const begun = performance.now();
    while (made.length === 0 && performance.now() - begun < 40_000) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      made = await pool.store.snapshotsOf(job);
    }
    assert.ok(made.length > 0, 'a second of replay has gathered, and a snapshot was written');
    await first.kill();
    await workerProcess(t, pool.server.url, 'second', { threads: 2 });
    await stepReached(pool, job, (made[0]?.step ?? 0) + 20);
    await pool.control(job, 'stop');
    const result = await pool.result(job, 30_000);
    assert.equal(result.status, 'stopped');
    const snapshots = await pool.store.snapshotsOf(job);
    t.diagnostic(`${result.steps} steps, snapshots at ${snapshots.map(({ step }) => step).join(', ')}`);
    assert.ok(snapshots.length <= 2, 'two are kept');
    // Both replicas end at the digest that the whole ledger gives.
    const { record } = await pool.store.genesis(job);
    const whole = new Replica(record);
    whole.initialise();
    await pool.store.foldAll(job, ({ record: each }) => {
      if (each.kind === 'step') whole.apply(each.step, each.update);
    });
    assert.equal(result.digest, whole.digest(result.steps));
  });
});
