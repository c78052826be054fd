// An objective as a TypeScript module: a line of 16 antenna elements half a wavelength apart, fed symmetrically with
// amplitudes exp(x). The value is the highest side lobe in decibels below the main lobe, averaged over `builds` copies with
// faulty elements (2 % amplitude, 2° phase by default). All alike gives about -13 dB, a cosine taper -20, the best about -26.
import { defineObjective } from 'seedcast';

const ELEMENTS = 16;
const ANGLES = 256;
/** Half width of the main lobe in u = sin(angle): what lies beyond counts as side lobe. */
const MAIN_LOBE = 0.16;

export default defineObjective({
  name: 'antenna',
  direction: 'minimize',
  validate: ({ tolerance = 0.02, builds = 4, ...rest }) => {
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) throw new Error(`unknown option ${unknown}; there are tolerance and builds`);
    if (typeof tolerance !== 'number' || tolerance < 0 || tolerance > 1)
      throw new Error(`tolerance is ${tolerance}, allowed is 0 to 1`);
    if (typeof builds !== 'number' || !Number.isInteger(builds) || builds < 1)
      throw new Error(`builds is ${builds}, allowed are integers from 1`);
    return { tolerance, builds };
  },
  parameters: () => ({ x: { shape: [ELEMENTS / 2], dtype: 'float32', init: { kind: 'zeros' } } }),
  setup: ({ tolerance, builds }) => ({ tolerance: Number(tolerance), builds: Number(builds) }),
  evaluate: ({ x }, { seed, resource: { tolerance, builds } }) => {
    const random = generator(seed);
    let sum = 0;
    for (let build = 0; build < builds; build++) {
      const amplitude = Array.from(
        { length: ELEMENTS },
        (_, i) => Math.exp(x[Math.min(i, ELEMENTS - 1 - i)] ?? 0) * (1 + tolerance * random()),
      );
      const phase = Array.from({ length: ELEMENTS }, () => 1.75 * tolerance * random());
      sum += sideLobe(amplitude, phase);
    }
    return sum / builds;
  },
  summarize: (fitness) => `side lobe ${fitness.toFixed(1)} dB`,
});

function sideLobe(amplitude: number[], phase: number[]): number {
  const power = (u: number): number => {
    let real = 0;
    let imaginary = 0;
    amplitude.forEach((a, i) => {
      const angle = Math.PI * i * u + (phase[i] ?? 0);
      real += a * Math.cos(angle);
      imaginary += a * Math.sin(angle);
    });
    return real * real + imaginary * imaginary;
  };
  let highest = 0;
  for (let k = 0; k <= ANGLES; k++) {
    const u = (2 * k) / ANGLES - 1;
    if (Math.abs(u) >= MAIN_LOBE) highest = Math.max(highest, power(u));
  }
  return 10 * Math.log10(highest / power(0));
}

/** Deviates between -1 and 1 from the evaluation's seed, so that both members of a pair see the same faults. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 31 - 1;
  };
}
