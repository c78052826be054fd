// Who tries to lead: a key with a holder, renewed well inside its time to live. A lease is no mutual exclusion (a stalled
// holder may wake); the fold of the ledger decides who committed. Time is this process's own clock, never the server's.
import type { KeyValue } from '../shared/bus/port.js';
import type { Clock } from '../shared/ports.js';
import { encodeJson } from '../shared/wire/reports.js';

const KEY = 'leader';
/** Renewals a time to live. */
const RENEWALS = 4;

export interface LeaseOptions {
  readonly holder: string;
  /** Milliseconds without a renewal after which another may take over. */
  readonly ttl: number;
  readonly clock: Clock;
  readonly onGained: () => void;
  readonly onLost: (reason: string) => void;
  readonly log: (message: string) => void;
}

export class Lease {
  private revision: number | null = null;
  /** The other holder's last renewal as seen here. */
  private seen: { readonly revision: number; readonly at: number } | null = null;
  private cancelTimer = (): void => undefined;
  private cancelExpiry = (): void => undefined;
  private stopped = false;
  private gained = false;

  constructor(
    private readonly bucket: KeyValue,
    private readonly options: LeaseOptions,
  ) {}

  get held(): boolean {
    return this.gained;
  }

  start(): void {
    void this.turn();
  }

  private async turn(): Promise<void> {
    if (this.isStopped()) return;
    try {
      if (this.revision === null) await this.tryTake();
      else await this.renew(this.revision);
    } catch (error) {
      this.options.log(`lease: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { clock, ttl } = this.options;
    if (!this.isStopped()) this.cancelTimer = clock.after(ttl / RENEWALS, () => void this.turn());
  }

  /** Asked anew after each wait: `stop` may have come in between. */
  private isStopped(): boolean {
    return this.stopped;
  }

  private value(holder: string): Uint8Array {
    return encodeJson({ holder, since: new Date(this.options.clock.wall()).toISOString() });
  }

  private async renew(revision: number): Promise<void> {
    const begun = this.options.clock.now();
    const next = await this.bucket.update(KEY, this.value(this.options.holder), revision);
    // It may have expired here while the answer was on its way.
    if (this.revision !== revision) return;
    if (next !== null) return this.hold(next, begun);
    // Ours all the same when the answer to a renewal was lost: it is then renewed from the revision that it has.
    const entry = await this.bucket.get(KEY);
    const again = this.options.clock.now();
    const own = entry !== null && holderOf(entry.value) === this.options.holder;
    const renewed = own
      ? await this.bucket.update(KEY, this.value(this.options.holder), entry.revision)
      : null;
    if (this.revision !== revision) return;
    if (renewed === null) return this.lose('another coordinator took it');
    this.hold(renewed, again);
  }

  /** Ours until `begun` and a time to live, whatever becomes of the connection. */
  private hold(revision: number, begun: number): void {
    const { clock, ttl } = this.options;
    this.revision = revision;
    this.cancelExpiry();
    this.cancelExpiry = clock.after(Math.max(0, begun + ttl - clock.now()), () =>
      this.lose('it could not be renewed in time'),
    );
  }

  private async tryTake(): Promise<void> {
    const { clock, ttl, holder } = this.options;
    const entry = await this.bucket.get(KEY);
    const begun = clock.now();
    if (entry === null) return this.take(await this.bucket.create(KEY, this.value(holder)), begun, 0);
    const last = holderOf(entry.value);
    // Its own: a renewal whose answer was lost.
    const released = last === '' || last === holder;
    if (this.seen?.revision !== entry.revision) this.seen = { revision: entry.revision, at: clock.now() };
    if (!released && clock.now() - this.seen.at < ttl) return;
    // After a holder that may only be slow, one interval more before acting.
    return this.take(
      await this.bucket.update(KEY, this.value(holder), entry.revision),
      begun,
      released ? 0 : ttl / RENEWALS,
    );
  }

  private take(revision: number | null, begun: number, wait: number): void {
    if (revision === null || this.stopped) return;
    this.hold(revision, begun);
    this.seen = null;
    const act = (): void => {
      if (this.revision === null || this.stopped || this.gained) return;
      this.gained = true;
      this.options.onGained();
    };
    if (wait === 0) act();
    else this.options.clock.after(wait, act);
  }

  private lose(reason: string): void {
    this.cancelExpiry();
    this.revision = null;
    this.seen = null;
    if (!this.gained) return;
    this.gained = false;
    this.options.onLost(reason);
  }

  /** Stops renewing and, when held, lets another take it at once. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    this.cancelExpiry();
    if (this.revision !== null)
      await this.bucket.update(KEY, this.value(''), this.revision).catch(() => null);
    this.revision = null;
    this.gained = false;
  }
}

function holderOf(value: Uint8Array): string | null {
  try {
    const { holder } = JSON.parse(new TextDecoder().decode(value)) as { readonly holder?: unknown };
    return typeof holder === 'string' ? holder : null;
  } catch {
    return null;
  }
}
