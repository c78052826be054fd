// Runs a nats-server process: waits until it answers, ends it, and sees that it does not outlive this process. A shell
// between the two watches a pipe that this process holds: when it closes, whatever the reason (SIGKILL included), the
// server is told to stop. The server has a process group of its own, so that Ctrl-C at the terminal reaches the command
// alone, which ends its step first.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { SeedcastError } from '../../shared/errors.js';
import { systemClock, type Clock } from '../../shared/ports.js';

export interface LaunchOptions {
  readonly binary: string;
  /** nats-server configuration; `ports_file_dir` is added. */
  readonly config: string;
  /** Where the configuration and the ports file go; made if missing. */
  readonly runDir: string;
  /** Each line that the server logs. */
  readonly log?: (line: string) => void;
  /** Milliseconds until it must answer. A large store is recovered before it listens. Default 60,000. */
  readonly startTimeout?: number;
  readonly clock?: Clock;
}

export interface RunningServer {
  readonly pid: number;
  /** Where clients connect, `nats://host:port`. */
  readonly url: string;
  /** Resolves when the process has ended, with what ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after 5 s; resolves when it has ended. */
  stop(): Promise<void>;
}

/** `$0` is the server, `$1` its configuration; descriptor 3 is the pipe. */
const WATCHER = `exec 3<&0
"$0" -c "$1" </dev/null &
server=$!
echo "$server"
( read -r _ <&3; kill "$server" 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
exec >/dev/null
wait "$server"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"`;

const POLL = 5;
const KILL_AFTER = 5_000;

/** @throws SC_NATS_SERVER with the server's last words when it ends or does not answer. */
export async function launchServer(options: LaunchOptions): Promise<RunningServer> {
  const clock = options.clock ?? systemClock;
  mkdirSync(options.runDir, { recursive: true });
  const configPath = join(options.runDir, 'nats.conf');
  writeFileSync(configPath, `${options.config}\nports_file_dir: ${JSON.stringify(options.runDir)}\n`, {
    mode: 0o600,
  });
  const child = spawn('/bin/sh', ['-c', WATCHER, options.binary, configPath], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const words: string[] = [];
  eachLine(child.stderr, (line) => {
    words.push(line);
    if (words.length > 20) words.shift();
    options.log?.(line);
  });
  // Writing to a shell that has just ended must not bring this process down.
  child.stdin.on('error', () => undefined);
  const state = { ended: false };
  const exited = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      state.ended = true;
      resolve(signal ?? signalOf(code));
    });
  });
  exited.catch(() => undefined);
  const hasEnded = (): boolean => state.ended;
  const pid = await new Promise<number>((resolve, reject) => {
    eachLine(child.stdout, (line) => resolve(Number(line)));
    exited.then(() => reject(new Error('the shell ended')), reject);
  }).catch((cause: unknown) => {
    throw new SeedcastError('SC_NATS_SERVER', `could not run ${options.binary}`, { cause });
  });
  const kill = (signal: NodeJS.Signals) => {
    if (state.ended) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It ended between the check and the signal.
    }
  };
  const stop = async () => {
    kill('SIGTERM');
    const cancel = clock.after(KILL_AFTER, () => kill('SIGKILL'));
    await exited;
    cancel();
  };

  const portsPath = join(options.runDir, `nats-server_${pid}.ports`);
  const deadline = clock.now() + (options.startTimeout ?? 60_000);
  let url: string | undefined;
  while (url === undefined) {
    const found = readPorts(portsPath);
    if (found !== undefined && (await answers(found))) url = found;
    else if (hasEnded() || clock.now() > deadline) {
      const timedOut = !hasEnded();
      await stop();
      throw new SeedcastError(
        'SC_NATS_SERVER',
        `nats-server ${timedOut ? 'does not answer' : 'ended at once'}: ${words.at(-1) ?? 'it said nothing'}`,
        {
          hint: `see what it says: ${options.binary} -c ${configPath}`,
          cause: new Error(words.join('\n')),
        },
      );
    } else await new Promise<void>((resolve) => clock.after(POLL, resolve));
  }
  rmSync(portsPath, { force: true });
  return { pid, url, exited, kill, stop };
}

/** A shell reports a signal as 128 plus its number. */
function signalOf(code: number | null): number | NodeJS.Signals {
  if (code === 137) return 'SIGKILL';
  if (code === 143) return 'SIGTERM';
  return code ?? 1;
}

function readPorts(path: string): string | undefined {
  try {
    const ports = JSON.parse(readFileSync(path, 'utf8')) as { nats?: string[] };
    // A server on all addresses lists each; the command itself goes by loopback.
    return ports.nats?.find((url) => url.includes('//127.0.0.1:')) ?? ports.nats?.[0];
  } catch {
    // Not there yet, or half written.
    return undefined;
  }
}

/** Whether something greets like a NATS server. */
function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url.replace(/^(nats|tls):/, 'http:'));
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    const finish = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('data', (data) => finish(data.toString('latin1').startsWith('INFO')));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
