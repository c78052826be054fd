// What can be wrong with a job file, as data, and the error that carries all of it at once. Pure.

import { type ErrorCode, type ErrorPlace, SeedcastError } from '../errors.js';

export interface SpecIssue {
  readonly code: ErrorCode;
  readonly place: ErrorPlace;
  /** "must be ..., not ..." */
  readonly message: string;
  readonly hint?: string;
}

/**
 * All problems of a job file. One problem: its own message, place and hint. Several: a message with one line a problem,
 * in order of place, and the file as the place. `issues` holds each.
 */
export class SpecError extends SeedcastError {
  readonly issues: readonly SpecIssue[];

  constructor(issues: readonly SpecIssue[], file: string) {
    const sorted = [...issues].sort(byPlace);
    const [first] = sorted;
    if (first !== undefined && sorted.length === 1) {
      super(first.code, first.message, {
        place: first.place,
        ...(first.hint === undefined ? {} : { hint: first.hint }),
      });
    } else {
      const lines = sorted.slice(0, MAX_LINES).map((issue) => `\n  ${issueLine(issue, file)}`);
      const more = sorted.length > MAX_LINES ? `\n  and ${sorted.length - MAX_LINES} more` : '';
      super(first?.code ?? 'SC_SPEC_INVALID', `${sorted.length} problems${lines.join('')}${more}\n `, {
        place: { file },
      });
    }
    this.issues = sorted;
  }
}

const MAX_LINES = 50;

function byPlace(a: SpecIssue, b: SpecIssue): number {
  const late = Number.MAX_SAFE_INTEGER;
  return (
    (a.place.line ?? late) - (b.place.line ?? late) || (a.place.column ?? late) - (b.place.column ?? late)
  );
}

/** `7:12 spec.method.sigma: must be a finite number above 0, not -1 (hint)`; the file only where it is another one. */
function issueLine({ place, message, hint }: SpecIssue, file: string): string {
  const position = place.line === undefined ? '' : `${place.line}:${place.column ?? 1}`;
  const other = place.file === undefined || place.file === file ? '' : place.file;
  const at = [other, position, place.field ?? ''].filter((part) => part !== '').join(' ');
  return `${at === '' ? '' : `${at}: `}${message}${hint === undefined ? '' : ` (${hint})`}`;
}
