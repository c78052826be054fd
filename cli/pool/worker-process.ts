// A worker as a child process of this one: started with this command's own `worker` verb, restarted when it dies, at a
// bounded rate. The child lives as long as its standard input is open, so none outlives a killed parent. It writes one
// JSON line a message on stderr; what ended it for good is one such line too.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { SeedcastError, isErrorCode, type ErrorPlace } from '../../shared/errors.js';
import type { Clock } from '../../shared/ports.js';
import { omit } from '../omit.js';
import { packageRoot } from '../../worker/objectives/package-root.js';

/** Set for a child: it ends with its standard input, and leaves the signals of the terminal to its parent. */
export const SUPERVISED = 'SEEDCAST_SUPERVISED';

/** Restarts within RESTART_WINDOW milliseconds after which a worker is given up. */
const RESTARTS = 5;
const RESTART_WINDOW = 60_000;
const RESTART_WAIT = 250;
/** Milliseconds that a child may take to end by itself. */
const GRACE = 8_000;

/** A line that a supervised child writes when it cannot go on. */
export interface FatalLine {
  readonly fatal: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly place?: ErrorPlace;
  };
}

export interface WorkerProcessOptions {
  readonly id: string;
  /** Arguments after `worker`. */
  readonly args: readonly string[];
  /** Environment added to this process's own. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly onLog: (line: {
    readonly message: string;
    readonly level: number;
    readonly details: Record<string, unknown>;
  }) => void;
  /** It died and is started again. */
  readonly onRestart: (how: string) => void;
  /** It is not started again. */
  readonly onGivenUp: (error: SeedcastError) => void;
}

export class WorkerProcess {
  private child: ChildProcess | null = null;
  private stopping = false;
  private restarts: number[] = [];
  private fatal: SeedcastError | null = null;
  private cancelRestart = (): void => undefined;
  private ended: Promise<void> = Promise.resolve();

  constructor(private readonly options: WorkerProcessOptions) {
    this.start();
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  private start(): void {
    const main = join(packageRoot(), 'dist', 'cli', 'main.js');
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        main,
        'worker',
        '--id',
        this.options.id,
        '--log-format',
        'json',
        ...this.options.args,
      ],
      {
        env: { ...process.env, ...this.options.env, [SUPERVISED]: '1' },
        stdio: ['pipe', 'ignore', 'pipe'],
      },
    );
    this.child = child;
    // A child that died has no reader for what is written to it; nothing is.
    child.stdin.on('error', () => undefined);
    let rest = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.line(line);
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        if (rest !== '') this.line(rest);
        resolve();
        this.died(signal ?? `exit code ${code ?? 0}`);
      });
      child.once('error', (error) => {
        resolve();
        this.died(error.message);
      });
    });
  }

  private line(line: string): void {
    if (line.trim() === '') return;
    let parsed: Record<string, unknown>;
    try {
      parsed = JSON.parse(line) as Record<string, unknown>;
    } catch {
      return this.options.onLog({ message: line, level: 30, details: {} });
    }
    const fatal = parsed['fatal'] as FatalLine['fatal'] | undefined;
    if (fatal !== undefined) {
      const { code, message, hint, place } = fatal;
      this.fatal = new SeedcastError(isErrorCode(code) ? code : 'SC_INTERNAL', message, {
        ...(hint === undefined ? {} : { hint }),
        ...(place === undefined ? {} : { place }),
      });
      return;
    }
    const { msg, level } = parsed;
    const details = omit(parsed, 'msg', 'level', 'time', 'worker');
    this.options.onLog({
      message: typeof msg === 'string' ? msg : line,
      level: typeof level === 'number' ? level : 30,
      details,
    });
  }

  private died(how: string): void {
    if (this.stopping) return;
    const { clock, id, onGivenUp, onRestart } = this.options;
    // Nothing that starting again would mend: a faulty objective file, a refused login.
    if (this.fatal !== null && this.fatal.exitCode !== 1) return onGivenUp(this.fatal);
    const now = clock.now();
    this.restarts = [...this.restarts.filter((at) => now - at < RESTART_WINDOW), now];
    if (this.restarts.length > RESTARTS) {
      const why = this.fatal === null ? how : this.fatal.message;
      return onGivenUp(
        new SeedcastError(
          'SC_JOB_FAILED',
          `worker ${id} died ${this.restarts.length} times within ${RESTART_WINDOW / 1000} s, last by ${why}`,
        ),
      );
    }
    onRestart(this.fatal === null ? how : `${how}: ${this.fatal.message}`);
    this.fatal = null;
    this.cancelRestart = clock.after(RESTART_WAIT * 2 ** (this.restarts.length - 1), () => {
      if (!this.stopping) this.start();
    });
  }

  /** Ends it: by the end of its input, then SIGKILL. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.cancelRestart();
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.stdin?.end();
    const cancel = this.options.clock.after(GRACE, () => child.kill('SIGKILL'));
    await this.ended;
    cancel();
  }
}
