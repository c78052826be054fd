// One suite for every implementation of the bus port: what the rest of Seedcast relies on.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { connectNats } from './nats/connect.js';
import { MemoryHub } from './memory.js';
import { matches } from './matching.js';
import type { Bus, StreamConfig, StreamEntry } from './port.js';

// Tests of shared may use the support that everyone's tests share; the product may not.
import { withNats } from '../../test/support/nats.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const rejectsWith = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error: { code?: string }) => error.code === code);
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`waited 5 s for ${what}`);
}

async function collect(entries: AsyncIterable<StreamEntry>): Promise<StreamEntry[]> {
  const all: StreamEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

let counter = 0;
/** Names of its own for each test, on one server. */
function fresh(): { stream: string; root: string; config: StreamConfig } {
  counter += 1;
  const stream = `T${counter}`;
  const root = `t${counter}`;
  return {
    stream,
    root,
    config: { name: stream, subjects: [`${root}.>`], maxAge: 0, maxBytes: -1, replicas: 1 },
  };
}

describe('subject patterns', () => {
  it('match as the NATS documentation says', () => {
    assert.ok(matches('time.*.east', 'time.us.east'));
    assert.ok(!matches('time.*.east', 'time.us.east.atlanta'));
    assert.ok(!matches('time.us.*', 'time.us'));
    assert.ok(matches('time.us.>', 'time.us.east.atlanta'));
    assert.ok(!matches('time.us.>', 'time.us'));
    assert.ok(matches('*.*.east.>', 'time.us.east.atlanta'));
    assert.ok(matches('>', 'a'));
  });
});

type Cleanup = (work: () => Promise<void>) => void;
const implementations: Record<string, (cleanup: Cleanup) => Promise<{ one: Bus; two: Bus }>> = {
  memory: () => {
    const hub = new MemoryHub();
    return Promise.resolve({ one: hub.connect(), two: hub.connect() });
  },
  nats: async (cleanup) => {
    const server = await withNats({ after: cleanup });
    return {
      one: await connectNats({ url: server.url, name: 'one' }),
      two: await connectNats({ url: server.url, name: 'two' }),
    };
  },
};

for (const [name, open] of Object.entries(implementations)) {
  describe(`the bus: ${name}`, () => {
    let one: Bus;
    let two: Bus;
    const work: (() => Promise<void>)[] = [];
    before(async () => {
      ({ one, two } = await open((cleanup) => work.push(cleanup)));
    });
    after(async () => {
      await Promise.all([one.drain(), two.drain()]);
      for (const cleanup of work) await cleanup();
    });

    it('delivers in order, by wildcard, once a queue group, and not in the publishing call', async () => {
      const { root } = fresh();
      const all: string[] = [];
      const star: string[] = [];
      const group: string[] = [];
      two.subscribe(`${root}.>`, (m) => all.push(`${m.subject}=${text(m.payload)}`));
      const stars = two.subscribe(`${root}.*.x`, (m) => star.push(m.subject));
      two.subscribe(`${root}.a.x`, () => group.push('first'), { queue: 'g' });
      two.subscribe(`${root}.a.x`, () => group.push('second'), { queue: 'g' });
      await two.flush();
      for (let i = 0; i < 100; i++) one.publish(`${root}.a.x`, bytes(String(i)));
      one.publish(`${root}.a.y.x`, bytes('end'));
      assert.equal(all.length, 0);
      await until(() => all.length === 101, 'all messages');
      assert.deepEqual(
        all.slice(0, 100),
        Array.from({ length: 100 }, (_, i) => `${root}.a.x=${i}`),
      );
      assert.equal(star.length, 100);
      assert.equal(group.length, 100);
      stars.unsubscribe();
      await two.flush();
      one.publish(`${root}.a.x`, bytes('more'));
      await until(() => all.length === 102, 'the last message');
      assert.equal(star.length, 100);
    });

    it('answers requests, says when nobody serves, and when nobody answers', async () => {
      const { root } = fresh();
      two.subscribe(`${root}.echo`, (m) => m.respond?.(bytes(`${text(m.payload)}!`)));
      two.subscribe(`${root}.silent`, () => undefined);
      await two.flush();
      assert.equal(text(await one.request(`${root}.echo`, bytes('hello'), { timeout: 2_000 })), 'hello!');
      const many = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          one.request(`${root}.echo`, bytes(String(i)), { timeout: 2_000 }),
        ),
      );
      assert.deepEqual(
        many.map(text),
        Array.from({ length: 50 }, (_, i) => `${i}!`),
      );
      await rejectsWith(one.request(`${root}.nobody`, bytes(''), { timeout: 2_000 }), 'SC_NO_COORDINATOR');
      const start = performance.now();
      await rejectsWith(one.request(`${root}.silent`, bytes(''), { timeout: 150 }), 'SC_TIMEOUT');
      assert.ok(performance.now() - start < 1_500);
    });

    it('refuses a message over the payload limit before it is sent', () => {
      assert.throws(() => one.publish('big', new Uint8Array(one.server.maxPayload + 1)), {
        code: 'SC_MESSAGE_INVALID',
      });
    });

    it('tells a new listener that the connection is up', async () => {
      const seen: string[] = [];
      one.onStatus((status) => seen.push(status.type));
      await until(() => seen.length > 0, 'the status');
      assert.deepEqual(seen, ['connected']);
    });

    it('accepts one of two rival appends with the same expected sequence', async () => {
      const { stream, root, config } = fresh();
      await Promise.all([one.streams.ensure(config), two.streams.ensure(config)]);
      assert.equal(await one.streams.last(stream, `${root}.a`), null);
      const first = await one.streams.append(`${root}.a`, bytes('genesis'), { expected: 0 });
      await one.streams.append(`${root}.other`, bytes('between'));
      for (let round = 0, last = first.sequence; round < 20; round++) {
        const rivals = await Promise.allSettled(
          [one, two].map((bus, i) =>
            bus.streams.append(`${root}.a`, bytes(`${round} by ${i}`), { expected: last }),
          ),
        );
        const [won, lost] = [
          rivals.filter((r) => r.status === 'fulfilled'),
          rivals.filter((r) => r.status === 'rejected'),
        ];
        assert.equal(won.length, 1);
        assert.equal((lost[0]?.reason as { code: string }).code, 'SC_SEQUENCE_CONFLICT');
        last = won[0]?.value.sequence ?? 0;
      }
      await rejectsWith(
        one.streams.append(`${root}.a`, bytes('late'), { expected: 0 }),
        'SC_SEQUENCE_CONFLICT',
      );
      await rejectsWith(
        one.streams.append(`${root}.never`, bytes('x'), { expected: 1 }),
        'SC_SEQUENCE_CONFLICT',
      );
      assert.equal((await collect(one.streams.read(stream, `${root}.a`))).length, 21);
    });

    it('reads a subject in order among others, from any sequence, up to what was there', async () => {
      const { stream, root, config } = fresh();
      await one.streams.ensure(config);
      const before = Date.now();
      const sequences: number[] = [];
      for (let i = 0; i < 300; i++) {
        const { sequence } = await one.streams.append(`${root}.${i % 3 === 0 ? 'a' : 'b'}`, bytes(String(i)));
        if (i % 3 === 0) sequences.push(sequence);
      }
      const all = await collect(one.streams.read(stream, `${root}.a`));
      assert.deepEqual(
        all.map((e) => e.sequence),
        sequences,
      );
      assert.deepEqual(
        all.map((e) => text(e.payload)),
        sequences.map((_, k) => String(3 * k)),
      );
      assert.ok(
        all.every(
          (e) => e.subject === `${root}.a` && e.time >= before - 1_000 && e.time <= Date.now() + 1_000,
        ),
      );
      for (const skip of [1, 50, 97, 98, 99]) {
        const from = (sequences[skip] ?? 0) - 1;
        assert.deepEqual(
          (await collect(one.streams.read(stream, `${root}.a`, { from }))).map((e) => e.sequence),
          sequences.slice(skip),
        );
      }
      assert.deepEqual(
        await collect(one.streams.read(stream, `${root}.a`, { from: (sequences.at(-1) ?? 0) + 1 })),
        [],
      );
      assert.deepEqual(await collect(one.streams.read(stream, `${root}.nothing`)), []);
      const wild = await collect(one.streams.read(stream, `${root}.*`));
      assert.deepEqual(
        wild.map((e) => text(e.payload)),
        Array.from({ length: 300 }, (_, i) => String(i)),
      );
      assert.equal(
        (await collect(one.streams.read(stream, `${root}.*`, { from: wild[250]?.sequence ?? 0 }))).length,
        50,
      );

      let during = 0;
      for await (const entry of one.streams.read(stream, `${root}.b`)) {
        if (during < 20) await one.streams.append(`${root}.b`, bytes('later'));
        assert.notEqual(text(entry.payload), 'later');
        during += 1;
      }
      assert.equal(during, 200);
    });

    it('stops reading early without harm', async () => {
      const { stream, root, config } = fresh();
      await one.streams.ensure(config);
      for (let i = 0; i < 50; i++) await one.streams.append(`${root}.a`, bytes(String(i)));
      let seen = 0;
      for await (const entry of one.streams.read(stream, `${root}.a`)) {
        assert.equal(text(entry.payload), String(seen));
        seen += 1;
        if (seen === 10) break;
      }
      assert.equal((await collect(one.streams.read(stream, `${root}.a`))).length, 50);
    });

    it('follows from a sequence or from now', async () => {
      const { stream, root, config } = fresh();
      await one.streams.ensure(config);
      for (let i = 0; i < 10; i++) await one.streams.append(`${root}.a`, bytes(String(i)));
      const fromThree: string[] = [];
      const fromNow: string[] = [];
      const a = await two.streams.follow(stream, `${root}.a`, (e) => fromThree.push(text(e.payload)), {
        from: 4,
      });
      const b = await two.streams.follow(stream, `${root}.>`, (e) => fromNow.push(text(e.payload)));
      for (let i = 10; i < 15; i++) await one.streams.append(`${root}.a`, bytes(String(i)));
      await until(() => fromThree.length === 12 && fromNow.length === 5, 'the followers');
      assert.deepEqual(
        fromThree,
        Array.from({ length: 12 }, (_, i) => String(i + 3)),
      );
      assert.deepEqual(fromNow, ['10', '11', '12', '13', '14']);
      a.unsubscribe();
      await one.streams.append(`${root}.a`, bytes('last'));
      await until(() => fromNow.length === 6, 'the follower that stays');
      assert.equal(fromThree.length, 12);
      b.unsubscribe();
    });

    it('purges a subject and leaves the others; sequences go on', async () => {
      const { stream, root, config } = fresh();
      await one.streams.ensure(config);
      for (const subject of ['a', 'b', 'a', 'b', 'a'])
        await one.streams.append(`${root}.${subject}`, bytes(subject));
      await one.streams.purge(stream, `${root}.a`);
      assert.deepEqual(
        (await collect(one.streams.read(stream, `${root}.>`))).map((e) => e.sequence),
        [2, 4],
      );
      assert.equal(await one.streams.last(stream, `${root}.a`), null);
      assert.deepEqual(await one.streams.append(`${root}.a`, bytes('anew'), { expected: 0 }), {
        sequence: 6,
      });
    });

    it('keeps the last entries of a purged subject where asked, and tells how much room is left', async () => {
      const { stream, root, config } = fresh();
      await one.streams.ensure({ ...config, maxBytes: 20_000 });
      const whole = await one.streams.room(stream);
      for (let i = 0; i < 5; i++) await one.streams.append(`${root}.a`, new Uint8Array(1000).fill(i));
      const after = await one.streams.room(stream);
      assert.ok(
        whole === 20_000 && after !== null && after <= 15_000 && after > 14_000,
        `${after} of ${whole}`,
      );
      await one.streams.purge(stream, `${root}.a`, { keep: 2 });
      assert.deepEqual(
        (await collect(one.streams.read(stream, `${root}.>`))).map((e) => e.sequence),
        [4, 5],
      );
      const unlimited = fresh();
      await one.streams.ensure(unlimited.config);
      assert.equal(await one.streams.room(unlimited.stream), null);
    });

    it('refuses entries when a stream is full, or rolls over where asked', async () => {
      const full = fresh();
      await one.streams.ensure({ ...full.config, maxBytes: 10_000 });
      let refused = 0;
      for (let i = 0; i < 20; i++) {
        await one.streams.append(`${full.root}.a`, new Uint8Array(1_000)).catch((error: unknown) => {
          assert.equal((error as { code: string }).code, 'SC_STORE_FULL');
          refused += 1;
        });
      }
      assert.ok(refused >= 10, `${refused} of 20 refused`);
      assert.equal((await collect(one.streams.read(full.stream, `${full.root}.a`)))[0]?.sequence, 1);

      const rolling = fresh();
      await one.streams.ensure({ ...rolling.config, maxBytes: 10_000, rollOver: true });
      for (let i = 0; i < 20; i++) await one.streams.append(`${rolling.root}.a`, new Uint8Array(1_000));
      const kept = await collect(one.streams.read(rolling.stream, `${rolling.root}.a`));
      assert.equal(kept.at(-1)?.sequence, 20);
      assert.ok(kept.length < 10);
    });

    it('tells of a stream that is not there or not the same', async () => {
      const { stream, root, config } = fresh();
      await rejectsWith(one.streams.append(`${root}.a`, bytes('x')), 'SC_STREAM_LOST');
      await rejectsWith(one.streams.last(stream, `${root}.a`), 'SC_STREAM_LOST');
      await rejectsWith(collect(one.streams.read(stream, `${root}.a`)), 'SC_STREAM_LOST');
      await one.streams.ensure({ ...config, maxAge: 60_000 });
      await one.streams.ensure({ ...config, maxAge: 30_000 });
      await assert.rejects(
        one.streams.ensure(config),
        (error: { code: string; message: string }) =>
          error.code === 'SC_UNREACHABLE' && error.message.includes('drops entries'),
      );
      await rejectsWith(
        one.streams.ensure({ ...config, maxAge: 30_000, subjects: [`${root}.>`, `elsewhere.${root}`] }),
        'SC_UNREACHABLE',
      );
    });

    it('keeps keys: one creates, one updates a revision, others get null', async () => {
      const [a, b] = [await one.keyValue('bucket'), await two.keyValue('bucket')];
      assert.equal(await a.get('lease'), null);
      const created = await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a : b).create('lease', bytes(String(i)))),
      );
      const revision = created.find((r) => r !== null);
      assert.equal(created.filter((r) => r !== null).length, 1);
      assert.ok(typeof revision === 'number');
      const held = await b.get('lease');
      assert.ok(held !== null);
      assert.equal(held.revision, revision);
      assert.equal(text(held.value), String(created.indexOf(revision)));

      const updated = await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a : b).update('lease', bytes('u'), revision)),
      );
      assert.equal(updated.filter((r) => r !== null).length, 1);
      assert.equal(await a.update('lease', bytes('stale'), revision), null);
      assert.equal(await a.update('absent', bytes('x'), 3), null);

      await b.delete('lease');
      assert.equal(await a.get('lease'), null);
      assert.equal(await a.update('lease', bytes('x'), updated.find((r) => r !== null) ?? 0), null);
      assert.notEqual(await a.create('lease', bytes('again')), null);

      await a.put('worker.one', bytes('1'));
      await a.put('worker.one', bytes('2'));
      await a.put('worker.two', bytes('3'));
      await a.delete('worker.two');
      assert.deepEqual(
        (await b.list()).map((e) => [e.key, text(e.value)]),
        [
          ['lease', 'again'],
          ['worker.one', '2'],
        ],
      );
      assert.deepEqual(await (await one.keyValue('empty')).list(), []);
    });

    it('keeps blobs in parts, gives them back whole, verified, or not at all', async () => {
      const content = new Uint8Array((3 << 19) + 12_345).map((_, i) => (i * 2_654_435_761) >>> 13);
      const hash = sha256(content);
      assert.equal(await two.blobs.get(hash), null);
      await Promise.all([one.blobs.put(hash, content, 'job-a'), two.blobs.put(hash, content, 'job-b')]);
      const got = await two.blobs.get(hash);
      assert.ok(got !== null && Buffer.from(got).equals(content));
      const start = performance.now();
      await one.blobs.put(hash, content, 'job-c');
      assert.ok(performance.now() - start < 1_000);
      const parts = await collect(one.streams.read('SEEDCAST_BLOBS', `seedcast.v1.blob.${hash}.>`));
      assert.equal(parts.length, 5);

      const empty = sha256(new Uint8Array(0));
      await one.blobs.put(empty, new Uint8Array(0), 'job-a');
      assert.equal((await two.blobs.get(empty))?.length, 0);

      await one.streams.purge('SEEDCAST_BLOBS', `seedcast.v1.blob.${hash}.2`);
      assert.equal(await two.blobs.get(hash), null);
      await one.streams.append(`seedcast.v1.blob.${hash}.2`, new Uint8Array(1 << 19));
      await rejectsWith(two.blobs.get(hash), 'SC_LEDGER_CORRUPT');
      await one.blobs.delete(hash);
      assert.equal(await two.blobs.get(hash), null);
      await one.blobs.put(hash, content, 'job-a');
      assert.ok(Buffer.from((await two.blobs.get(hash)) ?? []).equals(content));
      await rejectsWith(one.blobs.put(hash, new Uint8Array(3), 'job-a'), 'SC_INTERNAL');
    });
  });
}

describe('the bus in memory', () => {
  it(
    'has no server to restart',
    { skip: 'only a real server can be restarted: see shared/bus/nats/faults.test.ts' },
    () => undefined,
  );

  it('refuses after drain', async () => {
    const bus = new MemoryHub().connect();
    await bus.drain();
    await rejectsWith(bus.request('a', bytes(''), { timeout: 100 }), 'SC_UNREACHABLE');
  });
});
