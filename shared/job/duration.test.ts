import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeedcastError } from '../errors.js';
import { parseDuration } from './duration.js';
import { editDistance, nearest } from './nearest.js';

describe('a duration', () => {
  const cases: [string, number][] = [
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0.1s', 100],
    [' 5s ', 5_000],
    ['0s', 0],
  ];
  for (const [text, ms] of cases) it(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));

  for (const text of [
    '',
    '10',
    's',
    '-1s',
    '1e3s',
    '10 m',
    '1w',
    'Infinitys',
    '99999999999999d',
    '1s.',
    '1..5s',
  ]) {
    it(`refuses ${JSON.stringify(text)} by name`, () =>
      assert.throws(
        () => parseDuration(text),
        (error: unknown) =>
          error instanceof SeedcastError &&
          error.code === 'SC_USAGE' &&
          error.message.includes(JSON.stringify(text)),
      ));
  }
});

describe('edit distance', () => {
  it('is that of published examples', () => {
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('saturday', 'sunday'), 3);
    assert.equal(editDistance('flaw', 'lawn'), 2);
    assert.equal(editDistance('sigam', 'sigma'), 1);
    assert.equal(editDistance('', 'abc'), 3);
  });

  it('finds what was meant, and nothing where nothing is near', () => {
    assert.equal(nearest('learning_rate', ['population', 'learningRate']), 'learningRate');
    assert.equal(nearest('popluation', ['population', 'learningRate']), 'population');
    assert.equal(nearest('colour', ['population', 'sigma']), null);
    assert.equal(nearest('x'.repeat(10_000), ['sigma']), null);
  });
});
