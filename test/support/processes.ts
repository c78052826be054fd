// Coordinators and workers as processes of the CLI, for tests that kill, stop and wake them. Each ends with its test.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Lasting } from './nats.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export interface TestProcess {
  readonly pid: number;
  /** Everything it has said on stderr. */
  readonly log: () => string;
  /** Resolves when it has said `text`, or fails after `timeout` milliseconds (default 10,000). */
  said(text: string | RegExp, timeout?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Resolves with how it ended, or fails after `timeout` milliseconds (default 10,000). */
  ended(timeout?: number): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end; fails when the exit code is not 0. */
  terminate(): Promise<void>;
  /** Resident memory, bytes. */
  memory(): number;
}

export interface CoordinatorProcessOptions {
  /** `name` or `name:count`. */
  readonly failpoint?: string;
  /** Milliseconds. */
  readonly leaseTtl?: number;
}

export interface WorkerProcessOptions {
  readonly threads?: number;
  readonly objectives?: readonly string[];
}

/** Resolves once it is up; it leads when no other does. */
export async function coordinatorProcess(
  t: Lasting,
  url: string,
  { failpoint, leaseTtl = 500 }: CoordinatorProcessOptions = {},
): Promise<TestProcess> {
  const started = start(t, ['coordinator', '--server', url, '--lease-ttl', String(leaseTtl)], {
    SEEDCAST_FAILPOINT: failpoint ?? '',
  });
  await started.said('coordinator is up');
  return started;
}

export async function workerProcess(
  t: Lasting,
  url: string,
  id: string,
  { threads = 1, objectives = [] }: WorkerProcessOptions = {},
): Promise<TestProcess> {
  const started = start(
    t,
    [
      'worker',
      ...['--server', url, '--id', id, '--threads', String(threads)],
      ...objectives.flatMap((path) => ['--objectives', path]),
    ],
    {},
  );
  await started.said('worker is up');
  return started;
}

function start(t: Lasting, args: readonly string[], env: NodeJS.ProcessEnv): TestProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const process_ = overChild(child);
  t.after(() => process_.kill());
  return process_;
}

function overChild(child: ChildProcess): TestProcess {
  let log = '';
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    if (process.env['DEBUG'] !== undefined) process.stderr.write(`[${child.pid ?? 0}] ${text}`);
    wake();
  });
  child.on('exit', wake);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const until = (what: string, timeout: number, holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) settle(resolve);
        else if (hasEnded())
          settle(() => reject(new Error(`process ${what}: it has ended.\n${log.slice(-4000)}`)));
      };
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        then();
      };
      const timer = setTimeout(
        () => settle(() => reject(new Error(`process ${what}: not in ${timeout} ms.\n${log.slice(-4000)}`))),
        timeout,
      );
      waiting.add(look);
      look();
    });
  const self: TestProcess = {
    get pid() {
      return child.pid ?? 0;
    },
    log: () => log,
    said: (text, timeout = 10_000) =>
      until(`was to say ${String(text)}`, timeout, () =>
        typeof text === 'string' ? log.includes(text) : text.test(log),
      ),
    signal: (name) => void child.kill(name),
    ended: async (timeout = 10_000) => {
      await until('was to end', timeout, hasEnded);
      return { code: child.exitCode, signal: child.signalCode };
    },
    kill: async () => {
      if (hasEnded()) return;
      child.kill('SIGKILL');
      await self.ended();
    },
    terminate: async () => {
      child.kill('SIGTERM');
      const { code, signal } = await self.ended();
      if (code !== 0) throw new Error(`it ended with ${code ?? signal ?? ''}, not 0.\n${log.slice(-4000)}`);
    },
    memory: () => {
      const status = readFileSync(`/proc/${self.pid}/status`, 'utf8');
      return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN);
    },
  };
  return self;
}
