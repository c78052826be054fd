// The `seedcast` command line: every verb, and how what goes wrong in one becomes a message and an exit code.
import { Command, CommanderError } from 'commander';
import { EXIT, SeedcastError, asSeedcastError } from '../shared/errors.js';
import type { Host, Verb } from './host.js';
import type { LogLevel } from './io.js';
import { logLevelOption } from './log.js';
import { cancel } from './verbs/cancel.js';
import { coordinator } from './verbs/coordinator.js';
import { deleteVerb } from './verbs/delete.js';
import { describe } from './verbs/describe.js';
import { doctor } from './verbs/doctor.js';
import { evalVerb } from './verbs/eval.js';
import { events } from './verbs/events.js';
import { extend } from './verbs/extend.js';
import { generate } from './verbs/generate.js';
import { history } from './verbs/history.js';
import { init } from './verbs/init.js';
import { list } from './verbs/list.js';
import { pause } from './verbs/pause.js';
import { pull } from './verbs/pull.js';
import { replay } from './verbs/replay.js';
import { resume } from './verbs/resume.js';
import { run } from './verbs/run.js';
import { schema } from './verbs/schema.js';
import { stop } from './verbs/stop.js';
import { submit } from './verbs/submit.js';
import { up } from './verbs/up.js';
import { validate } from './verbs/validate.js';
import { watch } from './verbs/watch.js';
import { worker } from './verbs/worker.js';
import { workers } from './verbs/workers.js';
import { packageVersion } from './version.js';

const VERBS: readonly Verb[] = [
  run,
  up,
  coordinator,
  worker,
  submit,
  list,
  describe,
  watch,
  events,
  pause,
  resume,
  stop,
  cancel,
  deleteVerb,
  extend,
  pull,
  replay,
  history,
  evalVerb,
  generate,
  workers,
  schema,
  validate,
  init,
  doctor,
];

export function createProgram(host: Host): Command {
  const program = new Command('seedcast')
    .description('Gradient-free optimisation over a pool of workers: seeds go out, scalars come back.')
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.io.data(host.io.runnable(text.trimEnd())),
      // Errors are thrown and printed once, below.
      writeErr: () => undefined,
      outputError: () => undefined,
    })
    .showSuggestionAfterError(true)
    .addHelpText(
      'after',
      '\nA first job:\n  seedcast init antenna && cd antenna && seedcast run job.yaml --objectives objective.ts\n',
    );
  for (const verb of VERBS) verb(program, host);
  for (const command of program.commands) {
    if (!command.options.some(({ long }) => long === '--log-level')) command.addOption(logLevelOption());
  }
  program.hook('preAction', (_, command) => {
    const { logLevel } = command.opts<{ readonly logLevel?: LogLevel }>();
    if (logLevel !== undefined) host.io.level = logLevel;
  });
  return program;
}

/** Runs the command line and returns the exit code. Nothing is thrown. */
export async function runProgram(argv: readonly string[], host: Host): Promise<number> {
  const program = createProgram(host);
  try {
    if (argv.length === 0) {
      host.io.data(host.io.runnable(program.helpInformation().trimEnd()));
      return EXIT.invalid;
    }
    await program.parseAsync(argv, { from: 'user' });
    return host.exitCode;
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : asSeedcastError(thrown);
    if (error === null) return EXIT.succeeded;
    host.io.error(error);
    if (error.code === 'SC_INTERNAL' && host.io.level === 'debug' && error.cause instanceof Error)
      host.io.message(error.cause.stack ?? '', 'debug');
    return error.exitCode;
  }
}

/** Commander's words as ours; null for help and version, which are no failures. */
function usageError({ code, message, exitCode }: CommanderError): SeedcastError | null {
  if (exitCode === 0) return null;
  const [, text = message, guess] =
    /^(?:error: )?([\s\S]*?)(?:\n\((Did you mean [^)]*)\))?\s*$/.exec(message) ?? [];
  const hint = guess === undefined ? 'seedcast help shows what there is' : guess.replace(/^D/, 'd');
  return new SeedcastError('SC_USAGE', code === 'commander.help' ? 'a verb is missing' : text, { hint });
}
