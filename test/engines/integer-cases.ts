// Cases of the integer operations, where every engine gives the same bits. Expected values by whole-number formulas in
// float64, which is exact here: floors as divisions, never as shifts.
import type { TensorPerturbation } from '../../shared/objectives/engine.js';
import {
  type Case,
  bytes,
  byteWeight,
  CENTRE,
  type Expected,
  fresh,
  type InputCase,
  integers,
  NONE,
  SEVERAL,
} from './cases.js';
import { clip, floorShift, type IntegerWeight, type WeightCase } from './explicit.js';

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const result = (shape: readonly number[], values: readonly number[]): Expected[] => [{ shape, values }];

const MATRIX = (a: number, shift: number): TensorPerturbation => ({
  kind: 'integer-low-rank',
  shift,
  a,
  b: a + 1,
});
const VECTOR = (a: number, shift: number): TensorPerturbation => ({
  kind: 'integer-product',
  shift,
  a,
  b: a + 1,
});

/** clip(⌊(x Wᵀ + ⌊(x·B) s A / 2^s⌋) / 2^shift⌋) of rows x. */
function product(x: ArrayLike<number>, w: IntegerWeight, shift: number): number[] {
  const { base, columns, a, b } = w;
  const outs = base.length / columns;
  return range(x.length / columns).flatMap((row) => {
    const along = b.reduce((sum, value, k) => sum + at(x, row * columns + k) * value, 0);
    return range(outs).map((out) => {
      const main = range(columns).reduce(
        (sum, k) => sum + at(x, row * columns + k) * at(base, out * columns + k),
        0,
      );
      const added = a.length === 0 ? 0 : floorShift(along * at(a, out), w.shift);
      return clip(floorShift(main + added, shift));
    });
  });
}

function linearCases(): Case[] {
  const cases: Case[] = [];
  for (const [rows, inner, outs, shift] of [
    [1, 1, 1, 4],
    [3, 5, 7, 5],
    [4, 64, 33, 7],
    [2, 131, 64, 7],
    [2, 256, 20, 8],
  ] as const)
    for (const perturbation of [NONE, MATRIX(3, 2), MATRIX(8, 0)])
      for (const copies of [1, SEVERAL.length]) {
        const values = fresh();
        cases.push({
          operation: 'integerLinear',
          name: `[${rows}, ${inner}] by [${outs}, ${inner}], ${perturbation.kind === 'none' ? 'none' : `noise >> ${'shift' in perturbation ? perturbation.shift : ''}`}, ${copies === 1 ? 'shared' : 'own'} x`,
          members: SEVERAL,
          weights: [byteWeight(values, 'w', [outs, inner], perturbation, 40)],
          inputs: [bytes(values, [rows, inner], copies, 60)],
          run: (engine, [x], weight) => [engine.integerLinear(x, weight('w'), shift)],
          expected: ([x], weights) => result([rows, outs], product(x, weights.integer('w'), shift)),
          tolerance: 0,
        });
      }
  // The widest sums: every product at its largest, which instructions that saturate at 16 bits get wrong.
  for (const sign of [1, -1]) {
    const inner = 4096;
    const extreme = (length: number, value: number): Int8Array => new Int8Array(length).fill(value);
    cases.push({
      operation: 'integerLinear',
      name: `${inner} products of 127 and ${127 * sign}`,
      members: SEVERAL,
      weights: [
        { name: 'w', shape: [4, inner], base: extreme(4 * inner, 127 * sign), perturbation: MATRIX(3, 2) },
      ],
      inputs: [{ shape: [2, inner], values: [extreme(2 * inner, 127)] }],
      run: (engine, [x], weight) => [
        engine.integerLinear(x, weight('w'), 20),
        engine.integerLinear(x, weight('w'), 4),
      ],
      expected: ([x], weights) => [
        { shape: [2, 4], values: product(x, weights.integer('w'), 20) },
        { shape: [2, 4], values: product(x, weights.integer('w'), 4) },
      ],
      tolerance: 0,
    });
  }
  return cases;
}

function embeddingCases(): Case[] {
  return [NONE, MATRIX(5, 2), MATRIX(5, 0)].flatMap((perturbation) =>
    [1, SEVERAL.length].map((copies): Case => {
      const values = fresh();
      const [rows, width, tokens] = [19, 21, 8];
      return {
        operation: 'integerEmbedding',
        name: `${tokens} of [${rows}, ${width}], ${JSON.stringify(perturbation)}, ${copies === 1 ? 'shared' : 'own'} tokens`,
        members: SEVERAL,
        weights: [byteWeight(values, 'w', [rows, width], perturbation)],
        inputs: [integers(values, [tokens], copies, 0, rows - 1)],
        run: (engine, [x], weight) => [engine.integerEmbedding(x, weight('w'))],
        expected: ([x], weights) => {
          const { base, a, b, shift } = weights.integer('w');
          return result(
            [tokens, width],
            range(tokens).flatMap((i) => {
              const token = at(x, i);
              return range(width).map((j) =>
                clip(
                  at(base, token * width + j) +
                    (a.length === 0 ? 0 : floorShift(at(a, token) * at(b, j), shift)),
                ),
              );
            }),
          );
        },
        tolerance: 0,
      };
    }),
  );
}

