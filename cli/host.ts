// What every verb is given: the ports of the process, and how its action becomes an exit code.
import type { Command } from 'commander';
import type { Clock, Entropy } from '../shared/ports.js';
import type { Interrupts } from './interrupts.js';
import type { Io } from './io.js';

export interface Host {
  readonly io: Io;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly interrupts: Interrupts;
  /** Set by the verb that ran. */
  exitCode: number;
}

/** Adds one verb to the program. */
export type Verb = (program: Command, host: Host) => void;

/** Wraps the action of a verb: what it returns is the exit code. */
export function action<A extends unknown[]>(
  host: Host,
  run: (...args: A) => Promise<number>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    host.exitCode = await run(...args);
  };
}

/** Help text under the options. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}

/** Repeatable option. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
