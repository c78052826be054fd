// The workers as their heartbeats tell: who is alive, what each can run, and how its replicas stand.
import type { Bus } from '../shared/bus/port.js';
import { isRefusal, messageOf } from '../shared/errors.js';
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

/** What a worker's code for one job is, options and data files included. */
interface Offer {
  /** Of the process that was asked, and what it announced: another process, or other code, is asked again. */
  readonly pid: number;
  readonly announced: string | undefined;
  /** Null until it has answered, and where it refused. */
  code: string | null;
  /** In its own words: what it refuses it will refuse again. */
  refusal: string | null;
  /** It gave no answer: it is asked again after its next heartbeat. */
  failed: boolean;
}

/** The code, null while it is not known; and why the worker refuses the job, null where it does not. */
type OfferedCode = Pick<Offer, 'code' | 'refusal'>;

interface Member {
  heartbeat: Heartbeat;
  seenAt: number;
  /** Jobs whose replica it was told to build again, and when, until it has said that it is not ready. */
  readonly rebuilding: Map<string, number>;
  readonly offers: Map<JobSpec, Offer>;
}

export class Fleet {
  private readonly members = new Map<string, Member>();

  constructor(private readonly ports: { readonly bus: Bus; readonly names: Names }) {}

  heard(heartbeat: Heartbeat, now: number): void {
    const member = this.members.get(heartbeat.worker);
    if (member === undefined) {
      this.members.set(heartbeat.worker, {
        heartbeat,
        seenAt: now,
        rebuilding: new Map(),
        offers: new Map(),
      });
      return;
    }
    member.heartbeat = heartbeat;
    member.seenAt = now;
    for (const [spec, { failed }] of member.offers) if (failed) member.offers.delete(spec);
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
    const offer = this.newOffer(worker, spec);
    try {
      const answer = await bus.request(names.worker(worker).describe, request, { timeout: DESCRIBE_TIMEOUT });
      const description = openAnswer(answer, `answer of worker ${worker}`)[
        'description'
      ] as ObjectiveDescription;
      offer.code = description.code;
      return description;
    } catch (thrown) {
      if (isRefusal(thrown)) offer.refusal = messageOf(thrown);
      else offer.failed = true;
      throw thrown;
    }
  }

  private newOffer(worker: string, spec: JobSpec): Offer {
    const member = this.members.get(worker);
    const { pid = 0, objectives = {} } = member?.heartbeat ?? {};
    const offer: Offer = {
      pid,
      announced: objectives[spec.objective.name],
      code: null,
      refusal: null,
      failed: false,
    };
    member?.offers.set(spec, offer);
    return offer;
  }

  /**
   * What would evaluate a job on this worker: undefined without its objective. A heartbeat tells the code of the objective
   * alone; where that is not what is wanted, the options may name data files that count too, and the worker is asked.
   */
  codeFor({ worker, pid, objectives }: Heartbeat, spec: JobSpec, wanted: string): OfferedCode | undefined {
    const announced = objectives[spec.objective.name];
    if (announced === undefined) return undefined;
    const known = this.members.get(worker)?.offers.get(spec);
    const offer = known?.pid === pid && known.announced === announced ? known : undefined;
    if (announced === wanted && offer?.refusal == null) return { code: announced, refusal: null };
    if (offer !== undefined) return offer;
    // Start weights are the submission's concern. How it fails is kept in the offer.
    this.describeObjective(worker, spec, null).catch(() => undefined);
    return { code: null, refusal: null };
  }

  /** Of jobs that have ended or were deleted nothing is kept. */
  keepOffers(specs: ReadonlySet<JobSpec>): void {
    for (const { offers } of this.members.values())
      for (const spec of offers.keys()) if (!specs.has(spec)) offers.delete(spec);
  }
}
