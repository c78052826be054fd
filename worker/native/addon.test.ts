// Loading the addon: levels forced and refused, several worker threads at once, and a process that ends.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { LEVELS, SKIP } from '../../test/support/native.js';
import { nativeStatus, openNative } from './addon.js';

const here = JSON.stringify(new URL('./addon.js', import.meta.url).href);
const node = (script: string, env: Record<string, string> = {}) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, ...env },
  });

test('the fastest level is the default, and SEEDCAST_SIMD forces another', { skip: SKIP }, () => {
  const status = nativeStatus();
  assert.ok(status.available);
  assert.equal(status.levels[0], 'portable');
  const print = `import { openNative } from ${here}; console.log(openNative().simd)`;
  assert.equal(node(print, { SEEDCAST_SIMD: '' }).stdout.trim(), status.levels.at(-1));
  for (const level of status.levels) assert.equal(node(print, { SEEDCAST_SIMD: level }).stdout.trim(), level);
});

test(
  'an unknown level and one that this processor lacks are refused with what to set',
  { skip: SKIP },
  () => {
    const open = `import { openNative } from ${here};
    try { openNative(); } catch (error) { console.log(error.code, error.message, error.hint); }`;
    assert.match(node(open, { SEEDCAST_SIMD: 'mmx' }).stdout, /^SC_USAGE .*'mmx'.*portable/);
    const absent = process.arch === 'arm64' ? 'avx2' : 'neon';
    assert.match(node(open, { SEEDCAST_SIMD: absent }).stdout, /^SC_PLATFORM .*does not run.*portable/);
    assert.throws(() => openNative({ threads: 0 }), /0 threads/);
  },
);

test(
  'worker threads share the pool, may end at any time, and the process ends by itself',
  { skip: SKIP },
  () => {
    const script = `
    import { Worker } from 'node:worker_threads';
    const body = \`
      import('node:worker_threads').then(async ({ parentPort }) => {
        const { openNative } = await import(${here});
        const native = openNative({ threads: 4 });
        const out = new Int8Array(3000000);
        for (let i = 0; i < 5; i++) native.call('fillBinomial', 1, 2, 3, 4, 5, 0, out);
        parentPort.postMessage(out.reduce((sum, x) => sum + x, 0));
      });\`;
    const run = () => new Promise((resolve, reject) => {
      const worker = new Worker(body, { eval: true });
      worker.once('message', resolve).once('error', reject);
    });
    const sums = new Set();
    for (let round = 0; round < 3; round++) {
      for (const sum of await Promise.all([run(), run(), run()])) sums.add(sum);
    }
    console.log(sums.size);`;
    const { status, stdout, stderr } = node(script);
    assert.deepEqual({ status, stdout: stdout.trim(), stderr }, { status: 0, stdout: '1', stderr: '' });
  },
);

test('a call in a plain script does not keep it alive', { skip: SKIP || LEVELS.length === 0 }, () => {
  const script = `import { openNative } from ${here};
    openNative({ threads: 2 }).call('fillBinomial', 1, 2, 3, 4, 5, 0, new Int8Array(1e6)); console.log('done')`;
  assert.equal(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
    'done\n',
  );
});
