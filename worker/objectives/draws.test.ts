import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { Draws } from './draws.js';

describe('draws', () => {
  it('start with the published Philox4x32-10 answer for counter 0, key 0', () => {
    const draws = new Draws(0, 0);
    assert.deepEqual(
      [draws.word(), draws.word(), draws.word(), draws.word()],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    );
  });

  it('have the mean and variance of the uniform and the normal law (5 standard errors)', () => {
    const n = 50_000;
    const draws = new Draws(7, 3);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) sum += draws.uniform(-1, 3);
    assert.ok(Math.abs(sum / n - 1) < (5 * (4 / Math.sqrt(12))) / Math.sqrt(n));
    sum = 0;
    for (let i = 0; i < n; i++) {
      const z = draws.normal();
      sum += z;
      squares += z * z;
    }
    assert.ok(Math.abs(sum / n) < 5 / Math.sqrt(n));
    assert.ok(Math.abs(squares / n - 1) < 5 * Math.sqrt(2 / n));
  });

  it('differ between streams and seeds', () => {
    assert.notEqual(new Draws(1, 0).word(), new Draws(1, 1).word());
    assert.notEqual(new Draws(1, 0).word(), new Draws(2, 0).word());
  });
});
