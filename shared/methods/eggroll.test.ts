// EGGROLL against the formulas of its paper (arXiv 2511.16652) with integer noise: the contraction of a sphere at each rank,
// the kurtosis of an entry, exact sums by BigInt, groups, frozen tensors, noise that lasts, and the threshold update of
// integer networks with its published moved fractions. Every tolerance of a sample is five of its standard errors.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { exampleGenesis } from '../../test/support/example-genesis.js';
import { Random } from '../../test/simulation/random.js';
import { Replica } from '../../worker/replica/replica.js';
import { SeedcastError } from '../errors.js';
import type { Genesis, StepUpdate } from '../ledger/records.js';
import type { CompiledTensor, Dtype, TensorArray } from '../objectives/types.js';
import { deriveKey } from '../random/key.js';
import { fillBinomial } from '../random/noise.js';
import { PURPOSE } from '../random/purposes.js';
import { eggroll } from './eggroll.js';
import { type EggrollOptions, methodOptions, shareValue } from './options.js';
import { checkTensors } from './shape.js';

type Given = Partial<Omit<EggrollOptions, 'name'>>;

function optionsOf(given: Given): EggrollOptions {
  const sigma = given.integer === undefined || given.integer === null ? { sigma: 0.1 } : {};
  const base = { name: 'eggroll', population: 4, ...sigma, learningRate: 1, optimizer: { name: 'sgd' } };
  const options = methodOptions.parse({ ...base, ...given });
  assert.ok(options.name === 'eggroll');
  return options;
}

function tensor(name: string, shape: readonly number[], dtype: Dtype = 'float64', sigma = 1): CompiledTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return { name, shape, size, dtype, init: { kind: 'zeros' }, bounds: null, sigma };
}

function genesisOf(given: Given, tensors: readonly CompiledTensor[], spec: object = {}): Genesis {
  const genesis = exampleGenesis({ spec, objective: { tensors, direction: 'maximize' } });
  return { ...genesis, spec: { ...genesis.spec, method: optionsOf(given) } };
}

function started(genesis: Genesis, values: (i: number, t: number) => number = Math.sin): Replica {
  const replica = new Replica(genesis);
  replica.initialise(
    new Map(
      genesis.objective.tensors.map(({ name, size, dtype }, t) => {
        const array =
          dtype === 'int8'
            ? new Int8Array(size)
            : dtype === 'float32'
              ? new Float32Array(size)
              : new Float64Array(size);
        for (let i = 0; i < size; i++) array[i] = values(i, t);
        return [name, array];
      }),
    ),
  );
  return replica;
}

/** `count` elements of a factor or vector from the first on, by the definition of the noise alone. */
function noise(tensorNumber: number, direction: number, count: number, step = 0): Int8Array {
  const out = new Int8Array(count);
  fillBinomial(deriveKey('example'), PURPOSE.perturbation, tensorNumber, direction, step, 0, out);
  return out;
}

/** Σ_k c_k Σ_c A_kc B_kcᵀ of tensor t by BigInt, element by element, directions from the last to the first. */
function exact(
  coefficients: ArrayLike<number>,
  t: number,
  rank: number,
  rows: number,
  columns: number,
  step = 0,
): bigint[] {
  const sums = new Array<bigint>(rows * columns).fill(0n);
  for (let k = coefficients.length - 1; k >= 0; k--) {
    const a = noise(2 * t, k, rank * rows, step);
    const b = noise(2 * t + 1, k, rank * columns, step);
    for (let c = 0; c < rank; c++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          const product = BigInt(a[c * rows + i] ?? 0) * BigInt(b[c * columns + j] ?? 0);
          sums[i * columns + j] = (sums[i * columns + j] ?? 0n) + BigInt(coefficients[k] ?? 0) * product;
        }
  }
  return sums;
}

interface Sample {
  readonly mean: number;
  readonly standardError: number;
}

function sampleOf(values: readonly number[]): Sample {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
  return { mean, standardError: Math.sqrt(variance / values.length) };
}

