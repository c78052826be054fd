// Text (YAML 1.2 or JSON) as a plain value whose every part remembers where it was written. Hostile text is refused,
// never followed: size, nesting and alias expansion are bounded. No I/O.

import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type CST,
  type ParsedNode,
} from 'yaml';
import { type ErrorPlace, messageOf } from '../errors.js';
import type { SpecIssue } from './issues.js';

/** Path of a part: keys of mappings and indices of lists, as text. */
export type Path = readonly string[];

export interface Source {
  /** Undefined when there are issues that leave no value to look at. */
  readonly value: unknown;
  readonly issues: readonly SpecIssue[];
  readonly has: (path: Path) => boolean;
  /** Where the part was written; of a part that is not there, its nearest enclosing part. */
  readonly place: (path: Path) => ErrorPlace;
  /** Where the key of the part was written. */
  readonly keyPlace: (path: Path) => ErrorPlace;
  /** A scalar exactly as written. */
  readonly text: (path: Path) => string | undefined;
}

const MAX_LENGTH = 1_048_576;
const MAX_DEPTH = 64;
const MAX_NODES = 200_000;

export function readSource(text: string, file: string): Source {
  const reader = new Reader(file);
  return { value: reader.read(text), issues: reader.issues, ...placesOf(reader, file) };
}

function placesOf(
  { values, keys, texts, lines }: Reader,
  file: string,
): Pick<Source, 'has' | 'place' | 'keyPlace' | 'text'> {
  const at = (offset: number | undefined, path: Path): ErrorPlace => {
    const field = path.length === 0 ? {} : { field: path.join('.') };
    if (offset === undefined) return { file, ...field };
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), ...field };
  };
  const offset = (path: Path): number | undefined => {
    for (let length = path.length; length >= 0; length--) {
      const found = values.get(id(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    has: (path) => values.has(id(path)),
    place: (path) => at(offset(path), path),
    keyPlace: (path) => at(keys.get(id(path)) ?? offset(path), path),
    text: (path) => texts.get(id(path)),
  };
}

const id = (path: Path): string => JSON.stringify(path);

class Reader {
  readonly issues: SpecIssue[] = [];
  readonly values = new Map<string, number>();
  readonly keys = new Map<string, number>();
  readonly texts = new Map<string, string>();
  readonly lines = new LineCounter();
  private nodes = 0;
  private expansionRefused = false;
  private expanding = 0;
  private readonly anchors = new Map<string, ParsedNode>();

  constructor(private readonly file: string) {}

  read(text: string): unknown {
    try {
      return this.parse(text);
    } catch (error) {
      return this.refuse(0, `cannot be read: ${messageOf(error)}`);
    }
  }

  private parse(text: string): unknown {
    if (text.length > MAX_LENGTH)
      return this.refuse(undefined, `is ${text.length} characters long, more than ${MAX_LENGTH}`);
    const tokens = [...new Parser(this.lines.addNewLine).parse(text)];
    // The composer recurses, and a stack that overflows inside a regular expression ends the process: look first.
    const deep = tooDeep(tokens);
    if (deep !== undefined) return this.refuse(deep, `is nested more than ${MAX_DEPTH} levels deep`);
    const options = {
      version: '1.2',
      strict: true,
      prettyErrors: false,
      uniqueKeys: false,
      lineCounter: this.lines,
    } as const;
    const [document, second] = new Composer(options).compose(tokens, true, text.length);
    if (document === undefined) return this.refuse(0, 'is empty');
    for (const { pos, message } of [...document.errors, ...document.warnings]) this.refuse(pos[0], message);
    if (second !== undefined) this.refuse(second.range[0], 'holds more than one document', 'one job a file');
    if (this.issues.length > 0) return undefined;
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
      return this.refuse(0, 'is empty');
    }
    return this.node(document.contents, [], 0);
  }

  private refuse(offset: number | undefined, message: string, hint?: string): undefined {
    const position = offset === undefined ? undefined : this.lines.linePos(offset);
    const place =
      position === undefined
        ? { file: this.file }
        : { file: this.file, line: Math.max(1, position.line), column: Math.max(1, position.col) };
    this.issues.push({ code: 'SC_SPEC_SYNTAX', place, message, ...(hint === undefined ? {} : { hint }) });
    return undefined;
  }

  private refuseExpansion(offset: number): undefined {
    if (!this.expansionRefused) this.refuse(offset, 'repeats too much through aliases');
    this.expansionRefused = true;
    return undefined;
  }

  private node(node: ParsedNode | null, path: Path, depth: number): unknown {
    this.nodes += 1;
    if (node === null) return null;
    if (!this.values.has(id(path))) this.values.set(id(path), node.range[0]);
    if (this.nodes > MAX_NODES || depth > MAX_DEPTH) return this.refuseExpansion(node.range[0]);
    if (isAlias(node)) {
      const target = this.anchors.get(node.source);
      if (target === undefined)
        return this.refuse(node.range[0], `alias *${node.source} has no anchor before it`);
      this.expanding += 1;
      const value = this.node(target, path, depth + 1);
      this.expanding -= 1;
      return value;
    }
    this.remember(node);
    if (isSeq(node))
      return node.items.map((item, index) => this.node(item, [...path, String(index)], depth + 1));
    if (isMap(node)) return this.map(node.items, path, depth);
    if (typeof node.value === 'number') this.texts.set(id(path), node.source);
    return node.value;
  }

  /** Anchors count in the order of the text; those met again inside an alias are not new. */
  private remember(node: ParsedNode): void {
    if (!isAlias(node) && node.anchor !== undefined && this.expanding === 0)
      this.anchors.set(node.anchor, node);
  }

  private map(items: readonly { key: unknown; value: unknown }[], path: Path, depth: number): unknown {
    const result: Record<string, unknown> = {};
    for (const item of items) {
      const key = item.key as ParsedNode;
      if (!isScalar(key) || key.value === null || typeof key.value === 'object') {
        this.refuse(key.range[0], 'a key must be plain text');
        continue;
      }
      const word = typeof key.value === 'string' ? key.value : key.source;
      this.remember(key);
      const place = [...path, word];
      if (word === '__proto__') this.refuse(key.range[0], 'a key must not be __proto__');
      else if (Object.hasOwn(result, word))
        this.refuse(key.range[0], `key ${JSON.stringify(word)} stands here twice`);
      else {
        this.keys.set(id(place), key.range[0]);
        result[word] = this.node(item.value as ParsedNode | null, place, depth + 1);
      }
    }
    return result;
  }
}

/** Offset of a token nested deeper than MAX_DEPTH, found without recursion. */
function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: [CST.Token, number][] = tokens.map((token) => [token, 0]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [token, depth] = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document') {
      if (token.value) open.push([token.value, depth]);
    } else if ('items' in token) {
      for (const { key, value } of token.items) {
        if (key) open.push([key, depth + 1]);
        if (value) open.push([value, depth + 1]);
      }
    }
  }
  return undefined;
}
