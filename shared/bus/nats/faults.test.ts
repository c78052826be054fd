// What the adapter does when the server dies, stops, comes back, comes back empty, refuses or is full: on a real server.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { nkeys } from 'nats';
import type { Bus, BusStatus, StreamConfig } from '../port.js';
import { connectNats } from './connect.js';
import { compileOptions } from './options.js';

// Tests of shared may use the support that everyone's tests share; the product may not.
import { deadPort, withNats } from '../../../test/support/nats.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const coded =
  (code: string, words = '') =>
  (error: { code?: string; message: string }) => {
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(words), error.message);
    return true;
  };
const STREAM: StreamConfig = { name: 'S', subjects: ['s.>'], maxAge: 0, maxBytes: -1, replicas: 1 };

async function until(condition: () => boolean, what: string, ms = 8_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work;
  } finally {
    const took = performance.now() - start;
    assert.ok(took < ms, `took ${Math.round(took)} ms, not ${ms}`);
  }
}

function statuses(bus: Bus): { all: BusStatus[]; types: () => string[] } {
  const all: BusStatus[] = [];
  bus.onStatus((status) => all.push(status));
  return { all, types: () => all.map((s) => s.type) };
}

describe('a server that fails', () => {
  it('is followed without a gap through kill -9 and a restart on the same store', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url });
    t.after(() => bus.drain());
    const seen = statuses(bus);
    await bus.streams.ensure(STREAM);
    const got: string[] = [];
    await bus.streams.follow('S', 's.a', (e) => got.push(text(e.payload)));
    for (let i = 0; i < 20; i++) await bus.streams.append('s.a', bytes(String(i)));
    await server.kill('SIGKILL');
    await until(() => seen.types().includes('disconnected'), 'the disconnection');
    await within(
      1_000,
      assert.rejects(
        bus.streams.append('s.a', bytes('lost'), { timeout: 300 }),
        coded('SC_UNREACHABLE', server.url),
      ),
    );
    await within(
      1_000,
      assert.rejects(bus.request('s.a', bytes(''), { timeout: 300 }), coded('SC_UNREACHABLE')),
    );
    const patient = bus.streams.append('s.a', bytes('20'), { timeout: 10_000 });
    await server.restart();
    await patient;
    await until(() => seen.types().includes('reconnected'), 'the reconnection');
    for (let i = 21; i < 40; i++) await bus.streams.append('s.a', bytes(String(i)));
    await until(() => got.length >= 40, 'the follower');
    assert.deepEqual(
      got,
      Array.from({ length: 40 }, (_, i) => String(i)),
    );
  });

  it('that hangs gives SC_TIMEOUT, is noticed by pings, and is used again when it wakes', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url, pingInterval: 300 });
    t.after(() => bus.drain());
    const seen = statuses(bus);
    await bus.streams.ensure(STREAM);
    const got: string[] = [];
    await bus.streams.follow('S', 's.a', (e) => got.push(text(e.payload)));
    await server.kill('SIGSTOP');
    await within(
      1_000,
      assert.rejects(bus.streams.append('s.a', bytes('unknown'), { timeout: 200 }), coded('SC_TIMEOUT')),
    );
    await until(() => seen.types().includes('disconnected'), 'the pings to fail', 3_000);
    await server.kill('SIGCONT');
    await until(() => seen.types().includes('reconnected'), 'the reconnection');
    await bus.streams.append('s.a', bytes('after'));
    await until(() => got.at(-1) === 'after', 'the follower');
    // The one with the unknown outcome was stored or not, but once at most.
    assert.ok(got.length === 1 || (got.length === 2 && got[0] === 'unknown'), got.join());
  });

  it('is read to the end although it is killed in the middle', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url });
    t.after(() => bus.drain());
    await bus.streams.ensure(STREAM);
    const content = new Uint8Array(1_000);
    const records = 20_000;
    for (let i = 0; i < records; i += 500)
      await Promise.all(Array.from({ length: 500 }, () => bus.streams.append('s.a', content)));
    const seen = statuses(bus);
    let next = 1;
    let lostAt = 0;
    let bounced: Promise<void> | undefined;
    for await (const entry of bus.streams.read('S', 's.a')) {
      assert.equal(entry.sequence, next);
      next += 1;
      if (next === 2_000) bounced = server.kill('SIGKILL').then(() => server.restart());
      // Leaves the server time to die while this is read.
      if (lostAt === 0 && seen.types().includes('disconnected')) lostAt = next;
      if (next % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await bounced;
    assert.equal(next, records + 1);
    assert.ok(lostAt > 0, 'the connection was not lost while reading');
  });

  it('that comes back empty is told apart: SC_STREAM_LOST, then followed anew', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url });
    t.after(() => bus.drain());
    const seen = statuses(bus);
    await bus.streams.ensure(STREAM);
    const got: [number, string][] = [];
    await bus.streams.follow('S', 's.a', (e) => got.push([e.sequence, text(e.payload)]));
    for (const word of ['one', 'two', 'three']) await bus.streams.append('s.a', bytes(word));
    await until(() => got.length === 3, 'the entries');
    await server.stop();
    server.wipe();
    await server.restart();
    await until(() => seen.types().includes('reconnected'), 'the reconnection');
    await assert.rejects(bus.streams.append('s.a', bytes('x')), coded('SC_STREAM_LOST', 's.a'));
    await assert.rejects(bus.streams.last('S', 's.a'), coded('SC_STREAM_LOST'));
    await bus.streams.ensure(STREAM);
    await bus.streams.append('s.a', bytes('anew'));
    await until(() => got.length === 4, 'the new entry');
    assert.deepEqual(got[3], [1, 'anew']);
    assert.ok(seen.all.some((s) => s.type === 'notice' && s.text.includes('emptied')));
  });

  it('that comes back empty has empty buckets and room for blobs: what was held is refused', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url });
    t.after(() => bus.drain());
    const bucket = await bus.keyValue('bucket');
    const revision = await bucket.put('held', bytes('before'));
    const blob = bytes('a blob');
    const sha256 = createHash('sha256').update(blob).digest('hex');
    await bus.blobs.put(sha256, blob, 'test');
    await server.kill('SIGKILL');
    server.wipe();
    await server.restart();
    assert.equal(await bucket.get('held'), null);
    assert.equal(await bucket.update('held', bytes('stale'), revision), null);
    assert.deepEqual(await bucket.list(), []);
    assert.notEqual(await bucket.create('held', bytes('after')), null);
    assert.equal(await bus.blobs.get(sha256), null);
    await bus.blobs.put(sha256, blob, 'test');
    assert.deepEqual(await bus.blobs.get(sha256), Uint8Array.from(blob));
  });

  it('that is full refuses with SC_STORE_FULL', async (t) => {
    const server = await withNats(t, { jetstream: 'max_file_store: 1MB' });
    const bus = await connectNats({ url: server.url });
    t.after(() => bus.drain());
    await bus.streams.ensure(STREAM);
    const fill = async () => {
      for (let i = 0; i < 200; i++) await bus.streams.append('s.a', new Uint8Array(20_000));
    };
    await assert.rejects(fill(), coded('SC_STORE_FULL'));
  });

  it('without JetStream is named as such', async (t) => {
    const server = await withNats(t, { config: 'jetstream: false' });
    const bus = await connectNats({ url: server.url });
    t.after(() => bus.drain());
    await assert.rejects(bus.streams.append('s.a', bytes('x')), coded('SC_UNREACHABLE', 'JetStream'));
    await assert.rejects(bus.streams.ensure(STREAM), coded('SC_UNREACHABLE'));
    await assert.rejects(bus.keyValue('b'), coded('SC_UNREACHABLE'));
  });

  it('lets a drain end in time even when it is gone', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url });
    const seen = statuses(bus);
    await server.kill('SIGKILL');
    await within(6_000, bus.drain());
    await until(() => seen.types().includes('closed'), 'the end');
    await assert.rejects(bus.request('a', bytes(''), { timeout: 5_000 }), coded('SC_UNREACHABLE'));
  });

  it('gets what was published before a drain', async (t) => {
    const server = await withNats(t);
    const [sender, receiver] = [
      await connectNats({ url: server.url }),
      await connectNats({ url: server.url }),
    ];
    t.after(() => receiver.drain());
    let count = 0;
    receiver.subscribe('d', () => (count += 1));
    await receiver.flush();
    for (let i = 0; i < 5_000; i++) sender.publish('d', new Uint8Array(100));
    await sender.drain();
    await until(() => count === 5_000, 'all of them');
  });
});

