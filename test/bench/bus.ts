// Latency and throughput of the bus adapter on a server of its own: `npm run bench:bus`, with `-- --json` for machines.
// Figures are of this machine, its disk and its load; each line says what was measured.
import { connectNats } from '../../shared/bus/nats/connect.js';
import type { Bus } from '../../shared/bus/port.js';
import { withNats } from '../support/nats.js';

interface Row {
  readonly what: string;
  readonly unit: string;
  readonly p50: number;
  readonly p99: number;
}

const RECORDS = 100_000;
const RECORD_BYTES = 200;

async function latencies(what: string, times: number, act: (i: number) => Promise<unknown>): Promise<Row> {
  for (let i = 0; i < 200; i++) await act(i);
  const took = new Float64Array(times);
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await act(200 + i);
    took[i] = performance.now() - start;
  }
  took.sort();
  return {
    what,
    unit: 'ms',
    p50: took[Math.floor(times * 0.5)] ?? 0,
    p99: took[Math.floor(times * 0.99)] ?? 0,
  };
}

/** Median and worst of five runs. */
async function rate(what: string, unit: string, amount: number, act: () => Promise<void>): Promise<Row> {
  const rates: number[] = [];
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    await act();
    rates.push(amount / ((performance.now() - start) / 1_000));
  }
  rates.sort((a, b) => b - a);
  return { what, unit, p50: rates[2] ?? 0, p99: rates[4] ?? 0 };
}

async function measure(one: Bus, two: Bus): Promise<Row[]> {
  const payload = new Uint8Array(RECORD_BYTES).fill(7);
  two.subscribe('bench.echo', (m) => m.respond?.(m.payload));
  await two.flush();
  for (const name of ['A', 'R', 'F'])
    await one.streams.ensure({ name, subjects: [`bench.${name}.>`], maxAge: 0, maxBytes: -1, replicas: 1 });
  const bucket = await one.keyValue('bench');
  const rows = [
    await latencies(`request answered by another client, ${RECORD_BYTES} B`, 5_000, () =>
      one.request('bench.echo', payload, { timeout: 5_000 }),
    ),
    await latencies(`append with expected sequence, to file, ${RECORD_BYTES} B`, 5_000, (i) =>
      one.streams.append('bench.A.x', payload, { expected: i }),
    ),
    await latencies('last entry of a subject', 2_000, () => one.streams.last('A', 'bench.A.x')),
    await latencies('key put', 2_000, () => bucket.put('key', payload)),
    await latencies('key get', 2_000, () => bucket.get('key')),
  ];
  let arrived: () => void = () => undefined;
  const following = await two.streams.follow('F', 'bench.F.x', () => arrived());
  rows.push(
    await latencies('append until a follower in another client has it', 2_000, async () => {
      const there = new Promise<void>((resolve) => (arrived = resolve));
      await one.streams.append('bench.F.x', payload);
      await there;
    }),
  );
  following.unsubscribe();
  for (let i = 0; i < RECORDS; i += 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, () => one.streams.append('bench.R.x', payload)));
  }
  rows.push(
    await rate(`read of ${RECORDS} records of ${RECORD_BYTES} B`, 'records/s', RECORDS, async () => {
      let count = 0;
      for await (const entry of two.streams.read('R', 'bench.R.x'))
        count += entry.payload.length === RECORD_BYTES ? 1 : 0;
      if (count !== RECORDS) throw new Error(`read ${count} of ${RECORDS} records`);
    }),
  );
  return rows;
}

const cleanup: (() => Promise<void>)[] = [];
const server = await withNats({ after: (work) => cleanup.push(work) });
const [one, two] = [
  await connectNats({ url: server.url, name: 'one' }),
  await connectNats({ url: server.url, name: 'two' }),
];
try {
  const rows = await measure(one, two);
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ server: one.server.version, node: process.version, rows })}\n`);
  else {
    process.stdout.write(
      `nats-server ${one.server.version}, node ${process.version}; rates: median and worst of 5 runs\n`,
    );
    for (const row of rows) {
      const show = (value: number) =>
        row.unit === 'ms' ? value.toFixed(3) : Math.round(value).toLocaleString('en');
      const [first, second] = row.unit === 'ms' ? ['p50', 'p99'] : ['median', 'worst'];
      process.stdout.write(
        `${row.what.padEnd(56)} ${first} ${show(row.p50).padStart(9)}  ${second} ${show(row.p99).padStart(9)} ${row.unit}\n`,
      );
    }
  }
} finally {
  await Promise.all([one.drain(), two.drain()]);
  for (const work of cleanup) await work();
}
