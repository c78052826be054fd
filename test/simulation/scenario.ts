// What one schedule does, drawn from its seed: the job, who takes part, which faults happen and how often, what users
// ask for and when. Faults end at `calmAt`; from then on the job must reach its end.
import type { ControlRequestKind } from '../../coordinator/core/job.js';
import { VARIANTS, type SimulatedJob, simulatedJob } from './job.js';
import { Random } from './random.js';

export interface WorkerScenario {
  readonly name: string;
  readonly joinAt: number;
  /** Leaves for good, finishing nothing. */
  readonly leaveAt: number | null;
  /** Milliseconds a unit takes. */
  readonly cost: number;
  /** Share of units that fail on this worker only. */
  readonly ownFailures: number;
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

export interface Scenario {
  readonly seed: number;
  readonly job: SimulatedJob;
  readonly coordinators: number;
  /** Bits are flipped and nothing else happens that could part two replicas. */
  readonly alone: boolean;
  /** The first coordinator wrote the genesis and leads epoch 1. */
  readonly fresh: boolean;
  readonly workers: readonly WorkerScenario[];
  readonly calmAt: number;
  /** Messages without acknowledgement: plans, rounds, assignments, results, heartbeats. */
  readonly drop: number;
  readonly duplicate: number;
  /** Share of messages and requests that take up to `slow` milliseconds: they overtake each other. */
  readonly delayed: number;
  readonly slow: number;
  /** Requests that never arrive, and acknowledgements that never do. */
  readonly lostRequests: number;
  readonly lostAcknowledgements: number;
  /** Refusals without a reason, and appends by somebody else on the subject. */
  readonly refusals: number;
  /** As measured on a cluster: two rivals with one expected sequence are both accepted, with this probability. */
  readonly rivalAccepted: number;
  /** Reads that do not see the last entries. */
  readonly staleReads: number;
  /** Entries of other jobs between two of this one. */
  readonly otherJobs: number;
  readonly crashPerEffect: number;
  /** Crash before or after the n-th effect of any coordinator. */
  readonly crashAt: { readonly effect: number; readonly after: boolean } | null;
  readonly workerCrash: number;
  readonly stalls: readonly (Window & { readonly coordinator: number })[];
  /** The lease is granted to whoever asks. */
  readonly leaseBroken: Window | null;
  readonly storeFull: Window | null;
  readonly evidenceFull: Window | null;
  /** Nothing reaches anything; afterwards connections come back. */
  readonly outage: Window | null;
  readonly flips: readonly { readonly at: number; readonly worker: number }[];
  readonly snapshots: boolean;
  readonly controls: readonly { readonly at: number; readonly request: ControlRequestKind }[];
  /** Asked for once the job has ended. */
  readonly extendBy: number | null;
}

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const job = simulatedJob(random.integer(0, VARIANTS - 1));
  const calmAt = random.integer(2, 12) * 1000;
  const quiet = random.chance(0.1);
  const some = (share: number, low: number, high: number): number =>
    !quiet && random.chance(share) ? random.between(low, high) : 0;
  const window = (share: number, longest: number): Window | null => {
    if (quiet || !random.chance(share)) return null;
    const from = random.between(0, calmAt);
    return { from, to: Math.min(calmAt, from + random.between(100, longest)) };
  };
  const flipping = !quiet && random.chance(0.06);
  const workerCount = flipping ? random.integer(2, 3) : random.integer(1, 3);
  const wanted = random.pick([1, 2, 2, 3]);
  const cost = random.pick([2, 20, 80]);
  const ownFailures = !flipping && !quiet && random.chance(0.1) ? 0.3 : 0;
  // Digests settle a flip only while the leader knows two replicas to compare: in half of these schedules nothing else
  // happens, and the end must be right.
  const alone = flipping && random.chance(0.5);
  const unless = (value: number): number => (alone ? 0 : value);
  const workers = Array.from({ length: workerCount }, (_, i): WorkerScenario => ({
    name: `w${i + 1}`,
    joinAt: alone || random.chance(0.6) ? 0 : random.between(0, calmAt),
    leaveAt: !quiet && !flipping && random.chance(0.2) ? random.between(0, calmAt) : null,
    cost: cost * random.pick([1, 1, 1, 6]),
    ownFailures: random.chance(0.5) ? ownFailures : 0,
  }));
  const coordinators = alone ? 1 : wanted;
  return {
    seed,
    job,
    coordinators,
    alone,
    fresh: random.chance(0.5),
    workers,
    calmAt,
    drop: unless(some(0.5, 0.01, 0.3)),
    duplicate: some(0.5, 0.01, 0.4),
    delayed: unless(some(0.6, 0.05, 0.5)),
    slow: random.pick([200, 1500, 5000]),
    lostRequests: unless(some(0.4, 0.02, 0.3)),
    lostAcknowledgements: unless(some(0.5, 0.02, 0.4)),
    refusals: some(0.3, 0.02, 0.2),
    rivalAccepted: some(0.4, 0.3, 1),
    staleReads: some(0.2, 0.05, 0.4),
    otherJobs: random.chance(0.5) ? random.between(0.1, 0.6) : 0,
    crashPerEffect: unless(some(0.3, 0.005, 0.08)),
    crashAt:
      !quiet && !alone && random.chance(0.5)
        ? { effect: random.integer(1, 60), after: random.chance(0.5) }
        : null,
    workerCrash: flipping ? 0 : some(0.3, 0.01, 0.1),
    stalls: Array.from({ length: quiet || alone ? 0 : random.pick([0, 0, 1, 2]) }, () => {
      const from = random.between(0, calmAt);
      return { coordinator: random.integer(0, coordinators - 1), from, to: from + random.between(500, 9000) };
    }),
    leaseBroken: alone ? null : window(0.3, 6000),
    storeFull: window(0.12, 3000),
    evidenceFull: window(0.12, 3000),
    outage: alone ? null : window(0.12, 4000),
    flips: flipping
      ? Array.from({ length: random.integer(1, 2) }, () => ({
          at: random.between(500, calmAt),
          worker: random.integer(0, workerCount - 1),
        }))
      : [],
    // A lone flipped worker would vouch for its own snapshot.
    snapshots: !flipping && random.chance(0.5),
    controls: controlsOf(random, quiet, calmAt),
    extendBy: random.chance(0.15) ? random.integer(1, 2) : null,
  };
}

function controlsOf(random: Random, quiet: boolean, calmAt: number): Scenario['controls'] {
  if (quiet || random.chance(0.55)) return [];
  const count = random.integer(1, 4);
  return Array.from({ length: count }, () => {
    const at = random.between(0, calmAt);
    const action = random.pick<'pause' | 'resume' | 'stop' | 'cancel' | 'accept-code'>([
      'pause',
      'pause',
      'resume',
      'resume',
      'accept-code',
      'stop',
      'cancel',
    ]);
    const request: ControlRequestKind =
      action === 'accept-code' ? { action, code: 'c'.repeat(64) } : { action };
    return { at, request };
  }).sort((a, b) => a.at - b.at);
}
