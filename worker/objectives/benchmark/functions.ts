// The benchmark functions as published, unshifted and unrotated, all to be minimised with optimum value 0.
// They read a vector and return a number; nothing else. Libm is fine here: only the scalar counts.

import type { TensorArray } from '../../../shared/objectives/types.js';

export interface BenchmarkFunction {
  /** The published search interval of every coordinate; initial points are drawn from it. */
  readonly low: number;
  readonly high: number;
  /** The optimum's coordinate (the same in every dimension). */
  readonly optimum: number;
  readonly smallest: number;
  readonly value: (x: TensorArray) => number;
}

/** Where x·sin √x is greatest on [−500, 500]: the root of tan √x = −√x / 2 near 421. */
const SCHWEFEL_OPTIMUM = 420.968_746_359_982_03;
const SCHWEFEL_PEAK = SCHWEFEL_OPTIMUM * Math.sin(Math.sqrt(SCHWEFEL_OPTIMUM));

/** f(x) = Σ x_i². */
function sphere(x: TensorArray): number {
  let sum = 0;
  for (const v of x) sum += v * v;
  return sum;
}

/** f(x) = Σ_{i<d} 100 (x_{i+1} − x_i²)² + (1 − x_i)² (Rosenbrock 1960, chained). */
function rosenbrock(x: TensorArray): number {
  let sum = 0;
  let previous = x[0] ?? 0;
  for (let i = 1; i < x.length; i++) {
    const next = x[i] ?? 0;
    const a = next - previous * previous;
    const b = 1 - previous;
    sum += 100 * a * a + b * b;
    previous = next;
  }
  return sum;
}

/** f(x) = 10 d + Σ x_i² − 10 cos(2π x_i). */
function rastrigin(x: TensorArray): number {
  let sum = 0;
  for (const v of x) sum += 10 + v * v - 10 * Math.cos(2 * Math.PI * v);
  return sum;
}

/** f(x) = −20 exp(−0.2 √(Σ x_i² / d)) − exp(Σ cos(2π x_i) / d) + 20 + e (Ackley 1987). */
function ackley(x: TensorArray): number {
  let squares = 0;
  let cosines = 0;
  for (const v of x) {
    squares += v * v;
    cosines += Math.cos(2 * Math.PI * v);
  }
  return -20 * Math.expm1(-0.2 * Math.sqrt(squares / x.length)) - Math.E * Math.expm1(cosines / x.length - 1);
}

/** f(x) = 1 + Σ x_i² / 4000 − Π cos(x_i / √i), i from 1 (Griewank 1981). */
function griewank(x: TensorArray): number {
  let sum = 0;
  let product = 1;
  let i = 1;
  for (const v of x) {
    sum += v * v;
    product *= Math.cos(v / Math.sqrt(i++));
  }
  return 1 + sum / 4000 - product;
}

/**
 * f(x) = Σ 418.98… − x_i sin √|x_i| on [−500, 500] (Schwefel 1981). Outside, the coordinate is folded back and
 * (|x_i| − 500)² / (10⁴ d) added, as the CEC suites do, since the plain formula is unbounded below there.
 */
function schwefel(x: TensorArray): number {
  let sum = 0;
  for (const v of x) {
    const size = Math.abs(v);
    if (size <= 500) {
      sum += SCHWEFEL_PEAK - v * Math.sin(Math.sqrt(size));
    } else {
      const folded = Math.sign(v) * (500 - (size % 500));
      const beyond = size - 500;
      sum +=
        SCHWEFEL_PEAK -
        folded * Math.sin(Math.sqrt(Math.abs(folded))) +
        (beyond * beyond) / (10_000 * x.length);
    }
  }
  return sum;
}

/**
 * With w_i = 1 + (x_i − 1)/4: f(x) = sin²(π w_1) + Σ_{i<d} (w_i − 1)² (1 + 10 sin²(π w_i + 1)) + (w_d − 1)² (1 + sin²(2π w_d))
 * (Levy, as given by Laguna and Martí 2005).
 */
function levy(x: TensorArray): number {
  const last = x.length - 1;
  let sum = 0;
  for (let i = 0; i <= last; i++) {
    const w = 1 + ((x[i] ?? 0) - 1) / 4;
    const distance = w - 1;
    if (i === 0) sum += Math.sin(Math.PI * w) ** 2;
    if (i < last) sum += distance * distance * (1 + 10 * Math.sin(Math.PI * w + 1) ** 2);
    else sum += distance * distance * (1 + Math.sin(2 * Math.PI * w) ** 2);
  }
  return sum;
}

export const BENCHMARK_FUNCTIONS = {
  sphere: { low: -5, high: 5, optimum: 0, smallest: 1, value: sphere },
  rosenbrock: { low: -2.048, high: 2.048, optimum: 1, smallest: 2, value: rosenbrock },
  rastrigin: { low: -5.12, high: 5.12, optimum: 0, smallest: 1, value: rastrigin },
  ackley: { low: -32.768, high: 32.768, optimum: 0, smallest: 1, value: ackley },
  griewank: { low: -600, high: 600, optimum: 0, smallest: 1, value: griewank },
  schwefel: { low: -500, high: 500, optimum: SCHWEFEL_OPTIMUM, smallest: 1, value: schwefel },
  levy: { low: -10, high: 10, optimum: 1, smallest: 1, value: levy },
} as const satisfies Readonly<Record<string, BenchmarkFunction>>;

export type BenchmarkName = keyof typeof BENCHMARK_FUNCTIONS;
