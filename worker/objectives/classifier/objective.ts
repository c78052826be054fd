// The objective `classifier`: a network on labelled examples, minimised. All members of a step see the same batch, so that
// their first product is shared; the centre sees a batch too, a held-out evaluation the whole test part.
import type { Engine, Population } from '../../../shared/objectives/engine.js';
import type { Evaluation, EvaluationContext, ObjectiveDefinition } from '../../../shared/objectives/types.js';
import { type Examples, gather, type LabelledData } from '../../data/examples.js';
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

/** Shares of the test part that workers measure apart. */
const VALIDATION_PARTS = 8;

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
  validation: { metric: 'accuracy', direction: 'maximize', parts: () => VALIDATION_PARTS },
  evaluatePopulation,
};

async function evaluatePopulation(
  engine: Engine,
  population: Population,
  contexts: readonly EvaluationContext<ClassifierStage>[],
): Promise<Evaluation[]> {
  const results = new Array<number>(contexts.length).fill(NaN);
  const [first] = contexts;
  if (first?.point === 'validation' && first.part !== null) {
    const { index, count } = first.part;
    const tally = await accuracyOn(engine, population, first.resource, index, count, first.signal);
    return [...tally.correct].map((correct) => correct / tally.examples);
  }
  const sets = new Map<
    string,
    { readonly context: EvaluationContext<ClassifierStage>; readonly members: number[] }
  >();
  contexts.forEach((context, member) => {
    const name = context.point === 'held-out' ? 'held-out' : `batch ${context.seed}`;
    const set = sets.get(name);
    if (set === undefined) sets.set(name, { context, members: [member] });
    else set.members.push(member);
  });
  for (const { context, members } of sets.values()) {
    const { options, data } = context.resource;
    const heldOut = context.point === 'held-out';
    const part = heldOut ? data.test : data.train;
    const indices = heldOut ? firstOf(part.count) : drawBatch(context.seed, part.count, options.batch);
    const tally = await tallyOver(engine, population, context.resource, part, indices, context.signal);
    for (const member of members) {
      const wrong = tally.examples - (tally.correct[member] ?? 0);
      results[member] =
        (options.fitness === 'error-rate' ? wrong : (tally.loss[member] ?? NaN)) / tally.examples;
    }
  }
  return results;
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
  return tallyOver(engine, population, stage, test, indices, signal);
}

/** A batch at a time, in order, so that the workspace of a member holds here too. */
async function tallyOver(
  engine: Engine,
  population: Population,
  { options, data, network: net }: ClassifierStage,
  examples: Examples,
  indices: Uint32Array,
  signal?: AbortSignal,
): Promise<Tally> {
  const loss = new Float64Array(population.size);
  const correct = new Float64Array(population.size);
  for (let from = 0; from < indices.length; from += options.batch) {
    signal?.throwIfAborted();
    const some = indices.subarray(from, from + options.batch);
    const { inputs, labels } = gather(examples, data.standard, some);
    const logits = net.logits(engine, population, inputs, some.length);
    const judged = engine.crossEntropy(logits, engine.int32(labels, [1, some.length]));
    const [losses, hits] = await Promise.all([
      engine.read(engine.mean(judged.loss)),
      engine.read(engine.mean(judged.correct)),
    ]);
    for (let member = 0; member < population.size; member++) {
      loss[member] = (loss[member] ?? 0) + (losses[member] ?? NaN) * some.length;
      // A mean of zeros and ones: its whole number is exact whatever rounded it.
      correct[member] = (correct[member] ?? 0) + Math.round((hits[member] ?? NaN) * some.length);
    }
  }
  return { examples: indices.length, loss, correct };
}

function firstOf(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}
