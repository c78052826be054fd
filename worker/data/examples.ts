// Labelled examples in memory: inputs as they were read, standardised as they are gathered into a batch, so that bytes stay
// bytes. Pure.

export interface Examples {
  readonly count: number;
  /** Of one input: [features], or [height, width, channels]. */
  readonly shape: readonly number[];
  /** [count, ...shape]. */
  readonly inputs: Uint8Array | Float32Array;
  /** Class of each, in [0, classes). */
  readonly labels: Int32Array;
}

/** (x − mean)/deviation: one pair for all values, or one a feature. */
export interface Standard {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

export interface LabelledData {
  readonly train: Examples;
  readonly test: Examples;
  readonly classes: number;
  readonly standard: Standard;
}

export function inputSize({ shape }: Examples): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * Mean and deviation (over n) of the training inputs: of each feature of a table, of all values of images, whose pixels are
 * alike. What does not vary is divided by 1. Two passes in float64, in order.
 */
export function measureStandard(examples: Examples): Standard {
  const { inputs, shape } = examples;
  const groups = shape.length === 1 ? inputSize(examples) : 1;
  const each = inputs.length / groups;
  const mean = new Float64Array(groups);
  const deviation = new Float64Array(groups);
  for (let i = 0; i < inputs.length; i++) mean[i % groups] = (mean[i % groups] ?? 0) + (inputs[i] ?? 0);
  for (let g = 0; g < groups; g++) mean[g] = (mean[g] ?? 0) / each;
  for (let i = 0; i < inputs.length; i++) {
    const distance = (inputs[i] ?? 0) - (mean[i % groups] ?? 0);
    deviation[i % groups] = (deviation[i % groups] ?? 0) + distance * distance;
  }
  for (let g = 0; g < groups; g++) deviation[g] = Math.sqrt((deviation[g] ?? 0) / each) || 1;
  return { mean, deviation };
}

/** Standardised inputs [indices, size] and labels of some examples. */
export function gather(
  examples: Examples,
  { mean, deviation }: Standard,
  indices: ArrayLike<number>,
): { readonly inputs: Float32Array; readonly labels: Int32Array } {
  const size = inputSize(examples);
  const groups = mean.length;
  const inputs = new Float32Array(indices.length * size);
  const labels = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    labels[i] = examples.labels[index] ?? 0;
    for (let j = 0; j < size; j++) {
      const group = groups === 1 ? 0 : j;
      inputs[i * size + j] =
        ((examples.inputs[index * size + j] ?? 0) - (mean[group] ?? 0)) / (deviation[group] ?? 1);
    }
  }
  return { inputs, labels };
}
