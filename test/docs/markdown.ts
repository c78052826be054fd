// The documentation as data: its pages, the links and headings of a page, its code blocks. Reads files, nothing else.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../worker/objectives/package-root.js';

export interface Block {
  /** `yaml`, `ts`, ...; empty when none is given. */
  readonly language: string;
  readonly text: string;
  /** A name in a first comment (`# job.yaml`, `// filter.ts`), else null. */
  readonly file: string | null;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

export interface Page {
  /** Relative to the package's folder. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The text without code blocks. */
  readonly prose: string;
}

export const root = packageRoot();

/** Every page of the package: those beside package.json and those of docs/. */
export function pages(): Page[] {
  const names = [
    ...readdirSync(root).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  return names.sort().map((path) => readPage(path));
}

export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | null = null;
  text.split('\n').forEach((line, index) => {
    const fence = /^\s*```(\S*)/.exec(line);
    if (fence === null) {
      (open === null ? prose : open.lines).push(line);
    } else if (open === null) {
      open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    } else {
      const content = open.lines.join('\n');
      const file = /^\s*(?:#|\/\/) ([\w.-]+\.\w+)\s*$/.exec(open.lines[0] ?? '')?.[1] ?? null;
      blocks.push({ language: open.language, text: content, file, line: open.line });
      open = null;
    }
  });
  return { path, text, blocks, prose: prose.join('\n') };
}

/** Targets of inline links, without those to other sites. */
export function localLinks({ prose }: Page): string[] {
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/i.test(target));
}

/** Anchors of a page, made as the usual renderers make them. */
export function anchors({ prose }: Page): Set<string> {
  return new Set(
    [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

/** Rows of the table under `<!-- name -->`, cells trimmed, without its head. Throws when there is none. */
export function tableAfter({ path, text }: Page, name: string): string[][] {
  const from = text.indexOf(`<!-- ${name} -->`);
  if (from < 0) throw new Error(`${path} has no table <!-- ${name} -->`);
  const lines = text.slice(from).split('\n').slice(1);
  const start = lines.findIndex((line) => line.startsWith('|'));
  const rows: string[][] = [];
  for (const line of lines.slice(start)) {
    if (!line.startsWith('|')) break;
    const cells = line
      .trim()
      .slice(1, -1)
      .split(/(?<!\\)\|/);
    rows.push(cells.map((cell) => cell.trim().replaceAll('\\|', '|')));
  }
  return rows.slice(2);
}
