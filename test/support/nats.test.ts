// The fixture itself: each way of finding a server that can be tried here.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import { connectNats } from '../../shared/bus/nats/connect.js';
import { anyNats, withNats } from './nats.js';

function setting(t: TestContext, name: string, value: string | undefined): void {
  const before = process.env[name];
  const set = (to: string | undefined) => {
    if (to === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = to;
  };
  set(value);
  t.after(() => set(before));
}

it('any server is the one that is named, else one of the test', async (t) => {
  setting(t, 'NATS_URL', undefined);
  setting(t, 'SEEDCAST_TEST_NATS_URL', 'nats://named:1');
  assert.equal(await anyNats(t), 'nats://named:1');
  setting(t, 'SEEDCAST_TEST_NATS_URL', undefined);
  await (await connectNats({ url: await anyNats(t) })).drain();
});

it('a server of the test keeps its port and store over restarts, and goes with the test', async () => {
  const work: (() => Promise<void>)[] = [];
  const server = await withNats({ after: (cleanup) => work.push(cleanup) });
  const { pid, url } = server;
  await server.restart();
  assert.notEqual(server.pid, pid);
  await (await connectNats({ url })).drain();
  assert.throws(() => server.wipe(), /stop/);
  await server.kill('SIGKILL');
  assert.throws(() => server.pid, /stopped/);
  await server.restart();
  const last = server.pid;
  for (const cleanup of work) await cleanup();
  assert.throws(() => process.kill(last, 0), { code: 'ESRCH' });
  assert.ok(!existsSync(server.storeDir));
});
