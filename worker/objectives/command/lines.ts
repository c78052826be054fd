// The lines of JSON that go between a worker and a command: requests with parameters as arrays or base64, answers that may
// hold the literals NaN and Infinity as Python writes them. Pure.
import type { ObjectiveOptions, TensorArray } from '../../../shared/objectives/types.js';
import { dtypeOf } from '../../../shared/tensors/stored.js';

export interface CommandMember {
  readonly parameters: Readonly<Record<string, TensorArray>>;
  readonly seed: number;
  readonly step: number;
  readonly member: number | null;
}

export type Encoding = 'json' | 'base64';
/** The shape of each tensor: base64 carries it, since bytes say nothing of it. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** One member a line: `{"id":1,"parameters":{"x":[…]},"seed":1,"step":4,"member":17,"options":{…}}`, in pieces. */
export function* requestLine(
  id: number,
  member: CommandMember,
  options: ObjectiveOptions,
  encoding: Encoding,
  shapes: Shapes,
): Generator<string> {
  yield `{"id":${id},"parameters":`;
  yield* parametersText(member, encoding, shapes);
  yield `,"seed":${member.seed},"step":${member.step},"member":${member.member},"options":${JSON.stringify(options)}}\n`;
}

/** Several members of one step: `{"id":1,"members":[{"parameters":…,"seed":…,"member":…}, …],"step":4,"options":{…}}`, in pieces. */
export function* batchLine(
  id: number,
  members: readonly CommandMember[],
  options: ObjectiveOptions,
  encoding: Encoding,
  shapes: Shapes,
): Generator<string> {
  let before = `{"id":${id},"members":[`;
  for (const member of members) {
    yield `${before}{"parameters":`;
    yield* parametersText(member, encoding, shapes);
    yield `,"seed":${member.seed},"member":${member.member}}`;
    before = ',';
  }
  yield `],"step":${members[0]?.step ?? 0},"options":${JSON.stringify(options)}}\n`;
}

/** Row-major values; base64 is of little-endian bytes, `{"dtype":"float32","shape":[2,3],"base64":"…"}`. */
function* parametersText(
  { parameters }: CommandMember,
  encoding: Encoding,
  shapes: Shapes,
): Generator<string> {
  let before = '{';
  for (const [name, array] of Object.entries(parameters)) {
    yield `${before}${JSON.stringify(name)}:`;
    before = ',';
    if (encoding === 'json') {
      // A plain array is written a third faster than a typed one is joined.
      yield JSON.stringify(Array.from(array));
      continue;
    }
    const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    yield `{"dtype":"${dtypeOf(array)}","shape":${JSON.stringify(shapes[name] ?? [array.length])},"base64":"${bytes.toString('base64')}"}`;
  }
  yield '}';
}

/** Bytes that a member takes in a line, near enough to cut batches by. */
export function lineBytes({ parameters }: CommandMember, encoding: Encoding): number {
  let bytes = 100;
  for (const array of Object.values(parameters)) {
    bytes += encoding === 'base64' ? (array.byteLength * 4) / 3 : array.length * 20;
  }
  return bytes;
}

export type MemberAnswer = number | { readonly error: string };

export type Answer =
  | { readonly kind: 'values'; readonly id: number; readonly values: readonly MemberAnswer[] }
  | { readonly kind: 'error'; readonly id: number; readonly error: string };

/** An answer, or null where the line is no answer at all (then it belongs to the log). */
export function readAnswer(line: string): Answer | null {
  const parsed = parseLoose(line);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
  const { id, value, values, error } = parsed as Readonly<Record<string, unknown>>;
  if (typeof id !== 'number') return null;
  if (error !== undefined && error !== null) return { kind: 'error', id, error: textOf(error) };
  if (Array.isArray(values)) return { kind: 'values', id, values: values.map(memberAnswer) };
  return { kind: 'values', id, values: [memberAnswer(value)] };
}

function memberAnswer(value: unknown): MemberAnswer {
  const number = numberOf(value);
  if (number !== null) return number;
  if (typeof value === 'object' && value !== null && 'error' in value) return { error: textOf(value.error) };
  const what = value === undefined ? 'without a value' : JSON.stringify(value).slice(0, 100);
  return { error: `the command answered ${what}, not a number` };
}

/** Before the text of a literal that JSON lacks. */
const MARK = '\u0000';

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.startsWith(MARK) ? Number(value.slice(1)) : null;
}

function parseLoose(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    if (!/NaN|Infinity/.test(line)) return undefined;
  }
  const marked = line.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) =>
    token.startsWith('"') ? token : `"\\u0000${token}"`,
  );
  try {
    return JSON.parse(marked);
  } catch {
    return undefined;
  }
}

function textOf(error: unknown): string {
  return typeof error === 'string' ? error : JSON.stringify(error);
}
