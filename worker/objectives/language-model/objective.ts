// The objective `language-model`: bits a byte of a byte-level model on text, to be minimised. The members that share a seed
// read the same sequences; a value depends on nothing but the member and the seed.
import type { Engine, Population } from '../../../shared/objectives/engine.js';
import type { EvaluationContext, ObjectiveDefinition } from '../../../shared/objectives/types.js';
import { generate } from './generate.js';
import { bitsPerByte, validationBits, validationSequences } from './loss.js';
import type { LanguageModel } from './model.js';
import { modelOf } from './models.js';
import {
  completeOptions,
  LANGUAGE_MODEL,
  type LanguageModelOptions,
  readLanguageOptions,
  textFiles,
} from './options.js';
import { concatenate, drawSequences, loadText, type Sequences, sequenceLength, type Text } from './text.js';

interface Material {
  readonly options: LanguageModelOptions;
  readonly model: LanguageModel;
  readonly text: Text;
}

/** Sequences of the held-out tail in one part of the validation, and parts at most. */
const PART_SEQUENCES = 64;
const MAX_PARTS = 256;

export const languageModel: ObjectiveDefinition<Material> = {
  name: LANGUAGE_MODEL,
  direction: 'minimize',
  // A step's members are compared on the same text; a method's groups each have their own.
  seeds: 'per-step',
  validate: (options) => {
    loadText(readLanguageOptions(options));
    return completeOptions(options);
  },
  parameters: (options) => modelOf(readLanguageOptions(options)).tensors,
  files: (options) => textFiles(readLanguageOptions(options)),
  setup: (given) => {
    const options = readLanguageOptions(given);
    return { options, model: modelOf(options), text: loadText(options) };
  },
  validation: {
    metric: 'bits-per-byte',
    direction: 'minimize',
    parts: (given) => {
      const options = readLanguageOptions(given);
      const sequences = validationSequences(loadText(options), options);
      return Math.min(MAX_PARTS, Math.ceil(sequences / PART_SEQUENCES));
    },
  },
  evaluatePopulation,
  workspace: (given) => {
    const options = readLanguageOptions(given);
    return modelOf(options).bytesPerPosition * options.streams * sequenceLength(options);
  },
  generate: (parameters, request) => {
    const options = readLanguageOptions(request.options);
    return generate(modelOf(options).stepper(parameters), request);
  },
  summarize: (fitness) => `${fitness.toPrecision(4)} bits a byte`,
};

async function evaluatePopulation(
  engine: Engine,
  population: Population,
  contexts: readonly EvaluationContext<Material>[],
): Promise<readonly number[]> {
  const [first] = contexts;
  if (first === undefined) return [];
  if (first.point === 'validation' && first.part !== null)
    return validationBits(engine, population, first.resource, first.part.index, first.part.count);
  const { model, options } = first.resource;
  const alike = contexts.every(({ seed, point }) => seed === first.seed && point === first.point);
  const sequences = concatenate((alike ? [first] : contexts).map(sequencesOf));
  return bitsPerByte(engine, population, model, sequences, options);
}

/** Held-out evaluations read the tail where there is one, all others what members learn from. */
function sequencesOf({ seed, point, resource }: EvaluationContext<Material>): Sequences {
  const { options, text } = resource;
  const { all, cut } = text;
  const bytes = point === 'held-out' && cut < all.length ? all.subarray(cut) : all.subarray(0, cut);
  return drawSequences(bytes, sequenceLength(options), options.streams, seed);
}
