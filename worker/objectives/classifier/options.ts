// The options of the `classifier` objective, read strictly, and the data files they name.
import { resolve } from 'node:path';
import type { LabelledData } from '../../data/examples.js';
import { type DataFiles, filesOf, loadLabelled, type NpyPair } from '../../data/labelled.js';
import { loadMnist, MNIST_CLASSES, MNIST_SHAPE, mnistFiles } from '../../data/mnist.js';
import type { Activation } from '../../../shared/objectives/engine.js';
import type { ObjectiveOptions, OptionValue } from '../../../shared/objectives/types.js';
import { choice, integer, list, type OptionReader, type OptionsOf, readOptions, refuse } from '../options.js';

export const CLASSIFIER = 'classifier';

const ACTIVATIONS = ['relu', 'tanh', 'sigmoid', 'gelu', 'silu'] as const satisfies Activation[];

const READERS = {
  data: dataReader(),
  model: choice(['mlp', 'cnn'], 'mlp'),
  /** Widths of the hidden layers; an empty list is a linear classifier. */
  hidden: list(integer(1, 65_536), 16, [256]),
  /** Output channels of each convolution of `cnn`. */
  channels: list(integer(1, 4_096), 8, [8, 16]),
  activation: choice(ACTIVATIONS, 'relu'),
  normalization: choice(['none', 'layer'], 'none'),
  /** Examples a step, the same for all members. */
  batch: integer(1, 1_000_000, 256),
  /** What is minimised: the mean cross-entropy in nats, or the share of wrong answers. */
  fitness: choice(['cross-entropy', 'error-rate'], 'cross-entropy'),
};

export type ClassifierOptions = OptionsOf<typeof READERS>;

/** Throws SC_OBJECTIVE_OPTIONS. */
export function readClassifierOptions(options: ObjectiveOptions): ClassifierOptions {
  const read = readOptions(CLASSIFIER, options, READERS);
  if (read.model === 'mlp' && options.channels !== undefined)
    throw refuse(CLASSIFIER, 'channels', options.channels, 'left out for `model: mlp`');
  return read;
}

/** The options with their defaults, as they enter the genesis. */
export function completeOptions(options: ObjectiveOptions): ObjectiveOptions {
  const { data, channels, ...rest } = readClassifierOptions(options);
  return {
    data: data === 'mnist' ? data : (options.data ?? null),
    ...rest,
    ...(rest.model === 'cnn' ? { channels } : {}),
  };
}

export function dataFiles({ data }: ClassifierOptions): string[] {
  return data === 'mnist' ? mnistFiles() : filesOf(data);
}

export function loadData({ data }: ClassifierOptions): LabelledData {
  return data === 'mnist' ? loadMnist() : loadLabelled(data);
}

/** What a network must fit: shape of an input, number of classes. Reads users' files, but not those of MNIST. */
export function dataShape(options: ClassifierOptions): {
  readonly shape: readonly number[];
  readonly classes: number;
} {
  if (options.data === 'mnist') return { shape: MNIST_SHAPE, classes: MNIST_CLASSES };
  const { train, classes } = loadData(options);
  return { shape: train.shape, classes };
}

/** `mnist`; `{ train: a.csv, test: b.csv, label: name }`; `{ train: { inputs: x.npy, labels: y.npy }, test: { ... } }`. */
function dataReader(): OptionReader<'mnist' | DataFiles> {
  return {
    allowed:
      'mnist; { train: FILE.csv, test: FILE.csv, label: column name or index }; or { train: { inputs: FILE.npy, labels: FILE.npy }, test: the same }',
    fallback: 'mnist',
    read: (value) => {
      if (value === 'mnist') return value;
      const fields = fieldsOf(value, ['train', 'test', 'label']);
      if (fields === undefined) return undefined;
      const { train, test, label } = fields;
      if (isFile(train, 'csv') && isFile(test, 'csv'))
        return (typeof label === 'string' && label !== '') ||
          (typeof label === 'number' && Number.isInteger(label))
          ? { kind: 'csv', train: resolve(train), test: resolve(test), label }
          : undefined;
      const [first, second] = [pair(train), pair(test)];
      return first === undefined || second === undefined || label !== undefined
        ? undefined
        : { kind: 'npy', train: first, test: second };
    },
  };
}

function pair(value: OptionValue | undefined): NpyPair | undefined {
  const fields = fieldsOf(value, ['inputs', 'labels']);
  if (fields === undefined) return undefined;
  const { inputs, labels } = fields;
  return isFile(inputs, 'npy') && isFile(labels, 'npy')
    ? { inputs: resolve(inputs), labels: resolve(labels) }
    : undefined;
}

function fieldsOf(
  value: OptionValue | undefined,
  names: readonly string[],
): Readonly<Record<string, OptionValue | undefined>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.keys(value).every((key) => names.includes(key))
    ? (value as Readonly<Record<string, OptionValue>>)
    : undefined;
}

function isFile(value: OptionValue | undefined, ending: string): value is string {
  return typeof value === 'string' && value.toLowerCase().endsWith(`.${ending}`);
}
