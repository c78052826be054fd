// `seedcast worker`: one worker process. It evaluates for any job of the pool whose objective it has.
import { availableParallelism, hostname } from 'node:os';
import { EXIT, asSeedcastError } from '../../shared/errors.js';
import { checkIdentifier } from '../../shared/wire/subjects.js';
import { WorkerAgent } from '../../worker/agent.js';
import { parseEngineWish } from '../../worker/engines/open.js';
import {
  type ServerFlags,
  connect,
  namesOf,
  serverOptions,
  serverTarget,
  tellDenials,
} from '../connection.js';
import { type Host, type Verb, action, collect, examples } from '../host.js';
import { aborted } from '../interrupts.js';
import { type LogFlags, createLog, logFunction, logOptions } from '../log.js';
import { type FatalLine, SUPERVISED } from '../pool/worker-process.js';
import { byteSize, engineWish, integerFrom } from '../values.js';
import { packageVersion } from '../version.js';

interface Flags extends ServerFlags, LogFlags {
  readonly objectives: readonly string[];
  readonly threads: number;
  readonly engine: string;
  readonly jobs: number;
  readonly memory?: number;
  readonly id?: string;
}

export const worker: Verb = (program, host) => {
  logOptions(serverOptions(program.command('worker')))
    .description('run a worker of a pool')
    .option('--objectives <path>', 'file or folder of objectives (repeatable)', collect, [])
    .option('--threads <n>', 'compute threads', integerFrom(1, 1024), availableParallelism())
    .option(
      '--engine <name>',
      'what networks are evaluated on: auto, reference, native, tensorflow[:BACKEND]',
      engineWish,
      'auto',
    )
    .option('--jobs <n>', 'jobs held at once at most', integerFrom(1, 1024), 4)
    .option('--memory <size>', 'bytes for replicas (default: half of the memory)', byteSize)
    .option('--id <id>', 'name in the pool (default: the host and a suffix)')
    .addHelpText(
      'after',
      examples(
        'seedcast worker --server nats://10.0.0.5:4222 --token SECRET',
        'seedcast worker --objectives ./objectives --threads 4',
      ),
    )
    .action(
      action(host, async (flags: Flags) => {
        const supervised = host.env[SUPERVISED] === '1';
        try {
          return await work(host, flags, supervised);
        } catch (thrown) {
          if (!supervised) throw thrown;
          const { code, message, hint, place, exitCode } = asSeedcastError(thrown);
          const line: FatalLine = {
            fatal: {
              code,
              message,
              ...(hint === undefined ? {} : { hint }),
              ...(place === undefined ? {} : { place }),
            },
          };
          process.stderr.write(`${JSON.stringify(line)}\n`);
          return exitCode;
        }
      }),
    );
};

async function work(host: Host, flags: Flags, supervised: boolean): Promise<number> {
  const signal = supervised ? endOfInput() : host.interrupts.signal;
  const id =
    flags.id === undefined
      ? `${hostname()
          .replace(/[^A-Za-z0-9_-]/g, '-')
          .slice(0, 40)}-${host.entropy(5)}`
      : checkIdentifier(flags.id, '--id');
  const logger = createLog(host.io, flags, { worker: id });
  const bus = await connect(host, flags, serverTarget(flags));
  tellDenials(host, bus);
  bus.onStatus((status) => {
    if (status.type === 'disconnected') logger.warn('the connection is lost; trying again');
    if (status.type === 'reconnected') logger.info('connected again');
  });
  const agent = new WorkerAgent({
    bus,
    names: namesOf(flags),
    clock: host.clock,
    worker: id,
    version: packageVersion(),
    objectivePaths: flags.objectives,
    threads: flags.threads,
    engine: parseEngineWish(flags.engine),
    jobs: flags.jobs,
    log: logFunction(logger),
    ...(flags.memory === undefined ? {} : { memoryBytes: flags.memory }),
  });
  await agent.start();
  if (!supervised)
    logger.info({ server: bus.server.url, threads: flags.threads, engine: agent.engineText }, 'worker is up');
  await aborted(signal);
  if (!supervised) logger.info('finishing what is under way');
  await agent.stop();
  await bus.drain();
  return EXIT.succeeded;
}

/** A supervised worker ends with its standard input: its parent has closed it, or is gone. Signals to the whole group are the parent's: it wants the step finished. */
function endOfInput(): AbortSignal {
  const controller = new AbortController();
  process.stdin.on('end', () => controller.abort()).on('error', () => controller.abort());
  process.stdin.resume();
  for (const name of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(name, () => undefined);
  return controller.signal;
}
