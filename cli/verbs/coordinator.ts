// `seedcast coordinator`: one coordinator process. Several may run: one leads, the others stand by.
import { hostname } from 'node:os';
import { Coordinator } from '../../coordinator/service.js';
import { EXIT } from '../../shared/errors.js';
import {
  type ServerFlags,
  connect,
  namesOf,
  serverOptions,
  serverTarget,
  tellDenials,
} from '../connection.js';
import { type Verb, action, examples } from '../host.js';
import { aborted } from '../interrupts.js';
import { type LogFlags, createLog, logFunction, logOptions } from '../log.js';
import { byteSize, integerFrom } from '../values.js';

interface Flags extends ServerFlags, LogFlags {
  readonly replicas: number;
  readonly maxBytes?: number;
  readonly leaseTtl: number;
}

/** For tests: the process kills itself at the count-th hit of a named point. `before-commit:3`. */
const FAILPOINT = 'SEEDCAST_FAILPOINT';

export const coordinator: Verb = (program, host) => {
  logOptions(serverOptions(program.command('coordinator')))
    .description('run a coordinator; a second one stands by')
    .option('--replicas <n>', 'copies of each stream (3 needs nats-server 2.11)', integerFrom(1, 5), 1)
    .option('--max-bytes <size>', 'limit of the ledger and evidence streams each', byteSize)
    .option('--lease-ttl <ms>', 'milliseconds until a standby takes over', integerFrom(500, 600_000), 2000)
    .addHelpText(
      'after',
      examples(
        'NATS_URL=nats://10.0.0.5:4222 seedcast coordinator',
        'seedcast coordinator --server nats://10.0.0.5:4222 --log-format json',
      ),
    )
    .action(
      action(host, async (flags: Flags) => {
        const { signal } = host.interrupts;
        const holder = `${hostname()
          .replace(/[^A-Za-z0-9_-]/g, '-')
          .slice(0, 40)}-${process.pid}-${host.entropy(4)}`;
        const logger = createLog(host.io, flags, { coordinator: holder });
        const bus = await connect(host, flags, { ...serverTarget(flags), replicas: flags.replicas });
        tellDenials(host, bus);
        const failpoint = failpointOf(host.env[FAILPOINT]);
        const service = new Coordinator({
          bus,
          names: namesOf(flags),
          clock: host.clock,
          holder,
          replicas: flags.replicas,
          leaseTtl: flags.leaseTtl,
          log: logFunction(logger),
          ...(flags.maxBytes === undefined ? {} : { maxBytes: flags.maxBytes }),
          ...(failpoint === null ? {} : { failpoint }),
        });
        bus.onStatus((status) => {
          if (status.type === 'disconnected')
            logger.warn({ server: status.server }, 'the connection is lost; trying again');
          if (status.type === 'reconnected') logger.info({ server: status.server }, 'connected again');
        });
        await service.start();
        logger.info({ server: bus.server.url }, 'coordinator is up');
        await aborted(signal);
        logger.info('ending');
        await service.stop();
        await bus.drain();
        return EXIT.succeeded;
      }),
    );
};

function failpointOf(text: string | undefined): ((name: string) => void) | null {
  const [, wanted, count = '1'] = /^([a-z-]+)(?::(\d+))?$/.exec(text ?? '') ?? [];
  if (wanted === undefined) return null;
  let left = Number(count);
  return (name) => {
    if (name !== wanted) return;
    left -= 1;
    if (left <= 0) process.kill(process.pid, 'SIGKILL');
  };
}
