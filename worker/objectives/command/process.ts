// One long-lived process that evaluates: started when first needed, in a process group of its own, spoken to by lines, ended
// as a whole group on a hang, a crash or disposal. Knows lines and deadlines, nothing of what they say.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../../shared/ports.js';
import { EvaluationTimeout } from '../failures.js';
import { eachLine } from './streams.js';

const LONGEST_LOGGED = 4_096;
/** From the polite signal to the one that cannot be refused, ms. */
const GRACE = 2_000;
/** How long a process that has not answered yet is waited for when its answer is no longer wanted: starting it is dear, ms. */
const FIRST_PATIENCE = 60_000;

export interface CommandProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
  readonly env: readonly string[];
  /** Milliseconds granted once, from the start to the first answer; null for any time. */
  readonly startTimeout: number | null;
  readonly log: (message: string) => void;
  readonly clock: Clock;
  /** True where the line answers the request that is open; others go to the log. */
  readonly accepts: (line: string) => boolean;
}

interface Open {
  readonly answered: () => void;
  readonly failed: (error: Error) => void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export class CommandProcess {
  readonly #options: CommandProcessOptions;
  #child: Child | null = null;
  #open: Open | null = null;
  #answered = false;
  #lastComplaint = '';
  /** Until the process has answered what is no longer wanted, or was given up. */
  #draining: Promise<void> | null = null;
  #endDraining: (() => void) | null = null;
  /** Milliseconds from the first request, the start included, to its answer, and the shortest of the other answers. */
  #firstTook: number | null = null;
  #shortest: number | null = null;
  readonly #closing = new Set<Promise<void>>();
  readonly #onExit = (): void => signalGroup(this.#child, 'SIGKILL');

  constructor(options: CommandProcessOptions) {
    this.#options = options;
  }

  /**
   * Writes one line (in pieces) and resolves once a line was accepted as its answer. One at a time.
   * Rejects with EvaluationTimeout past `timeout` ms (plus `startTimeout` for a process's first answer), and on a crash with
   * the exit and the last line of stderr; each time the process group is ended and the next `ask` starts another. Rejects on
   * abort too, where the process may still go on, see `idle`, which comes before every `ask`.
   */
  async ask(pieces: Iterable<string>, timeout: number | null, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const begun = this.#options.clock.now();
    const child = this.#child ?? (await this.#start());
    const { clock, startTimeout } = this.#options;
    const first = !this.#answered;
    const limit = !first ? timeout : timeout === null ? startTimeout : timeout + (startTimeout ?? 0);
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        this.#open = null;
        cancel?.();
        signal.removeEventListener('abort', aborted);
      };
      const failed = (error: Error): void => {
        settle();
        this.#abandon(child);
        reject(error);
      };
      const aborted = (): void => {
        settle();
        this.#drain(child, limit === null ? null : begun + limit - clock.now());
        reject(new Error('the evaluation is no longer wanted'));
      };
      const late = (): void => {
        const which = first ? 'no first answer, the start included,' : 'no answer';
        failed(new EvaluationTimeout(`${which} within ${limit} ms; the process was ended`));
      };
      const answered = (): void => {
        settle();
        const took = clock.now() - begun;
        if (first) this.#firstTook = took;
        else this.#shortest = Math.min(this.#shortest ?? took, took);
        this.#answered = true;
        resolve();
      };
      const cancel = limit === null ? undefined : clock.after(limit, late);
      signal.addEventListener('abort', aborted, { once: true });
      this.#open = { answered, failed };
      for (const piece of pieces) child.stdin.write(piece);
    });
  }

  /**
   * Resolves when nothing is open. After an abort the process may be about to answer, and another one may take long to start:
   * it is waited for as long as that start took, which never costs more than twice the better choice. Rejects on abort.
   */
  async idle(signal: AbortSignal): Promise<void> {
    const draining = this.#draining;
    if (draining === null) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      void draining.then(resolve);
    });
    signal.throwIfAborted();
  }

  #drain(child: Child, left: number | null): void {
    if (this.#child !== child) return;
    const { clock } = this.#options;
    const start = Math.max(0, (this.#firstTook ?? 0) - (this.#shortest ?? (this.#firstTook ?? 0) / 2));
    const patience = this.#answered ? start : FIRST_PATIENCE;
    this.#draining = new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#open = null;
        this.#draining = null;
        this.#endDraining = null;
        resolve();
      };
      const giveUp = (): void => {
        end();
        this.#abandon(child);
      };
      const cancel = clock.after(Math.max(0, Math.min(patience, left ?? patience)), giveUp);
      const answered = (): void => {
        this.#answered = true;
        end();
      };
      this.#endDraining = end;
      this.#open = { answered, failed: giveUp };
    });
  }

  /** Closes its input and ends the group; resolves when it is gone. */
  async dispose(): Promise<void> {
    if (this.#child !== null) this.#abandon(this.#child);
    await Promise.all(this.#closing);
  }

  async #start(): Promise<Child> {
    const { command, folder, env, log } = this.#options;
    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd: folder,
      env: environment(env),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause: NodeJS.ErrnoException) => {
        const missing = cause.code === 'ENOENT';
        const why = missing ? `is not found on PATH or from ${folder}` : `does not start: ${cause.message}`;
        reject(new Error(`the command \`${program}\` ${why}`, { cause }));
      });
    });
    this.#child = child;
    this.#answered = false;
    this.#lastComplaint = '';
    child.on('error', (error) => log(`command: ${error.message}`));
    // A process that died with its input unread; its exit says more.
    child.stdin.on('error', () => undefined);
    const onOutput = (line: string): void => {
      if (this.#child === child && this.#open !== null && this.#options.accepts(line)) this.#open.answered();
      else log(line.slice(0, LONGEST_LOGGED));
    };
    const onComplaint = (line: string): void => {
      if (this.#child === child && line.trim() !== '') this.#lastComplaint = line.trim().slice(0, 500);
      log(line.slice(0, LONGEST_LOGGED));
    };
    eachLine(child.stdout, onOutput, () => this.#lost(child, 'wrote a line without an end'));
    eachLine(child.stderr, onComplaint, () => log('command: a line of stderr without an end'));
    process.on('exit', this.#onExit);
    const closed = new Promise<void>((resolve) => {
      child.once('exit', () => signalGroup(child, 'SIGKILL'));
      child.once('close', (code, signal) => {
        this.#lost(child, `ended with ${signal === null ? `exit code ${code}` : `signal ${signal}`}`);
        resolve();
      });
    });
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
    return child;
  }

  /** The process is of no more use: the open request fails, and the next one starts another process. */
  #lost(child: Child, what: string): void {
    if (this.#child !== child) return;
    const complaint = this.#lastComplaint === '' ? '' : `: ${this.#lastComplaint}`;
    if (this.#open === null) this.#abandon(child);
    else this.#open.failed(new Error(`the command ${what}${complaint}`));
  }

  #abandon(child: Child): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#endDraining?.();
    process.removeListener('exit', this.#onExit);
    child.stdin.destroy();
    if (child.exitCode !== null || child.signalCode !== null) return;
    signalGroup(child, 'SIGTERM');
    child.once(
      'close',
      this.#options.clock.after(GRACE, () => signalGroup(child, 'SIGKILL')),
    );
  }
}

function signalGroup(child: Child | null, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

function environment(names: readonly string[]): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { PYTHONUNBUFFERED: '1' };
  for (const name of ['PATH', 'HOME', 'LANG', ...names]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
