// When centre and validation are due, by the rules of docs/jobs.md.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exampleGenesis } from '../../test/support/example-genesis.js';
import { dueAt, roundLayout } from './round-layout.js';

const validation = { metric: 'accuracy', direction: 'maximize', parts: 5 } as const;
const evaluation = { every: 3, repeats: 2, final: 7 };

describe('a validation', () => {
  const stepsDue = (validateEvery?: number): number[] => {
    const every = validateEvery === undefined ? {} : { validateEvery };
    const genesis = exampleGenesis({
      spec: { evaluation: { ...evaluation, ...every } },
      objective: { validation },
    });
    return Array.from({ length: 25 }, (_, step) => step).filter(
      (step) => dueAt(genesis, step, 0).validation === 5,
    );
  };

  it('is due every ten steps, as often as the job says, or only at the end', () => {
    assert.deepEqual(stepsDue(), [0, 10, 20]);
    assert.deepEqual(stepsDue(8), [0, 8, 16, 24]);
    assert.deepEqual(stepsDue(0), []);
    const genesis = exampleGenesis({
      spec: { evaluation: { ...evaluation, validateEvery: 0 } },
      objective: { validation },
    });
    assert.deepEqual(dueAt(genesis, 4, 1), { repeats: 7, validation: 5 });
  });

  it('never is where the objective declares none', () => {
    const genesis = exampleGenesis({ spec: { evaluation } });
    for (const step of [0, 10]) assert.equal(dueAt(genesis, step, 0).validation, 0);
    assert.equal(dueAt(genesis, 10, 1).validation, 0);
  });

  it('comes after members and centre in a round, and after the held-out repeats at the end', () => {
    const { spec } = exampleGenesis({ spec: { evaluation } });
    assert.deepEqual(roundLayout(spec, { phase: 0, repeats: 2, validation: 5 }), {
      members: 4,
      group: 2,
      repeats: 2,
      validation: 5,
    });
    assert.deepEqual(roundLayout(spec, { phase: 1, repeats: 7, validation: 5 }), {
      members: 0,
      group: 1,
      repeats: 7,
      validation: 5,
    });
  });
});
