// The tables of fields and messages say what the program has: each is compared with the schema or the encoded message.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeRecord, type LedgerRecord, NO_PARENT } from '../../shared/ledger/records.js';
import { parseJob } from '../../shared/job/parse.js';
import { METHOD_OPTIONS } from '../../shared/methods/options.js';
import { decode } from '../../shared/wire/codec.js';
import { assignMessage, planMessage, resultMessage, roundMessage } from '../../shared/wire/messages.js';
import { eventSchema, heartbeatSchema, progressSchema } from '../../shared/wire/reports.js';
import { names } from '../../shared/wire/subjects.js';
import { jobRows, methodRows } from './job-table.js';
import { readPage, root, tableAfter } from './markdown.js';

const protocol = readPage('docs/protocol.md');
/** Every code span of the cells. */
const named = (cells: readonly string[]): string[] =>
  cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
const firstColumn = (name: string): string[] => named(tableAfter(protocol, name).map(([cell = '']) => cell));
const plain = (cell: string): string => cell.replace(/\s+/g, ' ');

const key = { epoch: 1, step: 0, phase: 0, parent: new Uint8Array(32) } as const;
const round = roundMessage.encode({
  ...key,
  plan: 1,
  sequence: 1,
  record: new Uint8Array(1),
  repeats: 1,
  validation: 3,
  digest: false,
});
const roundKey = ['v', 'epoch', 'step', 'phase', 'parent'];
const keysOf = (bytes: Uint8Array): string[] => Object.keys(decode(bytes, 'message'));

describe('docs/jobs.md', () => {
  it('has a row for each field of a job file, with its values and default', () => {
    const schema: unknown = JSON.parse(readFileSync(join(root, 'docs', 'job.schema.json'), 'utf8'));
    const wanted = jobRows(schema).map((row) => row.map(plain));
    assert.ok(wanted.length > 30);
    assert.deepEqual(
      tableAfter(readPage('docs/jobs.md'), 'fields').map((row) => row.map(plain)),
      wanted,
    );
  });

  it('has a table of the options of each method', () => {
    const schema: unknown = JSON.parse(readFileSync(join(root, 'docs', 'job.schema.json'), 'utf8'));
    const methods = methodRows(schema);
    assert.deepEqual(
      [...methods.keys()],
      METHOD_OPTIONS.map((options) => options.shape.name.value),
    );
    for (const [name, rows] of methods) {
      assert.deepEqual(
        tableAfter(readPage('docs/jobs.md'), `options of ${name}`).map((row) => row.map(plain)),
        rows.map((row) => row.map(plain)),
        name,
      );
    }
  });
});

describe('docs/protocol.md', () => {
  it('names every subject', () => {
    const own = names();
    const job = own.job('JOB');
    const worker = own.worker('WORKER');
    const subjects = [
      ...[
        job.plan,
        job.round,
        job.ledger,
        job.evidence,
        job.progress,
        job.event,
        job.assign('WORKER'),
        job.result('WORKER'),
      ],
      ...[worker.heartbeat, worker.placement, worker.describe],
      ...Object.values(own.service),
      `${own.prefix}.blob.SHA256.N`,
    ].map((subject) => subject.replace(own.prefix, 'PREFIX'));
    assert.deepEqual(firstColumn('subjects').sort(), subjects.sort());
  });

  it('names every stream and bucket', () => {
    const { streams, buckets, streamPrefix } = names();
    const wanted = [...Object.values(streams), `${streamPrefix}BLOBS`, ...Object.values(buckets)];
    assert.deepEqual(firstColumn('streams').sort(), wanted.sort());
  });

  it('says how a pool’s name changes them', () => {
    assert.equal(names('two').prefix, 'two.seedcast.v1');
    assert.equal(names('two').streams.ledger, 'two_SEEDCAST_LEDGER');
    assert.equal(names('two').buckets.jobs, 'two_seedcast_jobs');
  });

  it('names every field of a plan and of a round', () => {
    assert.deepEqual(
      firstColumn('plan'),
      keysOf(planMessage.encode({ epoch: 1, version: 1, workers: [], shares: [] })),
    );
    assert.deepEqual(firstColumn('round'), keysOf(round));
  });

  it('names every field of an assignment and of a result', () => {
    const assign = keysOf(assignMessage.encode({ ...key, repeats: 0, validation: 3, ranges: [[0, 1]] }));
    assert.deepEqual([...roundKey, ...firstColumn('assign')], assign);
    const result = resultMessage.encode(
      {
        ...key,
        worker: 'w',
        ranges: [[0, 1]],
        scalars: Float64Array.of(1),
        failures: [[0, 'x']],
        auxiliaryUnits: [0],
        auxiliaries: Float64Array.of(1),
        digest: 'd',
        busy: 1,
      },
      true,
    );
    assert.deepEqual([...roundKey, ...firstColumn('result')].sort(), keysOf(result).sort());
  });

  it('names every field of progress and of a heartbeat, and of an event', () => {
    assert.deepEqual(firstColumn('progress').sort(), Object.keys(progressSchema.shape).sort());
    assert.deepEqual(firstColumn('heartbeat').sort(), Object.keys(heartbeatSchema.shape).sort());
    for (const field of Object.keys(eventSchema.shape))
      assert.ok(protocol.prose.includes(`\`${field}\``), field);
  });

  it('shows a progress message that is one', () => {
    const block = protocol.blocks.find(
      ({ language, text }) => language === 'json' && text.includes('evaluationsPerSecond'),
    );
    assert.ok(block);
    assert.deepEqual(
      Object.keys(progressSchema.parse(JSON.parse(block.text))),
      Object.keys(progressSchema.shape),
    );
  });

  it('names every field of every record', () => {
    const { spec } = parseJob({
      apiVersion: 'seedcast/v1',
      kind: 'Job',
      metadata: { name: 'a' },
      spec: {
        seed: 1,
        method: { name: 'es', population: 2, sigma: 1 },
        objective: { name: 'sphere' },
        stop: { steps: 1 },
      },
    });
    const common = { epoch: 1, parent: NO_PARENT };
    const end = {
      action: 'end',
      status: 'succeeded',
      stoppedBy: 'steps',
      reason: null,
      centre: null,
      validation: 0.5,
      digest: null,
    } as const;
    const records: readonly LedgerRecord[] = [
      {
        ...common,
        kind: 'genesis',
        name: 'a',
        spec,
        objective: {
          name: 'sphere',
          direction: 'minimize',
          options: {},
          tensors: [],
          auxiliary: null,
          seeds: 'per-step',
          code: '',
        },
        init: null,
        method: { name: 'es', version: 1 },
      },
      { ...common, kind: 'leader', holder: 'h' },
      {
        ...common,
        kind: 'step',
        step: 0,
        update: { coefficients: Int16Array.of(1), exponent: 0, scale: 1, rate: 1, auxiliary: null },
        fitness: { centre: null, best: 1, mean: 1, deviation: 0, failed: 0, ties: 0, validation: 0.5 },
        evidence: null,
        digest: null,
      },
      { ...common, kind: 'control', control: end },
    ];
    const rows = tableAfter(protocol, 'record');
    for (const record of records) {
      const row = rows.find(([kind]) => kind === `\`${record.kind}\``);
      assert.ok(row, record.kind);
      const told = new Set(named(row.slice(1)));
      for (const field of keysOf(encodeRecord(record)))
        assert.ok(
          ['v', 'kind', 'epoch', 'parent'].includes(field) || told.has(field),
          `${record.kind} has ${field}`,
        );
    }
  });
});
