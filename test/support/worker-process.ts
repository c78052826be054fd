// A worker in a process of its own, for tests that kill it: `node worker-process.js URL ID THREADS OBJECTIVES...`.
import { connectNats } from '../../shared/bus/nats/connect.js';
import { systemClock } from '../../shared/ports.js';
import { names } from '../../shared/wire/subjects.js';
import { WorkerAgent } from '../../worker/agent.js';

const [url = '', worker = '', threads = '1', ...objectivePaths] = process.argv.slice(2);
const all = names();
const bus = await connectNats({ url, streamPrefix: all.streamPrefix, subjectPrefix: all.prefix });
const agent = new WorkerAgent({
  bus,
  names: all,
  clock: systemClock,
  worker,
  version: 'test',
  objectivePaths,
  threads: Number(threads),
  log: (message, details) => console.error(message, JSON.stringify(details ?? {})),
});
process.once('SIGTERM', () => {
  void agent
    .stop()
    .then(() => bus.drain())
    .then(() => process.exit(0));
});
await agent.start();
console.error('worker is up');
