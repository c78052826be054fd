// `--set path=value`: parts of a job replaced from the command line before it is checked. Pure.

import type { ErrorPlace } from '../errors.js';
import type { SpecIssue } from './issues.js';
import { type Path, readSource, type Source } from './yaml-source.js';

/** The source with each override applied, in order; places of overridden parts name the `--set`. */
export function applyOverrides(source: Source, overrides: readonly string[]): Source {
  const issues: SpecIssue[] = [...source.issues];
  const applied: { readonly path: Path; readonly file: string }[] = [];
  let value = source.value;
  for (const override of overrides) {
    const file = `--set ${override}`;
    const equals = override.indexOf('=');
    const path = equals < 0 ? [] : override.slice(0, equals).trim().split('.');
    if (path.length === 0 || path.some((part) => part === '' || part === '__proto__')) {
      issues.push({
        code: 'SC_SPEC_INVALID',
        place: { file },
        message: 'must be path=value, such as spec.method.sigma=0.2',
      });
      continue;
    }
    const text = override.slice(equals + 1).trim();
    const given = text === '' || text === 'null' || text === '~' ? null : readSource(text, file);
    if (given !== null && given.issues.length > 0) {
      issues.push(...given.issues.map((issue) => ({ ...issue, place: { file, field: path.join('.') } })));
      continue;
    }
    const outcome = replaced(value, path, given === null ? null : given.value, []);
    if (outcome.refusal === undefined) {
      value = outcome.value;
      applied.push({ path, file });
    } else {
      issues.push({
        code: 'SC_SPEC_INVALID',
        place: { file, field: path.join('.') },
        message: outcome.refusal,
      });
    }
  }
  const covering = (path: Path) => applied.findLast((one) => one.path.every((part, i) => part === path[i]));
  const within = (path: Path) => applied.findLast((one) => path.every((part, i) => part === one.path[i]));
  const locate = (path: Path, written: (path: Path) => ErrorPlace): ErrorPlace => {
    const one = covering(path) ?? (source.has(path) ? undefined : within(path));
    return one === undefined ? written(path) : { file: one.file, field: path.join('.') };
  };
  return {
    value,
    issues,
    has: (path) => source.has(path),
    place: (path) => locate(path, source.place),
    keyPlace: (path) => locate(path, source.keyPlace),
    text: (path) => (covering(path) === undefined ? source.text(path) : undefined),
  };
}

type Outcome = { readonly value: unknown; readonly refusal?: undefined } | { readonly refusal: string };

/** A copy of `value` with the part at `path` replaced; mappings on the way are made, anything else there is refused. */
function replaced(value: unknown, path: Path, part: unknown, done: Path): Outcome {
  const [head, ...rest] = path;
  if (head === undefined) return { value: part };
  if (Array.isArray(value)) {
    const index = /^\d{1,9}$/.test(head) ? Number(head) : Number.NaN;
    if (!(index < value.length))
      return { refusal: `${done.join('.')} is a list of ${value.length}, without item ${head}` };
    const inner = replaced(value[index], rest, part, [...done, head]);
    return inner.refusal === undefined
      ? { value: value.map((item: unknown, i) => (i === index ? inner.value : item)) }
      : inner;
  }
  if (value !== undefined && value !== null && typeof value !== 'object') {
    return { refusal: `${done.join('.')} is ${JSON.stringify(value)}, not a mapping; set it as a whole` };
  }
  const record = (value ?? {}) as Record<string, unknown>;
  const inner = replaced(Object.hasOwn(record, head) ? record[head] : undefined, rest, part, [...done, head]);
  return inner.refusal === undefined ? { value: { ...record, [head]: inner.value } } : inner;
}
