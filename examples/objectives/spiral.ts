// A network of your own, evaluated for a whole slice of members at once on whatever engine the worker has: it tells the
// points of two spirals apart. Run it: npx seedcast run examples/spiral.yaml --objectives examples/objectives/spiral.ts
import { defineObjective, type TensorDeclaration } from 'seedcast';

const POINTS = 194;

function spirals(): { points: Float32Array; labels: Int32Array } {
  const points = new Float32Array(2 * POINTS);
  const labels = new Int32Array(POINTS);
  for (let i = 0; i < POINTS; i++) {
    const turn = ((i >> 1) * Math.PI) / 48;
    const radius = (1 - (i >> 1) / 104) * (i % 2 === 0 ? 1 : -1);
    points[2 * i] = radius * Math.sin(turn);
    points[2 * i + 1] = radius * Math.cos(turn);
    labels[i] = i % 2;
  }
  return { points, labels };
}

function layer(inputs: number, outputs: number): [TensorDeclaration, TensorDeclaration] {
  return [
    { shape: [outputs, inputs], init: { kind: 'normal', std: 1.5 / Math.sqrt(inputs) } },
    { shape: [outputs], init: { kind: 'normal', std: 0.1 } },
  ];
}

export default defineObjective({
  name: 'spiral',
  direction: 'minimize',
  seeds: 'per-step',
  parameters: ({ width = 32 }) => {
    const n = Number(width);
    const [w1, b1] = layer(2, n);
    const [w2, b2] = layer(n, n);
    const [w3, b3] = layer(n, 2);
    return { w1, b1, w2, b2, w3, b3 };
  },
  setup: () => spirals(),
  evaluatePopulation: async (engine, population, contexts) => {
    const [first] = contexts;
    if (first === undefined) return [];
    const { points, labels } = first.resource;
    const weight = (name: string) => population.weight(name);
    // The first axis is 1: every member sees the same points.
    const x = engine.float32(points, [1, POINTS, 2]);
    const h1 = engine.activation('tanh', engine.linear(x, weight('w1'), weight('b1')));
    const h2 = engine.activation('tanh', engine.linear(h1, weight('w2'), weight('b2')));
    const logits = engine.linear(h2, weight('w3'), weight('b3'));
    const { loss } = engine.crossEntropy(logits, engine.int32(labels, [1, POINTS]));
    return [...(await engine.read(engine.mean(loss)))];
  },
});
