// Where nats-server is found, and how it is fetched: from this system's package archive for real where it has one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fetchServer, RELEASE } from './fetch.js';
import { cacheFolder, installHint, isExecutable, locateServer, refuseWindows } from './locate.js';

const coded =
  (code: string, words = '') =>
  (error: { code?: string; message: string; hint?: string }) => {
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(words), error.message);
    return true;
  };

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'seedcast-locate-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function program(dir: string): string {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'nats-server');
  writeFileSync(path, '#!/bin/sh\necho "nats-server: v0.0.0"\n');
  chmodSync(path, 0o755);
  return path;
}

const has = (command: string) => ['/usr/bin', '/bin'].some((dir) => isExecutable(join(dir, command)));
const noApt = has('apt-get') && has('dpkg-deb') ? false : 'this system has no apt-get and dpkg-deb';
const elsewhere = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'].some((dir) =>
  isExecutable(join(dir, 'nats-server')),
);
const installed = elsewhere ? 'nats-server is installed on this system' : false;

describe('locating nats-server', () => {
  it('prefers the one the user names, and says when it is none', async (t) => {
    const dir = folder(t);
    const named = program(join(dir, 'a'));
    const path = join(dir, 'b');
    program(path);
    assert.deepEqual(await locateServer({ env: { SEEDCAST_NATS_SERVER: named, PATH: path } }), {
      path: named,
      origin: 'SEEDCAST_NATS_SERVER',
    });
    await assert.rejects(
      locateServer({ env: { SEEDCAST_NATS_SERVER: join(dir, 'none'), PATH: path } }),
      coded('SC_NATS_SERVER', join(dir, 'none')),
    );
    await assert.rejects(
      locateServer({ env: { SEEDCAST_NATS_SERVER: dir, PATH: path } }),
      coded('SC_NATS_SERVER'),
    );
  });

  it('takes the first on PATH that can be run', async (t) => {
    const dir = folder(t);
    mkdirSync(join(dir, 'a'));
    writeFileSync(join(dir, 'a', 'nats-server'), 'not executable');
    const second = program(join(dir, 'b'));
    assert.deepEqual(await locateServer({ env: { PATH: `${join(dir, 'a')}::${join(dir, 'b')}` } }), {
      path: second,
      origin: 'PATH',
    });
  });

  it('takes the newest in the cache, which follows XDG', { skip: installed }, async (t) => {
    const dir = folder(t);
    assert.equal(cacheFolder({ XDG_CACHE_HOME: dir }), join(dir, 'seedcast', 'nats-server'));
    assert.equal(cacheFolder({}), join(homedir(), '.cache', 'seedcast', 'nats-server'));
    assert.equal(cacheFolder({ XDG_CACHE_HOME: 'relative' }), cacheFolder({}));
    const env = { XDG_CACHE_HOME: dir, PATH: '' };
    await assert.rejects(
      locateServer({ env, fetch: false }),
      (error: { hint?: string }) =>
        coded('SC_NATS_SERVER')(error as Error) && (error.hint ?? '').startsWith('install it'),
    );
    program(join(cacheFolder(env), '2.9.10-1'));
    const newest = program(join(cacheFolder(env), '2.14.6'));
    mkdirSync(join(cacheFolder(env), '2.20.0'));
    assert.deepEqual(await locateServer({ env, fetch: false }), { path: newest, origin: 'cache' });
  });

  it('refuses native Windows and names the installer of each system', () => {
    assert.throws(() => refuseWindows('win32'), coded('SC_PLATFORM'));
    refuseWindows('linux');
    assert.match(installHint('darwin'), /brew install nats-server/);
    assert.match(installHint('linux'), /apt-get install nats-server|releases/);
  });
});

