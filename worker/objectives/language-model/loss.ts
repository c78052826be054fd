// Bits a byte of a population on sequences of text: what members are compared by, and what validation reports.
import type { Engine, Population } from '../../../shared/objectives/engine.js';
import type { LanguageModel } from './model.js';
import type { LanguageModelOptions } from './options.js';
import { DOCUMENT_START, gather, type Sequences, sequenceLength, type Text } from './text.js';

/**
 * Mean bits of the scored bytes, one value a member. The warm-up is read and not scored.
 * @param sequences the same for all members, or one part a member one behind the other.
 */
export async function bitsPerByte(
  engine: Engine,
  population: Population,
  model: LanguageModel,
  { tokens, targets, count, length }: Sequences,
  { warmUp, sequence }: Pick<LanguageModelOptions, 'warmUp' | 'sequence'>,
): Promise<number[]> {
  const positions = count * length;
  const members = tokens.length / positions;
  const starts = tokens.map((token) => (token === DOCUMENT_START ? 1 : 0));
  const losses = await engine.read(
    model.losses(engine, population, {
      tokens: engine.int32(tokens, [members, positions]),
      targets: engine.int32(targets, [members, positions]),
      starts: engine.int32(starts, [members, count, length]),
      count,
      length,
    }),
  );
  return Array.from({ length: population.size }, (_, member) => {
    let sum = 0;
    for (let at = member * positions; at < (member + 1) * positions; at++)
      if (at % length >= warmUp) sum += losses[at] ?? Number.NaN;
    return (sum * model.bits) / (count * sequence);
  });
}

/** Sequences that the held-out tail is cut into: every byte but the first is scored once, up to an incomplete last sequence. */
export function validationSequences({ all, cut }: Text, { sequence }: LanguageModelOptions): number {
  return Math.max(0, Math.floor((all.length - cut - 1) / sequence));
}

/**
 * Bits a byte of part `part` of `parts` of the held-out tail, one value a member. Parts hold equally many sequences one after the
 * other (up to parts − 1 at the end are left over), so that the mean of the parts is the mean over their bytes. The warm-up of
 * a sequence is the text before it.
 */
export function validationBits(
  engine: Engine,
  population: Population,
  { model, text, options }: { model: LanguageModel; text: Text; options: LanguageModelOptions },
  part: number,
  parts: number,
): Promise<number[]> {
  const { sequence, warmUp } = options;
  const each = Math.floor(validationSequences(text, options) / parts);
  const starts = Array.from({ length: each }, (_, i) => text.cut + (part * each + i) * sequence - warmUp);
  return bitsPerByte(engine, population, model, gather(text.all, sequenceLength(options), starts), options);
}
