// An integer network as a module: a table of int8 weights that classifies the 16 words of four bits by the parity of their
// ones. A member is a plain array here; networks on an engine implement `evaluatePopulation` in its place.
const WIDTH = 16;

const clip = (x) => Math.max(-127, Math.min(127, x));

export default {
  name: 'parity',
  direction: 'maximize',
  parameters: () => ({
    w1: { shape: [WIDTH, 4], dtype: 'int8', init: { kind: 'normal', std: 16 } },
    b1: { shape: [WIDTH], dtype: 'int8', init: { kind: 'normal', std: 16 } },
    w2: { shape: [1, WIDTH], dtype: 'int8', init: { kind: 'normal', std: 16 } },
  }),
  // Sum over all words of the margin by which the output has the right sign, at most 16 a word.
  evaluate({ w1, b1, w2 }) {
    let total = 0;
    for (let word = 0; word < 16; word++) {
      let output = 0;
      let ones = 0;
      for (let bit = 0; bit < 4; bit++) ones += (word >> bit) & 1;
      for (let i = 0; i < WIDTH; i++) {
        let sum = b1[i] * 16;
        for (let bit = 0; bit < 4; bit++) sum += w1[i * 4 + bit] * ((word >> bit) & 1 ? 16 : -16);
        output += w2[i] * Math.max(0, clip(sum >> 5));
      }
      total += Math.min(16, (ones % 2 === 1 ? 1 : -1) * (output >> 6));
    }
    return total;
  },
};
