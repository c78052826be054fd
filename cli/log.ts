// The log of long-running processes: pino, to stderr, as JSON lines or as short lines for people.
import { type Logger, pino } from 'pino';
import { Option, type Command } from 'commander';
import { omit } from './omit.js';
import { type Io, LOG_LEVELS, type LogLevel } from './io.js';

export type Log = (message: string, details?: Record<string, unknown>) => void;
export type LogFormat = 'text' | 'json';

export interface LogFlags {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'least level of messages')
    .choices(LOG_LEVELS)
    .default('info')
    .env('SEEDCAST_LOG_LEVEL');
}

export function logOptions(command: Command): Command {
  return command
    .addOption(logLevelOption())
    .addOption(
      new Option('--log-format <format>', 'json for machines').choices(['text', 'json']).default('text'),
    );
}

/** JSON lines go straight to stderr; text goes through the io, so that it respects NO_COLOR and the live line. */
export function createLog(io: Io, { logLevel, logFormat }: LogFlags, base: Record<string, unknown>): Logger {
  const options = { level: logLevel, base, timestamp: pino.stdTimeFunctions.isoTime };
  if (logFormat === 'json') return pino(options, pino.destination({ fd: 2, sync: true }));
  return pino(options, { write: (line: string) => io.message(readable(line), levelOf(line)) });
}

function levelOf(line: string): LogLevel {
  const { level } = JSON.parse(line) as { level: number };
  return level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug';
}

/** `12:00:01 message job=sphere step=3`. */
function readable(line: string): string {
  const fields = JSON.parse(line) as { time: string; msg: string };
  const details = Object.entries(omit(fields, 'time', 'msg', 'level')).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${fields.time.slice(11, 19)} ${fields.msg}${details.join('')}`;
}

/** The core's form of log over a pino logger. */
export function logFunction(logger: Logger): Log {
  return (message, details = {}) => logger.info(details, message);
}
