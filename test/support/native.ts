// What tests of the addon run over: every SIMD level of this machine with one thread and with three, or a visible skip.
import { SIMD_LEVELS, nativeStatus, openNative, type Native } from '../../worker/native/addon.js';

const status = nativeStatus();

/** For `test(name, { skip: SKIP }, ...)`: why the addon cannot be tested here, or false. */
export const SKIP: string | false = status.available ? false : `no native addon: ${status.reason}`;

/** Every level this processor runs. */
export const LEVELS: readonly Native[] = SIMD_LEVELS.filter(
  (level) => status.available && status.levels.includes(level),
).flatMap((simd) => [openNative({ simd, threads: 1 }), openNative({ simd, threads: 3 })]);
