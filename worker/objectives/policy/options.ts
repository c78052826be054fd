// The options of the `policy` objective, read strictly, and the environment they name.
import { resolve } from 'node:path';
import type { ObjectiveOptions, OptionValue } from '../../../shared/objectives/types.js';
import {
  choice,
  flag,
  integer,
  list,
  number,
  optional,
  type OptionReader,
  type OptionsOf,
  readOptions,
  refuse,
  text,
} from '../options.js';
import { Acrobot } from './classic/acrobot.js';
import { CartPole } from './classic/cartpole.js';
import { MountainCarContinuous } from './classic/mountain-car.js';
import { Pendulum } from './classic/pendulum.js';
import type { Environment } from './environment.js';
import { MujocoEnvironment } from './mujoco/environment.js';
import { type CoordinateRange, MUJOCO_TASKS, type MujocoTask } from './mujoco/tasks.js';

export const POLICY = 'policy';

const CLASSIC = {
  cartpole: () => new CartPole(),
  pendulum: () => new Pendulum(),
  acrobot: () => new Acrobot(),
  'mountain-car-continuous': () => new MountainCarContinuous(),
} as const;

type ClassicName = keyof typeof CLASSIC;
type TaskName = keyof typeof MUJOCO_TASKS;

const ENVIRONMENTS = [
  ...(Object.keys(CLASSIC) as ClassicName[]),
  ...(Object.keys(MUJOCO_TASKS) as TaskName[]),
  'mujoco',
] as const;

const COEFFICIENT = 1e6;

const READERS = {
  environment: choice(ENVIRONMENTS),
  /** Widths of the hidden layers; an empty list is a linear policy. */
  hidden: list(integer(1, 65_536), 16, [32, 32]),
  activation: choice(['tanh', 'relu'], 'tanh'),
  normalizeObservations: flag(false),
  /** Null: the environment's own. */
  maxSteps: optional(integer(1, 10_000_000)),
  /** Episodes an evaluation, each from its own initial state; the value is their mean return. */
  episodes: integer(1, 100_000, 1),
  actions: text(
    'continuous or binned(k) with k from 2 to 1000',
    /^(?:continuous|binned\((?:[2-9]|[1-9]\d{1,2}|1000)\))$/,
    'continuous',
  ),
  // For `environment: mujoco` alone.
  model: optional(text('the path of an MJCF file', /\S/)),
  frameSkip: optional(integer(1, 1_000)),
  forwardReward: optional(number(-COEFFICIENT, COEFFICIENT)),
  aliveReward: optional(number(-COEFFICIENT, COEFFICIENT)),
  controlCost: optional(number(0, COEFFICIENT)),
  healthy: optional(ranges()),
  hiddenCoordinates: optional(integer(0, 10_000)),
  resetNoise: optional(number(0, COEFFICIENT)),
};

const MUJOCO_ONLY = [
  'model',
  'frameSkip',
  'forwardReward',
  'aliveReward',
  'controlCost',
  'healthy',
  'hiddenCoordinates',
  'resetNoise',
] as const;

export interface PolicyOptions extends OptionsOf<typeof READERS> {
  /** k of `binned(k)`, else null. */
  readonly bins: number | null;
}

export function readPolicyOptions(options: ObjectiveOptions): PolicyOptions {
  const read = readOptions(POLICY, options, READERS);
  if (read.environment === 'mujoco') {
    if (read.model === null)
      throw refuse(POLICY, 'model', null, 'the path of an MJCF file, since the environment is mujoco');
  } else {
    for (const name of MUJOCO_ONLY) {
      if (read[name] !== null)
        throw refuse(
          POLICY,
          name,
          options[name],
          `only with environment: mujoco; here it is ${read.environment}`,
        );
    }
  }
  const bins = /^binned\((\d+)\)$/.exec(read.actions)?.[1];
  if (options.actions !== undefined && (read.environment === 'cartpole' || read.environment === 'acrobot')) {
    throw refuse(
      POLICY,
      'actions',
      options.actions,
      `left out, since ${read.environment} has discrete actions`,
    );
  }
  return { ...read, bins: bins === undefined ? null : Number(bins) };
}

/** What the genesis keeps: every default filled in, what does not apply left out. */
export function completeOptions(options: ObjectiveOptions): ObjectiveOptions {
  const read = readPolicyOptions(options);
  const complete: Record<string, OptionValue> = {};
  for (const name of Object.keys(READERS) as (keyof typeof READERS)[]) {
    const value: unknown = options[name] ?? read[name];
    if (value !== null && (name !== 'actions' || options.actions !== undefined))
      complete[name] = value as OptionValue;
  }
  return complete;
}

export async function openEnvironment(options: PolicyOptions): Promise<Environment> {
  const { environment } = options;
  if (environment === 'mujoco') return MujocoEnvironment.load(ownTask(options));
  if (environment in CLASSIC) return CLASSIC[environment as ClassicName]();
  return MujocoEnvironment.load(MUJOCO_TASKS[environment as TaskName]);
}

/** The user's MJCF: path from the worker's working directory. */
export function modelFile(options: PolicyOptions): string | null {
  return options.model === null ? null : resolve(options.model);
}

function ownTask(options: PolicyOptions): MujocoTask {
  const noise = options.resetNoise ?? 0.01;
  return {
    model: modelFile(options) ?? '',
    frameSkip: options.frameSkip ?? 1,
    forward: options.forwardReward ?? 0,
    alive: options.aliveReward ?? 0,
    control: options.controlCost ?? 0,
    healthy: options.healthy ?? [],
    hidden: options.hiddenCoordinates ?? 0,
    velocityLimit: Infinity,
    positionNoise: noise,
    velocityNoise: { kind: 'uniform', size: noise },
  };
}

/** `healthy: [{ coordinate: 1, low: 0.7, high: 2 }, …]`; one end may be left out. */
function ranges(): OptionReader<readonly CoordinateRange[]> {
  return {
    allowed:
      'a list of { coordinate: index into qpos, low: number, high: number }, low < high, one of them may be left out',
    read: (value) => {
      if (!Array.isArray(value)) return undefined;
      const read: CoordinateRange[] = [];
      for (const item of value as readonly OptionValue[]) {
        if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined;
        const {
          coordinate,
          low = -Infinity,
          high = Infinity,
          ...rest
        } = item as Readonly<Record<string, OptionValue>>;
        if (
          Object.keys(rest).length > 0 ||
          typeof coordinate !== 'number' ||
          !Number.isInteger(coordinate) ||
          coordinate < 0
        )
          return undefined;
        if (typeof low !== 'number' || typeof high !== 'number' || !(low < high)) return undefined;
        read.push({ coordinate, low, high });
      }
      return read;
    },
  };
}
