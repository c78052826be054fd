// Every relative link of the documentation leads somewhere, and its anchor is a heading there.
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { anchors, localLinks, pages, readPage, root } from './markdown.js';

describe('the documentation', () => {
  for (const page of pages()) {
    it(`${page.path} links to files and headings that exist`, () => {
      for (const link of localLinks(page)) {
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? page.path : normalize(join(dirname(page.path), file));
        assert.ok(existsSync(join(root, target)), `${page.path}: ${link} leads nowhere`);
        if (anchor !== undefined)
          assert.ok(
            anchors(readPage(target)).has(anchor),
            `${page.path}: ${link} names no heading of ${target}`,
          );
      }
    });
  }

  it('is reached from the README as a whole', () => {
    const reached = new Set(['README.md']);
    for (const path of reached)
      for (const link of localLinks(readPage(path))) {
        const target = normalize(join(dirname(path), link.split('#')[0] ?? ''));
        if (target.endsWith('.md')) reached.add(target);
      }
    assert.deepEqual(
      pages()
        .map(({ path }) => path)
        .filter((path) => !reached.has(path)),
      [],
    );
  });
});
