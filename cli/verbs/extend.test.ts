// How new stop rules meet the old ones.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerView } from '../../shared/ledger/fold.js';
import { mergedRules } from './extend.js';

const STOP = { steps: 100, evaluations: null, fitness: 1e-6, wallClock: 60_000, plateau: null };

function ended(stoppedBy: 'steps' | 'fitness' | 'request'): Pick<LedgerView, 'steps' | 'stop' | 'end'> {
  return {
    steps: 100,
    stop: STOP,
    end: { status: 'succeeded', stoppedBy, reason: null, centre: null, validation: null, digest: null },
  };
}

function unexpected(rule: string): never {
  throw new Error(`${rule} was dropped`);
}

void describe('extend', () => {
  void it('replaces the rule that is given and keeps the others', () => {
    assert.deepEqual(mergedRules(ended('steps'), { steps: '250' }, unexpected), { ...STOP, steps: 250 });
  });

  void it('takes +N as N more than were done', () => {
    assert.deepEqual(mergedRules(ended('steps'), { steps: '+5' }, unexpected), { ...STOP, steps: 105 });
  });

  void it('drops the rule that ended the job, since it would end it again at once, and says so', () => {
    const dropped: string[] = [];
    const rules = mergedRules(ended('fitness'), { steps: '+5' }, (rule) => dropped.push(rule));
    assert.deepEqual([rules, dropped], [{ ...STOP, steps: 105, fitness: null }, ['fitness']]);
  });

  void it('keeps all rules of a job that was stopped by request', () => {
    assert.deepEqual(mergedRules(ended('request'), { fitness: 0 }, unexpected), { ...STOP, fitness: 0 });
  });

  for (const steps of ['100', '99', '+0', '-5', 'many', '1e3', '99999999999']) {
    void it(`refuses --steps ${steps}`, () =>
      assert.throws(() => mergedRules(ended('steps'), { steps }, unexpected), /--steps/));
  }

  void it('refuses no rule at all', () =>
    assert.throws(() => mergedRules(ended('steps'), {}, unexpected), /no new rule/));
});