function close(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual}, wanted ${expected} ± ${tolerance}`,
  );
}

const squares = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, v) => sum + v * v, 0);

describe('a step on the sphere with low-rank noise', () => {
  const [m, n, pairs, alpha] = [12, 20, 64, 0.15];
  for (const [rank, measured] of [
    [1, 0.8285],
    [2, 0.8178],
    [4, 0.8129],
  ] as const) {
    it(`contracts |W|² by ${measured}: rank ${rank}, 12 x 20, 64 pairs, α = 0.15`, () => {
      const genesis = genesisOf(
        { shaping: 'raw', population: 2 * pairs, rank, learningRate: alpha, sigma: 0.05 },
        [tensor('w', [m, n])],
      );
      const replica = started(genesis);
      const out = replica.allocate();
      const ratios = Array.from({ length: 400 }, (_, step) => {
        const theta = replica.memory.parameters(step)[0] as Float64Array;
        theta.forEach((_v, i) => (theta[i] = Math.sin(i + 1)));
        const before = squares(theta);
        const fitness = Float64Array.from({ length: 2 * pairs }, (_, member) => {
          replica.parametersOf(
            step,
            { members: 2 * pairs, group: 2, repeats: 0, validation: 0 },
            member,
            out,
          );
          return -squares(out[0] as TensorArray) / 2;
        });
        const { update } = eggroll.reduce(genesis.spec, step, fitness, new Uint8Array(2 * pairs));
        replica.apply(step, { ...update, auxiliary: null });
        return squares(replica.memory.parameters(step + 1)[0] as TensorArray) / before;
      });
      const { mean, standardError } = sampleOf(ratios);
      // The published figures are themselves known to ±0.0004.
      close(mean, measured, 5 * standardError + 0.0004, 'ratio');
      assert.ok(standardError < 0.003, String(standardError));
      if (rank === 1) {
        // (1 − α)² + α² (c − 1)/Np with c = (m + 2 + κ)(n + 2 + κ), κ = −1/8 of the noise.
        const c = (m + 2 - 1 / 8) * (n + 2 - 1 / 8);
        close(mean, (1 - alpha) ** 2 + (alpha ** 2 * (c - 1)) / pairs, 5 * standardError, 'closed form');
      }
    });
  }
});

describe('an entry of the perturbation', () => {
  for (const rank of [1, 2, 4]) {
    it(`has variance 1 and excess kurtosis 5.266/r, rank ${rank}`, () => {
      const [rows, columns] = [64, 64];
      const genesis = genesisOf({ population: 2, rank, sigma: 1 }, [tensor('w', [rows, columns])]);
      const replica = started(genesis, () => 0);
      const out = replica.allocate();
      let second = 0;
      let fourth = 0;
      const steps = 600;
      for (let step = 0; step < steps; step++) {
        replica.parametersOf(step, { members: 2, group: 2, repeats: 0, validation: 0 }, 0, out);
        for (const e of out[0] as Float64Array) {
          second += e ** 2;
          fourth += e ** 4;
        }
      }
      const count = steps * rows * columns;
      close(second / count, 1, 0.02, 'variance');
      close(fourth / count / (second / count) ** 2 - 3, 5.266 / rank, 0.35, 'excess kurtosis');
    });
  }
});

describe('applying a record', () => {
  const tensors = [
    tensor('a', [13, 37], 'float32'),
    tensor('b', [11]),
    tensor('c', [4, 3, 5], 'float32', 2),
    tensor('d', [1, 300], 'float32'),
    tensor('e', [], 'float32'),
  ];
  const update: StepUpdate = {
    coefficients: Int16Array.of(3, -5, 2, 0, 7),
    exponent: 0,
    scale: 1 / 120,
    rate: 0.3,
    auxiliary: null,
  };

  for (const optimizer of [
    { name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    { name: 'momentum', momentum: 0.9 },
    { name: 'sgd' },
  ] as const) {
    it(`gives the same bits however the coordinates are cut, in any order: ${optimizer.name}`, () => {
      const genesis = genesisOf({ population: 10, rank: 2, optimizer, weightDecay: 0.01 }, tensors);
      const whole = started(genesis);
      for (let step = 0; step < 3; step++) whole.apply(step, update);
      const d = whole.memory.coordinates;
      assert.equal(d, 13 * 37 + 11 + 60 + 300 + 1);
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: d - 1 }), { maxLength: 8 }),
          fc.infiniteStream(fc.nat()),
          (cuts, order) => {
            const replica = started(genesis);
            for (let step = 0; step < 3; step++) {
              const edges = [...new Set([0, ...cuts, d])].sort((a, b) => a - b);
              const tiles = edges
                .slice(1)
                .map((hi, i): [number, number, number] => [edges[i] ?? 0, hi, order.next().value as number]);
              for (const [lo, hi] of tiles.sort((a, b) => a[2] - b[2])) replica.apply(step, update, lo, hi);
            }
            assert.equal(replica.digest(3), whole.digest(3));
          },
        ),
        { numRuns: 30, seed: 2 },
      );
    });
  }

  for (const rank of [1, 3]) {
    it(`is W + rate·scale·S/(2√r), S the sum of all directions by BigInt: rank ${rank}, coefficients up to 2^23`, () => {
      const random = new Random(rank);
      const coefficients = Int32Array.from({ length: 40 }, () => random.integer(-(2 ** 23), 2 ** 23));
      const genesis = genesisOf({ population: 80, rank }, [tensor('w', [7, 19]), tensor('x', [3])]);
      const replica = started(genesis);
      const theta = replica.memory.parameters(0).map((array) => Float64Array.from(array));
      // Powers of two, so that no product has a rounding of its own but the one by 1/(2√r).
      replica.apply(0, { ...update, coefficients, exponent: -30, scale: 1, rate: 0.5 });
      const after = replica.memory.parameters(1);
      exact(coefficients, 0, rank, 7, 19).forEach((sum, i) => {
        const g = Number(sum) * (2 ** -30 * (1 / (2 * Math.sqrt(rank))));
        assert.equal(after[0]?.[i], (theta[0]?.[i] ?? 0) + 0.5 * g, `element ${i}`);
      });
      for (let i = 0; i < 3; i++) {
        const sum = coefficients.reduce((s, c, k) => s + c * (noise(2, k, 3)[i] ?? 0), 0);
        assert.equal(after[1]?.[i], (theta[1]?.[i] ?? 0) + 0.5 * (sum * 2 ** -30), `vector ${i}`);
      }
    });
  }

  it('is refused where sums could leave 2^53, with the number', () => {
    const coefficients = new Int32Array(300_000).fill(2 ** 23);
    const replica = started(genesisOf({ population: 600_000, rank: 64 }, [tensor('w', [2, 2])]));
    assert.throws(
      () => replica.apply(0, { ...update, coefficients }),
      (e) => e instanceof SeedcastError && e.code === 'SC_SPEC_BOUND' && /2\^53/.test(e.message),
    );
  });
});

describe('perturbing', () => {
  it('gives W ± σ f Σ A Bᵀ/(4√r) and leaves the base bit for bit as it was; vectors W ± σ e/2', () => {
    const [rows, columns, rank] = [5, 6, 4];
    const genesis = genesisOf({ population: 6, rank, sigma: 0.25 }, [
      tensor('v', [3]),
      tensor('w', [rows, 2, 3], 'float32', 2),
    ]);
    const replica = started(genesis);
    const before = replica.digest(0);
    const base = replica.memory.parameters(0);
    const out = replica.allocate();
    for (let member = 0; member < 6; member++) {
      replica.parametersOf(0, { members: 6, group: 2, repeats: 0, validation: 0 }, member, out);
      const direction = member >> 1;
      const sign = member % 2 === 0 ? 1 : -1;
      const e = noise(0, direction, 3);
      e.forEach((value, i) => assert.equal(out[0]?.[i], (base[0]?.[i] ?? 0) + sign * 0.25 * (value / 2)));
      const products = exact(
        Array.from({ length: direction + 1 }, (_, k) => Number(k === direction)),
        1,
        rank,
        rows,
        columns,
      );
      // 4√4 = 8, σ f = 0.5: the product is exact in float32, the sum has one rounding.
      products.forEach((p, i) =>
        assert.equal(out[1]?.[i], Math.fround((base[1]?.[i] ?? 0) + (sign * 0.5 * Number(p)) / 8)),
      );
    }
    assert.equal(replica.digest(0), before);
  });

  it('is what the description for engines says', () => {
    const genesis = genesisOf({ population: 6, rank: 4, sigma: 0.25, frozen: ['f*'], noiseReuse: 3 }, [
      tensor('v', [3], 'float32'),
      tensor('w', [5, 6], 'float32', 2),
      tensor('first', [2, 2], 'float32'),
    ]);
    const replica = new Replica(genesis);
    const context = {
      spec: genesis.spec,
      key: deriveKey('example'),
      tensors: genesis.objective.tensors,
      memory: replica.memory,
    };
    assert.deepEqual(eggroll.population(context, 7), {
      noiseStep: 2,
      tensors: [
        { kind: 'full', noise: 'binomial', scale: 0.125, a: 0 },
        { kind: 'low-rank', rank: 4, scale: (0.25 * 2) / (4 * 2), a: 2, b: 3 },
        { kind: 'none' },
      ],
    });
    assert.deepEqual(eggroll.memberNoise(genesis.spec, 5), { direction: 2, sign: -1 });
    const integers = genesisOf({ integer: { alpha: 1, sigmaShift: 4 } }, [
      tensor('m', [4, 4], 'int8'),
      tensor('g', [4], 'int8'),
    ]);
    assert.deepEqual(eggroll.population({ ...context, ...integers.objective, spec: integers.spec }, 1), {
      noiseStep: 1,
      tensors: [
        { kind: 'integer-low-rank', shift: 2, a: 0, b: 1 },
        { kind: 'integer-product', shift: 2, a: 2, b: 3 },
      ],
    });
  });

  it('keeps its noise for as many steps as noiseReuse says, 0 for ever', () => {
    const layout = { members: 4, group: 2, repeats: 0, validation: 0 };
    const seen = (noiseReuse: number): string[] => {
      const replica = started(genesisOf({ noiseReuse }, [tensor('w', [4, 4])]), () => 0);
      const out = replica.allocate();
      return Array.from({ length: 6 }, (_, step) => {
        replica.parametersOf(step, layout, 0, out);
        return Array.from(out[0] as TensorArray).join();
      });
    };
    const [a, b, c, d, e, f] = seen(3);
    assert.deepEqual([a, b, d, e], [c, c, f, f]);
    assert.notEqual(a, d);
    assert.equal(new Set(seen(0)).size, 1);
    assert.equal(new Set(seen(1)).size, 6);
  });
});

describe('frozen tensors', () => {
  it('never change, nor do their members: by name, by beginning, and vectors', () => {
    const tensors = [
      tensor('embed.weight', [4, 4], 'float32'),
      tensor('layers.0.weight', [4, 4], 'float32'),
      tensor('layers.0.bias', [4], 'float32'),
      tensor('head', [2, 4], 'float32'),
    ];
    const genesis = genesisOf(
      {
        population: 4,
        vectors: 'frozen',
        frozen: ['embed.*', 'head'],
        optimizer: { name: 'momentum', momentum: 0.9 },
      },
      tensors,
    );
    checkTensors(genesis);
    const replica = started(genesis);
    const first = replica.memory.parameters(0).map((array) => Array.from(array));
    const update = { coefficients: Int16Array.of(3, -1), exponent: 0, scale: 1, rate: 0.1, auxiliary: null };
    for (let step = 0; step < 3; step++) replica.apply(step, update);
    const last = replica.memory.parameters(3).map((array) => Array.from(array));
    const out = replica.allocate();
    replica.parametersOf(3, { members: 4, group: 2, repeats: 0, validation: 0 }, 1, out);
    for (const t of [0, 2, 3]) {
      assert.deepEqual(last[t], first[t]);
      assert.deepEqual(Array.from(out[t] as TensorArray), first[t]);
    }
    assert.notDeepEqual(last[1], first[1]);
    assert.notDeepEqual(Array.from(out[1] as TensorArray), last[1]);
  });

  it('must be tensors of the objective: a name that is none is refused with the nearest', () => {
    const refused = (given: Given): SeedcastError => {
      try {
        checkTensors(genesisOf(given, [tensor('embed.weight', [4, 4]), tensor('bias', [4])]));
      } catch (error) {
        assert.ok(error instanceof SeedcastError);
        return error;
      }
      return assert.fail('was accepted');
    };
    assert.equal(refused({ frozen: ['embed.wieght'] }).hint, 'did you mean embed.weight?');
    assert.match(refused({ frozen: ['layers.*'] }).message, /begins with "layers\."/);
    assert.match(refused({ frozen: ['*'] }).message, /every tensor/);
    assert.match(
      refused({ integer: { alpha: 1, sigmaShift: 4 } }).message,
      /float tensors \(embed\.weight, bias\)/,
    );
  });
});

describe('reducing', () => {
  const values = Float64Array.of(5, 1, 0, 2, 7, 7, -3, 4);
  const none = new Uint8Array(8);
  const reduced = (given: Given, fitness = values, failed = none, spec: object = {}) =>
    eggroll.reduce(genesisOf({ population: 8, ...given }, [], spec).spec, 0, fitness, failed).update;
  const weights = ({
    coefficients,
    exponent,
    scale,
  }: Pick<StepUpdate, 'coefficients' | 'exponent' | 'scale'>) =>
    Array.from(coefficients, (c) => c * scale * 2 ** exponent);

  it('ranks within the groups: p = R/(2(G − 1)) − ½, g = (1/M) Σ p ε', () => {
    const { coefficients, scale } = reduced({ groupSize: 4 });
    // Doubled ranks 6 2 0 4 of (5 1 0 2), and 5 5 0 2 of (7 7 −3 4), the tie at 7 sharing 4 and 6.
    assert.deepEqual([...coefficients], [4, -4, 0, -2]);
    assert.equal(scale, 1 / (4 * 8 * 3));
    const alone = reduced({ groupSize: 2, antithetic: false });
    assert.deepEqual([...alone.coefficients], [1, -1, -1, 1, 0, 0, -1, 1]);
  });

  it('takes the mean of the group and the deviation of all for z-scores', () => {
    const groups = [
      [5, 1, 0, 2],
      [7, 7, -3, 4],
    ];
    const mean = values.reduce((a, b) => a + b, 0) / 8;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 8);
    const expected = groups.flatMap((group) => {
      const own = group.reduce((a, b) => a + b, 0) / 4;
      return group.map((v) => (v - own) / deviation / (2 * 8));
    });
    weights(reduced({ groupSize: 4, shaping: 'z-score', antithetic: false })).forEach((w, i) =>
      close(w, expected[i] ?? 0, 2 ** -23 * 0.2, `member ${i}`),
    );
  });

  it('takes the mean of the group off raw fitness, which pairs lose anyway', () => {
    const own = [2, 3.75];
    weights(reduced({ groupSize: 4, shaping: 'raw', antithetic: false, sigma: 0.5 })).forEach((w, i) =>
      close(w, ((values[i] ?? 0) - (own[i >> 2] ?? 0)) / (2 * 8 * 0.5), 2 ** -22, `member ${i}`),
    );
    assert.deepEqual(
      weights(reduced({ groupSize: 4, shaping: 'raw' })),
      weights(reduced({ shaping: 'raw' })),
    );
  });

  it('says which of a pair won with signs: g = (1/M) Σ F ε', () => {
    const { coefficients, scale } = reduced({ shaping: 'sign' });
    assert.deepEqual([...coefficients], [1, -1, 0, -1]);
    assert.equal(scale, 1 / 16);
    const failed = Uint8Array.of(1, 1, 0, 1, 0, 0, 0, 1);
    assert.deepEqual([...reduced({ shaping: 'sign' }, values, failed).coefficients], [0, 1, 0, 1]);
    const skipping = reduced({ shaping: 'sign' }, values, failed, { onFailure: 'skip' });
    assert.deepEqual([...skipping.coefficients], [0, 0, 0, 0]);
  });
});

describe('data of a step', () => {
  it('is shared by the members of a group, and differs between groups', () => {
    const genesis = genesisOf({ population: 12, groupSize: 4 }, [tensor('w', [2, 2])]);
    const replica = new Replica({ ...genesis, objective: { ...genesis.objective, seeds: 'per-step' } });
    const layout = { members: 12, group: 2, repeats: 0, validation: 0 };
    const seeds = Array.from({ length: 12 }, (_, unit) => replica.contextOf(5, layout, unit).seed);
    assert.equal(new Set(seeds).size, 3);
    for (let i = 0; i < 12; i++) assert.equal(seeds[i], seeds[4 * Math.floor(i / 4)]);
    const all = genesisOf({ population: 12 }, [tensor('w', [2, 2])]);
    const one = new Replica({ ...all, objective: { ...all.objective, seeds: 'per-step' } });
    assert.equal(new Set(seeds.map((_, unit) => one.contextOf(5, layout, unit).seed)).size, 1);
  });
});

describe('integer tensors', () => {
  it('move by sign(Z) where |Z| ≥ threshold and Z ≠ 0, clipped to ±127', () => {
    const tensors = [tensor('w', [6, 7], 'int8'), tensor('g', [5], 'int8')];
    const genesis = genesisOf({ population: 8, integer: { alpha: 0.5, sigmaShift: 4 } }, tensors);
    const starts = [-127, 127, 0, 3, -4];
    const replica = started(genesis, (i) => starts[i % 5] ?? 0);
    const before = replica.memory.parameters(0).map((array) => Array.from(array));
    const coefficients = Int16Array.of(1, -1, 0, 1);
    for (const threshold of [0, 9.5, 1e6]) {
      replica.apply(0, { coefficients, exponent: 0, scale: 1, rate: threshold, auxiliary: null });
      const after = replica.memory.parameters(1).map((array) => Array.from(array));
      const z = [
        exact(coefficients, 0, 1, 6, 7).map(Number),
        [0, 1, 2, 3, 4].map((i) =>
          coefficients.reduce((s, f, k) => s + f * (noise(2, k, 5)[i] ?? 0) * (noise(3, k, 5)[i] ?? 0), 0),
        ),
      ];
      z.forEach((sums, t) =>
        sums.forEach((sum, i) => {
          const w = before[t]?.[i] ?? 0;
          const moved = sum !== 0 && Math.abs(sum) >= threshold ? w + Math.sign(sum) : w;
          assert.equal(after[t]?.[i], Math.min(127, Math.max(-127, moved)), `${t} ${i}`);
        }),
      );
    }
  });

  it('have members clip(w + (±A_i B_j >> s − 2))', () => {
    const genesis = genesisOf({ population: 2, integer: { alpha: 1, sigmaShift: 3 } }, [
      tensor('w', [3, 4], 'int8'),
      tensor('g', [4], 'int8'),
    ]);
    const replica = started(genesis, (i) => 120 - 80 * (i % 4));
    const out = replica.allocate();
    for (const member of [0, 1]) {
      replica.parametersOf(0, { members: 2, group: 2, repeats: 0, validation: 0 }, member, out);
      const sign = member === 0 ? 1 : -1;
      const value = (w: number, a = 0, b = 0): number =>
        Math.max(-127, Math.min(127, w + Math.floor((sign * a * b) / 2)));
      const [a, b] = [noise(0, 0, 3), noise(1, 0, 4)];
      for (let i = 0; i < 12; i++)
        assert.equal(out[0]?.[i], value(120 - 80 * (i % 4), a[i >> 2], b[i & 3]), `${i}`);
      const [c, d] = [noise(2, 0, 4), noise(3, 0, 4)];
      for (let i = 0; i < 4; i++) assert.equal(out[1]?.[i], value(120 - 80 * i, c[i], d[i]), `vector ${i}`);
    }
  });

  it('have the threshold 4 Φ⁻¹(1 − α/2) √Np in the record', () => {
    const threshold = (alpha: number, pairs: number): number =>
      eggroll.reduce(
        genesisOf({ population: 2 * pairs, integer: { alpha, sigmaShift: 4 } }, []).spec,
        0,
        new Float64Array(2 * pairs),
        new Uint8Array(2 * pairs),
      ).update.rate;
    // Quantiles from tables of the normal distribution.
    for (const [alpha, z] of [
      [1, 0],
      [0.5, 0.6744897502],
      [0.25, 1.1503493804],
      [0.05, 1.9599639845],
      [0.01, 2.5758293035],
    ] as const)
      close(threshold(alpha, 256), 4 * z * 16, 64e-10, `alpha ${alpha}`);
    assert.ok(Number.isFinite(threshold(1e-300, 4)));
  });

  for (const [pairs, fractions] of [
    [256, { 0.5: 0.486, 0.25: 0.243, 0.0625: 0.06, 0.015: 0.015 }],
    [4096, { 0.5: 0.498, 0.25: 0.251, 0.0625: 0.065, 0.015: 0.0159 }],
  ] as const) {
    it(`move in the published fractions when fitness is random: ${pairs} pairs`, () => {
      const side = 120;
      const random = new Random(pairs);
      const fitness = Float64Array.from({ length: 2 * pairs }, () => random.real());
      for (const [alpha, published] of Object.entries(fractions)) {
        const genesis = genesisOf(
          { population: 2 * pairs, integer: { alpha: Number(alpha), sigmaShift: 4 } },
          [tensor('w', [side, side], 'int8')],
        );
        const replica = started(genesis, () => 0);
        const { update } = eggroll.reduce(genesis.spec, 0, fitness, new Uint8Array(2 * pairs));
        replica.apply(0, { ...update, auxiliary: null });
        const moved = Array.from(replica.memory.parameters(1)[0] as TensorArray).filter(
          (w) => w !== 0,
        ).length;
        const share = moved / side ** 2;
        // Weights of a row or column share a factor; five times the error of independent ones holds that too.
        const error = Math.sqrt((published * (1 - published)) / side ** 2);
        close(share, published, 5 * error + 0.002, `alpha ${alpha}`);
      }
    });
  }

  it('take a falling alpha: 1, 0.870, 0.4, 0.118, 0.0625 at steps 0, 10, 100, 500, 1000', () => {
    const schedule = { schedule: 'decay', halvings: 4, over: 1000 } as const;
    for (const [step, alpha] of [
      [0, 1],
      [10, 0.87],
      [100, 0.4],
      [500, 0.118],
      [1000, 0.0625],
    ] as const)
      close(shareValue(schedule, step), alpha, 0.0005, `step ${step}`);
    const given = methodOptions.parse({ name: 'eggroll', population: 2, integer: {} });
    assert.deepEqual(given.name === 'eggroll' ? given.integer : null, { alpha: schedule, sigmaShift: 4 });
  });
});

describe('options of eggroll', () => {
  const messages = (given: object): string[] => {
    const result = methodOptions.safeParse({ name: 'eggroll', population: 8, ...given });
    return result.success
      ? []
      : result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  };

  it('name what does not go together', () => {
    assert.match(messages({}).join(), /^sigma must be a finite number above 0/);
    assert.match(messages({ sigma: 1, integer: {} }).join(), /^sigma must be left out with `integer`/);
    assert.match(messages({ integer: {}, rank: 2 }).join(), /^rank must be 1 with `integer`/);
    assert.match(messages({ integer: {}, shaping: 'raw' }).join(), /^shaping must be sign/);
    assert.match(messages({ integer: {}, antithetic: false }).join(), /^antithetic must be true/);
    assert.match(messages({ sigma: 1, shaping: 'sign', antithetic: false }).join(), /^shaping must be/);
    assert.match(messages({ sigma: 1, groupSize: 3 }).join(), /^groupSize must divide/);
    assert.match(messages({ sigma: 1, groupSize: 3, population: 9 }).join(), /population must be even/);
    assert.match(messages({ sigma: 1, groupSize: 3, population: 12 }).join(), /^groupSize must be even/);
    assert.match(messages({ sigma: 1, rank: 65 }).join(), /^rank must be an integer from 1 to 64/);
    assert.deepEqual(messages({ sigma: 1, groupSize: 4, rank: 64 }), []);
    assert.deepEqual(messages({ integer: { alpha: 0.5 } }), []);
  });

  it('are unchanged when compiled again', () => {
    for (const given of [{ sigma: 0.1 }, { integer: {} }]) {
      const compiled = methodOptions.parse({ name: 'eggroll', population: 8, ...given });
      assert.deepEqual(methodOptions.parse(compiled), compiled);
    }
  });
});

describe('the signal of an update', () => {
  it('is about 1 when fitness has nothing to do with the parameters, rank 1 and 4', () => {
    for (const rank of [1, 4]) {
      const genesis = genesisOf({ population: 400, rank, shaping: 'raw' }, [tensor('w', [20, 20])]);
      const context = {
        spec: genesis.spec,
        key: deriveKey('example'),
        tensors: genesis.objective.tensors,
        memory: new Replica(genesis).memory,
      };
      const random = new Random(5);
      const signals = Array.from({ length: 60 }, (_, step) => {
        const fitness = Float64Array.from({ length: 400 }, () => random.real());
        const { update } = eggroll.reduce(genesis.spec, step, fitness, new Uint8Array(400));
        return eggroll.signal(context, step, { ...update, auxiliary: null }) ?? Number.NaN;
      });
      const { mean, standardError } = sampleOf(signals);
      close(mean, 1, 5 * standardError, `rank ${rank}`);
      assert.ok(standardError < 0.02);
    }
  });
});
