// Who JOB means.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SeedcastError } from '../../shared/errors.js';
import type { JobRecord } from '../../shared/wire/reports.js';
import { chooseJob } from './reading.js';

const record = (job: string, name: string): JobRecord => ({
  job,
  name,
  spec: {},
  init: null,
  created: '',
  state: 'running',
  reason: null,
  request: null,
  result: null,
});
const RECORDS = [
  record('sphere-aa', 'sphere'),
  record('ackley-x1', 'ackley'),
  record('sphere-ab', 'sphere'),
  record('last-one', 'other'),
  record('sphere', 'third'),
];

void describe('JOB', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['sphere-aa', 'sphere-aa'],
    // An id that is also a name, and the beginning of others.
    ['sphere', 'sphere'],
    ['ackley', 'ackley-x1'],
    ['ack', 'ackley-x1'],
    ['last', 'sphere'],
    ['last-', 'last-one'],
    ['sphere-ab', 'sphere-ab'],
  ];
  for (const [text, expected] of cases)
    void it(`${text} is ${expected}`, () => assert.equal(chooseJob(RECORDS, text).job, expected));

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['sphere-', 'SC_AMBIGUOUS', /sphere-aa \(running\), sphere-ab \(running\)/],
    ['sphere-zz', 'SC_NOT_FOUND', /sphere-zz/],
    ['', 'SC_NOT_FOUND', /""/],
  ];
  for (const [text, code, words] of refused) {
    void it(`${JSON.stringify(text)} is ${code}`, () =>
      assert.throws(
        () => chooseJob(RECORDS, text),
        (error: SeedcastError) => error.code === code && words.test(error.message),
      ));
  }

  void it('`last` of no jobs is not found', () =>
    assert.throws(() => chooseJob([], 'last'), /there is no job "last"/));
});
