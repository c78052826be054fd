// `seedcast doctor`: looks at everything a run needs and says how to mend what is missing.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { EXIT, asSeedcastError, formatError, messageOf } from '../../shared/errors.js';
import { bytesText } from '../../shared/job/estimate.js';
import { kernels } from '../../shared/random/kernels.js';
import {
  type ConnectionFlags,
  DEFAULT_STORE,
  connect,
  connectionOptions,
  findTarget,
  namesOf,
} from '../connection.js';
import { type Host, type Verb, action, examples } from '../host.js';
import { chooseEngine } from '../../worker/engines/open.js';
import { ENGINE_PROVIDERS } from '../../worker/engines/providers.js';
import { nativeStatus } from '../../worker/native/addon.js';
import { cacheFolder, locateServer, refuseWindows } from '../server/locate.js';

interface Flags extends ConnectionFlags {
  readonly json?: boolean;
}

type Grade = 'ok' | 'warn' | 'fail';

interface Finding {
  readonly grade: Grade;
  readonly what: string;
  readonly found: string;
  readonly mend?: string;
}

/** Floor of nats-server, and what several replicas need. */
const OLDEST_SERVER = [2, 9, 10] as const;

export const doctor: Verb = (program, host) => {
  connectionOptions(program.command('doctor'))
    .description('check this machine and the connection; each line says how to mend what is wrong')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples('seedcast doctor', 'NATS_URL=nats://10.0.0.5:4222 seedcast doctor'))
    .action(
      action(host, async (flags: Flags) => {
        const findings = [
          node(),
          platform(),
          await server(host),
          cores(),
          memory(),
          noise(),
          ...(await engines()),
          ...packages(),
          ...folders(host, flags),
          await connection(host, flags),
        ];
        for (const { grade, what, found, mend } of findings) {
          if (flags.json === true)
            host.io.json({ type: 'check', check: what, grade, found, mend: mend ?? null });
          else
            host.io.data(
              host.io.runnable(
                `${grade.padEnd(4)}  ${what.padEnd(17)}  ${found}${mend === undefined ? '' : `: ${mend}`}`,
              ),
            );
        }
        return findings.some(({ grade }) => grade === 'fail') ? EXIT.failed : EXIT.succeeded;
      }),
    );
};

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const found = `Node ${process.versions.node}`;
  const fits = (major === 20 && minor >= 11) || major >= 22;
  return fits
    ? { grade: 'ok', what: 'node', found }
    : { grade: 'fail', what: 'node', found, mend: 'install Node 20.11 or newer, or 22' };
}

function platform(): Finding {
  const found = `${process.platform} ${process.arch}`;
  try {
    refuseWindows();
  } catch (thrown) {
    return { grade: 'fail', what: 'platform', found, mend: asSeedcastError(thrown).hint ?? 'use WSL' };
  }
  return process.platform === 'linux' && process.arch === 'x64'
    ? { grade: 'ok', what: 'platform', found: `${found} (tested)` }
    : { grade: 'warn', what: 'platform', found: `${found} (untested)` };
}

async function server(host: Host): Promise<Finding> {
  try {
    const { path, origin } = await locateServer({ env: host.env, fetch: false });
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5000 }).trim();
    const version = /v?(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number) ?? [];
    const old = compareVersions(version, OLDEST_SERVER) < 0;
    const found = `${text.replace('nats-server: ', '')} at ${path} (${origin})`;
    return old
      ? {
          grade: 'warn',
          what: 'nats-server',
          found,
          mend: `older than ${OLDEST_SERVER.join('.')}, the oldest tested`,
        }
      : { grade: 'ok', what: 'nats-server', found };
  } catch (thrown) {
    const { message, hint } = asSeedcastError(thrown);
    return {
      grade: 'warn',
      what: 'nats-server',
      found: message,
      mend: `\`run\` and \`up\` will fetch one; or ${hint ?? 'install it'}`,
    };
  }
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < b.length; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) - (b[i] ?? 0);
  return 0;
}

function cores(): Finding {
  const count = availableParallelism();
  return { grade: 'ok', what: 'processors', found: `${count}, so --workers times --threads up to ${count}` };
}

