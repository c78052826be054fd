import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeedcastError } from '../../../shared/errors.js';
import { looksLikeDeclaration, readDeclaration } from './declaration.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-declaration-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'antenna.yaml');

const GOOD = `name: antenna
direction: minimize
command: [python3, antenna.py]
parameters:
  x: { shape: [10] }
`;

function refused(text: string): SeedcastError {
  try {
    readDeclaration(text, file);
  } catch (error) {
    assert.ok(error instanceof SeedcastError && error.code === 'SC_OBJECTIVE_FILE');
    return error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('a command declaration', () => {
  it('gets its defaults', () => {
    const { code, ...rest } = readDeclaration(GOOD, file);
    assert.match(code, /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      name: 'antenna',
      direction: 'minimize',
      command: ['python3', 'antenna.py'],
      parameters: { x: { shape: [10] } },
      timeout: null,
      startTimeout: null,
      encoding: 'json',
      batch: false,
      env: [],
      seeds: 'per-direction',
      folder,
    });
  });

  it('grants 60 s for the start where a timeout is given and no startTimeout', () => {
    const { timeout, startTimeout } = readDeclaration(`${GOOD}timeout: 30s\n`, file);
    assert.deepEqual([timeout, startTimeout], [30_000, 60_000]);
    assert.equal(readDeclaration(`${GOOD}timeout: 30s\nstartTimeout: 2m\n`, file).startTimeout, 120_000);
  });

  it('is refused with line, column, field and mend', () => {
    const cases: [string, { line: number; column: number; field: string | undefined }, RegExp][] = [
      [
        GOOD.replace('direction: minimize', 'direction: down'),
        { line: 2, column: 12, field: 'direction' },
        /must be minimize or maximize, not "down"/,
      ],
      [
        GOOD.replace('[10]', '[0]'),
        { line: 5, column: 16, field: 'parameters.x.shape.0' },
        /positive integer, not 0/,
      ],
      [GOOD.replace('command:', 'comand:'), { line: 3, column: 1, field: 'comand' }, /unknown key "comand"/],
      [`${GOOD}timeout: 30\n`, { line: 6, column: 10, field: 'timeout' }, /must be a duration/],
      [`${GOOD}timeout: 0s\n`, { line: 6, column: 10, field: 'timeout' }, /must be a duration/],
      [`${GOOD}encoding: hex\n`, { line: 6, column: 11, field: 'encoding' }, /json or base64/],
      [`${GOOD}env: ['A B']\n`, { line: 6, column: 7, field: 'env.0' }, /name of an environment variable/],
      [`${GOOD}files: [missing.bin]\n`, { line: 6, column: 9, field: 'files.0' }, /no file `missing.bin`/],
      [
        GOOD.replace('shape: [10]', 'shape: [10], low: 2, high: 1'),
        { line: 5, column: 6, field: 'parameters.x' },
        /low must be less than high/,
      ],
      [
        GOOD.replace('shape: [10]', 'shape: [10], init: { kind: normal, men: 1 }'),
        { line: 5, column: 43, field: 'parameters.x.init.men' },
        /unknown key "men"/,
      ],
      [
        GOOD.replace('name: antenna\n', ''),
        { line: 1, column: 1, field: 'name' },
        /is missing; it must be a name/,
      ],
      [`${GOOD}name: again\n`, { line: 6, column: 1, field: undefined }, /stands here twice/],
      ['[1, 2]', { line: 1, column: 1, field: undefined }, /must be a mapping/],
    ];
    for (const [text, place, message] of cases) {
      const error = refused(text);
      assert.match(error.message, message);
      const { line, column, field } = error.place ?? {};
      assert.deepEqual({ line, column, field }, place, error.message);
      assert.equal(error.place?.file, file);
    }
    assert.equal(refused(GOOD.replace('command:', 'comand:')).hint, 'did you mean command?');
    assert.equal(
      refused(GOOD.replace('shape: [10]', 'shape: [10], init: { kind: normal, men: 1 }')).hint,
      'did you mean mean?',
    );
  });

  it('is told from job files and settings in a folder', () => {
    assert.equal(looksLikeDeclaration(GOOD), true);
    assert.equal(looksLikeDeclaration('{ "name": "a", "command": ["x"] }'), true);
    assert.equal(looksLikeDeclaration('apiVersion: seedcast/v1\nkind: Job\ncommand: [a]\n'), false);
    assert.equal(looksLikeDeclaration('{ "compilerOptions": {} }'), false);
  });

  it('has a hash of its canonical JSON, the script and the files named', () => {
    const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
    writeFileSync(join(folder, 'antenna.py'), 'print(1)\n');
    writeFileSync(join(folder, 'mesh.bin'), 'mesh');
    const text = `${GOOD}files: [mesh.bin]\n`;
    const canonical =
      '{"command":["python3","antenna.py"],"direction":"minimize","files":["mesh.bin"],"name":"antenna","parameters":{"x":{"shape":[10]}}}';
    const expected = sha(`${canonical}\nantenna.py ${sha('print(1)\n')}\nmesh.bin ${sha('mesh')}\n`);
    assert.equal(readDeclaration(text, file).code, expected);
    assert.equal(readDeclaration(`# a comment\n${text}`, file).code, expected);
    writeFileSync(join(folder, 'mesh.bin'), 'other');
    assert.notEqual(readDeclaration(text, file).code, expected);
  });
});
