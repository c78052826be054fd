// Labelled examples from a user's files: pairs of .npy arrays, or CSV tables. Reads the files that it is given.
import { readFileSync } from 'node:fs';
import { messageOf, SeedcastError } from '../../shared/errors.js';
import { readNpyData } from '../../shared/tensors/npy.js';
import { csvFault, type CsvTable, readCsvTable } from './csv.js';
import { type Examples, type LabelledData, measureStandard } from './examples.js';

/** Absolute paths. */
export interface NpyPair {
  readonly inputs: string;
  readonly labels: string;
}

/** `label`: the column of classes, by name or by index from 0 (negative: from the end). */
export type DataFiles =
  | { readonly kind: 'npy'; readonly train: NpyPair; readonly test: NpyPair }
  | { readonly kind: 'csv'; readonly train: string; readonly test: string; readonly label: string | number };

/** Classes beyond this are taken for values, not labels. */
const MOST_CLASSES = 65_536;

export function filesOf(files: DataFiles): string[] {
  return files.kind === 'csv'
    ? [files.train, files.test]
    : [files.train, files.test].flatMap(({ inputs, labels }) => [inputs, labels]);
}

/**
 * Both parts, with the classes of the training labels. .npy labels are whole numbers from 0; CSV labels are any text, and the
 * classes are the distinct ones in order (of numbers where all are numbers).
 * @throws SC_DATA_FILE or SC_TENSOR_FILE naming the file and the line or byte.
 */
export function loadLabelled(files: DataFiles): LabelledData {
  if (files.kind === 'npy') {
    const train = readPair(files.train);
    const classes = train.labels.reduce((most, label) => Math.max(most, label + 1), 0);
    return together(train, readPair(files.test), classes, {
      labels: files.train.labels,
      testInputs: files.test.inputs,
      testLabels: files.test.labels,
    });
  }
  const { label } = files;
  const [train, test] = [files.train, files.test].map((file) =>
    readCsvTable(new TextDecoder().decode(readBytes(file)), file, label),
  ) as [CsvTable, CsvTable];
  const names = classNames(train.labels);
  if (names.length > MOST_CLASSES)
    throw csvFault(
      files.train,
      train.lines[0] ?? 1,
      `the labels have ${names.length} distinct values`,
      'name the column of classes as `label`',
    );
  checkColumns(train, test, files.test);
  return together(labelTable(files.train, train, names), labelTable(files.test, test, names), names.length, {
    labels: files.train,
    testInputs: files.test,
    testLabels: files.test,
  });
}

function together(
  train: Examples,
  test: Examples,
  classes: number,
  files: { readonly labels: string; readonly testInputs: string; readonly testLabels: string },
): LabelledData {
  const fail = (file: string, what: string, hint: string): SeedcastError =>
    new SeedcastError('SC_DATA_FILE', what, { place: { file }, hint });
  if (train.shape.join() !== test.shape.join())
    throw fail(
      files.testInputs,
      `inputs have shape [${test.shape.join(', ')}], those to train on [${train.shape.join(', ')}]`,
      'give both parts the same features',
    );
  if (classes < 2)
    throw fail(files.labels, 'the labels are all the same', 'give labels of at least two classes');
  const strange = test.labels.find((label) => label >= classes);
  if (strange !== undefined)
    throw fail(
      files.testLabels,
      `label ${strange} is none of those to train on`,
      `labels to train on are 0 to ${classes - 1}`,
    );
  return { train, test, classes, standard: measureStandard(train) };
}

/** Columns are taken by place: two headers that differ are a mistake. */
function checkColumns(train: CsvTable, test: CsvTable, file: string): void {
  if (train.columns === null || test.columns === null) return;
  const at = test.columns.findIndex((name, i) => name.trim() !== train.columns?.[i]?.trim());
  if (at >= 0 && train.width === test.width)
    throw csvFault(
      file,
      1,
      `feature ${at + 1} is called ${JSON.stringify(test.columns[at])}, in the file to train on ${JSON.stringify(train.columns[at])}`,
      'give both files the same columns in the same order',
    );
}

function classNames(labels: readonly string[]): string[] {
  const names = [...new Set(labels)];
  const numbers = names.every((name) => Number.isFinite(Number(name)));
  return names.sort((a, b) => (numbers ? Number(a) - Number(b) : a < b ? -1 : 1));
}

function labelTable(
  file: string,
  { values, width, labels, lines }: CsvTable,
  names: readonly string[],
): Examples {
  const classes = new Map(names.map((name, index) => [name, index]));
  return {
    count: labels.length,
    shape: [width],
    inputs: values,
    labels: Int32Array.from(labels, (label, row) => {
      const index = classes.get(label);
      if (index === undefined)
        throw csvFault(
          file,
          lines[row] ?? 1,
          `label ${JSON.stringify(label)} is none of those to train on`,
          `they are ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', ...' : ''}`,
        );
      return index;
    }),
  };
}

function readPair(part: NpyPair): Examples {
  const inputs = readNpyData(readBytes(part.inputs), part.inputs);
  const labels = readNpyData(readBytes(part.labels), part.labels);
  const [count = 0, ...shape] = inputs.shape;
  const fail = (file: string, what: string, hint: string): SeedcastError =>
    new SeedcastError('SC_DATA_FILE', what, { place: { file }, hint });
  if (shape.length < 1 || shape.length > 3 || inputs.array.length === 0)
    throw fail(
      part.inputs,
      `inputs have shape [${inputs.shape.join(', ')}]`,
      'give [examples, features], [examples, height, width] or [examples, height, width, channels]',
    );
  if (labels.shape.length !== 1 || labels.shape[0] !== count)
    throw fail(
      part.labels,
      `labels have shape [${labels.shape.join(', ')}]`,
      `give [${count}], one for each of the inputs`,
    );
  const values = labels.array;
  for (const [row, label] of values.entries())
    if (!Number.isInteger(label) || label < 0 || label >= MOST_CLASSES)
      throw fail(part.labels, `label ${row} is ${label}`, `give whole numbers from 0 to ${MOST_CLASSES - 1}`);
  const array =
    inputs.array instanceof Uint8Array || inputs.array instanceof Float32Array
      ? inputs.array
      : Float32Array.from(inputs.array);
  const bad = array instanceof Float32Array ? array.findIndex((value) => !Number.isFinite(value)) : -1;
  if (bad >= 0)
    throw fail(
      part.inputs,
      `value ${bad % (array.length / count)} of example ${Math.floor(bad / (array.length / count))} is ${array[bad]}`,
      'give finite float32 values',
    );
  return {
    count,
    shape: shape.length === 2 ? [...shape, 1] : shape,
    inputs: array,
    labels: Int32Array.from(values),
  };
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new SeedcastError('SC_DATA_FILE', `the data file cannot be read: ${messageOf(cause)}`, {
      place: { file },
      hint: 'paths are those of the worker, relative to where it was started',
      cause,
    });
  }
}
