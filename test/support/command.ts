// The `seedcast` command as a user runs it: a process of its own in a folder of its own, with a clean environment.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Lasting, findNatsServer } from './nats.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until it is killed and the test fails. Default 60,000. */
  readonly timeout?: number;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when stdout or stderr holds the text. */
  said(text: string | RegExp, timeout?: number): Promise<void>;
  readonly ended: Promise<Ended>;
}

/** A folder of the test's own. */
export function folder(t: Lasting): string {
  const dir = mkdtempSync(join(tmpdir(), 'seedcast-cli-'));
  t.after(() => Promise.resolve(rmSync(dir, { recursive: true, force: true, maxRetries: 3 })));
  return dir;
}

export async function start(
  t: Lasting,
  args: readonly string[],
  options: CommandOptions,
): Promise<RunningCommand> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(NATS_|SEEDCAST_|NODE_TEST|npm_)/.test(name),
  );
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...Object.fromEntries(inherited), SEEDCAST_NATS_SERVER: await findNatsServer(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  const ended = new Promise<Ended>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 60_000);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    said: (text, timeout = 20_000) =>
      new Promise((resolve, reject) => {
        const found = (): boolean =>
          typeof text === 'string'
            ? `${stdout}\n${stderr}`.includes(text)
            : text.test(`${stdout}\n${stderr}`);
        const finish = (settle: () => void): void => {
          clearTimeout(timer);
          listeners.delete(look);
          settle();
        };
        const look = (): void => {
          if (found()) finish(resolve);
        };
        const fail = (why: string): void =>
          finish(() => reject(new Error(`${why}: ${String(text)} was not said\n${stdout}\n${stderr}`)));
        const timer = setTimeout(() => fail(`after ${timeout} ms`), timeout);
        listeners.add(look);
        void ended.then(() => (found() ? finish(resolve) : fail('it ended')));
        look();
      }),
  };
}

/** Runs it to its end. */
export async function seedcast(t: Lasting, args: readonly string[], options: CommandOptions): Promise<Ended> {
  return (await start(t, args, options)).ended;
}

/** Lines of stdout as JSON. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