describe('connecting', () => {
  it('fails in time with SC_UNREACHABLE naming the URL when nothing listens', async () => {
    const port = await deadPort();
    await within(
      1_500,
      assert.rejects(
        connectNats({ url: `nats://127.0.0.1:${port}`, connectTimeout: 500 }),
        coded('SC_UNREACHABLE', `nats://127.0.0.1:${port}`),
      ),
    );
  });

  it('waits for a server that comes later', async (t) => {
    const server = await withNats(t);
    await server.stop();
    const connecting = connectNats({ url: server.url, connectTimeout: 8_000 });
    await new Promise((resolve) => setTimeout(resolve, 400));
    await server.restart();
    const bus = await connecting;
    assert.match(bus.server.version, /^\d+\.\d+\.\d+/);
    assert.equal(bus.server.url, server.url);
    await bus.drain();
  });

  it('says SC_DENIED at once for a wrong password, a wrong token or none', async (t) => {
    const server = await withNats(t, { config: 'authorization { user: "ann", password: "s3cret" }' });
    await within(
      2_000,
      assert.rejects(
        connectNats({ url: server.url, user: 'ann', password: 'wrong' }),
        coded('SC_DENIED', server.url),
      ),
    );
    await within(2_000, assert.rejects(connectNats({ url: server.url }), coded('SC_DENIED')));
    await within(2_000, assert.rejects(connectNats({ url: server.url, token: 'x' }), coded('SC_DENIED')));
    for (const options of [
      { url: server.url, user: 'ann', password: 's3cret' },
      { url: server.url.replace('//', '//ann:s3cret@') },
    ]) {
      const bus = await connectNats(options);
      await bus.flush();
      assert.ok(!bus.server.url.includes('s3cret'));
      await bus.drain();
    }
  });

  it('logs in with a token and with an nkey from a file', async (t) => {
    const withToken = await withNats(t, { config: 'authorization { token: "t0ken" }' });
    await (await connectNats({ url: withToken.url.replace('//', '//t0ken@') })).drain();
    // The client re-exports these without their types.
    const pair = (nkeys as { createUser(): { getSeed(): Uint8Array; getPublicKey(): string } }).createUser();
    const dir = mkdtempSync(join(tmpdir(), 'seedcast-nkey-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'worker.nk');
    writeFileSync(file, `${text(pair.getSeed())}\n`);
    const withKey = await withNats(t, {
      config: `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`,
    });
    await (await connectNats({ url: withKey.url, nkey: file })).drain();
    await assert.rejects(connectNats({ url: withKey.url }), coded('SC_DENIED'));
    await assert.rejects(
      connectNats({ url: withKey.url, nkey: join(dir, 'absent.nk') }),
      coded('SC_USAGE', 'absent.nk'),
    );
  });

  it('refuses more than one replica on a server that is too old for it', async (t) => {
    const server = await withNats(t);
    const bus = await connectNats({ url: server.url });
    const [major = 0, minor = 0] = bus.server.version.split('.').map(Number);
    await bus.drain();
    if (major > 2 || minor >= 11) return t.skip(`nats-server ${bus.server.version} may have replicas`);
    await assert.rejects(connectNats({ url: server.url, replicas: 3 }), coded('SC_NATS_SERVER', '2.11'));
  });

  it('compiles URLs: several, with and without scheme and port, secrets kept out of messages', () => {
    const shown = (url: string) => compileOptions({ url }).shown;
    assert.equal(shown('localhost'), 'nats://localhost:4222');
    assert.equal(shown('nats://a:1,b, tls://c:80'), 'nats://a:1,nats://b:4222,tls://c:80');
    assert.equal(shown('nats://u:p@[::1]:5'), 'nats://[::1]:5');
    assert.throws(() => shown('http://a'), coded('SC_USAGE', 'http'));
    assert.throws(
      () => shown('nats://u:secret@:::'),
      (error: Error) => coded('SC_USAGE')(error) && !error.message.includes('secret'),
    );
    assert.throws(() => shown(' , '), coded('SC_USAGE'));
  });
});

describe('permissions', () => {
  it('tell a refused publish and subscription by status, a refused request and append by SC_DENIED', async (t) => {
    const server = await withNats(t, {
      config: `authorization { users: [
        { user: "all", password: "a" }
        { user: "few", password: "f", permissions: {
            publish: ["ok.>", "$JS.API.STREAM.MSG.GET.S"]
            subscribe: ["ok.>", "_FEW.>"] } }
      ] }`,
    });
    const all = await connectNats({ url: server.url, user: 'all', password: 'a' });
    const few = await connectNats({ url: server.url, user: 'few', password: 'f', inboxPrefix: '_FEW' });
    t.after(() => Promise.all([all.drain(), few.drain()]).then(() => undefined));
    await all.streams.ensure(STREAM);
    await all.streams.append('s.a', bytes('x'));
    const seen = statuses(few);
    few.publish('no.way', bytes('x'));
    few.subscribe('secret.>', () => assert.fail('received what it may not'));
    await few.flush();
    await until(() => seen.all.filter((s) => s.type === 'denied').length === 2, 'two refusals');
    assert.deepEqual(
      seen.all.filter((s) => s.type === 'denied'),
      [
        { type: 'denied', subject: 'no.way', operation: 'publish' },
        { type: 'denied', subject: 'secret.>', operation: 'subscribe' },
      ],
    );
    all.publish('secret.x', bytes('x'));
    await within(
      2_000,
      assert.rejects(
        few.request('no.service', bytes(''), { timeout: 3_000 }),
        coded('SC_DENIED', 'no.service'),
      ),
    );
    await within(2_000, assert.rejects(few.streams.append('s.a', bytes('x')), coded('SC_DENIED', 's.a')));
    assert.equal((await few.streams.last('S', 's.a'))?.sequence, 1);
    await assert.rejects(few.streams.purge('S', 's.a'), coded('SC_DENIED'));
  });
});
