// What a job will cost, printed before it runs: the compiled spec, bytes, memory, and the share of time that applying
// steps takes. The objective is described, and timed for one evaluation, in this process.
import { SeedcastError } from '../../shared/errors.js';
import { type JobEstimate, bytesText, estimateDescribed } from '../../shared/job/estimate.js';
import { nearest } from '../../shared/job/nearest.js';
import type { ObjectiveDescription } from '../../shared/objectives/types.js';
import { describeObjective } from '../../worker/objectives/describe.js';
import { type LoadedObjective, loadObjectives } from '../../worker/objectives/load.js';
import type { Host } from '../host.js';
import { seconds } from '../show/numbers.js';
import { timeEvaluation } from './local-evaluation.js';
import { type JobSource, located } from './submission.js';

export interface CostFlags {
  readonly objectives: readonly string[];
  readonly workers: number;
  readonly json?: boolean;
}

/** Applying more than this share of a step is worth a warning: more workers cannot shorten it. */
const APPLY_WARNING = 0.3;

export interface LocalObjective {
  readonly loaded: LoadedObjective;
  readonly description: ObjectiveDescription;
}

/** An objective loaded in this process. @throws SC_SPEC_INVALID when none of the files has it. */
export async function objectiveNamed(name: string, objectives: readonly string[]): Promise<LoadedObjective> {
  const all = await loadObjectives(objectives);
  const loaded = all.find(({ definition }) => definition.name === name);
  if (loaded !== undefined) return loaded;
  const known = all.map(({ definition }) => definition.name);
  const guess = nearest(name, known);
  throw new SeedcastError(
    'SC_SPEC_INVALID',
    `there is no objective ${JSON.stringify(name)}; known are ${known.join(', ')}`,
    {
      place: { field: 'spec.objective.name' },
      hint: guess === null ? 'give the file that defines it with --objectives' : `did you mean ${guess}?`,
    },
  );
}

async function describeHere(source: JobSource, objectives: readonly string[]): Promise<LocalObjective> {
  const { name, options } = source.parsed.spec.objective;
  try {
    const loaded = await objectiveNamed(name, objectives);
    return { loaded, description: await describeObjective(loaded, options, 'float32') };
  } catch (thrown) {
    throw located(thrown, source);
  }
}

export async function printCosts(host: Host, source: JobSource, flags: CostFlags): Promise<number> {
  const { spec } = source.parsed;
  const { loaded, description } = await describeHere(source, flags.objectives);
  const evaluation = await timeEvaluation(host, { loaded, description }, spec);
  const estimate = estimateDescribed(spec, description, flags.workers, { evaluation });
  const { io } = host;
  if (flags.json === true) {
    io.json({
      type: 'estimate',
      name: source.parsed.name,
      spec,
      objective: description,
      workers: flags.workers,
      estimate,
    });
  } else {
    io.data(JSON.stringify({ name: source.parsed.name, spec, objective: description }, null, 2));
    for (const line of costLines(estimate, flags.workers)) io.data(line);
  }
  const share = estimate.time?.applyShare ?? 0;
  if (share > APPLY_WARNING) {
    io.message(
      `applying takes ${percent(share)} of a step, which more workers cannot shorten: a larger population of slower evaluations, or fewer parameters, would use them better`,
      'warn',
    );
  }
  return 0;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

function costLines(estimate: JobEstimate, workers: number): string[] {
  const { wire, store, memory, time } = estimate;
  return [
    `parameters        ${estimate.parameters}`,
    `members a step    ${estimate.members} (${estimate.directions} directions)`,
    `bytes a step      ${bytesText(wire.total)}: ${bytesText(wire.downPerWorker)} down to each of ${workers} worker${workers === 1 ? '' : 's'}, ${bytesText(wire.up)} up`,
    `stored a step     ${bytesText(store.ledger)} ledger, ${bytesText(store.evidence)} evidence${store.total === null ? '' : `; ${bytesText(store.total)} for ${estimate.steps ?? 0} steps`}`,
    `memory            ${bytesText(memory.replica)} a worker, ${bytesText(memory.perThread)} more a thread`,
    ...(time === null
      ? []
      : [
          `time a step       about ${seconds(time.step)} (one evaluation ${seconds(time.evaluation)}); applying is ${percent(time.applyShare)} of it`,
        ]),
  ];
}
