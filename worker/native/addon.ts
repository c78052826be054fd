// The C++ addon: where it lies, whether it was built, and the SIMD level and threads to run it with. Every kernel takes a
// `Native`: the addon at one level. Results never depend on level or threads; speed does. Loads build/Release/seedcast.node
// of the package, and reads the variable SEEDCAST_SIMD; touches nothing else.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { SeedcastError, messageOf } from '../../shared/errors.js';
import { packageRoot } from '../objectives/package-root.js';

/** In the addon's own order: a level's number is its place here. */
export const SIMD_LEVELS = ['portable', 'neon', 'avx2', 'avx512', 'avx512-vnni'] as const;
export type SimdLevel = (typeof SIMD_LEVELS)[number];

type Kernel = (level: number, threads: number, ...rest: readonly unknown[]) => unknown;

/** The exported functions. The typed modules beside this one say what each takes; the addon checks every argument again. */
export type RawAddon = Readonly<Record<string, Kernel>>;

/** The addon at one SIMD level, with a number of threads for each call. */
export interface Native {
  readonly simd: SimdLevel;
  readonly threads: number;
  /** Calls an exported function. A bad argument throws the addon's TypeError or RangeError, which names it. */
  call(name: string, ...rest: readonly unknown[]): unknown;
}

export type NativeStatus =
  | {
      readonly available: true;
      readonly simd: SimdLevel;
      /** What this processor runs, slowest first. */
      readonly levels: readonly SimdLevel[];
    }
  | { readonly available: false; readonly reason: string };

// build.mjs builds it at install unless SEEDCAST_NATIVE_BUILD is off.
const MEND = 'see worker/native/build/build.log, install a C++ compiler and run `npm rebuild seedcast`';

interface Loaded {
  readonly raw: RawAddon;
  readonly levels: readonly SimdLevel[];
}

let loaded: Loaded | { readonly reason: string } | undefined;

function load(): Loaded | { readonly reason: string } {
  if (loaded !== undefined) return loaded;
  const file = join(packageRoot(), 'worker', 'native', 'build', 'Release', 'seedcast.node');
  if (!existsSync(file)) return (loaded = { reason: 'it was not built' });
  try {
    const raw = createRequire(import.meta.url)(file) as RawAddon;
    const names = (raw.levels as unknown as () => string[])();
    return (loaded = { raw, levels: SIMD_LEVELS.filter((level, number) => names[number] === level) });
  } catch (error) {
    return (loaded = { reason: `it does not load: ${messageOf(error)}` });
  }
}

/** Whether the addon is there and what it would run with; never throws for a missing addon, see `openNative` for the rest. */
export function nativeStatus(): NativeStatus {
  const found = load();
  if ('reason' in found) return { available: false, reason: found.reason };
  return { available: true, simd: chooseLevel(found.levels, undefined), levels: found.levels };
}

/**
 * The addon, at `simd` or else SEEDCAST_SIMD or else the fastest level of this processor, with `threads` (1 to 256; by
 * default one a core). Refused: an addon that was not built or a level that cannot run here (SC_PLATFORM), an unknown level
 * (SC_USAGE).
 */
export function openNative(options: { readonly simd?: SimdLevel; readonly threads?: number } = {}): Native {
  const found = load();
  if ('reason' in found) {
    throw new SeedcastError('SC_PLATFORM', `the native engine cannot be used: ${found.reason}`, {
      hint: MEND,
    });
  }
  const { raw, levels } = found;
  const simd = chooseLevel(levels, options.simd);
  const threads = options.threads ?? Math.min(availableParallelism(), 256);
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new SeedcastError('SC_USAGE', `${threads} threads: must be an integer in [1, 256]`);
  }
  const level = SIMD_LEVELS.indexOf(simd);
  return {
    simd,
    threads,
    call(name, ...rest) {
      const kernel = raw[name];
      if (kernel === undefined) {
        throw new SeedcastError('SC_PLATFORM', `the native addon has no function ${name}`, {
          hint: 'it was built from other sources: run `npm rebuild seedcast`',
        });
      }
      return kernel(level, threads, ...rest);
    },
  };
}

function chooseLevel(levels: readonly SimdLevel[], wish: SimdLevel | undefined): SimdLevel {
  const named = wish ?? process.env.SEEDCAST_SIMD ?? '';
  if (named === '') return levels.at(-1) ?? 'portable';
  const level = SIMD_LEVELS.find((each) => each === named);
  if (level === undefined) {
    throw new SeedcastError('SC_USAGE', `SIMD level '${named}' is not known`, {
      hint: `set SEEDCAST_SIMD to one of ${SIMD_LEVELS.join(', ')}, or unset it`,
    });
  }
  if (!levels.includes(level)) {
    throw new SeedcastError('SC_PLATFORM', `this processor does not run SIMD level ${level}`, {
      hint: `unset SEEDCAST_SIMD, or set it to one of ${levels.join(', ')}`,
    });
  }
  return level;
}
