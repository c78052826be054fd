// Every engine of this installation against the conformance suite; the native one at each SIMD level that runs here.
import { conformance } from '../../test/engines/conformance.js';
import { LEVELS, SKIP } from '../../test/support/native.js';
import { createNativeEngine } from './native/engine.js';
import { createReferenceEngine } from './reference/engine.js';

conformance({ name: 'reference', open: async () => Promise.resolve(createReferenceEngine()) });

const unavailable = SKIP;
if (unavailable !== false)
  conformance({ name: 'native', open: async () => Promise.resolve({ unavailable }) });
for (const native of LEVELS.filter(({ threads }) => threads > 1)) {
  conformance({
    name: `native (${native.simd}, ${native.threads} threads)`,
    open: async () => Promise.resolve(createNativeEngine(native)),
  });
}
