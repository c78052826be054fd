// `seedcast up`: a pool on this machine that stays until Ctrl-C. Other verbs find it by its state file in the store.
import { hostname, networkInterfaces } from 'node:os';
import { EXIT } from '../../shared/errors.js';
import { DEFAULT_STORE, poolOption } from '../connection.js';
import { type Host, type Verb, action, collect, examples } from '../host.js';
import { aborted } from '../interrupts.js';
import { LocalPool } from '../pool/local-pool.js';
import { removePoolState, writePoolState } from '../pool/state-file.js';
import { elsewhere } from '../shell.js';
import { engineWish, integerFrom } from '../values.js';

interface Flags {
  readonly objectives: readonly string[];
  readonly workers: number;
  readonly threads?: number;
  readonly engine?: string;
  readonly store: string;
  readonly listen?: string;
  readonly pool?: string;
}

export const up: Verb = (program, host) => {
  program
    .command('up')
    .description('start a local pool that stays: server, coordinator, workers')
    .option('--workers <n>', 'worker processes', integerFrom(0, 256), 1)
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
    .option('--objectives <path>', 'file or folder of objectives (repeatable)', collect, [])
    .option('--store <dir>', 'where ledgers and state are kept', DEFAULT_STORE)
    .option('--listen <address>', 'accept workers of other machines on this address, by a token')
    .addOption(poolOption())
    .addHelpText(
      'after',
      examples(
        'seedcast up --workers 2',
        'seedcast up --listen 0.0.0.0',
        'seedcast submit job.yaml   # in another terminal',
      ),
    )
    .action(action(host, (flags: Flags) => keepUp(host, flags)));
};

async function keepUp(host: Host, flags: Flags): Promise<number> {
  const { io, interrupts } = host;
  const { signal } = interrupts;
  const local = await LocalPool.start(host, {
    storeDir: flags.store,
    workers: flags.workers,
    objectives: flags.objectives,
    port: 'preferred',
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.engine === undefined ? {} : { engine: flags.engine }),
    ...(flags.listen === undefined ? {} : { listen: flags.listen, guarded: true }),
    ...(flags.pool === undefined ? {} : { pool: flags.pool }),
  });
  try {
    if (flags.workers > 0) {
      const joined = await Promise.race([local.joined(), aborted(signal).then(() => null)]);
      if (joined === null) return EXIT.interrupted;
    }
    writePoolState(flags.store, { url: local.server.url, token: local.token, pid: process.pid });
    const at = flags.store === DEFAULT_STORE ? '' : ` --store ${flags.store}`;
    io.message(
      `pool at ${local.server.url}, ${flags.workers} worker${flags.workers === 1 ? '' : 's'}, store ${flags.store}`,
    );
    io.message(`submit with: seedcast submit JOB.yaml${at}`);
    if (local.token !== null && flags.listen !== undefined) {
      const { port } = new URL(local.server.url.replace(/^nats:/, 'http:'));
      const objectives = flags.objectives.length === 0 ? '' : ' --objectives PATH';
      const pool = flags.pool === undefined ? '' : ` --pool ${flags.pool}`;
      io.data(
        `${elsewhere(io.invocation).join(' ')} worker --server nats://${reachable(flags.listen)}:${port} --token ${local.token}${pool}${objectives}`,
      );
    }
    io.message('Ctrl-C ends it; jobs go on when it is up again');
    await Promise.race([aborted(signal), local.failed()]);
    io.message('ending the pool');
    return EXIT.succeeded;
  } finally {
    removePoolState(flags.store);
    await local.close();
  }
}

/** An address that another machine can use. */
function reachable(listen: string): string {
  if (listen !== '0.0.0.0' && listen !== '::') return listen.includes(':') ? `[${listen}]` : listen;
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address !== undefined && !address.internal && address.family === 'IPv4');
  return outside?.address ?? hostname();
}
