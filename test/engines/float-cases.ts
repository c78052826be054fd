// Cases of the float operations: odd and even sizes, shared and own inputs, every perturbation. Expected values by plain
// loops in float64 with libm's functions.
import type { Activation } from '../../shared/objectives/engine.js';
import {
  type Case,
  CENTRE,
  type Expected,
  floats,
  floatWeight,
  fresh,
  FULL,
  type InputCase,
  integers,
  matrixNoise,
  NONE,
  ONE,
  RADEMACHER,
  SEVERAL,
  size,
} from './cases.js';

/** A float32 chain over some hundred products; a device with short mantissas multiplies these. */
const TOLERANCE = {
  product: 2e-5,
  recurrent: 2e-5,
  norm: 1e-5,
  function: 4e-6,
  element: 2e-7,
  mean: 2e-6,
} as const;

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? NaN;
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const result = (shape: readonly number[], values: readonly number[]): Expected[] => [{ shape, values }];

/** x [rows, inner] times wᵀ, w [outs, inner], plus b. */
function times(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  b: ArrayLike<number> | null,
  rows: number,
  inner: number,
  outs: number,
): number[] {
  return range(rows).flatMap((row) =>
    range(outs).map((out) =>
      range(inner).reduce(
        (sum, k) => sum + at(x, row * inner + k) * at(w, out * inner + k),
        b === null ? 0 : at(b, out),
      ),
    ),
  );
}

function linearCases(): Case[] {
  const cases: Case[] = [];
  const shapes = [
    [1, 1, 1],
    [3, 7, 5],
    [5, 33, 17],
    [16, 64, 48],
    [2, 130, 35],
  ] as const;
  for (const [rows, inner, outs] of shapes)
    for (const [noise, perturbation] of Object.entries(matrixNoise(4)))
      for (const shared of [true, false])
        for (const biased of [false, true]) {
          const values = fresh();
          const members = rows === 3 ? ONE : SEVERAL;
          cases.push({
            operation: 'linear',
            name: `[${rows}, ${inner}] by [${outs}, ${inner}], ${noise}, ${shared ? 'shared' : 'own'} x${biased ? ', bias' : ''}`,
            members,
            weights: [
              floatWeight(values, 'w', [outs, inner], perturbation),
              floatWeight(values, 'b', [outs], noise === 'none' ? NONE : FULL(9)),
            ],
            inputs: [floats(values, [rows, inner], shared ? 1 : members.length)],
            run: (engine, [x], weight) => [engine.linear(x, weight('w'), biased ? weight('b') : null)],
            expected: ([x], weights) =>
              result(
                [rows, outs],
                times(x, weights.float('w'), biased ? weights.float('b') : null, rows, inner, outs),
              ),
            tolerance: TOLERANCE.product,
          });
        }
  return cases;
}

function embeddingCases(): Case[] {
  return Object.entries(matrixNoise(6)).flatMap(([noise, perturbation]) =>
    [1, SEVERAL.length].map((copies): Case => {
      const values = fresh();
      const [rows, width, tokens] = [11, 9, 6];
      return {
        operation: 'embedding',
        name: `${tokens} of [${rows}, ${width}], ${noise}, ${copies === 1 ? 'shared' : 'own'} tokens`,
        members: SEVERAL,
        weights: [floatWeight(values, 'w', [rows, width], perturbation)],
        inputs: [integers(values, [tokens], copies, 0, rows - 1)],
        run: (engine, [x], weight) => [engine.embedding(x, weight('w'))],
        expected: ([x], weights) =>
          result(
            [tokens, width],
            range(tokens).flatMap((i) =>
              range(width).map((j) => at(weights.float('w'), at(x, i) * width + j)),
            ),
          ),
        tolerance: TOLERANCE.element,
      };
    }),
  );
}

