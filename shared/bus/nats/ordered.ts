// Entries of a stream in order, without gaps: a push consumer of the server that lives in memory, watched from here. It
// is made anew from the entry after the last one seen whenever the server restarted, a message was missed or nothing,
// not even a heartbeat, came. Flow control stops the server while `hold` says that too much waits to be read.
import { AckPolicy, DeliverPolicy, ReplayPolicy, nanos, nuid } from 'nats';
import type { ConsumerConfig, Msg, MsgHdrs, Subscription } from 'nats';
import { SeedcastError } from '../../errors.js';
import type { StreamEntry } from '../port.js';
import { API, apiCode } from './failures.js';
import { CALL_TIMEOUT, type Link } from './link.js';

export interface OrderedEntry extends StreamEntry {
  readonly headers: MsgHdrs | undefined;
  /** Entries of the subject that the server still has after this one. */
  readonly pending: number;
}

export interface OrderedHandlers {
  readonly entry: (entry: OrderedEntry) => void;
  /** A heartbeat came and everything before it was received. */
  readonly idle?: () => void;
  /** True while the server is to wait. */
  readonly hold?: () => boolean;
  /** The stream was emptied and made anew: return the sequence to go on from, or throw to end. */
  readonly emptied: () => number;
  /** It cannot go on. Without this, attempts never end. */
  readonly failed?: (error: SeedcastError) => void;
}

const HEARTBEAT = 1_000;
/** Without any word for this long the consumer is taken for gone: two heartbeats and a half. */
const SILENCE = 2_500;
const FIRST_RETRY = 50;
const LAST_RETRY = 1_000;
/** How long an attempt to go on may fail before `failed` is told. */
const GIVE_UP = 10_000;

export class OrderedConsumer {
  readonly #link: Link;
  readonly #stream: string;
  readonly #subject: string;
  readonly #handlers: OrderedHandlers;
  #next: number;
  #created: string | undefined;
  #name = '';
  #subscription: Subscription | undefined;
  #consumerSequence = 0;
  #heard = 0;
  #stopped = false;
  #attaching = false;
  #attachAgain = false;
  #stalledOn: string | undefined;
  #cancelWatch: () => void = () => undefined;
  readonly #endUp: () => void;
  readonly #endClose: () => void;

