// A coordinator in a process of its own, for tests that kill it: `node coordinator-process.js URL LEASE_TTL`.
// SEEDCAST_FAILPOINT=name[:count] kills it at the count-th hit of a named point.
import { Coordinator } from '../../coordinator/service.js';
import { connectNats } from '../../shared/bus/nats/connect.js';
import { systemClock, systemEntropy } from '../../shared/ports.js';
import { names } from '../../shared/wire/subjects.js';

const [url = '', leaseTtl = '500'] = process.argv.slice(2);
const all = names();
const bus = await connectNats({ url, streamPrefix: all.streamPrefix, subjectPrefix: all.prefix });
const [wanted = '', count = '1'] = (process.env['SEEDCAST_FAILPOINT'] ?? '').split(':');
let left = Number(count);
const coordinator = new Coordinator({
  bus,
  names: all,
  clock: systemClock,
  holder: `c${process.pid}-${systemEntropy(4)}`,
  leaseTtl: Number(leaseTtl),
  log: (message, details) => console.error(message, JSON.stringify(details ?? {})),
  failpoint: (name) => {
    if (name === wanted && --left <= 0) process.kill(process.pid, 'SIGKILL');
  },
});
process.once('SIGTERM', () => {
  void coordinator
    .stop()
    .then(() => bus.drain())
    .then(() => process.exit(0));
});
await coordinator.start();
console.error('coordinator is up');