describe('fetching nats-server', () => {
  it(
    'unpacks the package of this system without installing it, twice at once',
    { skip: noApt, timeout: 240_000 },
    async (t) => {
      const dir = folder(t);
      const lines: string[] = [];
      const fetchOnce = () =>
        fetchServer({
          folder: dir,
          env: process.env,
          hint: '',
          sources: ['apt'],
          progress: (line) => lines.push(line),
        });
      let paths: string[];
      try {
        paths = await Promise.all([fetchOnce(), fetchOnce()]);
      } catch (thrown) {
        return t.skip(`the package archive cannot be reached: ${String(thrown)}`);
      }
      assert.equal(paths[0], paths[1]);
      const path = paths[0] ?? '';
      assert.match(execFileSync(path, ['--version'], { encoding: 'utf8' }), /nats-server: v2\./);
      assert.ok(lines.some((line) => line.includes('apt-get download')));
      // One version folder, nothing temporary left.
      const [version, ...others] = readdirSync(dir);
      assert.deepEqual(others, []);
      assert.deepEqual(readdirSync(join(dir, version ?? '')), ['nats-server']);
      assert.equal(statSync(path).mode & 0o111, 0o111);
    },
  );

  it(
    'reads the package lists into its own folder when the system has none',
    { skip: noApt, timeout: 240_000 },
    async (t) => {
      const dir = folder(t);
      // An apt.conf that points the first attempt at empty lists.
      const lists = join(dir, 'empty', 'lists', 'partial');
      mkdirSync(lists, { recursive: true });
      const conf = join(dir, 'apt.conf');
      writeFileSync(
        conf,
        `Dir::State::Lists "${join(dir, 'empty', 'lists')}";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n`,
      );
      const lines: string[] = [];
      const cache = join(dir, 'cache');
      let path: string;
      try {
        path = await fetchServer({
          folder: cache,
          env: { ...process.env, APT_CONFIG: conf },
          hint: '',
          sources: ['apt'],
          progress: (line) => lines.push(line),
        });
      } catch (thrown) {
        return t.skip(`the package archive cannot be reached: ${String(thrown)}`);
      }
      assert.ok(isExecutable(path));
      assert.ok(
        lines.some((line) => line.includes('apt-get update')),
        lines.join('; '),
      );
    },
  );

  it('takes a release archive only with the SHA-256 that is pinned', async (t) => {
    const dir = folder(t);
    const stem = 'nats-server-v9.9.9-test-arch';
    program(join(dir, 'src', stem));
    execFileSync('tar', ['-czf', join(dir, 'a.tar.gz'), '-C', join(dir, 'src'), stem]);
    const archive = execFileSync('cat', [join(dir, 'a.tar.gz')]);
    const release = {
      version: '9.9.9',
      archives: { here: { name: 'test-arch', sha256: createHash('sha256').update(archive).digest('hex') } },
    };
    const urls: string[] = [];
    const options = {
      folder: join(dir, 'cache'),
      env: process.env,
      hint: 'the hint',
      progress: () => undefined,
      sources: ['release'] as const,
      platform: 'here',
      release,
      download: (url: string) => {
        urls.push(url);
        return Promise.resolve(new Uint8Array(archive));
      },
    };
    const path = await fetchServer(options);
    assert.equal(path, join(dir, 'cache', '9.9.9', 'nats-server'));
    assert.deepEqual(urls, [
      'https://github.com/nats-io/nats-server/releases/download/v9.9.9/nats-server-v9.9.9-test-arch.tar.gz',
    ]);

    const tampered = new Uint8Array(archive);
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
    const other = { ...options, folder: join(dir, 'other'), download: () => Promise.resolve(tampered) };
    await assert.rejects(
      fetchServer(other),
      (error: { hint?: string }) =>
        coded('SC_NATS_SERVER', 'SHA-256')(error as Error) && error.hint === 'the hint',
    );
    assert.deepEqual(readdirSync(join(dir, 'other')), []);
    await assert.rejects(
      fetchServer({ ...options, platform: 'sunos-sparc' }),
      coded('SC_NATS_SERVER', 'no release for sunos-sparc'),
    );
  });

  it('has a sum for each platform that is promised', () => {
    assert.deepEqual(Object.keys(RELEASE.archives).sort(), [
      'darwin-arm64',
      'darwin-x64',
      'linux-arm64',
      'linux-x64',
    ]);
    const sums = Object.values(RELEASE.archives).map((a) => a.sha256);
    assert.ok(sums.every((sum) => /^[0-9a-f]{64}$/.test(sum)));
    assert.equal(new Set(sums).size, 4);
  });
});
