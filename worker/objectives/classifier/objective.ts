// The objective `classifier`: a network on labelled examples, minimised. All members of a step see the same batch, so that
// their first product is shared; the centre sees a batch too, a held-out evaluation the whole test part.
import type { Engine, Population } from '../../../shared/objectives/engine.js';
import type { Evaluation, EvaluationContext, ObjectiveDefinition } from '../../../shared/objectives/types.js';
import { type Examples, gather, type LabelledData } from '../../data/examples.js';
import { MNIST_TEST } from '../../data/mnist.js';
import { drawBatch } from './batches.js';
import { network, type Network } from './network.js';
import {
  CLASSIFIER,
  type ClassifierOptions,
  completeOptions,
  dataFiles,
  dataShape,
  loadData,
  readClassifierOptions,
} from './options.js';

/** Shares of the test part that workers measure apart, at most. */
const MOST_PARTS = 8;

export interface ClassifierStage {
  readonly options: ClassifierOptions;
  readonly data: LabelledData;
  readonly network: Network;
}

/** Sums over some examples, one a member. */
export interface Tally {
  readonly examples: number;
  /** Cross-entropy in nats. */
  readonly loss: Float64Array;
  /** Right answers. */
  readonly correct: Float64Array;
}

export const classifier: ObjectiveDefinition<ClassifierStage> = {
  name: CLASSIFIER,
  direction: 'minimize',
  seeds: 'per-step',
  validate: completeOptions,
  files: (options) => dataFiles(readClassifierOptions(options)),
  parameters: (options) => {
    const read = readClassifierOptions(options);
    const { shape, classes } = dataShape(read);
    return network(read, shape, classes).tensors;
  },
  workspace: (options) => {
    const read = readClassifierOptions(options);
    const { shape, classes } = dataShape(read);
    return Float32Array.BYTES_PER_ELEMENT * read.batch * network(read, shape, classes).activations;
  },
  setup: (options) => {
    const read = readClassifierOptions(options);
    const data = loadData(read);
    return { options: read, data, network: network(read, data.train.shape, data.classes) };
  },
  validation: {
    metric: 'accuracy',
    direction: 'maximize',
    parts: (options) => partsOf(readClassifierOptions(options)),
  },
  evaluatePopulation,
};

async function evaluatePopulation(
  engine: Engine,
  population: Population,
  contexts: readonly EvaluationContext<ClassifierStage>[],
): Promise<Evaluation[]> {
  const [first] = contexts;
  if (first?.point === 'validation' && first.part !== null) {
    const { index, count } = first.part;
    const tally = await accuracyOn(engine, population, first.resource, index, count, first.signal);
    return [...tally.correct].map((correct) => correct / tally.examples);
  }
  if (first === undefined) return [];
  const { options, data } = first.resource;
  const heldOut = first.point === 'held-out';
  const part = heldOut ? data.test : data.train;
  const alike = heldOut || contexts.every(({ seed }) => seed === first.seed);
  const indices = (alike ? [first] : contexts).map(({ seed }) =>
    heldOut ? firstOf(part.count) : drawBatch(seed, part.count, options.batch),
  );
  const tally = await tallyOver(engine, population, first.resource, part, indices, first.signal);
  return contexts.map((_, member) => {
    const wrong = tally.examples - (tally.correct[member] ?? 0);
    return (options.fitness === 'error-rate' ? wrong : (tally.loss[member] ?? NaN)) / tally.examples;
  });
}

/**
 * Loss and right answers on part `part` of `parts` of the test data (consecutive runs of examples, as equal as can be): what
 * several workers measure apart, summed, is what one measures alone.
 */
export async function accuracyOn(
  engine: Engine,
  population: Population,
  stage: ClassifierStage,
  part: number,
  parts: number,
  signal?: AbortSignal,
): Promise<Tally> {
  const { test } = stage.data;
  const from = Math.floor((test.count * part) / parts);
  const to = Math.floor((test.count * (part + 1)) / parts);
  const indices = firstOf(to - from).map((index) => index + from);
  return tallyOver(engine, population, stage, test, [indices], signal);
}

/** Parts of equally many examples, so that the mean of their accuracies is the accuracy. */
function partsOf(options: ClassifierOptions): number {
  const count = options.data === 'mnist' ? MNIST_TEST : loadData(options).test.count;
  for (let parts = MOST_PARTS; parts > 1; parts--) if (count % parts === 0) return parts;
  return 1;
}

/** `indices`: those that all members see, or one list a member, of one length. A batch at a time, so that the workspace holds. */
async function tallyOver(
  engine: Engine,
  population: Population,
  { options, data, network: net }: ClassifierStage,
  examples: Examples,
  indices: readonly Uint32Array[],
  signal?: AbortSignal,
): Promise<Tally> {
  const count = indices[0]?.length ?? 0;
  const loss = new Float64Array(population.size);
  const correct = new Float64Array(population.size);
  for (let from = 0; from < count; from += options.batch) {
    signal?.throwIfAborted();
    const size = Math.min(options.batch, count - from);
    const some = concatenated(indices.map((list) => list.subarray(from, from + size)));
    const { inputs, labels } = gather(examples, data.standard, some);
    const logits = net.logits(engine, population, inputs, size);
    const judged = engine.crossEntropy(logits, engine.int32(labels, [indices.length, size]));
    const [losses, hits] = await Promise.all([
      engine.read(engine.mean(judged.loss)),
      engine.read(engine.mean(judged.correct)),
    ]);
    for (let member = 0; member < population.size; member++) {
      loss[member] = (loss[member] ?? 0) + (losses[member] ?? NaN) * size;
      // A mean of zeros and ones: its whole number is exact whatever rounded it.
      correct[member] = (correct[member] ?? 0) + Math.round((hits[member] ?? NaN) * size);
    }
  }
  return { examples: count, loss, correct };
}

function concatenated(lists: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

function firstOf(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}
