// Offers the C++ addon, one backend a SIMD level of this processor, fastest first (or the one that SEEDCAST_SIMD names).
// In a compute thread an engine runs on that thread alone, since there is one engine a thread; elsewhere on all cores.
import { isMainThread } from 'node:worker_threads';
import { SIMD_LEVELS, nativeStatus, openNative } from '../../native/addon.js';
import type { EngineProbe, EngineProvider } from '../open.js';
import { createNativeEngine } from './engine.js';

export const nativeProvider: EngineProvider = {
  name: 'native',
  probe: () => Promise.resolve(probes()),
  open: (backend) => {
    const simd = SIMD_LEVELS.find((level) => level === backend);
    const native = openNative({
      ...(simd === undefined ? {} : { simd }),
      ...(isMainThread ? {} : { threads: 1 }),
    });
    return Promise.resolve(createNativeEngine(native));
  },
};

function probes(): readonly EngineProbe[] {
  const status = nativeStatus();
  if (!status.available)
    return [
      {
        available: false,
        backend: 'addon',
        why: `the C++ addon cannot be used: ${status.reason}`,
        mend: 'install a C++ compiler and run `npm rebuild seedcast` (worker/native/build/build.log says what failed)',
      },
    ];
  const levels = [...new Set([status.simd, ...status.levels.toReversed()])];
  return levels.map((backend) => ({
    available: true,
    backend,
    details: `C++ addon, ${backend}`,
    gpu: false,
  }));
}
