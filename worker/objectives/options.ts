// Strict reading of an objective's options: every built-in states its options as a table of readers, and what a job
// file says beside `name` is checked against it. A bad value is refused by SC_OBJECTIVE_OPTIONS, which names the option,
// the value and what is allowed. Pure; no I/O.
import { SeedcastError } from '../../shared/errors.js';
import type { ObjectiveOptions, OptionValue } from '../../shared/objectives/types.js';
import { nearest } from '../../shared/job/nearest.js';

/** Turns what the user wrote into the value, or returns the words for what would be allowed. */
export interface OptionReader<T> {
  readonly allowed: string;
  /** `undefined`: the value is not allowed. */
  read(value: OptionValue): T | undefined;
  /** Used where the option is not given; without it the option is required. */
  readonly fallback?: T;
}

type Readers = Readonly<Record<string, OptionReader<unknown>>>;
export type OptionsOf<R extends Readers> = {
  readonly [K in keyof R]: R[K] extends OptionReader<infer T> ? T : never;
};

export function integer(low: number, high: number, fallback?: number): OptionReader<number> {
  return withFallback(fallback, {
    allowed: `an integer from ${low} to ${high}`,
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
        ? value
        : undefined,
  });
}

export function number(low: number, high: number, fallback?: number): OptionReader<number> {
  return withFallback(fallback, {
    allowed: `a number from ${low} to ${high}`,
    read: (value) => (typeof value === 'number' && value >= low && value <= high ? value : undefined),
  });
}

export function flag(fallback?: boolean): OptionReader<boolean> {
  return withFallback(fallback, {
    allowed: 'true or false',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
  });
}

export function choice<const T extends string>(values: readonly T[], fallback?: T): OptionReader<T> {
  return withFallback(fallback, {
    allowed: `one of ${values.join(', ')}`,
    read: (value) => values.find((candidate) => candidate === value),
  });
}

export function text(allowed: string, pattern: RegExp, fallback?: string): OptionReader<string> {
  return withFallback(fallback, {
    allowed,
    read: (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined),
  });
}

/** A list whose every element the inner reader takes. */
export function list<T>(
  inner: OptionReader<T>,
  longest: number,
  fallback?: readonly T[],
): OptionReader<readonly T[]> {
  return withFallback(fallback, {
    allowed: `a list of at most ${longest}, each ${inner.allowed}`,
    read: (value) => {
      if (!isList(value) || value.length > longest) return undefined;
      const items: T[] = [];
      for (const element of value) {
        const item = inner.read(element);
        if (item === undefined) return undefined;
        items.push(item);
      }
      return items;
    },
  });
}

/** The same reader, but the option may be left out and is then null. */
export function optional<T>(inner: OptionReader<T>): OptionReader<T | null> {
  return {
    allowed: `${inner.allowed}, or left out`,
    read: (value) => (value === null ? null : inner.read(value)),
    fallback: null,
  };
}

/** A switch that may carry its seed: false (none), true (seed 1) or an integer from 0 to 4294967295. */
export function seeded(): OptionReader<number | null> {
  return {
    allowed: 'true, false or an integer seed from 0 to 4294967295',
    read: (value) => {
      if (typeof value === 'boolean') return value ? 1 : null;
      return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff
        ? value
        : undefined;
    },
    fallback: null,
  };
}

/**
 * Reads all options. Throws SC_OBJECTIVE_OPTIONS for an unknown, a missing or a refused one.
 * @param prefix stands before names in messages: `model.` for the options inside the option `model`.
 */
export function readOptions<R extends Readers>(
  objective: string,
  options: ObjectiveOptions,
  readers: R,
  prefix = '',
): OptionsOf<R> {
  const names = Object.keys(readers);
  for (const given of Object.keys(options)) {
    if (Object.hasOwn(readers, given)) continue;
    const near = nearest(given, names);
    throw optionError(
      prefix + given,
      `unknown option \`${prefix}${given}\` of objective \`${objective}\``,
      near === null ? `allowed are ${names.join(', ')}` : `did you mean \`${near}\`?`,
    );
  }
  const result: Record<string, unknown> = {};
  for (const [name, reader] of Object.entries(readers)) {
    const given = options[name];
    if (given === undefined) {
      if (!('fallback' in reader))
        throw optionError(
          prefix + name,
          `option \`${prefix}${name}\` of objective \`${objective}\` is missing`,
          `give ${reader.allowed}`,
        );
      result[name] = reader.fallback;
      continue;
    }
    const value = reader.read(given);
    if (value === undefined) throw refuse(objective, prefix + name, given, reader.allowed);
    result[name] = value;
  }
  return result as OptionsOf<R>;
}

/** The error for one option's bad value; objectives use it for rules that span options. */
export function refuse(
  objective: string,
  name: string,
  value: OptionValue | undefined,
  allowed: string,
): SeedcastError {
  return optionError(
    name,
    `option \`${name}\` of objective \`${objective}\` is ${JSON.stringify(value)}`,
    `allowed: ${allowed}`,
  );
}

function optionError(name: string, message: string, hint: string): SeedcastError {
  return new SeedcastError('SC_OBJECTIVE_OPTIONS', message, {
    place: { field: `spec.objective.${name}` },
    hint,
  });
}

function withFallback<T>(fallback: T | undefined, reader: OptionReader<T>): OptionReader<T> {
  return fallback === undefined ? reader : { ...reader, fallback };
}

function isList(value: OptionValue): value is readonly OptionValue[] {
  return Array.isArray(value);
}
