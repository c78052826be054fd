// What is kept beside the ledger: evidence that matches its record, of all steps, the last ones or none; and a store
// without room, which makes a job wait and lose nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEvidence, decodeEvidencePart } from '../../shared/ledger/evidence.js';
import { type StepRecord, recordHash } from '../../shared/ledger/records.js';
import { sameBytes } from '../../shared/wire/codec.js';
import { type TestPool, withPool } from '../support/pool.js';

const spec = (evidence: unknown, more: object = {}) => ({
  seed: 'storage',
  method: { name: 'es', population: 16, sigma: 0.1 },
  objective: { name: 'sphere', dimension: 5 },
  ledger: { evidence },
  stop: { steps: 23 },
  ...more,
});

/** Evidence payloads by step, put together from their parts. */
async function evidenceOf(pool: TestPool, job: string): Promise<Map<number, Uint8Array>> {
  const parts = new Map<number, Uint8Array[]>();
  for await (const { payload } of pool.bus.streams.read(
    pool.names.streams.evidence,
    pool.names.job(job).evidence,
  )) {
    const { step, part, bytes } = decodeEvidencePart(Uint8Array.from(payload));
    const list = parts.get(step) ?? [];
    list[part] = bytes;
    parts.set(step, list);
  }
  return new Map([...parts].map(([step, list]) => [step, Uint8Array.from(Buffer.concat(list))]));
}

async function stepsOf(pool: TestPool, job: string): Promise<StepRecord[]> {
  const steps: StepRecord[] = [];
  await pool.store.foldAll(job, ({ record }) => {
    if (record.kind === 'step') steps.push(record);
  });
  return steps;
}

describe('storage', () => {
  it('keeps the scalars of every step, and each record names the hash of its own', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w');
    const job = await pool.submit(spec('all'), 'all');
    await pool.result(job);
    const evidence = await evidenceOf(pool, job);
    const steps = await stepsOf(pool, job);
    assert.equal(steps.length, 23);
    for (const { step, evidence: hash, fitness } of steps) {
      const payload = evidence.get(step);
      assert.ok(
        payload !== undefined && hash !== null && sameBytes(recordHash(payload), hash),
        `step ${step}`,
      );
      const { values, members } = decodeEvidence(payload);
      assert.equal(members, 16);
      assert.equal(Math.min(...values.subarray(0, members)), fitness.best);
      assert.equal(values[members], fitness.centre);
    }
  });

  it('keeps the last steps only, or none, where the spec says so', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator();
    await pool.worker('w');
    await pool.result(await pool.submit(spec({ last: 5 }), 'last'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const kept = [...(await evidenceOf(pool, 'last')).keys()];
    // Trimmed every 5 steps: between 5 and 9 steps are there, and the last one is.
    assert.ok(kept.length >= 5 && kept.length < 10, `${kept.length} steps`);
    assert.equal(kept.at(-1), 22);
    await pool.result(await pool.submit(spec('none'), 'none'));
    assert.equal((await evidenceOf(pool, 'none')).size, 0);
    assert.ok((await stepsOf(pool, 'none')).every(({ evidence }) => evidence === null));
    const digests = await Promise.all(['last', 'none'].map(async (job) => (await pool.result(job)).digest));
    assert.equal(digests[0], digests[1]);
  });

  it('refuses a job that cannot fit, with both sizes', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator({ maxBytes: 300_000 });
    await pool.worker('w');
    const tooLong = { method: { name: 'es', population: 512, sigma: 0.1 }, stop: { steps: 1000 } };
    await assert.rejects(
      pool.submit(spec('all', tooLong), 'too-long'),
      /needs about .* of storage .* are free/,
    );
    await assert.rejects(pool.control('too-long', 'cancel'), /there is no job/);
  });

  it('makes a job wait when it is full, say so, and go on once there is room', async (t) => {
    const pool = await withPool(t);
    await pool.coordinator({ maxBytes: 300_000 });
    await pool.worker('w');
    // 45 steps of 4 kB of evidence: one such job fits in 300 kB, two do not. A number of steps would be refused at once.
    const large = {
      method: { name: 'es', population: 512, sigma: 0.1 },
      stop: { plateau: { steps: 45, minDelta: 1e9 } },
    };
    const first = await pool.result(await pool.submit(spec('all', large), 'first'));
    const second = await pool.submit(spec('all', large), 'second');
    await waitFor(async () => (await pool.events(second)).some(({ type }) => type === 'store-full'));
    const before = (await stepsOf(pool, second)).length;
    assert.ok(before < 46);
    await pool.control('first', 'delete');
    const result = await pool.result(second);
    assert.equal(result.status, 'succeeded');
    assert.equal(result.steps, first.steps);
    assert.equal(result.digest, first.digest);
  });
});

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('it never came');
}