function elementCases(): Case[] {
  const cases: Case[] = [];
  for (const [left, right] of [
    [1, SEVERAL.length],
    [SEVERAL.length, SEVERAL.length],
  ] as const) {
    const values = fresh();
    cases.push({
      operation: 'integerAdd',
      name: `first axes ${left} and ${right}`,
      members: SEVERAL,
      weights: [],
      inputs: [bytes(values, [9, 15], left), bytes(values, [9, 15], right)],
      run: (engine, [x, y]) => [engine.integerAdd(x, y)],
      expected: ([x, y]) =>
        result(
          [9, 15],
          range(135).map((i) => clip(at(x, i) + at(y, i))),
        ),
      tolerance: 0,
    });
  }
  for (const [label, width, limit, perturbation] of [
    ['large values', 17, 127, VECTOR(6, 2)],
    ['an average below 1', 24, 1, VECTOR(6, 0)],
    ['zeros', 8, 0, NONE],
    ['small values', 64, 9, VECTOR(30, 3)],
  ] as const)
    for (const copies of [1, SEVERAL.length]) {
      const values = fresh();
      cases.push({
        operation: 'integerNorm',
        name: `${label}, width ${width}, ${copies === 1 ? 'shared' : 'own'} x`,
        members: SEVERAL,
        weights: [byteWeight(values, 'gain', [width], perturbation, 30)],
        inputs: [bytes(values, [2, 5, width], copies, limit)],
        run: (engine, [x], weight) => [engine.integerNorm(x, weight('gain'))],
        expected: ([x], weights) => {
          const gain = weights.vector('gain');
          return result(
            [2, 5, width],
            range(10).flatMap((row) => {
              const values = range(width).map((j) => at(x, row * width + j));
              const divisor = Math.max(
                1,
                Math.floor(values.reduce((sum, v) => sum + Math.abs(v), 0) / width),
              );
              return values.map((value, j) => clip(Math.floor((value * at(gain, j)) / divisor)));
            }),
          );
        },
        tolerance: 0,
      });
    }
  for (const shape of [[4], [3, 50]]) {
    const large = integers(fresh(), shape, SEVERAL.length, -10_000_000, 10_000_000);
    cases.push({
      operation: 'integerSum',
      name: `over [${shape.join(', ')}], beyond 2^24`,
      members: SEVERAL,
      weights: [],
      inputs: [large],
      run: (engine, [x]) => [engine.integerSum(x)],
      expected: ([x]) => result([], [[...x].reduce((sum, value) => sum + value, 0)]),
      tolerance: 0,
    });
  }
  return cases;
}

interface Unit {
  readonly batch: number;
  readonly steps: number;
  readonly width: number;
  readonly shift: number;
}

function unitCase(
  name: string,
  { batch, steps, width, shift }: Unit,
  weights: readonly WeightCase[],
  inputs: readonly InputCase[],
  members = SEVERAL,
): Case {
  return {
    operation: 'integerGru',
    name,
    members,
    weights,
    inputs,
    run: (engine, [xf, xh, resets], weight) => [
      engine.integerGru(
        xf,
        xh,
        { uf: weight('uf'), bf: weight('bf'), uh: weight('uh'), bh: weight('bh') },
        resets,
        shift,
      ),
    ],
    expected: ([xf, xh, resets], own) => {
      const [uf, uh, bf, bh] = [own.integer('uf'), own.integer('uh'), own.vector('bf'), own.vector('bh')];
      const values: number[] = [];
      for (let b = 0; b < batch; b++) {
        let s = range(width).map(() => 0);
        for (let t = 0; t < steps; t++) {
          if (at(resets, b * steps + t) === 1) s = s.map(() => 0);
          const from = (b * steps + t) * width;
          const forward = product(s, uf, shift);
          const f = s.map((_, j) => clip(at(xf, from + j) + at(forward, j) + at(bf, j)));
          const g = s.map((state, j) => Math.floor(((at(f, j) + 127) * state) / 256));
          const inner = product(g, uh, shift);
          const h = s.map((_, j) => clip(at(xh, from + j) + at(inner, j) + at(bh, j)));
          s = s.map((state, j) => state + Math.floor(((at(f, j) + 127) * (at(h, j) - state)) / 256));
          for (const state of s) values.push(state);
        }
      }
      return result([batch, steps, width], values);
    },
    tolerance: 0,
  };
}

