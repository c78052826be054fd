import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SUMMARY_LENGTH } from '../../shared/wire/reports.js';
import { summaryOf } from './summary.js';

describe('what an objective says of a fitness', () => {
  it('is one line of bounded length', () => {
    assert.equal(summaryOf({ summarize: (f) => `${f} points\nand more` }, 3), '3 points and more');
    assert.equal(summaryOf({ summarize: () => 'x'.repeat(1000) }, 1)?.length, SUMMARY_LENGTH);
  });

  it('is nothing without a function, without a fitness, and when it fails', () => {
    assert.equal(summaryOf({}, 3), null);
    assert.equal(summaryOf({ summarize: () => 'never' }, null), null);
    assert.equal(
      summaryOf(
        {
          summarize: () => {
            throw new Error('no');
          },
        },
        3,
      ),
      null,
    );
    assert.equal(summaryOf({ summarize: (() => 7) as unknown as (f: number) => string }, 3), null);
  });
});
