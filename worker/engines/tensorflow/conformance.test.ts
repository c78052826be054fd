// The tensorflow engine against the conformance suite, on the backends that can be had here.
import { conformance } from '../../../test/engines/conformance.js';
import { createTensorflowEngine } from './engine.js';
import { openWasm, probeWasm } from './wasm.js';
import { openWebgpu, probeWebgpu } from './webgpu.js';

// Bits of a member may depend on the shapes of a call: a backend picks its kernels by them.
conformance({
  name: 'tensorflow (wasm)',
  open: async () => {
    const probe = probeWasm();
    return probe.available ? createTensorflowEngine(await openWasm()) : { unavailable: probe.why };
  },
  independent: false,
});

conformance({
  name: 'tensorflow (webgpu)',
  open: async () => {
    const probe = await probeWebgpu();
    return probe.available ? createTensorflowEngine(await openWebgpu()) : { unavailable: probe.why };
  },
  independent: false,
  exhaustive: false,
});
