// A job file as text becomes a compiled spec, or one error that lists every problem with its line, field, value, range
// and likely meaning. Never throws anything but SpecError. No I/O: the caller reads the file.

import type { z } from 'zod';
import { asSeedcastError } from '../errors.js';
import { checkBound } from './estimate.js';
import { applyOverrides } from './overrides.js';
import { type SpecIssue, SpecError } from './issues.js';
import { nearest } from './nearest.js';
import { isRecord, keysAt, pathsEndingIn, wordsAt } from './schema-keys.js';
import { jobFile, type JobSpec } from './spec.js';
import { type Path, readSource, type Source } from './yaml-source.js';

export interface ParsedJob {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: JobSpec;
}

/**
 * Compiles a job file (YAML 1.2 or JSON, one document, at most 1 MiB).
 * @param file how messages call it: its path as the user gave it.
 * @param overrides `path=value` texts of `--set`, applied in order; values are YAML (`spec.stop={steps: 3}`).
 * @throws SpecError: SC_SPEC_SYNTAX for what is no YAML, SC_SPEC_BOUND when sums might not be exact, SC_SPEC_INVALID
 *   for the rest; `issues` holds every problem.
 */
export function parseJobFile(text: string, file: string, overrides: readonly string[] = []): ParsedJob {
  const source = applyOverrides(readSource(text, file), overrides);
  if (source.value === undefined) throw new SpecError(source.issues, file);
  return compile(source, file);
}

/** The same for a job that is an object already: a submitted message, or the library's argument. */
export function parseJob(value: unknown, file = 'job'): ParsedJob {
  if (!isPlain(value)) {
    const message = `is nested more than ${MAX_DEPTH} levels deep, or in itself, holds more than ${MAX_PARTS} parts, or a key __proto__`;
    throw new SpecError([{ code: 'SC_SPEC_INVALID', place: { file }, message }], file);
  }
  const place = (path: Path) => ({ file, ...(path.length === 0 ? {} : { field: path.join('.') }) });
  return compile({ value, issues: [], has: () => true, place, keyPlace: place, text: () => undefined }, file);
}

function compile(source: Source, file: string): ParsedJob {
  const result = jobFile.safeParse(source.value);
  const problems = result.success ? [] : result.error.issues.flatMap((issue) => describe(issue, [], source));
  const issues = [...source.issues, ...problems];
  if (!result.success || issues.length > 0) throw new SpecError(issues, file);
  const { metadata, spec } = result.data;
  try {
    checkBound(spec);
  } catch (error) {
    const { code, message, place, hint } = asSeedcastError(error);
    const field = source.place((place?.field ?? '').split('.'));
    throw new SpecError([{ code, place: field, message, ...(hint === undefined ? {} : { hint }) }], file);
  }
  return { name: metadata.name, labels: metadata.labels, spec };
}

type ZodIssue = z.core.$ZodIssue;

function describe(issue: ZodIssue, parent: Path, source: Source): SpecIssue[] {
  const path = [...parent, ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, source));
  if (issue.code === 'invalid_union') {
    const meant = meantBranch(issue);
    if (meant !== undefined) return meant.flatMap((inner) => describe(inner, path, source));
  }
  if (issue.code === 'invalid_key') {
    return [
      {
        code: 'SC_SPEC_INVALID',
        place: source.keyPlace(path),
        message: `key ${shown(path.at(-1))} ${issue.issues[0]?.message ?? 'is not allowed'}`,
      },
    ];
  }
  const value = valueAt(source.value, path);
  const place = source.place(path);
  if (value === undefined)
    return [{ code: 'SC_SPEC_INVALID', place, message: `is missing; it ${issue.message}` }];
  const complete = issue.code === 'custom' && issue.params?.['complete'] === true;
  const message = complete ? issue.message : `${issue.message}, not ${source.text(path) ?? shown(value)}`;
  const guess = typeof value === 'string' ? nearest(value, wordsAt(source.value, path)) : null;
  return [
    {
      code: 'SC_SPEC_INVALID',
      place,
      message,
      ...(guess === null ? {} : { hint: `did you mean ${guess}?` }),
    },
  ];
}

/** Of alternatives that all failed, the one whose kind of value was given, if there is just one. */
function meantBranch(issue: Extract<ZodIssue, { code: 'invalid_union' }>): readonly ZodIssue[] | undefined {
  const sameKind = issue.errors.filter(
    (branch) => !branch.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
  );
  const [only] = sameKind;
  return sameKind.length === 1 ? only : undefined;
}

function unknownKey(key: string, parent: Path, source: Source): SpecIssue {
  const known = keysAt(source.value, parent);
  const sibling = nearest(key, known);
  const own = [...parent, key].join('.');
  const elsewhere = sibling === null ? pathsEndingIn(key).filter((path) => path !== own) : [];
  const guess = sibling ?? (elsewhere.length > 0 ? elsewhere.join(' or ') : null);
  return {
    code: 'SC_SPEC_INVALID',
    place: source.keyPlace([...parent, key]),
    message: `unknown key ${shown(key)}; known here: ${known.join(', ')}`,
    ...(guess === null ? {} : { hint: `did you mean ${guess}?` }),
  };
}

const MAX_DEPTH = 64;
const MAX_PARTS = 1_000_000;

/** Without recursion, so that no value can exhaust the stack of what follows. */
function isPlain(value: unknown): boolean {
  const open: [unknown, number][] = [[value, 0]];
  let parts = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [part, depth] = next;
    parts += 1;
    if (depth > MAX_DEPTH || parts > MAX_PARTS) return false;
    if (typeof part !== 'object' || part === null) continue;
    if (Object.hasOwn(part, '__proto__')) return false;
    for (const inner of Object.values(part)) open.push([inner, depth + 1]);
  }
  return true;
}

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const key of path) {
    if (Array.isArray(here)) here = here[Number(key)];
    else if (isRecord(here) && Object.hasOwn(here, key)) here = here[key];
    else return undefined;
  }
  return here;
}

function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isRecord(value)) return `a mapping with ${Object.keys(value).slice(0, 5).join(', ') || 'no keys'}`;
  const json =
    typeof value === 'string' || typeof value === 'boolean' || value === null
      ? JSON.stringify(value)
      : typeof value;
  return json.length > 80 ? `${json.slice(0, 76)}..."` : json;
}