function weightCases(): Case[] {
  const cases: Case[] = [];
  for (const operation of ['addWeight', 'multiplyWeight'] as const)
    for (const shape of [[13], [3, 13]])
      for (const [noise, perturbation] of Object.entries(matrixNoise(2))) {
        if (shape.length === 1 && perturbation.kind === 'low-rank') continue;
        for (const copies of [1, SEVERAL.length]) {
          const values = fresh();
          const width = 13;
          const rows = 6;
          cases.push({
            operation,
            name: `[${shape.join(', ')}] over [${rows}, ${width}], ${noise}, ${copies === 1 ? 'shared' : 'own'} x`,
            members: SEVERAL,
            weights: [floatWeight(values, 'w', shape, perturbation)],
            inputs: [floats(values, [rows, width], copies)],
            run: (engine, [x], weight) => [engine[operation](x, weight('w'))],
            expected: ([x], weights) => {
              const w = weights.float('w');
              return result(
                [rows, width],
                range(rows * width).map((i) =>
                  operation === 'addWeight' ? at(x, i) + at(w, i % w.length) : at(x, i) * at(w, i % w.length),
                ),
              );
            },
            tolerance: 2 * TOLERANCE.element,
          });
        }
      }
  return cases;
}

interface Picture {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function convolutionCases(): Case[] {
  const cases: Case[] = [];
  const shapes = [
    { images: 2, height: 7, width: 6, channels: 3, outs: 5, kernel: [3, 3], stride: 1 },
    { images: 1, height: 8, width: 9, channels: 1, outs: 4, kernel: [5, 2], stride: 2 },
    { images: 3, height: 5, width: 5, channels: 2, outs: 3, kernel: [2, 3], stride: 3 },
  ] as const;
  for (const { images, height, width, channels, outs, kernel, stride } of shapes)
    for (const padding of ['same', 'valid'] as const)
      for (const [noise, perturbation] of Object.entries(matrixNoise(12)))
        for (const shared of [true, false]) {
          const values = fresh();
          const [kh, kw] = kernel;
          cases.push({
            operation: 'conv2d',
            name: `[${images}, ${height}, ${width}, ${channels}] by [${outs}, ${kh}, ${kw}, ${channels}], stride ${stride}, ${padding}, ${noise}, ${shared ? 'shared' : 'own'} x`,
            members: SEVERAL,
            weights: [
              floatWeight(values, 'w', [outs, kh, kw, channels], perturbation),
              floatWeight(values, 'b', [outs], FULL(1)),
            ],
            inputs: [floats(values, [images, height, width, channels], shared ? 1 : SEVERAL.length)],
            run: (engine, [x], weight) => [
              engine.conv2d(x, weight('w'), shared ? weight('b') : null, { stride, padding }),
            ],
            expected: ([x], weights) =>
              convolve(
                x,
                { images, height, width, channels },
                weights.float('w'),
                shared ? weights.float('b') : null,
                { outs, kh, kw, stride, same: padding === 'same' },
              ),
            tolerance: TOLERANCE.product,
          });
        }
  return cases;
}

function convolve(
  x: ArrayLike<number>,
  { images, height, width, channels }: Picture,
  w: ArrayLike<number>,
  b: ArrayLike<number> | null,
  {
    outs,
    kh,
    kw,
    stride,
    same,
  }: {
    readonly outs: number;
    readonly kh: number;
    readonly kw: number;
    readonly stride: number;
    readonly same: boolean;
  },
): Expected[] {
  const out = (length: number, k: number): number =>
    same ? Math.ceil(length / stride) : Math.floor((length - k) / stride) + 1;
  const before = (length: number, k: number): number =>
    same ? Math.floor(Math.max(0, (out(length, k) - 1) * stride + k - length) / 2) : 0;
  const [down, across] = [out(height, kh), out(width, kw)];
  const pixel = (n: number, y: number, z: number, c: number): number =>
    y < 0 || y >= height || z < 0 || z >= width ? 0 : at(x, ((n * height + y) * width + z) * channels + c);
  const values: number[] = [];
  for (let n = 0; n < images; n++)
    for (let y = 0; y < down; y++)
      for (let z = 0; z < across; z++)
        for (let o = 0; o < outs; o++) {
          let sum = b === null ? 0 : at(b, o);
          for (let i = 0; i < kh; i++)
            for (let j = 0; j < kw; j++)
              for (let c = 0; c < channels; c++)
                sum +=
                  pixel(n, y * stride + i - before(height, kh), z * stride + j - before(width, kw), c) *
                  at(w, ((o * kh + i) * kw + j) * channels + c);
          values.push(sum);
        }
  return result([images, down, across, outs], values);
}

function poolingCases(): Case[] {
  return [
    { size: 2, stride: 2 },
    { size: 3, stride: 1 },
    { size: 3, stride: 2 },
  ].flatMap(({ size: window, stride }) =>
    [1, SEVERAL.length].map((copies): Case => {
      const values = fresh();
      const [images, height, width, channels] = [2, 7, 6, 3];
      const down = Math.floor((height - window) / stride) + 1;
      const across = Math.floor((width - window) / stride) + 1;
      return {
        operation: 'maxPool2d',
        name: `size ${window}, stride ${stride}, ${copies === 1 ? 'shared' : 'own'} x`,
        members: SEVERAL,
        weights: [],
        inputs: [floats(values, [images, height, width, channels], copies)],
        run: (engine, [x]) => [engine.maxPool2d(x, { size: window, stride })],
        expected: ([x]) => {
          const values: number[] = [];
          for (let n = 0; n < images; n++)
            for (let y = 0; y < down; y++)
              for (let z = 0; z < across; z++)
                for (let c = 0; c < channels; c++)
                  values.push(
                    Math.max(
                      ...range(window * window).map((i) =>
                        at(
                          x,
                          ((n * height + y * stride + Math.floor(i / window)) * width +
                            z * stride +
                            (i % window)) *
                            channels +
                            c,
                        ),
                      ),
                    ),
                  );
          return result([images, down, across, channels], values);
        },
        tolerance: 0,
      };
    }),
  );
}

const FUNCTIONS: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => (x > 0 ? x : 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

/** Where careless forms overflow, cancel or lose a sign. */
const EDGES = Float32Array.of(
  0,
  1e-7,
  -1e-7,
  1e-3,
  -1e-3,
  0.5,
  -0.5,
  1,
  -1,
  3,
  -3,
  9,
  -9,
  20,
  -20,
  50,
  -50,
  89,
  -89,
  150,
  -150,
  1e4,
  -1e4,
);

function elementCases(): Case[] {
  const cases: Case[] = [];
  for (const [kind, apply] of Object.entries(FUNCTIONS))
    for (const edges of [false, true]) {
      const values = fresh();
      const input: InputCase = edges
        ? { shape: [EDGES.length], values: [EDGES] }
        : floats(values, [3, 5, 7], SEVERAL.length, 2);
      cases.push({
        operation: 'activation',
        name: `${kind}${edges ? ' at its edges' : ''}`,
        members: SEVERAL,
        weights: [],
        inputs: [input],
        run: (engine, [x]) => [engine.activation(kind as Activation, x)],
        expected: ([x]) => result(input.shape, [...x].map(apply)),
        tolerance: TOLERANCE.function,
      });
    }
  for (const operation of ['add', 'multiply'] as const)
    for (const [left, right] of [
      [1, 1],
      [1, SEVERAL.length],
      [SEVERAL.length, 1],
      [SEVERAL.length, SEVERAL.length],
    ] as const) {
      const values = fresh();
      cases.push({
        operation,
        name: `first axes ${left} and ${right}`,
        members: SEVERAL,
        weights: [],
        inputs: [floats(values, [4, 5], left), floats(values, [4, 5], right)],
        run: (engine, [x, y]) => [engine[operation](x, y)],
        expected: ([x, y]) =>
          result(
            [4, 5],
            range(20).map((i) => (operation === 'add' ? at(x, i) + at(y, i) : at(x, i) * at(y, i))),
          ),
        tolerance: TOLERANCE.element,
      });
    }
  const values = fresh();
  cases.push(
    {
      operation: 'scale',
      name: 'by −0.3',
      members: SEVERAL,
      weights: [],
      inputs: [floats(values, [3, 3], SEVERAL.length)],
      run: (engine, [x]) => [engine.scale(x, -0.3)],
      expected: ([x]) =>
        result(
          [3, 3],
          [...x].map((value) => -0.3 * value),
        ),
      tolerance: TOLERANCE.element,
    },
    {
      operation: 'reshape',
      name: '[2, 3, 4] to [6, 4] and int8 to [4, 6]',
      members: SEVERAL,
      weights: [],
      inputs: [floats(values, [2, 3, 4], SEVERAL.length), { shape: [24], values: [values.bytes(24)] }],
      run: (engine, [x, y]) => [
        engine.reshape(x, [x.shape[0] ?? 1, 6, 4]),
        engine.reshape(y, [y.shape[0] ?? 1, 4, 6]),
      ],
      expected: ([x, y]) => [
        { shape: [6, 4], values: [...x] },
        { shape: [4, 6], values: [...y] },
      ],
      tolerance: 0,
    },
  );
  return cases;
}

function normCases(): Case[] {
  const cases: Case[] = [];
  const inputs = (copies: number): [string, InputCase][] => {
    const values = fresh();
    return [
      ['[4, 9]', floats(values, [4, 9], copies, 3)],
      ['[2, 3, 16]', floats(values, [2, 3, 16], copies)],
      [
        'equal values',
        { shape: [2, 8], values: Array.from({ length: copies }, () => new Float32Array(16).fill(3)) },
      ],
      ['one column', floats(values, [5, 1], copies)],
    ];
  };
  for (const operation of ['layerNorm', 'rmsNorm'] as const)
    for (const copies of [1, SEVERAL.length])
      for (const [label, input] of inputs(copies))
        for (const weighted of [false, true]) {
          const values = fresh();
          const width = input.shape.at(-1) ?? 1;
          cases.push({
            operation,
            name: `${label}, ${copies === 1 ? 'shared' : 'own'} x${weighted ? ', gain and bias' : ''}`,
            members: SEVERAL,
            weights: [
              floatWeight(values, 'gain', [width], FULL(2)),
              floatWeight(values, 'bias', [width], RADEMACHER(3)),
            ],
            inputs: [input],
            run: (engine, [x], weight) => [
              operation === 'rmsNorm'
                ? engine.rmsNorm(x, weighted ? weight('gain') : null)
                : weighted
                  ? engine.layerNorm(x, weight('gain'), weight('bias'))
                  : engine.layerNorm(x),
            ],
            expected: ([x], weights) =>
              result(
                input.shape,
                normalized(
                  x,
                  width,
                  operation === 'layerNorm',
                  weighted ? weights.float('gain') : null,
                  weighted && operation === 'layerNorm' ? weights.float('bias') : null,
                ),
              ),
            tolerance: TOLERANCE.norm,
          });
        }
  return cases;
}

function normalized(
  x: ArrayLike<number>,
  width: number,
  centred: boolean,
  gain: ArrayLike<number> | null,
  bias: ArrayLike<number> | null,
): number[] {
  return range(x.length / width).flatMap((row) => {
    const values = range(width).map((j) => at(x, row * width + j));
    const mean = centred ? values.reduce((sum, value) => sum + value, 0) / width : 0;
    const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    return values.map(
      (value, j) =>
        ((value - mean) / Math.sqrt(square + 1e-5)) * (gain === null ? 1 : at(gain, j)) +
        (bias === null ? 0 : at(bias, j)),
    );
  });
}

function recurrentCases(): Case[] {
  const cases: Case[] = [];
  for (const [noise, perturbation] of Object.entries(matrixNoise(20)))
    for (const [batch, steps, width] of [
      [1, 1, 1],
      [2, 5, 7],
      [3, 9, 16],
    ] as const)
      for (const biased of [false, true]) {
        const values = fresh();
        cases.push({
          operation: 'gru',
          name: `${batch} x ${steps} steps, width ${width}, ${noise}${biased ? ', bias' : ''}`,
          members: SEVERAL,
          weights: [
            floatWeight(values, 'u', [3 * width, width], perturbation),
            floatWeight(values, 'c', [3 * width], FULL(25)),
          ],
          inputs: [floats(values, [batch, steps, 3 * width], biased ? 1 : SEVERAL.length)],
          run: (engine, [x], weight) => [engine.gru(x, weight('u'), biased ? weight('c') : null)],
          expected: ([x], weights) =>
            result(
              [batch, steps, width],
              recurrent(x, weights.float('u'), biased ? weights.float('c') : null, batch, steps, width),
            ),
          tolerance: TOLERANCE.recurrent,
        });
      }
  return cases;
}

function recurrent(
  x: ArrayLike<number>,
  u: ArrayLike<number>,
  c: ArrayLike<number> | null,
  batch: number,
  steps: number,
  width: number,
): number[] {
  const values: number[] = [];
  const sigma = FUNCTIONS.sigmoid;
  for (let b = 0; b < batch; b++) {
    let h = new Array<number>(width).fill(0);
    for (let t = 0; t < steps; t++) {
      const inner = times(h, u, c, 1, width, 3 * width);
      const given = range(3 * width).map((i) => at(x, (b * steps + t) * 3 * width + i));
      h = h.map((old, j) => {
        const r = sigma(at(given, j) + at(inner, j));
        const z = sigma(at(given, width + j) + at(inner, width + j));
        const n = Math.tanh(at(given, 2 * width + j) + r * at(inner, 2 * width + j));
        return (1 - z) * n + z * old;
      });
      values.push(...h);
    }
  }
  return values;
}

function attentionCases(): Case[] {
  const cases: Case[] = [];
  for (const causal of [true, false])
    for (const [batch, steps, width, heads, deviation] of [
      [1, 1, 4, 1, 1],
      [2, 7, 12, 3, 1],
      [1, 17, 8, 2, 1],
      // Scores in the hundreds, which an exponential without its maximum cannot take.
      [1, 5, 8, 1, 15],
    ] as const)
      for (const copies of [1, SEVERAL.length]) {
        const values = fresh();
        const make = (): InputCase => floats(values, [batch, steps, width], copies, deviation);
        cases.push({
          operation: 'attention',
          name: `${batch} x ${steps} steps, width ${width}, ${heads} heads, deviation ${deviation}${causal ? ', causal' : ''}, ${copies === 1 ? 'shared' : 'own'}`,
          members: SEVERAL,
          weights: [],
          inputs: [make(), make(), floats(values, [batch, steps, width], copies)],
          run: (engine, [q, k, v]) => [engine.attention(q, k, v, { heads, causal })],
          expected: ([q, k, v]) =>
            result([batch, steps, width], attended(q, k, v, batch, steps, width, heads, causal)),
          // Large scores carry their own rounding into the exponent.
          tolerance: deviation * TOLERANCE.product,
        });
      }
  return cases;
}

function attended(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  batch: number,
  steps: number,
  width: number,
  heads: number,
  causal: boolean,
): number[] {
  const depth = width / heads;
  const values = new Array<number>(batch * steps * width).fill(0);
  for (let b = 0; b < batch; b++)
    for (let head = 0; head < heads; head++)
      for (let t = 0; t < steps; t++) {
        const place = (time: number, j: number): number => (b * steps + time) * width + head * depth + j;
        const seen = range(causal ? t + 1 : steps);
        const scores = seen.map(
          (s) =>
            range(depth).reduce((sum, j) => sum + at(q, place(t, j)) * at(k, place(s, j)), 0) /
            Math.sqrt(depth),
        );
        const greatest = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - greatest));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let j = 0; j < depth; j++)
          values[place(t, j)] = seen.reduce(
            (sum, s) => sum + (at(weights, s) / total) * at(v, place(s, j)),
            0,
          );
      }
  return values;
}

