// Gets nats-server into our cache folder: from Debian's or Ubuntu's own package (apt checks its signature; nothing is
// installed and no root is needed), else a release archive whose SHA-256 is written below. Everything happens in a
// temporary folder beside the target and appears by one rename, so that two processes may do it at once.
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SeedcastError, messageOf } from '../../shared/errors.js';

export interface FetchOptions {
  /** The cache folder; the binary goes to `<folder>/<version>/nats-server`. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: (line: string) => void;
  /** What to tell a user for whom nothing worked. */
  readonly hint: string;
  /** Default both, in this order. */
  readonly sources?: readonly ('apt' | 'release')[];
  /** Default `fetch`. */
  readonly download?: (url: string) => Promise<Uint8Array>;
  /** Default this machine, as `process.platform-process.arch`. */
  readonly platform?: string;
  /** Default `RELEASE`. */
  readonly release?: Release;
}

export interface Release {
  readonly version: string;
  /** By `process.platform-process.arch`. */
  readonly archives: Readonly<Record<string, { readonly name: string; readonly sha256: string }>>;
}

export const RELEASE: Release = {
  version: '2.14.6',
  /** SHA-256 of `nats-server-v<version>-<name>.tar.gz`, as the release's SHA256SUMS has them. */
  archives: {
    'linux-x64': {
      name: 'linux-amd64',
      sha256: '61c3d55f69f61ec616b75782250936445f2819e9e5f2ae6159b10a31abd2200c',
    },
    'linux-arm64': {
      name: 'linux-arm64',
      sha256: '3ff6e463762db64186a36cf0276dae8320509e995151ad0153ba9c9f67eee3f9',
    },
    'darwin-x64': {
      name: 'darwin-amd64',
      sha256: '239d4f3314334cc86cb12d7c252cf9b3461364451cc8ec5a39fb4915acd717c1',
    },
    'darwin-arm64': {
      name: 'darwin-arm64',
      sha256: '291b9aa8c342b3cdcc53d872585bd467de4b5c9acf375066d882eb5412a09d55',
    },
  },
};

/** Returns the path of the binary. @throws SC_NATS_SERVER naming what was tried. */
export async function fetchServer(options: FetchOptions): Promise<string> {
  const failures: string[] = [];
  await mkdir(options.folder, { recursive: true }).catch((cause: unknown) => {
    throw new SeedcastError(
      'SC_NATS_SERVER',
      `cannot make the cache folder ${options.folder}: ${messageOf(cause)}`,
      { cause, hint: options.hint },
    );
  });
  const work = await mkdtemp(join(options.folder, '.fetching-'));
  try {
    for (const source of options.sources ?? ['apt', 'release']) {
      try {
        const got = source === 'apt' ? await fromApt(work, options) : await fromRelease(work, options);
        return await place(got.path, got.version, options);
      } catch (thrown) {
        failures.push(`${source}: ${messageOf(thrown)}`);
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  throw new SeedcastError(
    'SC_NATS_SERVER',
    `there is no nats-server here and none could be fetched (${failures.join('; ')})`,
    { hint: options.hint },
  );
}

interface Got {
  readonly path: string;
  readonly version: string;
}

async function fromApt(work: string, options: FetchOptions): Promise<Got> {
  const apt = join(work, 'apt');
  await mkdir(join(apt, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  const downloads = join(work, 'deb');
  await mkdir(downloads);
  // As root apt drops to a user who cannot write here; the empty value keeps it as it is.
  const common = ['-q', '-o', 'APT::Sandbox::User='];
  options.progress("fetching nats-server from this system's package archive (apt-get download)");
  try {
    await run('apt-get', [...common, 'download', 'nats-server'], downloads, options.env);
  } catch (first) {
    if (first instanceof Error && 'code' in first && first.code === 'ENOENT')
      throw new Error('no apt-get here');
    // The system's lists are empty or old and may not be ours to renew: private ones serve as well.
    const own = [
      ...common,
      '-o',
      `Dir::State=${join(apt, 'state')}`,
      '-o',
      'Dir::State::status=/var/lib/dpkg/status',
      '-o',
      `Dir::Cache=${join(apt, 'cache')}`,
    ];
    options.progress('reading the package lists (apt-get update, into the cache folder)');
    await run('apt-get', [...own, 'update'], downloads, options.env);
    await run('apt-get', [...own, 'download', 'nats-server'], downloads, options.env);
  }
  const name = (await readdir(downloads)).find((f) => f.endsWith('.deb'));
  if (name === undefined) throw new Error('apt-get left no package');
  const deb = join(downloads, name);
  const version = (await run('dpkg-deb', ['--field', deb, 'Version'], work, options.env)).trim();
  const tree = join(work, 'tree');
  await run('dpkg-deb', ['--extract', deb, tree], work, options.env);
  return { path: join(tree, 'usr', 'sbin', 'nats-server'), version };
}

async function fromRelease(work: string, options: FetchOptions): Promise<Got> {
  const platform = options.platform ?? `${process.platform}-${process.arch}`;
  const release = options.release ?? RELEASE;
  const archive = release.archives[platform];
  if (archive === undefined) throw new Error(`no release for ${platform}`);
  const stem = `nats-server-v${release.version}-${archive.name}`;
  const url = `https://github.com/nats-io/nats-server/releases/download/v${release.version}/${stem}.tar.gz`;
  options.progress(`fetching ${url}`);
  const bytes = await (options.download ?? download)(url);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== archive.sha256) throw new Error(`${url} has SHA-256 ${actual}, not ${archive.sha256}`);
  const file = join(work, `${stem}.tar.gz`);
  await writeFile(file, bytes);
  await run('tar', ['-xzf', file, '-C', work, `${stem}/nats-server`], work, options.env);
  return { path: join(work, stem, 'nats-server'), version: release.version };
}

async function place(binary: string, version: string, options: FetchOptions): Promise<string> {
  await chmod(binary, 0o755);
  // A wrong architecture or a missing library shows here, before anyone relies on it.
  await run(binary, ['--version'], options.folder, options.env);
  const target = join(options.folder, version.replace(/[^A-Za-z0-9.+-]/g, '_'), 'nats-server');
  await mkdir(dirname(target), { recursive: true });
  const staged = `${target}.${process.pid}-${createHash('sha256').update(binary).digest('hex').slice(0, 8)}`;
  await copyFile(binary, staged);
  await rename(staged, target);
  options.progress(`nats-server ${version} is in ${target}`);
  return target;
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { redirect: 'follow', signal: AbortSignal.timeout(120_000) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What the command wrote to stdout; rejects with its last words when it fails, and after two minutes. */
function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err = (err + text).slice(-2_000)));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(out);
      const last = err.trim().split('\n').at(-1) ?? '';
      reject(
        new Error(
          `${command} ${args.filter((a) => !a.startsWith('-') && !a.includes('=')).join(' ')} ended with ${code ?? signal ?? '?'}: ${last}`,
        ),
      );
    });
  });
}
