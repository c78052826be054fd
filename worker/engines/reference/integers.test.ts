import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { EXP2, log2Sixteenths } from './integer-tables.js';
import { gatedState, nextState } from './integers.js';

describe('the integer unit', () => {
  it('steps every state, gate and candidate as floored division says, and never leaves ±127', () => {
    for (let s = -127; s <= 127; s++)
      for (let f = -127; f <= 127; f++) {
        if (gatedState(f, s) !== Math.floor(((f + 127) * s) / 256)) assert.fail(`gate ${f} of state ${s}`);
        for (let h = -127; h <= 127; h++) {
          const next = nextState(f, h, s);
          if (next !== s + Math.floor(((f + 127) * (h - s)) / 256) || next > 127 || next < -127)
            assert.fail(`state ${s}, gate ${f}, candidate ${h} give ${next}`);
        }
      }
  });
});

describe('losses in 1/16 bit', () => {
  it('tabulates ⌊16·2^(i/16)⌋', () => {
    assert.equal(EXP2.length, 256);
    for (let i = 0; i < 256; i++) assert.equal(EXP2[i], Math.floor(16 * 2 ** (i / 16)));
    // 256 logits of 127 give the largest sum of all.
    assert.equal(256 * (EXP2[255] ?? 0), 257_054_464);
  });

  it('takes ⌊16·log2(k/16)⌋ at both sides of every step and between', () => {
    for (let n = 0; n < 384; n++) {
      const step = 16 * 2 ** (n / 16);
      for (const k of [Math.ceil(step) - 1, Math.ceil(step), Math.ceil(step) + 1]) {
        if (k < 16) continue;
        assert.equal(log2Sixteenths(k), Math.floor(16 * Math.log2(k / 16)), `k = ${k}`);
      }
    }
    for (let k = 16; k < 2 ** 28; k += 40_009)
      assert.equal(log2Sixteenths(k), Math.floor(16 * Math.log2(k / 16)), `k = ${k}`);
  });
});
