// One live connection and what the parts of the adapter share of it: whether it is up, who wants to know, and how a
// failure is told. While it is down nothing is handed to the client, which would send it at some later time: a caller
// then knows that what failed with SC_UNREACHABLE was never sent.
import { createInbox } from 'nats';
import type { JetStreamClient, JetStreamManager, NatsConnection, Status } from 'nats';
import { SeedcastError } from '../../errors.js';
import type { Clock } from '../../ports.js';
import type { BusStatus } from '../port.js';
import { busError } from './failures.js';

/** Milliseconds for calls to the server that have no timeout of their own. */
export const CALL_TIMEOUT = 5_000;

export class Link {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly clock: Clock;
  #up = true;
  #closed = false;
  #server: string;
  readonly #statusHandlers = new Set<(status: BusStatus) => void>();
  readonly #upHandlers = new Set<() => void>();
  readonly #closeHandlers = new Set<() => void>();
  readonly #inboxPrefix: string | undefined;

  private constructor(
    nc: NatsConnection,
    jsm: JetStreamManager,
    clock: Clock,
    inboxPrefix: string | undefined,
  ) {
    this.nc = nc;
    this.js = nc.jetstream({ timeout: CALL_TIMEOUT });
    this.jsm = jsm;
    this.clock = clock;
    this.#inboxPrefix = inboxPrefix;
    this.#server = `nats://${nc.getServer()}`;
    void this.#watchStatus();
    void nc.closed().then((reason) => this.#onClosed(reason instanceof Error ? reason.message : 'closed'));
  }

  static async over(nc: NatsConnection, clock: Clock, inboxPrefix: string | undefined): Promise<Link> {
    return new Link(
      nc,
      await nc.jetstreamManager({ checkAPI: false, timeout: CALL_TIMEOUT }),
      clock,
      inboxPrefix,
    );
  }

  get up(): boolean {
    return this.#up && !this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get server(): string {
    return this.#server;
  }

  inbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  error(thrown: unknown, doing: string): SeedcastError {
    return busError(thrown, doing, this.#server);
  }

  /** Resolves with the milliseconds left of `timeout` once the connection is up; SC_UNREACHABLE if it stays down. */
  async ready(timeout: number, doing: string): Promise<number> {
    if (this.up) return timeout;
    const start = this.clock.now();
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void) => {
        cancel();
        this.#upHandlers.delete(onUp);
        this.#closeHandlers.delete(onClose);
        settle();
      };
      const refuse = () =>
        reject(
          new SeedcastError('SC_UNREACHABLE', `could not ${doing}: no connection to ${this.#server}`, {
            hint: 'nothing was sent; is nats-server running?',
          }),
        );
      const onUp = () => finish(resolve);
      const onClose = () => finish(refuse);
      const cancel = this.clock.after(timeout, onClose);
      if (this.#closed) return onClose();
      this.#upHandlers.add(onUp);
      this.#closeHandlers.add(onClose);
    });
    return Math.max(1, timeout - (this.clock.now() - start));
  }

  /** Called after each reconnection; the returned function ends it. */
  onUp(handler: () => void): () => void {
    this.#upHandlers.add(handler);
    return () => this.#upHandlers.delete(handler);
  }

  onClose(handler: () => void): () => void {
    this.#closeHandlers.add(handler);
    return () => this.#closeHandlers.delete(handler);
  }

  onStatus(handler: (status: BusStatus) => void): void {
    this.#statusHandlers.add(handler);
    if (this.up) queueMicrotask(() => handler({ type: 'connected', server: this.#server }));
  }

  tell(status: BusStatus): void {
    for (const handler of this.#statusHandlers) handler(status);
  }

  async #watchStatus(): Promise<void> {
    for await (const status of this.nc.status()) this.#take(status);
  }

  #take(status: Status): void {
    const detail = typeof status.data === 'object' ? JSON.stringify(status.data) : String(status.data);
    switch (status.type as string) {
      case 'disconnect':
        this.#up = false;
        return this.tell({ type: 'disconnected', server: this.#server });
      case 'reconnect':
        this.#up = true;
        this.#server = `nats://${this.nc.getServer()}`;
        this.tell({ type: 'reconnected', server: this.#server });
        for (const handler of [...this.#upHandlers]) handler();
        return;
      case 'error': {
        const context = status.permissionContext;
        if (context === undefined) return this.tell({ type: 'notice', text: `error ${detail}` });
        return this.tell({
          type: 'denied',
          subject: context.subject,
          operation: context.operation === 'publish' ? 'publish' : 'subscribe',
        });
      }
      case 'pingTimer':
      case 'reconnecting':
        return;
      default:
        return this.tell({ type: 'notice', text: `${status.type} ${detail}`.trim() });
    }
  }

  #onClosed(reason: string): void {
    this.#up = false;
    this.#closed = true;
    this.tell({ type: 'closed', reason });
    for (const handler of [...this.#closeHandlers]) handler();
  }
}
