// The objectives that come with the package, by name.
import type { ObjectiveDefinition } from '../../shared/objectives/types.js';
import { benchmarkObjectives, timer } from './benchmark/objectives.js';
import { classifier } from './classifier/objective.js';
import { languageModel } from './language-model/objective.js';
import { policy } from './policy/objective.js';

/** Raised whenever a built-in objective's values change: it is the built-ins' part of a job's code hash. */
export const BUILT_IN_VERSION = 1;

export const BUILT_IN_OBJECTIVES: readonly ObjectiveDefinition[] = [
  ...benchmarkObjectives,
  timer(),
  policy,
  classifier,
  languageModel,
];