  /** `from`: the first sequence that is wanted. */
  constructor(link: Link, stream: string, subject: string, from: number, handlers: OrderedHandlers) {
    this.#link = link;
    this.#stream = stream;
    this.#subject = subject;
    this.#next = Math.max(1, from);
    this.#handlers = handlers;
    this.#endUp = link.onUp(() => void this.#attachAnew());
    this.#endClose = link.onClose(() =>
      this.#fail(new SeedcastError('SC_UNREACHABLE', `could not read ${stream}: the connection was closed`)),
    );
  }

  /** Makes the consumer; resolves with the number of entries that wait. `created`: when the stream was made, as its info says. */
  async start(created: string): Promise<number> {
    this.#created = created;
    try {
      const waiting = await this.#attach();
      this.#watch();
      return waiting;
    } catch (thrown) {
      this.stop();
      throw this.#link.error(thrown, `read ${this.#subject} of ${this.#stream}`);
    }
  }

  /** To be called when `hold` has turned false. */
  resume(): void {
    const subject = this.#stalledOn;
    if (subject === undefined || this.#stopped || !this.#link.up) return;
    this.#stalledOn = undefined;
    this.#link.nc.publish(subject);
  }

  /** Entries that the server has not sent yet. */
  async pending(): Promise<number> {
    return (await this.#link.jsm.consumers.info(this.#stream, this.#name)).num_pending;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelWatch();
    this.#endUp();
    this.#endClose();
    this.#drop();
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  #mustAttachAgain(): boolean {
    return this.#attachAgain;
  }

  #fail(error: SeedcastError): void {
    if (this.#stopped) return;
    this.stop();
    this.#handlers.failed?.(error);
  }

  #drop(): void {
    const name = this.#name;
    this.#name = '';
    if (!this.#link.closed) this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    // The server removes it by itself some seconds later; saying so keeps thousands of short reads from piling up.
    if (name !== '' && this.#link.up)
      this.#link.jsm.consumers.delete(this.#stream, name).catch(() => undefined);
  }

  async #attach(): Promise<number> {
    this.#drop();
    const inbox = this.#link.inbox();
    const name = `sc-${nuid.next()}`;
    this.#consumerSequence = 0;
    this.#stalledOn = undefined;
    this.#subscription = this.#link.nc.subscribe(inbox, {
      callback: (error, message) => {
        if (error === null && name === this.#name) this.#receive(message);
      },
    });
    this.#name = name;
    const config: Partial<ConsumerConfig> = {
      name,
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- a pull consumer cannot be given flow control or answer in one trip
      deliver_subject: inbox,
      filter_subject: this.#subject,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
      flow_control: true,
      idle_heartbeat: nanos(HEARTBEAT),
      inactive_threshold: nanos(CALL_TIMEOUT),
      ...(this.#next <= 1
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#next }),
    };
    const info = await this.#link.jsm.consumers.add(this.#stream, config);
    this.#heard += 1;
    return info.num_pending + info.delivered.consumer_seq;
  }

  async #attachAnew(): Promise<void> {
    if (this.#attaching) {
      this.#attachAgain = true;
      return;
    }
    this.#attaching = true;
    const start = this.#link.clock.now();
    let wait = FIRST_RETRY;
    let told = false;
    try {
      while (!this.#isStopped()) {
        try {
          await this.#link.ready(GIVE_UP, `read ${this.#stream}`);
          this.#attachAgain = false;
          const info = await this.#link.jsm.streams.info(this.#stream);
          if (this.#created !== undefined && info.created !== this.#created)
            this.#next = this.#handlers.emptied();
          this.#created = info.created;
          await this.#attach();
          // Another disconnection during the attempt may have taken the new consumer with it.
          if (!this.#mustAttachAgain()) return;
        } catch (thrown) {
          const error = this.#link.error(thrown, `read ${this.#subject} of ${this.#stream}`);
          if (
            this.#handlers.failed !== undefined &&
            (apiCode(thrown) === API.streamNotFound ||
              error === thrown ||
              this.#link.clock.now() - start > GIVE_UP)
          ) {
            return this.#fail(error);
          }
          if (!told && !this.#isStopped()) this.#link.tell({ type: 'notice', text: error.message });
          told = true;
          await new Promise<void>((resolve) => this.#link.clock.after(wait, resolve));
          wait = Math.min(LAST_RETRY, wait * 2);
        }
      }
    } finally {
      this.#attaching = false;
    }
  }

  #watch(): void {
    let heard = this.#heard;
    const look = () => {
      const silent = this.#heard === heard;
      heard = this.#heard;
      if (!silent) return plan(SILENCE, look);
      // After a blocked event loop timers run before sockets: what came meanwhile is given its turn first.
      plan(FIRST_RETRY, () => {
        if (this.#heard === heard && this.#link.up) void this.#attachAnew();
        heard = this.#heard;
        plan(SILENCE, look);
      });
    };
    const plan = (ms: number, then: () => void) => {
      this.#cancelWatch = this.#link.clock.after(ms, () => {
        if (!this.#stopped) then();
      });
    };
    plan(SILENCE, look);
  }

  #receive(message: Msg): void {
    if (this.#stopped) return;
    this.#heard += 1;
    const status = message.headers?.code ?? 0;
    if (status === 100) return this.#control(message);
    const place = parseReply(message.reply ?? '');
    if (place === undefined) return;
    this.#consumerSequence += 1;
    if (place.consumerSequence !== this.#consumerSequence) {
      this.#name = '';
      return void this.#attachAnew();
    }
    if (place.sequence < this.#next) return;
    this.#next = place.sequence + 1;
    this.#handlers.entry({
      subject: message.subject,
      sequence: place.sequence,
      time: place.time,
      pending: place.pending,
      payload: message.data,
      headers: message.headers,
    });
  }

  #control(message: Msg): void {
    if (message.reply !== undefined && message.reply !== '') return this.#answerFlow(message.reply);
    const stalled = message.headers?.get('Nats-Consumer-Stalled') ?? '';
    if (stalled !== '') this.#answerFlow(stalled);
    const last = Number(message.headers?.get('Nats-Last-Consumer') ?? '0');
    if (last > this.#consumerSequence) {
      this.#name = '';
      void this.#attachAnew();
    } else if (stalled === '') this.#handlers.idle?.();
  }

  #answerFlow(subject: string): void {
    if (this.#handlers.hold?.() === true) this.#stalledOn = subject;
    else if (this.#link.up) this.#link.nc.publish(subject);
  }
}

interface Place {
  readonly sequence: number;
  readonly consumerSequence: number;
  readonly time: number;
  readonly pending: number;
}

/** `$JS.ACK.[domain.account.]stream.consumer.delivered.sequence.consumer-sequence.time.pending[.token]`, time in nanoseconds. */
function parseReply(reply: string): Place | undefined {
  const tokens = reply.split('.');
  const shift = tokens.length >= 11 ? 2 : 0;
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return undefined;
  return {
    sequence: Number(tokens[5 + shift]),
    consumerSequence: Number(tokens[6 + shift]),
    time: Math.round(Number(tokens[7 + shift]) / 1e6),
    pending: Number(tokens[8 + shift]),
  };
}