function lossCases(): Case[] {
  const cases: Case[] = [];
  const add = (name: string, rows: number, classes: number, logits: InputCase, targets: InputCase): void => {
    cases.push({
      operation: 'crossEntropy',
      name,
      members: SEVERAL,
      weights: [],
      inputs: [logits, targets],
      run: (engine, [x, y]) => {
        const { loss, correct } = engine.crossEntropy(x, y);
        return [loss, correct];
      },
      expected: ([x, y]) => {
        const row = (r: number): number[] => range(classes).map((c) => at(x, r * classes + c));
        const losses = range(rows).map((r) => {
          const scores = row(r);
          const greatest = Math.max(...scores);
          const total = scores.reduce((sum, score) => sum + Math.exp(score - greatest), 0);
          return Math.log(total) + greatest - at(scores, at(y, r));
        });
        const hits = range(rows).map((r) => {
          const scores = row(r);
          return scores.indexOf(Math.max(...scores)) === at(y, r) ? 1 : 0;
        });
        return [
          { shape: [rows], values: losses },
          { shape: [rows], values: hits },
        ];
      },
      tolerance: TOLERANCE.function,
    });
  };
  const values = fresh();
  for (const [rows, classes, deviation] of [
    [1, 2, 1],
    [7, 10, 3],
    [5, 257, 1],
    [4, 6, 1e4],
  ] as const)
    for (const own of [false, true])
      add(
        `[${rows}, ${classes}] of deviation ${deviation}, ${own ? 'own' : 'shared'} targets`,
        rows,
        classes,
        floats(values, [rows, classes], SEVERAL.length, deviation),
        integers(values, [rows], own ? SEVERAL.length : 1, 0, classes - 1),
      );
  add(
    'ties, where the first greatest counts',
    3,
    3,
    { shape: [3, 3], values: [Float32Array.of(1, 1, 0, 0, 2, 2, 5, 5, 5)] },
    { shape: [3], values: [Int32Array.of(1, 1, 0)] },
  );
  for (const shape of [[5], [3, 4, 7], [1000]])
    cases.push({
      operation: 'mean',
      name: `over [${shape.join(', ')}]`,
      members: SEVERAL,
      weights: [],
      inputs: [floats(fresh(), shape, SEVERAL.length)],
      run: (engine, [x]) => [engine.mean(x)],
      expected: ([x]) => result([], [[...x].reduce((sum, value) => sum + value, 0) / size(shape)]),
      tolerance: TOLERANCE.mean,
    });
  return cases;
}

