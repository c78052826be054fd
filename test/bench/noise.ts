// Speed of the noise kernels: `node dist/test/bench/noise.js`, for each kernel under SEEDCAST_KERNELS=typescript or wasm.
// Best of eight runs over 100,000 elements and 32 directions.
import {
  accumulateBinomial,
  accumulateRademacher,
  fillBinomial,
  fillNormal,
  fillRademacher,
} from '../../shared/random/noise.js';
import { kernels } from '../../shared/random/kernels.js';

const ELEMENTS = 100000;
const DIRECTIONS = 32;
const key = [123, 456] as const;
const coefficients = Int16Array.from({ length: DIRECTIONS }, (_, k) => 2 * k - 31);
const bytes = new Int8Array(ELEMENTS);
const words = new Int16Array(ELEMENTS);
const sums = new Int32Array(ELEMENTS);

const eachDirection = (run: (direction: number) => void) => () => {
  for (let direction = 0; direction < DIRECTIONS; direction++) run(direction);
};

const cases: Record<string, () => void> = {
  fillBinomial: eachDirection((direction) => fillBinomial(key, 0, 1, direction, 2, 0, bytes)),
  accumulateBinomial: () => accumulateBinomial(key, 0, 1, 2, coefficients, 0, DIRECTIONS, 0, sums),
  fillRademacher: eachDirection((direction) => fillRademacher(key, 0, 1, direction, 2, 0, bytes)),
  accumulateRademacher: () => accumulateRademacher(key, 0, 1, 2, coefficients, 0, DIRECTIONS, 0, sums),
  fillNormal: eachDirection((direction) => fillNormal(key, 0, 1, direction, 2, 0, words)),
};

for (const [name, run] of Object.entries(cases)) {
  let best = Infinity;
  for (let i = 0; i < 8; i++) {
    const began = performance.now();
    run();
    best = Math.min(best, performance.now() - began);
  }
  console.log(`${kernels.name} ${name} ${((best * 1e6) / (ELEMENTS * DIRECTIONS)).toFixed(2)} ns a value`);
}
