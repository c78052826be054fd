// What the schema knows by name at a place: for "did you mean" and for the lists of known keys. Pure; reads the JSON
// Schema form, the one walkable description of everything that users write.

import { jobJsonSchema } from './json-schema.js';
import type { Path } from './yaml-source.js';

interface Node {
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

let cached: Node | undefined;
const root = (): Node => (cached ??= jobJsonSchema() as Node);

/** The nodes that may describe `value`: alternatives whose fixed properties contradict it are left out. */
function alternatives(node: Node, value: unknown): Node[] {
  const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  if (branches.length === 0) return [node];
  const fits = (branch: Node): boolean =>
    Object.entries(branch.properties ?? {}).every(([key, property]) => {
      const present = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
      return property.const === undefined || typeof present !== 'string' || property.const === present;
    });
  return branches.filter(fits).flatMap((branch) => alternatives(branch, value));
}

function nodesAt(value: unknown, path: Path): Node[] {
  let nodes = alternatives(root(), value);
  let here = value;
  for (const key of path) {
    here = isRecord(here) && Object.hasOwn(here, key) ? here[key] : undefined;
    const inner = here;
    nodes = nodes.flatMap((node) => {
      const property = node.properties?.[key];
      return property === undefined ? [] : alternatives(property, inner);
    });
  }
  return nodes;
}

/** Keys that the mapping at `path` of the job `value` may have. */
export function keysAt(value: unknown, path: Path): string[] {
  return [...new Set(nodesAt(value, path).flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** The fixed words that may stand at `path`. */
export function wordsAt(value: unknown, path: Path): string[] {
  const parent = nodesAtAnyBranch(path);
  const nodes = [...nodesAt(value, path), ...parent];
  return [
    ...new Set(
      nodes
        .flatMap((node) => [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])])
        .map(String),
    ),
  ];
}

function nodesAtAnyBranch(path: Path): Node[] {
  let nodes = [root()];
  const spread = (node: Node): Node[] => {
    const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
    return branches.length === 0 ? [node] : branches.flatMap(spread);
  };
  for (const key of path) nodes = nodes.flatMap(spread).flatMap((node) => node.properties?.[key] ?? []);
  return nodes.flatMap(spread);
}

/** Dotted paths, anywhere in the job, that end in this key. */
export function pathsEndingIn(key: string): string[] {
  const found = new Set<string>();
  const visit = (node: Node, path: Path): void => {
    for (const [name, property] of Object.entries(node.properties ?? {})) {
      if (name === key) found.add([...path, name].join('.'));
      visit(property, [...path, name]);
    }
    for (const branch of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) visit(branch, path);
  };
  visit(root(), []);
  return [...found];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
