// The workers as their heartbeats tell: who is alive, what each can run, and how its replicas stand.
import type { Bus } from '../shared/bus/port.js';
import type { JobSpec } from '../shared/job/spec.js';
import type { ObjectiveDescription } from '../shared/objectives/types.js';
import { type Heartbeat, encodeJson, openAnswer } from '../shared/wire/reports.js';
import type { Names } from '../shared/wire/subjects.js';

/** Milliseconds without a heartbeat (sent every second) after which a worker counts as gone. */
const GONE_AFTER = 3000;
/** Milliseconds after which a worker that still says to be ready is told again to build a replica anew. */
const REBUILD_AGAIN = 3000;
/** Milliseconds a worker may take to describe an objective: loading a data set is part of it. */
const DESCRIBE_TIMEOUT = 15_000;

interface Member {
  heartbeat: Heartbeat;
  seenAt: number;
  /** Jobs whose replica it was told to build again, and when, until it has said that it is not ready. */
  readonly rebuilding: Map<string, number>;
}

export class Fleet {
  private readonly members = new Map<string, Member>();

  constructor(private readonly ports: { readonly bus: Bus; readonly names: Names }) {}

  heard(heartbeat: Heartbeat, now: number): void {
    const member = this.members.get(heartbeat.worker);
    if (member === undefined) {
      this.members.set(heartbeat.worker, { heartbeat, seenAt: now, rebuilding: new Map() });
      return;
    }
    member.heartbeat = heartbeat;
    member.seenAt = now;
    for (const job of member.rebuilding.keys())
      if (heartbeat.jobs[job]?.ready !== true) member.rebuilding.delete(job);
  }

  /** Workers that may be given work, sorted by id; forgets those that are gone. */
  alive(now: number): Heartbeat[] {
    for (const [id, { seenAt }] of this.members) if (now - seenAt > GONE_AFTER) this.members.delete(id);
    return this.heartbeats().filter(({ state }) => state !== 'draining');
  }

  heartbeats(): Heartbeat[] {
    return [...this.members.values()]
      .map(({ heartbeat }) => heartbeat)
      .sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  knows(worker: string): boolean {
    return this.members.has(worker);
  }

  isReady(worker: string, job: string): boolean {
    const member = this.members.get(worker);
    return member?.heartbeat.jobs[job]?.ready === true && !member.rebuilding.has(job);
  }

  markRebuilding(worker: string, job: string, now: number): void {
    this.members.get(worker)?.rebuilding.set(job, now);
  }

  /** Jobs that it was told to build again and still says to be ready for: the order is lost, or the heartbeat that answered it. */
  notRebuilding(worker: string, now: number): string[] {
    const told = this.members.get(worker)?.rebuilding ?? new Map<string, number>();
    return [...told].filter(([, at]) => now - at >= REBUILD_AGAIN).map(([job]) => job);
  }

  /**
   * Asks one worker what a job's objective is with its options, and whether the start weights fit; its refusals are thrown
   * as it names them.
   */
  async describeObjective(worker: string, spec: JobSpec, init: string | null): Promise<ObjectiveDescription> {
    const { bus, names } = this.ports;
    const { name, options } = spec.objective;
    const request = encodeJson({
      objective: name,
      options,
      dtype: 'float32',
      init: init === null ? null : { sha256: init, map: spec.init?.map ?? {} },
    });
    const answer = await bus.request(names.worker(worker).describe, request, { timeout: DESCRIBE_TIMEOUT });
    return openAnswer(answer, `answer of worker ${worker}`)['description'] as ObjectiveDescription;
  }
}
