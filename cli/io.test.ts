// What goes where: data to stdout, messages and the live line to stderr, colours only where they are wanted.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeedcastError } from '../shared/errors.js';
import type { Progress } from '../shared/wire/reports.js';
import { Io } from './io.js';
import { commandLine } from './shell.js';
import { number, seconds, table } from './show/numbers.js';
import { progressLine } from './show/progress-line.js';
import { byteSize } from './values.js';

function sinks(
  options: { readonly isTTY?: boolean; readonly columns?: number; readonly env?: NodeJS.ProcessEnv } = {},
) {
  const written = { out: '', err: '' };
  const { isTTY = false, columns = 80, env = {} } = options;
  const io = new Io(
    { write: (text) => (written.out += String(text)) },
    { write: (text) => (written.err += String(text)), isTTY, columns },
    env,
  );
  return { io, written };
}

void describe('output', () => {
  void it('keeps data and messages apart', () => {
    const { io, written } = sinks();
    io.data('value');
    io.message('note');
    io.error(new SeedcastError('SC_USAGE', 'wrong', { hint: 'mend it' }));
    io.redraw('never drawn without a terminal');
    assert.deepEqual(written, { out: 'value\n', err: 'note\nerror: wrong (mend it) [SC_USAGE]\n' });
  });

  void it('paints on a terminal, and not with NO_COLOR', () => {
    const painted = sinks({ isTTY: true });
    painted.io.message('careful', 'warn');
    assert.equal(painted.written.err, '\u001B[33mcareful\u001B[0m\n');
    const plain = sinks({ isTTY: true, env: { NO_COLOR: '1' } });
    plain.io.message('careful', 'warn');
    assert.equal(plain.written.err, 'careful\n');
  });

  void it('draws the live line again under each message, never wider than the terminal', () => {
    const { io, written } = sinks({ isTTY: true, columns: 24 });
    io.redraw('x'.repeat(40));
    io.message('note');
    const live = 'x'.repeat(23);
    assert.equal(written.err, `${live}\r\u001B[2Knote\n${live}`);
  });

  void it('says less at a higher level, and nothing on stdout once its reader has gone', () => {
    const { io, written } = sinks();
    io.level = 'warn';
    io.message('note');
    io.message('careful', 'warn');
    let told = 0;
    io.whenClosed(() => (told += 1));
    io.readerGone();
    io.readerGone();
    io.data('value');
    assert.deepEqual([written, told], [{ out: '', err: 'careful\n' }, 1]);
  });
});

void describe('what people read', () => {
  const progress: Progress = {
    v: 1,
    job: 'j',
    state: 'running',
    step: 5,
    steps: 30,
    evaluations: 320,
    fitness: { centre: 1.23456789, best: 1e-9, mean: 12345678, deviation: 1 },
    validation: null,
    evaluationsPerSecond: 1234.5,
    workers: 1,
    bytesPerStep: 1536,
    failedEvaluations: 2,
    secondsElapsed: 1,
    secondsLeft: 75,
    hints: [],
    waiting: null,
    summary: null,
  };

  void it('has everything in the progress line, the important first', () => {
    assert.equal(
      progressLine(progress),
      'step 5/30  centre 1.2346  best 1.000e-9  mean 1.235e+7  1235 eval/s  1 worker  ETA 1 min 15 s  1.54 kB/step  2 failed',
    );
    assert.equal(progressLine(progress, 30), 'step 5/30  centre 1.2346');
    const validation = { metric: 'accuracy', value: 0.9712, step: 0 };
    assert.equal(progressLine({ ...progress, validation }, 50), 'step 5/30  centre 1.2346  accuracy 0.9712');
  });

  void it('writes numbers and times short', () => {
    assert.deepEqual(
      [number(null), number(500), number(-0.123456), number(2e-7)],
      ['-', '500', '-0.12346', '2.000e-7'],
    );
    assert.deepEqual([seconds(1.2345), seconds(61), seconds(7300)], ['1.23 s', '1 min 1 s', '2 h 1 min']);
  });

  void it('lines tables up', () => {
    assert.deepEqual(
      table(
        ['A', 'NUMBER'],
        [
          ['long', '1'],
          ['b', '22'],
        ],
        ['NUMBER'],
      ),
      ['A     NUMBER', 'long       1', 'b         22'],
    );
  });

  void it('quotes what a shell would split or expand', () => {
    assert.equal(
      commandLine(['seedcast', 'run', "it's a job.yaml"], ['--set', 'a={b: $c}']),
      `seedcast run 'it'\\''s a job.yaml' --set 'a={b: $c}'`,
    );
  });

  void it('reads sizes with units', () => {
    assert.deepEqual(['5', '2k', '1.5G', '2Gi', '4MB'].map(byteSize), [5, 2000, 1.5e9, 2 ** 31, 4e6]);
    assert.throws(() => byteSize('many'), /give bytes/);
  });
});
