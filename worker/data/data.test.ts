import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SeedcastError } from '../../shared/errors.js';
import { readNpyData, writeNpy } from '../../shared/tensors/npy.js';
import { parseCsv, readCsvTable } from './csv.js';
import { type Examples, gather, measureStandard } from './examples.js';
import { readIdx } from './idx.js';
import { loadLabelled } from './labelled.js';
import { MNIST_TEST, loadMnist, mnistFiles } from './mnist.js';

const folder = mkdtempSync(join(tmpdir(), 'seedcast-data-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

/** The refusal as `file:line message`, without the folder. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof SeedcastError && error.code === 'SC_DATA_FILE', String(error));
    assert.ok(error.hint !== undefined, 'a refusal names the mend');
    const { file = '', line } = error.place ?? {};
    return `${file.replace(`${folder}/`, '')}${line === undefined ? '' : `:${line}`} ${error.message}`;
  }
  return 'accepted';
}

describe('IDX files', () => {
  const file = (type: number, shape: readonly number[], values: readonly number[]): Uint8Array =>
    Uint8Array.from([0, 0, type, shape.length, ...shape.flatMap((n) => [0, 0, n >>> 8, n & 255]), ...values]);

  it('hold a shape and unsigned bytes', () => {
    const { shape, values } = readIdx(file(8, [2, 3], [1, 2, 3, 4, 5, 255]), 'a');
    assert.deepEqual(shape, [2, 3]);
    assert.deepEqual([...values], [1, 2, 3, 4, 5, 255]);
  });

  it('are refused by the byte where they go wrong', () => {
    assert.equal(
      refusal(() => readIdx(file(8, [2, 3], [1, 2]), 'a')),
      'a byte 12: 2 values, but shape [2, 3] needs 6',
    );
    assert.match(
      refusal(() => readIdx(file(13, [1], [1]), 'a')),
      /byte 2: values of type 0x0d/,
    );
    assert.match(
      refusal(() => readIdx(Uint8Array.of(1, 2, 3, 4), 'a')),
      /byte 0: this is not an IDX file/,
    );
    assert.match(
      refusal(() => readIdx(Uint8Array.of(0x1f, 0x8b, 8, 0), 'a')),
      /packed by gzip/,
    );
    assert.match(
      refusal(() => readIdx(Uint8Array.of(0, 0, 8, 2, 0), 'a')),
      /2 axes in a file of 5 bytes/,
    );
  });
});

describe('CSV files', () => {
  it('hold quoted fields with commas, quotes and line breaks, and tell each row’s line', () => {
    assert.deepEqual(parseCsv('a,"b, ""c""\nd",e\r\n\r\n1,,"3"\n', 'a'), [
      { line: 1, fields: ['a', 'b, "c"\nd', 'e'] },
      { line: 4, fields: ['1', '', '3'] },
    ]);
  });

  it('give back whatever was written with every field quoted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string(), { minLength: 2, maxLength: 5 }), { minLength: 1 }),
        (rows) => {
          const text = rows
            .map((row) => row.map((field) => `"${field.replaceAll('"', '""')}"`).join(','))
            .join('\r\n');
          assert.deepEqual(
            parseCsv(text, 'a').map(({ fields }) => fields),
            rows,
          );
        },
      ),
    );
  });

  it('become numbers and labels, the label named or counted from either end', () => {
    const text = 'length,kind,width\n1.5,cat,-2\n3e1,dog,.25\n';
    for (const label of ['kind', 1, -2]) {
      const { columns, values, labels } = readCsvTable(text, 'a', label);
      assert.deepEqual(columns, ['length', 'width']);
      assert.deepEqual([...values], [1.5, -2, 30, 0.25]);
      assert.deepEqual(labels, ['cat', 'dog']);
    }
  });

  it('have a header only where the first row is not data', () => {
    assert.equal(readCsvTable('1,2,cat\n3,4,dog\n', 'a', -1).columns, null);
    assert.equal(readCsvTable('1,2,cat\n3,4,dog\n', 'a', -1).labels.length, 2);
    assert.deepEqual(readCsvTable('x,y,kind\n3,4,dog\n', 'a', -1).columns, ['x', 'y']);
  });

  it('are refused by file and line, with the column', () => {
    const table = (text: string, label: string | number = -1) =>
      refusal(() => readCsvTable(text, 'a.csv', label));
    assert.equal(table('x,y,k\n1,2,a\n1,?,b\n'), 'a.csv:3 field 2 (y) is "?", not a finite number');
    assert.equal(table('1,2,a\n1,NaN,b\n'), 'a.csv:2 field 2 is "NaN", not a finite number');
    assert.equal(table('1,2,a\n\n1,b\n'), 'a.csv:3 2 fields, where the first row has 3');
    assert.equal(table('1,2,a\n1,"2,b\n'), 'a.csv:2 a quoted field is not closed');
    assert.equal(table('1,2,a\n1,"2"3,b\n'), 'a.csv:2 "3" follows a closed quote');
    assert.equal(table('1,2,a\n1,2"3,b\n'), 'a.csv:2 a quote stands within an unquoted field');
    assert.equal(table('1,2,a\n1,2,\n'), 'a.csv:2 the label is empty');
    assert.equal(table('x,y,k\n', 'kind'), 'a.csv:1 there is no column "kind"');
    assert.equal(table('1,2,a\n', 3), 'a.csv:1 there is no column 3');
    assert.equal(table('x,y,k\n', 'k'), 'a.csv:1 no row follows the header');
    assert.equal(table('\n'), 'a.csv:1 the file is empty');
    assert.equal(table('1;2;a\n'), 'a.csv:1 a row has one field');
  });
});

describe('.npy files as data', () => {
  /** A version 1 file of one axis with the bytes given. */
  const npy = (type: string, count: number, bytes: Uint8Array): Uint8Array => {
    const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${count},), }`.padEnd(117) + '\n';
    return Uint8Array.from([
      ...[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0],
      ...new TextEncoder().encode(header),
      ...bytes,
    ]);
  };
  const bytes = (array: ArrayBufferView): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

  it('hold whole numbers of every width', () => {
    const read = (type: string, array: ArrayBufferView, count: number) => [
      ...readNpyData(npy(type, count, bytes(array)), 'a').array,
    ];
    assert.deepEqual(read('|u1', Uint8Array.of(0, 255), 2), [0, 255]);
    assert.deepEqual(read('|b1', Uint8Array.of(0, 1), 2), [0, 1]);
    assert.deepEqual(read('<i2', Int16Array.of(-32768, 7), 2), [-32768, 7]);
    assert.deepEqual(read('<u2', Uint16Array.of(65535), 1), [65535]);
    assert.deepEqual(read('<i4', Int32Array.of(-2147483648), 1), [-2147483648]);
    assert.deepEqual(read('<u4', Uint32Array.of(4294967295), 1), [4294967295]);
    assert.deepEqual(read('<i8', BigInt64Array.of(-9n, 9007199254740991n), 2), [-9, 9007199254740991]);
    assert.deepEqual(read('>i2', Uint8Array.of(1, 2), 1), [258]);
  });

  const inputs = write('x.npy', writeNpy({ shape: [3, 2], array: Float32Array.of(0, 5, 2, 5, 4, 5) }));
  const labels = write('y.npy', npy('<i8', 3, bytes(BigInt64Array.of(0n, 2n, 1n))));

  it('make examples of inputs and labels', () => {
    const { train, classes, standard } = loadLabelled({
      kind: 'npy',
      train: { inputs, labels },
      test: { inputs, labels },
    });
    assert.equal(classes, 3);
    assert.deepEqual(train.shape, [2]);
    assert.deepEqual([...train.labels], [0, 2, 1]);
    assert.deepEqual([...standard.mean], [2, 5]);
    // Of 0, 2, 4: √(8/3); what does not vary is divided by 1.
    assert.deepEqual([...standard.deviation], [Math.sqrt(8 / 3), 1]);
  });

  it('are refused where they do not fit together', () => {
    const load = (train: object, test: object = { inputs, labels }) =>
      refusal(() => loadLabelled({ kind: 'npy', train, test } as never));
    const two = write('two.npy', npy('<i8', 2, bytes(BigInt64Array.of(0n, 1n))));
    const below = write('below.npy', npy('<i8', 3, bytes(BigInt64Array.of(0n, 1n, -1n))));
    const same = write('same.npy', npy('|u1', 3, Uint8Array.of(0, 0, 0)));
    const wide = write('wide.npy', writeNpy({ shape: [3, 1], array: new Float32Array(3) }));
    const flat = write('flat.npy', writeNpy({ shape: [3], array: new Float32Array(3) }));
    const nan = write('nan.npy', writeNpy({ shape: [3, 2], array: new Float32Array(6).fill(NaN, 3, 4) }));
    assert.equal(load({ inputs, labels: two }), 'two.npy labels have shape [2]');
    assert.equal(load({ inputs, labels: below }), 'below.npy label 2 is -1');
    assert.equal(
      load({ inputs, labels: same }, { inputs, labels: same }),
      'same.npy the labels are all the same',
    );
    assert.equal(
      load({ inputs, labels }, { inputs: wide, labels }),
      'wide.npy inputs have shape [1], those to train on [2]',
    );
    assert.equal(load({ inputs: flat, labels }), 'flat.npy inputs have shape [3]');
    assert.equal(load({ inputs: nan, labels }), 'nan.npy value 1 of example 1 is NaN');
    assert.match(
      load({ inputs: join(folder, 'none.npy'), labels }),
      /^none\.npy the data file cannot be read/,
    );
  });
});

describe('labelled CSV files', () => {
  const train = write('train.csv', 'x,kind\n1,b\n2,a\n3,b\n');

  it('count classes in the order of their names, or of their numbers', () => {
    const named = loadLabelled({ kind: 'csv', train, test: train, label: 'kind' });
    assert.deepEqual([...named.train.labels], [1, 0, 1]);
    const digits = write('digits.csv', '0.5,10\n0.5,9\n0.5,-1\n');
    const numbered = loadLabelled({ kind: 'csv', train: digits, test: digits, label: 1 });
    assert.deepEqual([...numbered.train.labels], [2, 1, 0]);
  });

  it('are refused where the test part does not fit', () => {
    const load = (test: string) => refusal(() => loadLabelled({ kind: 'csv', train, test, label: 'kind' }));
    assert.equal(
      load(write('new.csv', 'x,kind\n1,a\n2,c\n')),
      'new.csv:3 label "c" is none of those to train on',
    );
    assert.equal(
      load(write('other.csv', 'y,kind\n1,a\n')),
      'other.csv:1 feature 1 is called "y", in the file to train on "x"',
    );
    assert.equal(
      load(write('more.csv', 'x,z,kind\n1,1,a\n')),
      'more.csv inputs have shape [2], those to train on [1]',
    );
  });
});

describe('examples', () => {
  it('are standardised by feature as tables, by one pair as images', () => {
    const table: Examples = {
      count: 2,
      shape: [2],
      inputs: Uint8Array.of(0, 10, 2, 30),
      labels: Int32Array.of(0, 1),
    };
    const { inputs, labels } = gather(table, measureStandard(table), [1, 0, 1]);
    assert.deepEqual([...inputs], [1, 1, -1, -1, 1, 1]);
    assert.deepEqual([...labels], [1, 0, 1]);
    const image = measureStandard({ ...table, shape: [1, 2, 1] });
    // 0, 10, 2, 30: mean 10.5, mean square 251.
    assert.deepEqual([...image.mean], [10.5]);
    assert.deepEqual([...image.deviation], [Math.sqrt(251 - 10.5 ** 2)]);
  });
});

describe('MNIST', () => {
  const { train, test, standard } = loadMnist();
  const counts = (labels: Int32Array) =>
    Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);

  it('is the 60,000 and 10,000 digits that are known, each as often as it is', () => {
    assert.equal(mnistFiles().length, 4);
    assert.equal(train.count, 60_000);
    assert.equal(test.count, 10_000);
    assert.equal(test.count, MNIST_TEST);
    assert.deepEqual(counts(train.labels), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert.deepEqual(counts(test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert.deepEqual([...train.labels.subarray(0, 6)], [5, 0, 4, 1, 9, 2]);
  });

  it('has the mean and deviation that are recorded', () => {
    const measured = measureStandard(train);
    assert.ok(Math.abs((measured.mean[0] ?? NaN) - (standard.mean[0] ?? NaN)) < 0.00005 * 255);
    assert.ok(Math.abs((measured.deviation[0] ?? NaN) - (standard.deviation[0] ?? NaN)) < 0.00005 * 255);
  });
});
