// What the command prints: data to stdout, messages and the one live line to stderr. A reader that goes away (EPIPE) ends
// the output quietly. Colours and redrawing only where stderr is a terminal and NO_COLOR is not set.
import { type SeedcastError, formatError } from '../shared/errors.js';
import { invocation, runnable } from './shell.js';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Sink {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const STYLES = { error: '31', warn: '33', info: '', debug: '2' } as const;

export class Io {
  level: LogLevel = 'info';
  /** The reader of stdout has gone. */
  closed = false;
  private called: readonly string[] | null = null;
  private liveText: string | null = null;
  private readonly onClosed: (() => void)[] = [];

  constructor(
    private readonly stdout: Sink,
    private readonly stderr: Sink,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** How this command is called again. */
  get invocation(): readonly string[] {
    return (this.called ??= invocation(this.env));
  }

  /** The text with every `seedcast VERB` as it is called here. */
  runnable(text: string): string {
    return text.includes('seedcast ') ? runnable(text, this.invocation) : text;
  }

  get live(): boolean {
    return this.stderr.isTTY === true && this.env.TERM !== 'dumb';
  }

  get columns(): number {
    return Math.max(20, this.stderr.columns ?? 80);
  }

  get colours(): boolean {
    return this.live && (this.env.NO_COLOR ?? '') === '';
  }

  paint(text: string, style: string): string {
    return this.colours && style !== '' ? `\u001B[${style}m${text}\u001B[0m` : text;
  }

  /** A line of data. */
  data(line: string): void {
    if (this.closed) return;
    this.clearLive();
    this.stdout.write(`${line}\n`);
    this.drawLive();
  }

  /** One JSON object a line. */
  json(value: object): void {
    this.data(JSON.stringify(value));
  }

  bytes(bytes: Uint8Array): void {
    if (!this.closed) this.stdout.write(bytes);
  }

  /** A line to stderr. Commands in it are written `seedcast VERB`. */
  message(line: string, level: LogLevel = 'info'): void {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.level)) return;
    this.clearLive();
    this.stderr.write(`${this.paint(this.runnable(line), STYLES[level])}\n`);
    this.drawLive();
  }

  error(error: SeedcastError): void {
    this.clearLive();
    this.liveText = null;
    this.stderr.write(`${this.paint('error:', STYLES.error)} ${this.runnable(formatError(error))}\n`);
  }

  /** Redraws the live line; null ends it. Nothing where there is no terminal. */
  redraw(text: string | null): void {
    if (!this.live || LOG_LEVELS.indexOf(this.level) < LOG_LEVELS.indexOf('info')) return;
    this.clearLive();
    this.liveText = text;
    this.drawLive();
  }

  private clearLive(): void {
    if (this.liveText !== null) this.stderr.write('\r\u001B[2K');
  }

  private drawLive(): void {
    if (this.liveText !== null) this.stderr.write(this.liveText.slice(0, this.columns - 1));
  }

  /** Called once when the reader of stdout goes. */
  whenClosed(callback: () => void): void {
    if (this.closed) callback();
    else this.onClosed.push(callback);
  }

  readerGone(): void {
    if (this.closed) return;
    this.closed = true;
    for (const callback of this.onClosed) callback();
  }
}

/** The Io of this process. */
export function processIo(): Io {
  const io = new Io(process.stdout, process.stderr, process.env);
  const watch = (stream: NodeJS.WriteStream): void => {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (stream === process.stdout) io.readerGone();
    });
  };
  watch(process.stdout);
  watch(process.stderr);
  return io;
}