/** Every engine and backend, and what is missing for those that cannot be had. */
async function engines(): Promise<Finding[]> {
  const probes = await Promise.all(
    ENGINE_PROVIDERS.map(async (provider) =>
      (await provider.probe(null)).map((probe): Finding => {
        const what = `engine ${provider.name}`;
        return probe.available
          ? { grade: 'ok', what, found: `${probe.backend}: ${probe.details}` }
          : { grade: 'ok', what, found: `no ${probe.backend} (${probe.why})`, mend: probe.mend };
      }),
    ),
  );
  const { name, backend } = await chooseEngine('auto', ENGINE_PROVIDERS);
  return [...probes.flat(), { grade: 'ok', what: 'engine auto', found: `${name} (${backend})` }];
}

function memory(): Finding {
  const found = `${bytesText(freemem())} free of ${bytesText(totalmem())}`;
  return freemem() < 256e6
    ? { grade: 'warn', what: 'memory', found, mend: 'less than 256 MB is free' }
    : { grade: 'ok', what: 'memory', found };
}

function noise(): Finding {
  const wish = process.env.SEEDCAST_KERNELS ?? '';
  const forced = wish === '' ? '' : `, forced by SEEDCAST_KERNELS`;
  const native = nativeStatus();
  if (native.available && ['', 'native'].includes(wish))
    return { grade: 'ok', what: 'kernels', found: `C++ addon (${native.simd})${forced}` };
  if (wish === 'native' && !native.available)
    return {
      grade: 'fail',
      what: 'kernels',
      found: `SEEDCAST_KERNELS is native, but the addon cannot be used: ${native.reason}`,
      mend: 'unset it, or install a C++ compiler and run `npm rebuild seedcast`',
    };
  if (kernels.name === 'wasm') return { grade: 'ok', what: 'kernels', found: `WebAssembly SIMD${forced}` };
  return {
    grade: 'warn',
    what: 'kernels',
    found: `plain TypeScript${forced}`,
    mend: 'the same bits, several times slower; a Node with WebAssembly SIMD has the fast ones',
  };
}

function packages(): Finding[] {
  const require = createRequire(import.meta.url);
  const optional = [
    ['mujoco-js', 'needed by policies in MuJoCo tasks: npm install'],
    ['@tensorflow/tfjs-node-gpu', 'optional: npm install @tensorflow/tfjs-node-gpu on a machine with a GPU'],
  ] as const;
  return optional.map(([name, mend]): Finding => {
    try {
      require.resolve(name);
      return { grade: 'ok', what: 'package', found: `${name} is installed` };
    } catch {
      const needed = name === 'mujoco-js';
      return { grade: needed ? 'warn' : 'ok', what: 'package', found: `${name} is not installed`, mend };
    }
  });
}

function folders(host: Host, flags: Flags): Finding[] {
  const all = [
    ['store', resolve(flags.store ?? DEFAULT_STORE), 'take another --store'],
    ['cache', cacheFolder(host.env), 'set XDG_CACHE_HOME'],
  ] as const;
  return all.map(([what, path, mend]): Finding => {
    try {
      accessSync(nearestFolder(path), constants.W_OK);
      return { grade: 'ok', what, found: `${path} can be written` };
    } catch (error) {
      return { grade: 'fail', what, found: `${path} cannot be written (${messageOf(error)})`, mend };
    }
  });
}

/** The folder itself, or the one it would be made in. */
function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

async function connection(host: Host, flags: Flags): Promise<Finding> {
  const target = findTarget(flags);
  if (target === null || target.kind === 'store')
    return {
      grade: 'ok',
      what: 'connection',
      found: 'no pool runs here and NATS_URL is not set; `run` and `up` bring their own server',
    };
  try {
    const bus = await connect(host, flags, { ...target.options, connectTimeout: 3000 });
    const { version, url } = bus.server;
    const answers = await bus
      .request(namesOf(flags).service.list, new TextEncoder().encode('{}'), { timeout: 2000 })
      .then(
        () => true,
        () => false,
      );
    await bus.drain();
    const found = `${url}, nats-server ${version}`;
    return answers
      ? { grade: 'ok', what: 'connection', found: `${found}, a coordinator answers` }
      : {
          grade: 'warn',
          what: 'connection',
          found,
          mend: 'no coordinator answers; start one: seedcast coordinator',
        };
  } catch (thrown) {
    return { grade: 'fail', what: 'connection', found: formatError(asSeedcastError(thrown)) };
  }
}
