// The embedded server: it serves one store, keeps what it was given, ends with its command, and says who has a store.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectNats } from '../../shared/bus/nats/connect.js';
import { systemClock } from '../../shared/ports.js';
import { configuration, startServer } from './embedded.js';
import { noteServer, readLock, releaseLock, takeLock } from './lock.js';

const coded =
  (code: string, words = '') =>
  (error: { code?: string; message: string }) => {
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(words), error.message);
    return true;
  };

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'seedcast-store-'));
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A process id that nobody has: of a process that has ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}

describe('the embedded server', () => {
  it('serves a store, keeps it over a restart, and names itself to a second command', async (t) => {
    const storeDir = folder(t);
    const first = await startServer({ storeDir, port: 'free' });
    t.after(() => first.stop());
    assert.match(first.url, /^nats:\/\/127\.0\.0\.1:\d+$/);
    assert.match(first.version, /^\d+\.\d+\.\d+/);
    const bus = await connectNats({ url: first.url });
    await bus.streams.ensure({ name: 'S', subjects: ['s'], maxAge: 0, maxBytes: -1, replicas: 1 });
    await bus.streams.append('s', new TextEncoder().encode('kept'));
    assert.deepEqual(readLock(storeDir), { pid: first.pid, url: first.url, startedBy: process.pid });
    await assert.rejects(
      startServer({ storeDir, port: 'free' }),
      (error: Error) =>
        coded('SC_STORE_BUSY', `in use by process ${process.pid},`)(error) &&
        error.message.includes(first.url),
    );
    await bus.drain();
    await first.stop();
    assert.ok(!alive(first.pid));
    assert.equal(readLock(storeDir), undefined);

    const second = await startServer({ storeDir, port: 'free' });
    const again = await connectNats({ url: second.url });
    assert.equal(new TextDecoder().decode((await again.streams.last('S', 's'))?.payload), 'kept');
    await again.drain();
    await second.stop();
  });

  it('lets one of several that start at once have the store', async (t) => {
    const storeDir = folder(t);
    const attempts = await Promise.allSettled(
      Array.from({ length: 4 }, () => startServer({ storeDir, port: 'free' })),
    );
    const started = attempts.filter((a) => a.status === 'fulfilled');
    for (const attempt of attempts)
      if (attempt.status === 'rejected') coded('SC_STORE_BUSY')(attempt.reason as Error);
    assert.equal(started.length, 1);
    await started[0]?.value.stop();
  });

  it('takes another port when the preferred one is in use', async (t) => {
    const taken = createServer();
    const holds = await new Promise<boolean>((resolve) => {
      taken.once('error', () => resolve(false));
      taken.listen(4222, '127.0.0.1', () => resolve(true));
    });
    t.after(() => {
      if (holds) taken.close();
    });
    const server = await startServer({ storeDir: folder(t) });
    t.after(() => server.stop());
    assert.notEqual(new URL(server.url.replace('nats:', 'http:')).port, '4222');
  });

  it('asks for the token that it was given', async (t) => {
    const server = await startServer({ storeDir: folder(t), port: 'free', token: 'a "quoted" token' });
    t.after(() => server.stop());
    await assert.rejects(connectNats({ url: server.url }), coded('SC_DENIED'));
    await (await connectNats({ url: server.url, token: 'a "quoted" token' })).drain();
    assert.ok(!configuration('/s', '127.0.0.1', 1).includes('authorization'));
  });

  it('says what the server said when it cannot start', async (t) => {
    const storeDir = folder(t);
    writeFileSync(join(storeDir, 'jetstream'), 'a file where the folder should be');
    await assert.rejects(startServer({ storeDir, port: 'free' }), coded('SC_NATS_SERVER', 'JetStream'));
    assert.equal(readLock(storeDir), undefined);
    await assert.rejects(
      startServer({ storeDir: folder(t), port: 'free', binary: '/nowhere/nats-server' }),
      coded('SC_NATS_SERVER'),
    );
  });

  it('ends when its command is killed with SIGKILL, and the next command takes the store over', async (t) => {
    const storeDir = folder(t);
    const module = fileURLToPath(new URL('./embedded.js', import.meta.url));
    const script = `import { startServer } from ${JSON.stringify(module)};
      const server = await startServer({ storeDir: ${JSON.stringify(storeDir)}, port: 'free' });
      console.log(server.pid);
      setInterval(() => undefined, 1000);`;
    const command = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      command.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))),
    );
    assert.ok(alive(pid));
    command.kill('SIGKILL');
    await new Promise((resolve) => command.once('exit', resolve));
    const next = await startServer({ storeDir, port: 'free' });
    assert.ok(!alive(pid));
    await next.stop();
  });
});

describe('the lock of a store', () => {
  it('of a process that is gone, or of nobody, is taken over', async (t) => {
    const storeDir = folder(t);
    noteServer(storeDir, { pid: deadPid(), url: 'nats://127.0.0.1:1', startedBy: deadPid() });
    assert.equal(readLock(storeDir), undefined);
    await takeLock(storeDir);
    assert.equal(readLock(storeDir)?.pid, process.pid);
    releaseLock(storeDir);
    writeFileSync(join(storeDir, 'seedcast.lock'), 'not json');
    await takeLock(storeDir);
    releaseLock(storeDir);
    assert.deepEqual(readdirSync(storeDir), []);
  });

  it(
    'whose number another program has now is taken over where that can be seen',
    { skip: existsSync('/proc/self/cmdline') ? false : 'there is no /proc here' },
    async (t) => {
      const storeDir = folder(t);
      noteServer(storeDir, { pid: process.pid, url: 'nats://127.0.0.1:1', startedBy: process.pid });
      await takeLock(storeDir);
      assert.equal(readLock(storeDir)?.url, '');
      releaseLock(storeDir);
    },
  );

  it('of a live command is respected at once', async (t) => {
    const storeDir = folder(t);
    await takeLock(storeDir);
    const start = systemClock.now();
    await assert.rejects(takeLock(storeDir), coded('SC_STORE_BUSY', String(process.pid)));
    assert.ok(systemClock.now() - start < 1_000);
    releaseLock(storeDir);
  });
});