function recurrentCases(): Case[] {
  const cases: Case[] = [];
  for (const [batch, steps, width, shift] of [
    [1, 1, 1, 4],
    [2, 6, 5, 5],
    [3, 7, 16, 6],
    [2, 4, 64, 7],
  ] as const)
    for (const shared of [true, false]) {
      const values = fresh();
      const copies = shared ? 1 : SEVERAL.length;
      cases.push(
        unitCase(
          `${batch} x ${steps} steps, width ${width}, ${shared ? 'shared' : 'own'} inputs`,
          { batch, steps, width, shift },
          [
            byteWeight(values, 'uf', [width, width], MATRIX(0, 2), 60),
            byteWeight(values, 'bf', [width], VECTOR(2, 2), 40),
            byteWeight(values, 'uh', [width, width], MATRIX(4, 2), 60),
            byteWeight(values, 'bh', [width], VECTOR(6, 2), 40),
          ],
          [
            bytes(values, [batch, steps, width], copies),
            bytes(values, [batch, steps, width], copies),
            {
              shape: [batch, steps],
              values: [Int32Array.from({ length: batch * steps }, () => (values.uniform() < 0.25 ? 1 : 0))],
            },
          ],
        ),
      );
    }
  return cases;
}

const EXP2 = range(256).map((i) => Math.floor(16 * 2 ** (i / 16)));

function likelihoodCases(): Case[] {
  const values = fresh();
  const filled = (value: number): Int8Array => new Int8Array(256).fill(value);
  const peaked = filled(-127);
  peaked[7] = 127;
  const inputs: [string, number, InputCase, InputCase][] = [
    ['random logits', 5, bytes(values, [5, 256], SEVERAL.length), integers(values, [5], 1, 0, 255)],
    [
      'narrow logits, own targets',
      5,
      bytes(values, [5, 256], 1, 20),
      integers(values, [5], SEVERAL.length, 0, 255),
    ],
    [
      'all 127, where the sum is largest, all −127, and one peak',
      4,
      { shape: [4, 256], values: [Int8Array.from([...filled(127), ...filled(-127), ...peaked, ...peaked])] },
      { shape: [4], values: [Int32Array.of(0, 255, 7, 8)] },
    ],
  ];
  const cases = inputs.map(([name, rows, logits, targets]): Case => ({
    operation: 'integerLogLikelihood',
    name,
    members: SEVERAL,
    weights: [],
    inputs: [logits, targets],
    run: (engine, [x, y]) => [engine.integerLogLikelihood(x, y)],
    expected: ([x, y]) =>
      result(
        [rows],
        range(rows).map((row) => {
          const t = range(256).map((c) => at(x, row * 256 + c) + 128);
          const sum = t.reduce((total, index) => total + at(EXP2, index), 0);
          return at(t, at(y, row)) - Math.floor(16 * Math.log2(sum / 16));
        }),
      ),
    tolerance: 0,
  }));
  cases.push({
    operation: 'integerLogLikelihood',
    name: 'equal logits at whole powers of two, 8 bits exactly',
    members: CENTRE,
    weights: [],
    inputs: [
      { shape: [3, 256], values: [Int8Array.from([...filled(0), ...filled(-112), ...filled(96)])] },
      { shape: [3], values: [Int32Array.of(0, 99, 255)] },
    ],
    run: (engine, [x, y]) => [engine.integerLogLikelihood(x, y)],
    expected: () => result([3], [-128, -128, -128]),
    tolerance: 0,
  });
  return cases;
}

export const integerCases: readonly Case[] = [
  ...linearCases(),
  ...embeddingCases(),
  ...elementCases(),
  ...recurrentCases(),
  ...likelihoodCases(),
];

/**
 * Every gate f and candidate h at a state that a step can leave (−127 to 126), through two steps of a unit of width 1 whose
 * weights are 0: the first, with f = 127, brings s to ⌊254 h / 256⌋, which is `state`; the second meets all 255² pairs.
 */
export function everyUnitStep(state: number): Case {
  const pairs = 255 * 255;
  const gate = (pair: number): number => Math.floor(pair / 255) - 127;
  const candidate = (pair: number): number => (pair % 255) - 127;
  const columns = (first: number, second: (pair: number) => number): Int8Array => {
    const values = new Int8Array(2 * pairs);
    for (let pair = 0; pair < pairs; pair++) {
      values[2 * pair] = first;
      values[2 * pair + 1] = second(pair);
    }
    return values;
  };
  const input = (values: Int8Array): InputCase => ({ shape: [pairs, 2, 1], values: [values] });
  const zero = (name: string, shape: readonly number[]): WeightCase => ({
    name,
    shape,
    base: new Int8Array(1),
    perturbation: NONE,
  });
  const after = (pair: number): number =>
    state + Math.floor(((gate(pair) + 127) * (candidate(pair) - state)) / 256);
  return {
    ...unitCase(
      `all gates and candidates from state ${state}`,
      { batch: pairs, steps: 2, width: 1, shift: 4 },
      [zero('uf', [1, 1]), zero('bf', [1]), zero('uh', [1, 1]), zero('bh', [1])],
      [
        input(columns(127, gate)),
        input(columns(state >= 0 ? state + 1 : state, candidate)),
        { shape: [pairs, 2], values: [new Int32Array(2 * pairs)] },
      ],
      CENTRE,
    ),
    expected: () => [{ shape: [pairs, 2, 1], values: columns(state, after) }],
  };
}
