// What class I methods share on a replica once the exact sums are there: the optimiser's step of one tensor, the rate that
// a record holds for it, and the running statistics. Touches the replica's memory only.
import { adamRate, adamStep, momentumStep, sgdStep } from '../arithmetic/optimizers.js';
import { powerOfTwo } from '../arithmetic/float-bits.js';
import { SeedcastError } from '../errors.js';
import type { StepUpdate } from '../ledger/records.js';
import type { TensorArray } from '../objectives/types.js';
import type { MethodContext } from './method.js';
import type { EsOptions } from './options.js';

export type Optimizer = EsOptions['optimizer'];

/** State arrays of an optimiser beside the parameters. */
export function optimizerSlots(optimizer: Optimizer): readonly string[] {
  return optimizer.name === 'adam' ? ['m', 'v'] : optimizer.name === 'momentum' ? ['v'] : [];
}

/** The step size of a record: Adam's holds the bias corrections of the step (0, 1, ...). */
export function recordedRate(optimizer: Optimizer, learningRate: number, step: number): number {
  return optimizer.name === 'adam'
    ? adamRate(learningRate, optimizer.beta1, optimizer.beta2, step + 1)
    : learningRate;
}

/**
 * Moves elements [lo, hi) of one tensor by g = sums · noise · scale · 2^exponent; `sums` from 0, `noise` what the method
 * multiplies its own integers by.
 */
export function floatStep(
  { memory, tensors }: MethodContext,
  step: number,
  update: StepUpdate,
  { optimizer, weightDecay }: Pick<EsOptions, 'optimizer' | 'weightDecay'>,
  tensor: number,
  noise: number,
  lo: number,
  hi: number,
  sums: Float64Array,
): void {
  const range = {
    theta: floats(memory.parameters(step)[tensor], tensor),
    next: floats(memory.parameters(step + 1)[tensor], tensor),
    sums,
    lo,
    hi,
  };
  const scalars = {
    scale: update.scale * powerOfTwo(update.exponent) * noise,
    rate: update.rate,
    weightDecay,
    factor: tensors[tensor]?.sigma ?? 1,
  };
  const slot = (name: string) => {
    const array = floats(memory.slot(name)[tensor], tensor);
    return { from: array, to: array };
  };
  if (optimizer.name === 'adam') {
    const { beta1, beta2, epsilon } = optimizer;
    adamStep(range, { ...scalars, beta1, beta2, epsilon }, slot('m'), slot('v'));
  } else if (optimizer.name === 'momentum')
    momentumStep(range, { ...scalars, momentum: optimizer.momentum }, slot('v'));
  else sgdStep(range, scalars);
}

function floats(array: TensorArray | undefined, tensor: number): Float32Array | Float64Array {
  if (array instanceof Float32Array || array instanceof Float64Array) return array;
  throw new SeedcastError('SC_INTERNAL', `the optimiser's step: tensor ${tensor} is not a float tensor`);
}

/** statistics(step + 1) = statistics(step) + what this step contributed. */
export function advanceStatistics(context: MethodContext, step: number, update: StepUpdate): void {
  const from = context.memory.statistics(step);
  const to = context.memory.statistics(step + 1);
  for (let i = 0; i < to.length; i++) to[i] = (from[i] ?? 0) + (update.auxiliary?.[i] ?? 0);
}
