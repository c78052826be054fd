import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { asSeedcastError, ERROR_CODES, EXIT, formatError, SeedcastError } from './errors.js';

const rows = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

describe('docs/errors.md', () => {
  const codes = rows.filter(([code]) => code?.startsWith('SC_'));

  it('has one row for each code, with its exit code, and no other', () => {
    assert.deepEqual(Object.fromEntries(codes.map(([code, exit]) => [code, Number(exit)])), ERROR_CODES);
    assert.equal(codes.length, Object.keys(ERROR_CODES).length);
  });

  it('says of each when it comes and what to do', () => {
    for (const row of codes) {
      assert.equal(row.length, 4, row[0]);
      for (const cell of row.slice(2)) assert.ok(cell.length > 10, row[0]);
    }
  });

  it('has one row for each exit code', () => {
    const exits = rows.filter(([code]) => /^\d+$/.test(code ?? '')).map(([code]) => Number(code));
    assert.deepEqual(exits, Object.values(EXIT));
  });
});

describe('an error', () => {
  it('prints place, message, hint and code in one line', () => {
    const place = { file: 'job.yaml', line: 7, column: 12, field: 'spec.seed' };
    assert.equal(
      formatError(new SeedcastError('SC_SPEC_INVALID', 'is bad', { place, hint: 'mend it' })),
      'job.yaml:7:12 spec.seed: is bad (mend it) [SC_SPEC_INVALID]',
    );
    assert.equal(formatError(new SeedcastError('SC_TIMEOUT', 'no answer')), 'no answer [SC_TIMEOUT]');
  });

  it('keeps its cause when it is made of anything thrown', () => {
    const cause = new Error('x');
    assert.equal(asSeedcastError(cause).cause, cause);
    assert.equal(asSeedcastError('text').message, 'text');
    const own = new SeedcastError('SC_DENIED', 'no');
    assert.equal(asSeedcastError(own), own);
    assert.equal(own.exitCode, 6);
  });
});
