// Builds the native engine when the package is installed: `node worker/native/build.mjs`. Never fails an install: where
// there is no way to build, it says so in one line and the worker uses the `reference` engine. Nothing is downloaded.
//
// Two ways, both reading binding.gyp, which is therefore plain JSON: node-gyp, where python3 (which node-gyp needs) and
// Node's headers are on the machine; otherwise the C++ compiler called directly, with the headers of `node-api-headers`.
// SEEDCAST_NATIVE_BUILD = node-gyp | direct forces one, `off` builds nothing. An unchanged source is not built again.
//
// Touches worker/native/build only: Release/seedcast.node, build.log and stamp.json.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const build = join(here, 'build');
const addon = join(build, 'Release', 'seedcast.node');
const log = [];

if (process.argv.includes('--headers')) process.stdout.write(napiHeaders());
else await main();

async function main() {
  const wish = process.env.SEEDCAST_NATIVE_BUILD ?? '';
  if (wish === 'off') return say('not built: SEEDCAST_NATIVE_BUILD is off');
  if (!['', 'node-gyp', 'direct'].includes(wish)) {
    return say(`not built: SEEDCAST_NATIVE_BUILD is '${wish}', must be node-gyp, direct or off`);
  }
  const stamp = JSON.stringify({
    sources: sourcesHash(),
    platform: process.platform,
    arch: process.arch,
    wish,
  });
  const stampFile = join(build, 'stamp.json');
  if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  mkdirSync(join(build, 'Release'), { recursive: true });
  rmSync(stampFile, { force: true });
  const began = Date.now();
  const ways = { 'node-gyp': withNodeGyp, direct: withCompiler };
  const problems = [];
  for (const [name, way] of Object.entries(ways)) {
    if (wish !== '' && wish !== name) continue;
    try {
      await way();
      checkLoads();
      writeFileSync(stampFile, stamp);
      writeLog();
      return say(`built (${name}, ${((Date.now() - began) / 1000).toFixed(0)} s)`);
    } catch (error) {
      problems.push(`${name}: ${error.message.split('\n')[0]}`);
    }
  }
  rmSync(addon, { force: true });
  writeLog();
  say(
    `not built, so workers use the reference engine (${problems.join('; ')}; log in ${join(build, 'build.log')})`,
  );
}

function say(text) {
  console.log(`seedcast: native engine ${text}`);
}

function writeLog() {
  writeFileSync(join(build, 'build.log'), `${log.join('\n')}\n`);
}

function sourcesHash() {
  const hash = createHash('sha256');
  const files = readdirSync(join(here, 'src')).sort();
  for (const file of ['binding.gyp', 'build.mjs', ...files.map((name) => join('src', name))]) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(here, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** The folder of node_api.h: of the package made for this, else of the running Node. */
function napiHeaders() {
  try {
    return createRequire(import.meta.url)('node-api-headers').include_dir;
  } catch {
    const prefix = nodePrefix(['node_api.h']);
    if (prefix === undefined) throw new Error('the package node-api-headers is not installed');
    return join(prefix, 'include', 'node');
  }
}

function nodePrefix(headers) {
  return [join(dirname(process.execPath), '..'), '/usr', '/usr/local'].find((folder) =>
    headers.every((file) => existsSync(join(folder, 'include', 'node', file))),
  );
}

/** node-gyp of the running npm, with headers that are already here. */
async function withNodeGyp() {
  const tool = nodeGyp();
  if (tool === undefined) throw new Error('node-gyp is not found beside npm');
  const python = ['python3', 'python'].find((name) =>
    works(name, ['-c', 'import sys; assert sys.version_info >= (3, 6)']),
  );
  if (python === undefined) throw new Error('python3 is not found');
  const prefix = nodePrefix(['node_api.h', 'common.gypi']);
  if (prefix === undefined) throw new Error('the headers of Node are not beside it');
  const jobs = ['--jobs', String(availableParallelism())];
  await run(process.execPath, [
    tool,
    'configure',
    'build',
    '--directory',
    here,
    '--nodedir',
    prefix,
    '--python',
    python,
    ...jobs,
  ]);
}

function nodeGyp() {
  const cli = process.env.npm_execpath;
  const modules = [
    ...(cli === undefined ? [] : [join(dirname(cli), '..', 'node_modules')]),
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'node_modules'),
    '/usr/lib/node_modules/npm/node_modules',
    '/usr/share/nodejs',
  ];
  return [
    process.env.npm_config_node_gyp,
    ...modules.map((folder) => join(folder, 'node-gyp', 'bin', 'node-gyp.js')),
  ].find((file) => file !== undefined && existsSync(file));
}

/** Every source by the compiler itself, with the flags of its target. */
async function withCompiler() {
  const compiler = [process.env.CXX, 'c++', 'g++', 'clang++'].find(
    (name) => name && works(name, ['--version']),
  );
  if (compiler === undefined) throw new Error('no C++ compiler is found (c++, g++, clang++ or CXX)');
  const gyp = JSON.parse(readFileSync(join(here, 'binding.gyp'), 'utf8'));
  const targets = [...gyp.targets, ...(chosen(gyp.conditions).targets ?? [])];
  const defaults = gyp.target_defaults;
  const objects = join(build, 'objects');
  mkdirSync(objects, { recursive: true });
  const waiting = targets.flatMap(({ target_name: target, sources, cflags_cc: flags = [] }) =>
    sources.map((source) => ({
      source,
      flags,
      object: join(objects, `${target}-${source.replaceAll('/', '-')}.o`),
    })),
  );
  const outputs = waiting.map(({ object }) => object);
  const compile = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const flags = [...defaults.cflags_cc, ...job.flags, ...defaults.defines.map((name) => `-D${name}`)];
      await run(compiler, [...flags, '-I', napiHeaders(), '-c', join(here, job.source), '-o', job.object]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compile));
  const shape =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-pthread'];
  await run(compiler, [...shape, ...outputs, '-o', `${addon}.new`]);
  renameSync(`${addon}.new`, addon);
}

/** What gyp's conditions add on this machine; the one form used is target_arch=='...'. */
function chosen(conditions = []) {
  const merged = {};
  for (const [condition, then] of conditions) {
    const match = /^target_arch=='(\w+)'$/.exec(condition);
    if (match === null) throw new Error(`binding.gyp: condition ${condition} is not understood`);
    if (match[1] === process.arch) Object.assign(merged, then);
  }
  return merged;
}

/** A broken build must not pass for a native engine: the addon is loaded once, in a process of its own. */
function checkLoads() {
  const script = 'process.stdout.write(require(process.argv[1]).levels().join())';
  try {
    log.push(
      `levels: ${execFileSync(process.execPath, ['-e', script, addon], { encoding: 'utf8', stdio: 'pipe' })}`,
    );
  } catch (error) {
    log.push(String(error.stderr ?? error.message));
    throw new Error('the addon does not load');
  }
}

function works(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function run(command, args) {
  log.push(`$ ${[command, ...args].join(' ')}`);
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      log.push(stdout, stderr);
      if (error === null) resolve();
      else reject(new Error(`${command.split('/').at(-1)} failed`));
    });
  });
}
