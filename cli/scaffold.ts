// The files of `seedcast init`: an objective of one's own (fits a decaying oscillation to noisy samples) and a job for it,
// in three languages. Text only.

export const LANGUAGES = ['typescript', 'javascript', 'python'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Scaffold {
  /** Name in the folder → content. */
  readonly files: Readonly<Record<string, string>>;
  /** What `--objectives` is given. */
  readonly objectives: string;
}

export function scaffold(name: string, language: Language): Scaffold {
  const job = jobFile(name);
  switch (language) {
    case 'typescript':
      return { files: { 'objective.ts': typescript(name), 'job.yaml': job }, objectives: 'objective.ts' };
    case 'javascript':
      return { files: { 'objective.mjs': javascript(name), 'job.yaml': job }, objectives: 'objective.mjs' };
    case 'python':
      return {
        files: { 'objective.yaml': declaration(name), 'objective.py': PYTHON, 'job.yaml': job },
        objectives: 'objective.yaml',
      };
  }
}

function jobFile(name: string): string {
  return `# seedcast run job.yaml --objectives OBJECTIVE
apiVersion: seedcast/v1
kind: Job
metadata: { name: ${name} }
spec:
  seed: 1
  method:
    name: es
    population: 32
    sigma: { schedule: exponential, from: 0.3, decay: 0.985, floor: 0.01 }
    learningRate: { schedule: exponential, from: 0.1, decay: 0.985, floor: 0.002 }
  # Options of the objective stand beside its name.
  objective: { name: ${name}, samples: 50 }
  # The first rule that holds ends the job.
  stop: { steps: 300, wallClock: 5m }
`;
}

const COMMENT = (
  mark: string,
): string => `${mark} The mean squared error of a curve a·exp(−b·t)·cos(w·t) to noisy samples of one with a = 2, b = 0.5, w = 3.
${mark} Replace it by what you want to optimise: parameters of any shapes in, one number out.
`;

const JAVASCRIPT_BODY = `  evaluate: ({ a, b, w }, { seed, options }) => {
    const random = generator(seed);
    let sum = 0;
    for (let i = 0; i < options.samples; i++) {
      const t = (4 * i) / options.samples;
      const sample = 2 * Math.exp(-0.5 * t) * Math.cos(3 * t) + 0.05 * (random() - 0.5);
      const value = a[0] * Math.exp(-b[0] * t) * Math.cos(w[0] * t);
      sum += (value - sample) ** 2;
    }
    return sum / options.samples;
  },
});
`;

function javascript(name: string): string {
  return `${COMMENT('//')}import { defineObjective } from 'seedcast';

export default defineObjective({
  name: '${name}',
  direction: 'minimize',
  // Bounds are kept for you: the optimiser works on unbounded values.
  parameters: () => ({
    a: { shape: [1], low: 0, high: 5 },
    b: { shape: [1], low: 0.01, high: 2, scale: 'log' },
    w: { shape: [1], low: 1, high: 5 },
  }),
  validate: (options) => ({ samples: 50, ...options }),
  // The seed is the same for both members of a pair: they are compared on the same noise.
${JAVASCRIPT_BODY}
// A small generator of numbers in [0, 1), so that an evaluation depends on its seed alone (mulberry32).
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
`;
}

function typescript(name: string): string {
  return javascript(name)
    .replace(
      'evaluate: ({ a, b, w }, { seed, options }) => {',
      'evaluate: ({ a: [a = 0], b: [b = 0], w: [w = 0] }, { seed, options }) => {\n    const samples = Number(options.samples);',
    )
    .replaceAll('options.samples;', 'samples;')
    .replace('i < options.samples', 'i < samples')
    .replace('a[0] * Math.exp(-b[0] * t) * Math.cos(w[0] * t)', 'a * Math.exp(-b * t) * Math.cos(w * t)')
    .replace('function generator(seed) {', 'function generator(seed: number): () => number {');
}

function declaration(name: string): string {
  return `# A command objective: the process reads a line of JSON for each evaluation and answers with one.
name: ${name}
direction: minimize
command: [python3, objective.py]
parameters:
  a: { shape: [1], low: 0, high: 5 }
  b: { shape: [1], low: 0.01, high: 2, scale: log }
  w: { shape: [1], low: 1, high: 5 }
timeout: 30s
batch: true
`;
}

const PYTHON = `${COMMENT('#')}import json
import math
import random
import sys


def evaluate(parameters, seed, options):
    noise = random.Random(seed)
    a, b, w = (parameters[name][0] for name in ("a", "b", "w"))
    samples = options.get("samples", 50)
    total = 0.0
    for i in range(samples):
        t = 4 * i / samples
        sample = 2 * math.exp(-0.5 * t) * math.cos(3 * t) + 0.05 * (noise.random() - 0.5)
        total += (a * math.exp(-b * t) * math.cos(w * t) - sample) ** 2
    return total / samples


# One line in, one line out; what is printed to stderr goes to the worker's log.
for line in sys.stdin:
    request = json.loads(line)
    values = []
    for member in request["members"]:
        try:
            values.append(evaluate(member["parameters"], member["seed"], request["options"]))
        except Exception as error:
            values.append({"error": f"{type(error).__name__}: {error}"})
    print(json.dumps({"id": request["id"], "values": values}), flush=True)
`;
