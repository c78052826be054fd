// What a language model is to the objective: tensors, a forward pass over whole sequences written against the engine, and a
// stepper for generation. A model knows no text and no files.
import type { Engine, Population, Tensor } from '../../../shared/objectives/engine.js';
import type { TensorArray, TensorDeclaration } from '../../../shared/objectives/types.js';

/** Tokens as the engine holds them; [P, count·length] where members read different sequences, else [1, count·length]. */
export interface Batch {
  readonly tokens: Tensor;
  readonly targets: Tensor;
  /** B, sequences a member. */
  readonly count: number;
  /** T, positions a sequence; each begins without memory of what came before. */
  readonly length: number;
  /** int32 [P|1, B, T], 1 where the token is the start of a document. */
  readonly starts: Tensor;
}

export interface LanguageModel {
  readonly tensors: Readonly<Record<string, TensorDeclaration>>;
  /** Loss of each position, [P, B·T] in units of `bits`. */
  losses(engine: Engine, population: Population, batch: Batch): Tensor;
  /** Bits in one unit of `losses`. */
  readonly bits: number;
  /** Bytes that `losses` takes a member and position, all intermediate tensors together. */
  readonly bytesPerPosition: number;
  /** A fresh one has read nothing. */
  stepper(parameters: Readonly<Record<string, TensorArray>>): Stepper;
}

/** One unperturbed model that reads byte after byte, in arithmetic that gives the same bits on every machine. */
export interface Stepper {
  /** Reads a byte; natural logarithms of the next byte's weights (256, up to a common factor), valid until the next call. */
  next(token: number): Float64Array;
}

/** A declared tensor's values; their number is checked once, here. */
export function valuesOf(
  parameters: Readonly<Record<string, TensorArray>>,
  name: string,
  length: number,
): TensorArray {
  const values = parameters[name];
  if (values?.length !== length)
    throw new Error(`tensor ${name} has ${values?.length ?? 'no'} values, not ${length}`);
  return values;
}