/** Operations one after another, as a model has them: the centre, a lone member and several. */
function modelCases(): Case[] {
  return [CENTRE, ONE, SEVERAL].map((members): Case => {
    const values = fresh();
    const [rows, inner, hidden, classes] = [6, 15, 11, 4];
    return {
      operation: 'a small network',
      name: `linear, layer norm, relu, linear, cross-entropy, mean; members of signs ${members.map(({ sign }) => sign).join(', ')}`,
      members,
      weights: [
        floatWeight(values, 'w1', [hidden, inner], { kind: 'low-rank', rank: 1, scale: 0.02, a: 0, b: 1 }),
        floatWeight(values, 'b1', [hidden], FULL(2)),
        floatWeight(values, 'w2', [classes, hidden], { kind: 'low-rank', rank: 2, scale: 0.02, a: 4, b: 5 }),
      ],
      inputs: [floats(values, [rows, inner], 1), integers(values, [rows], 1, 0, classes - 1)],
      run: (engine, [x, y], weight) => {
        const first = engine.linear(x, weight('w1'), weight('b1'));
        const logits = engine.linear(engine.activation('relu', engine.layerNorm(first)), weight('w2'));
        return [engine.mean(engine.crossEntropy(logits, y).loss)];
      },
      expected: ([x, y], weights) => {
        const first = times(x, weights.float('w1'), weights.float('b1'), rows, inner, hidden);
        const active = normalized(first, hidden, true, null, null).map((value) => Math.max(0, value));
        const logits = times(active, weights.float('w2'), null, rows, hidden, classes);
        const losses = range(rows).map((r) => {
          const scores = logits.slice(r * classes, (r + 1) * classes);
          return Math.log(scores.reduce((sum, s) => sum + Math.exp(s), 0)) - at(scores, at(y, r));
        });
        return result([], [losses.reduce((sum, loss) => sum + loss, 0) / rows]);
      },
      tolerance: TOLERANCE.product,
    };
  });
}

export const floatCases: readonly Case[] = [
  ...linearCases(),
  ...embeddingCases(),
  ...weightCases(),
  ...convolutionCases(),
  ...poolingCases(),
  ...elementCases(),
  ...normCases(),
  ...recurrentCases(),
  ...attentionCases(),
  ...lossCases(),
  ...modelCases(),
];
