// Building blocks of the schemas that users write against: each field carries its description and range, and says
// what it must be in one form, "must be ...", which parse.ts completes with the value and the place. Pure.

import { z } from 'zod';

/** Everything read-only, all the way down: compiled options are shared, never changed. */
export type DeepReadonly<T> = T extends (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

export const NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** Counters on the wire and in the random generator are 32 bits. */
export const MAX_STEP = 0xffff_ffff;

interface Range {
  readonly min?: number;
  readonly max?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
  /** Exclusive upper bound. */
  readonly below?: number;
}

function rangeText({ min, max, above, below }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  const low = min !== undefined ? ` of at least ${min}` : above !== undefined ? ` above ${above}` : '';
  const high = max !== undefined ? ` at most ${max}` : below !== undefined ? ` below ${below}` : '';
  return low !== '' && high !== ''
    ? `${low} and${high}`
    : low === '' && max !== undefined
      ? ` of${high}`
      : low + high;
}

function ranged(schema: z.ZodNumber, range: Range, error: string): z.ZodNumber {
  let result = schema;
  if (range.min !== undefined) result = result.min(range.min, { error });
  if (range.max !== undefined) result = result.max(range.max, { error });
  if (range.above !== undefined) result = result.gt(range.above, { error });
  if (range.below !== undefined) result = result.lt(range.below, { error });
  return result;
}

/** A finite float64 in a range. */
export function real(description: string, range: Range = {}): z.ZodNumber {
  const error = `must be a finite number${rangeText(range)}`;
  const described = rangeText(range) === '' ? description : `${description} Number${rangeText(range)}.`;
  return ranged(z.number({ error }), range, error).describe(described);
}

/** A whole number in a range. */
export function integer(
  description: string,
  range: Range & { readonly min: number; readonly max: number },
): z.ZodNumber {
  const error = `must be an integer from ${range.min} to ${range.max}`;
  const described = `${description} Integer from ${range.min} to ${range.max}.`;
  return ranged(z.number({ error }).int({ error }), range, error).describe(described);
}

export function boolean(description: string): z.ZodBoolean {
  return z.boolean({ error: 'must be true or false' }).describe(description);
}

/** One of a closed list of words. */
export function choice<const Words extends readonly [string, ...string[]]>(
  description: string,
  words: Words,
): z.ZodEnum<{ [Word in Words[number]]: Word }> {
  const error = `must be one of ${words.join(', ')}`;
  return z.enum(words, { error }).describe(description);
}

/** The one word that tells an alternative from its siblings. */
export function word<const Word extends string>(description: string, value: Word): z.ZodLiteral<Word> {
  return z.literal(value).describe(description);
}

/** May be left out or null, which mean the same; compiled to null. */
export function optional<Schema extends z.ZodType>(schema: Schema): z.ZodDefault<z.ZodNullable<Schema>> {
  const { description } = schema;
  const result = schema.nullable().default(null);
  return description === undefined ? result : result.describe(description);
}

/** A name that may become part of a subject or a file name. */
export function name(description: string): z.ZodString {
  const error = 'must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -';
  return z.string({ error }).regex(NAME_PATTERN, { error }).describe(description);
}

/** Non-empty text of bounded length that UTF-8 can carry. */
export function text(description: string, maxLength: number): z.ZodString {
  const error = `must be text of 1 to ${maxLength} characters`;
  return z
    .string({ error })
    .min(1, { error })
    .max(maxLength, { error })
    .refine((value) => !/\p{Surrogate}/u.test(value), { error: `${error}, without lone surrogates` })
    .describe(description);
}

/** A mapping with these keys and no others. */
export function mapping<Shape extends z.core.$ZodLooseShape>(
  description: string,
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> {
  return z
    .strictObject(shape, {
      error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'must be a mapping'),
    })
    .describe(description);
}
