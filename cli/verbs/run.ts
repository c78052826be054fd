// `seedcast run`: one job with everything it needs (server, coordinator, workers), from start to end. What is committed
// stays in the store, so the same command with --id goes on after Ctrl-C or a crash.
import { EXIT } from '../../shared/errors.js';
import { DEFAULT_STORE, poolOption, targetFlags } from '../connection.js';
import { type Host, type Verb, action, collect, examples } from '../host.js';
import { type JobSource, checkObjective, jobId, readJobFile, submitJob } from '../jobs/submission.js';
import { exitCodeOf, printResult, resultOf } from '../jobs/outcome.js';
import { tellOthers } from '../jobs/others.js';
import { readJob } from '../jobs/reading.js';
import { followHere } from '../jobs/run-here.js';
import { LocalPool } from '../pool/local-pool.js';
import { aborted } from '../interrupts.js';
import { commandLine } from '../shell.js';
import { duration, engineWish, integerFrom } from '../values.js';

interface Flags {
  readonly objectives: readonly string[];
  readonly workers: number;
  readonly threads?: number;
  readonly engine?: string;
  readonly store: string;
  readonly set: readonly string[];
  readonly id?: string;
  readonly json?: boolean;
  readonly timeout?: number;
  readonly pool?: string;
}

export const run: Verb = (program, host) => {
  program
    .command('run <job.yaml>')
    .description('run one job with its own server, coordinator and workers')
    .option('--objectives <path>', 'file or folder of objectives (repeatable)', collect, [])
    .option('--workers <n>', 'worker processes', integerFrom(1, 256), 1)
    .option(
      '--threads <n>',
      'compute threads a worker (default: the processors shared out)',
      integerFrom(1, 1024),
    )
    .option(
      '--engine <name>',
      'what networks are evaluated on: auto, reference, native, tensorflow[:BACKEND]',
      engineWish,
    )
    .option('--store <dir>', 'where ledger and state are kept', DEFAULT_STORE)
    .option('--set <path=value>', 'replace a part of the job (repeatable)', collect, [])
    .option('--id <id>', 'id of the job; that of an unfinished one goes on with it')
    .option('--json', 'one JSON object a line; the last is the result')
    .option('--timeout <duration>', 'stop here after this time; exit 5', duration)
    .addOption(poolOption())
    .addHelpText(
      'after',
      examples(
        'seedcast run examples/rastrigin.yaml',
        'seedcast run job.yaml --objectives ./antenna.mjs --workers 2',
        'seedcast run job.yaml --set spec.stop.steps=500 --json',
      ),
    )
    .action(
      action(host, (file: string, flags: Flags) => runJob(host, readJobFile(file, flags.set), file, flags)),
    );
};

async function runJob(host: Host, source: JobSource, file: string, flags: Flags): Promise<number> {
  const job = jobId(source.parsed.name, flags.id, host.entropy);
  const { signal } = host.interrupts;
  host.io.whenClosed(() => host.io.message('the reader of the output has gone; the job goes on', 'debug'));
  const local = await LocalPool.start(host, {
    storeDir: flags.store,
    workers: flags.workers,
    objectives: flags.objectives,
    port: 'free',
    takeUp: [job],
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.engine === undefined ? {} : { engine: flags.engine }),
    ...(flags.pool === undefined ? {} : { pool: flags.pool }),
  });
  try {
    const joined = await Promise.race([local.joined(), aborted(signal).then(() => null)]);
    if (joined === null) {
      host.io.message(`interrupted before a worker had joined; begin again with: ${goOn(file, job, flags)}`);
      return EXIT.interrupted;
    }
    checkObjective(source, joined);
    const submitted = await Promise.race([submitJob(host, local.pool, source, job, joined), local.failed()]);
    host.io.message(
      `job ${job} (${source.parsed.spec.method.name} on ${source.parsed.spec.objective.name}), ${flags.workers} worker${flags.workers === 1 ? '' : 's'}, store ${flags.store}`,
    );
    await tellOthers(host, local.pool, job, flags);
    const record = await readJob(local.pool, submitted.job);
    const known = record === null ? null : resultOf(record);
    if (known !== null) {
      host.io.message(
        `job ${job} has ended already; more: ${commandLine(['seedcast', 'extend', job, '--steps', '+N'], targetFlags(flags, host.env))}`,
      );
      printResult(host.io, known, flags.json === true);
      return exitCodeOf(known.status);
    }
    return await followHere(host, local, job, {
      json: flags.json === true,
      again: goOn(file, job, flags),
      ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
    });
  } finally {
    await local.close();
  }
}

/** The command that goes on with the job. */
function goOn(file: string, job: string, flags: Flags): string {
  const options = [
    '--id',
    job,
    ...(flags.workers === 1 ? [] : ['--workers', String(flags.workers)]),
    ...(flags.threads === undefined ? [] : ['--threads', String(flags.threads)]),
    ...(flags.engine === undefined ? [] : ['--engine', flags.engine]),
    ...(flags.store === DEFAULT_STORE ? [] : ['--store', flags.store]),
    ...(flags.pool === undefined ? [] : ['--pool', flags.pool]),
    ...flags.objectives.flatMap((path) => ['--objectives', path]),
    ...flags.set.flatMap((override) => ['--set', override]),
    ...(flags.json === true ? ['--json'] : []),
  ];
  return commandLine(['seedcast', 'run', file], options);
}
