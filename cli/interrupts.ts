// SIGINT, SIGTERM and SIGHUP of this process. The first asks the running verb to end in good order; the second ends the
// process at once. A verb that does not listen is ended by the first.
import { EXIT } from '../shared/errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interrupts {
  private readonly controller = new AbortController();
  private count = 0;
  private listening = false;

  /** Aborted by the first signal. Reading it takes over the handling of signals. */
  get signal(): AbortSignal {
    this.listen();
    return this.controller.signal;
  }

  /** The same without a signal of the system: a reader that went away, or a caller in this process. */
  interrupt(): void {
    this.count += 1;
    if (this.count > 1) process.exit(EXIT.interrupted);
    this.controller.abort();
  }

  private listen(): void {
    if (this.listening) return;
    this.listening = true;
    for (const name of SIGNALS) process.on(name, () => this.interrupt());
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
