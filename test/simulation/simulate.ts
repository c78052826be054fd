// Runs one schedule from its seed to the end of the job and everything after it, then lets the checkers read the history.
import { type ControlRequestKind } from '../../coordinator/core/job.js';
import type { StopRules } from '../../shared/job/spec.js';
import { CoordinatorNode } from './coordinator-node.js';
import { checkHistory } from './checkers.js';
import { type Census, History } from './history.js';
import { type Scenario, scenarioOf } from './scenario.js';
import { WorkerNode } from './worker-node.js';
import { World } from './world.js';

/** Virtual milliseconds that a job may take to its end once faults are over, apart from the evaluations themselves. */
export const LIVENESS_BOUND = 40_000;
/** Virtual milliseconds after the end in which late messages still arrive. */
const AFTERMATH = 3000;
/** Times that an extension is asked for. */
const MOST_EXTENSIONS = 6;
/** Events after which a schedule counts as a busy loop: the longest sound ones have a tenth. */
const MOST_EVENTS = 200_000;

export interface Verdict {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly census: Census;
  readonly trace: readonly string[];
  /** Virtual milliseconds from the end of faults to the end of the job; negative when it ended before. */
  readonly recovery: number;
}

export function simulate(seed: number, traced = false): Verdict {
  const scenario = scenarioOf(seed);
  const history = new History(traced);
  const run = new Run(scenario, history);
  const recovery = run.toTheEnd();
  const violations = [...run.violations, ...checkHistory(scenario, history, run.coordinators, run.world)];
  history.count('schedules');
  return { seed, violations, census: history.census, trace: history.trace, recovery };
}

class Run {
  readonly world: World;
  readonly coordinators: CoordinatorNode[] = [];
  readonly workers = new Map<string, WorkerNode>();
  readonly violations: string[] = [];
  private pendingControls = 0;

  constructor(
    private readonly scenario: Scenario,
    private readonly history: History,
  ) {
    this.world = new World(scenario, history);
    for (const worker of scenario.workers)
      this.workers.set(worker.name, new WorkerNode(worker, this.world, this.coordinators));
    for (let i = 0; i < scenario.coordinators; i++)
      this.coordinators.push(new CoordinatorNode(`c${i + 1}`, i, this.world, this.workers));
  }

  /** Returns the time of recovery. */
  toTheEnd(): number {
    const { scenario, world } = this;
    const { scheduler } = world;
    this.coordinators.forEach((coordinator, i) => coordinator.start(scenario.fresh && i === 0));
    for (const { name, joinAt, leaveAt } of scenario.workers) {
      const worker = this.workers.get(name);
      scheduler.after(joinAt, () => worker?.join());
      if (leaveAt !== null) scheduler.after(leaveAt, () => worker?.leave());
    }
    for (const { at, worker } of scenario.flips)
      scheduler.after(at, () => this.workers.get(scenario.workers[worker]?.name ?? '')?.flip());
    if (scenario.outage !== null) {
      this.history.count('outage');
      scheduler.after(scenario.outage.to, () => {
        for (const worker of this.workers.values()) worker.reconnected();
      });
    }
    for (const { at, request } of scenario.controls) scheduler.after(at, () => this.ask(request));
    scheduler.after(scenario.calmAt, () => {
      // One live worker, and nobody leaves the job paused.
      const anyone = [...this.workers.values()].some((w) => w.alive);
      if (!anyone) [...this.workers.values()][0]?.join();
    });
    return this.loop();
  }

  private loop(): number {
    const { scenario, world } = this;
    const slowest = Math.max(...scenario.workers.map((w) => w.cost));
    const units = 12 * 12 * 2;
    const lastStall = Math.max(0, ...scenario.stalls.map((s) => s.to));
    const deadline = Math.max(scenario.calmAt, lastStall) + LIVENESS_BOUND + slowest * units;
    let endedAt: number | null = null;
    let resumedAt = 0;
    let extensions = 0;
    for (let events = 0; world.scheduler.step(); events++) {
      const { now } = world;
      if (events > MOST_EVENTS) {
        this.violations.push(`liveness: a busy loop at ${now.toFixed(0)} ms`);
        return now - scenario.calmAt;
      }
      if (world.chain.status !== 'ended') {
        endedAt = null;
        if (now > deadline) {
          this.violations.push(
            `liveness: the job has not ended at ${now.toFixed(0)} ms, faults were over at ${scenario.calmAt} ms`,
          );
          return now - scenario.calmAt;
        }
        if (world.calm && world.chain.status === 'paused' && now - resumedAt > 2000) {
          resumedAt = now;
          this.ask({ action: 'resume' });
        }
        continue;
      }
      endedAt ??= now;
      const extending = scenario.extendBy !== null && this.wantsExtension();
      const asks = extensions === 0 || (world.calm && now - endedAt > extensions * 6000);
      if (extending && asks && this.pendingControls === 0) {
        if (++extensions > MOST_EXTENSIONS) {
          this.violations.push('liveness: the job was asked to extend again and again, and did not');
          return now - scenario.calmAt;
        }
        this.ask({ action: 'extend', stop: extendedStop(world, scenario.extendBy) });
      }
      if (
        !extending &&
        now > endedAt + AFTERMATH &&
        world.calm &&
        now > lastStall + AFTERMATH &&
        this.pendingControls === 0
      )
        break;
    }
    return (endedAt ?? world.now) - scenario.calmAt;
  }

  /** The leader that was asked may have been replaced before it wrote. */
  private wantsExtension(): boolean {
    return !this.world.chain.accepted.some(
      ({ record }) => record.kind === 'control' && record.control.action === 'extend',
    );
  }

  /** Asks whoever leads, again until somebody does; now and then the request arrives twice. */
  private ask(request: ControlRequestKind): void {
    const { world, history } = this;
    this.pendingControls++;
    const attempt = (left: number): void => {
      const leader = world.random.choose(this.coordinators.filter((c) => c.leads));
      if (leader?.control(request) === true) {
        history.requested.push(request.action);
        history.count(`asked to ${request.action}`);
        if (world.fault('request doubled', 0.3))
          world.scheduler.after(world.random.between(0, 500), () => leader.control(request));
        this.pendingControls--;
      } else if (left > 0) world.scheduler.after(400, () => attempt(left - 1));
      else this.pendingControls--;
    };
    world.scheduler.after(0, () => attempt(50));
  }
}

function extendedStop(world: World, by: number): StopRules {
  return { steps: world.chain.steps + by, evaluations: null, fitness: null, wallClock: null, plateau: null };
}
