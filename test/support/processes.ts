// Coordinators and workers as processes of the CLI, for tests that kill, stop and wake them. Each ends with its test.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Lasting } from './nats.js';

const PROBE = new URL('memory-probe.js', import.meta.url).href;
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
  /** Bytes after a collection of garbage; only where the process was started with `probe`. */
  memory(): Promise<{ readonly resident: number; readonly held: number }>;
}

export interface CoordinatorProcessOptions {
  /** `name` or `name:count`. */
  readonly failpoint?: string;
  /** Milliseconds. */
  readonly leaseTtl?: number;
  readonly probe?: boolean;
}

export interface WorkerProcessOptions {
  readonly threads?: number;
  readonly objectives?: readonly string[];
  readonly probe?: boolean;
}

/** Resolves once it is up; it leads when no other does. */
export async function coordinatorProcess(
  t: Lasting,
  url: string,
  { failpoint, leaseTtl = 500, probe = false }: CoordinatorProcessOptions = {},
): Promise<TestProcess> {
  const started = start(
    t,
    ['coordinator', '--server', url, '--lease-ttl', String(leaseTtl)],
    {
      SEEDCAST_FAILPOINT: failpoint ?? '',
    },
    probe,
  );
  await started.said('coordinator is up');
  return started;
}

export async function workerProcess(
  t: Lasting,
  url: string,
  id: string,
  { threads = 1, objectives = [], probe = false }: WorkerProcessOptions = {},
): Promise<TestProcess> {
  const started = start(
    t,
    [
      'worker',
      ...['--server', url, '--id', id, '--threads', String(threads)],
      ...objectives.flatMap((path) => ['--objectives', path]),
    ],
    {},
    probe,
  );
  await started.said('worker is up');
  return started;
}

/** Any verb of the CLI. */
export function cliProcess(t: Lasting, args: readonly string[]): TestProcess {
  return start(t, args, {}, false);
}

function start(t: Lasting, args: readonly string[], env: NodeJS.ProcessEnv, probe: boolean): TestProcess {
  const flags = probe ? ['--expose-gc', '--max-semi-space-size=2', '--import', PROBE] : [];
  const child = spawn(process.execPath, [...flags, MAIN, ...args], {
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
    memory: async () => {
      const from = log.length;
      const found = (): RegExpExecArray | null => /^memory (\{.*\})$/m.exec(log.slice(from));
      child.kill('SIGUSR2');
      await until('was to tell its memory', 10_000, () => found() !== null);
      const { rss, heapUsed, external } = JSON.parse(found()?.[1] ?? '') as NodeJS.MemoryUsage;
      return { resident: rss, held: heapUsed + external };
    },
  };
  return self;
}
