// Noise made on a WebGPU device by a compute shader of our own, run through tfjs's WebGPU backend: Philox4x32-10 and the
// elements that shared/random/noise.ts defines from its words, bit for bit (a test compares them). One invocation makes eight
// elements of one direction. Integer arithmetic only.
import type {
  WebGPUBackend,
  WebGPUProgram,
  webgpu_util as WebgpuUtil,
} from '@tensorflow/tfjs-backend-webgpu';
import { counterWord, PURPOSE } from '../../../shared/random/purposes.js';
import type { NoiseRequest, Tf, Value } from './device.js';

const ELEMENTS = 8;

// WGSL has no high half of a 32-bit product: it is made of four products of 16-bit halves, none of which can overflow.
const PHILOX = /* wgsl */ `
  fn highProduct(a : u32, b : u32) -> u32 {
    let aLow = a & 0xffffu;
    let aHigh = a >> 16u;
    let bLow = b & 0xffffu;
    let bHigh = b >> 16u;
    let middle = aHigh * bLow + ((aLow * bLow) >> 16u);
    let cross = aLow * bHigh + (middle & 0xffffu);
    return aHigh * bHigh + (middle >> 16u) + (cross >> 16u);
  }

  fn philox(counter : vec4<u32>, key : vec2<u32>) -> vec4<u32> {
    var x = counter;
    var k = key;
    for (var round = 0; round < 10; round = round + 1) {
      let high0 = highProduct(0xd2511f53u, x.x);
      let high1 = highProduct(0xcd9e8d57u, x.z);
      x = vec4<u32>(high1 ^ x.y ^ k.x, 0xcd9e8d57u * x.z, high0 ^ x.w ^ k.y, 0xd2511f53u * x.x);
      k = k + vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return x;
  }
`;

const ELEMENT: Readonly<Record<NoiseRequest['kind'], { readonly block: string; readonly value: string }>> = {
  // Halfword i of the block: its ones, less 8.
  binomial: {
    block: 'u32(chunk)',
    value: 'f32(i32(countOneBits((words[i >> 1u] >> (16u * (i & 1u))) & 0xffffu)) - 8)',
  },
  // Bit i of the eight bits of this chunk, of sixteen in a block.
  rademacher: {
    block: 'u32(chunk) >> 4u',
    value: 'f32(2 * i32((words[(u32(chunk) >> 2u) & 3u] >> (8u * (u32(chunk) & 3u) + i)) & 1u) - 1)',
  },
};

function program(
  util: typeof WebgpuUtil,
  kind: NoiseRequest['kind'],
  directions: number,
  length: number,
): WebGPUProgram {
  const chunks = Math.ceil(length / ELEMENTS);
  const layout = util.flatDispatchLayout([directions * chunks]);
  const workgroupSize: [number, number, number] = [64, 1, 1];
  return {
    outputShape: [directions, length],
    variableNames: ['directions'],
    uniforms: 'key0 : i32, key1 : i32, word : i32, step : i32, chunks : i32, length : i32, total : i32,',
    shaderKey: `seedcast_${kind}`,
    workgroupSize,
    dispatchLayout: layout,
    dispatch: util.computeDispatch(layout, [directions * chunks], workgroupSize),
    getUserCode: () => /* wgsl */ `
      ${PHILOX}
      fn main(index : i32) {
        if (index >= uniforms.total) {
          return;
        }
        let row = index / uniforms.chunks;
        let chunk = index % uniforms.chunks;
        let counter = vec4<u32>(
          ${ELEMENT[kind].block}, u32(uniforms.word), u32(directions[row]), u32(uniforms.step));
        var words = philox(counter, vec2<u32>(u32(uniforms.key0), u32(uniforms.key1)));
        let first = chunk * ${ELEMENTS};
        for (var i = 0u; i < ${ELEMENTS}u; i = i + 1u) {
          let at = first + i32(i);
          if (at < uniforms.length) {
            result[row * uniforms.length + at] = ${ELEMENT[kind].value};
          }
        }
      }
    `,
  };
}

/** float32 [directions, length], on the device. */
export function wgslNoise(tf: Tf, util: typeof WebgpuUtil, request: NoiseRequest): Value {
  const { kind, key, tensor, step, directions, length } = request;
  const backend: Pick<WebGPUBackend, 'runWebGPUProgram'> = tf.backend() as never;
  const chunks = Math.ceil(length / ELEMENTS);
  // Words are uint32 in the shader; tfjs passes uniforms and tensors as int32 with the same bits.
  const uniforms = [
    ...[key[0], key[1], counterWord(PURPOSE.perturbation, tensor), step].map((word) => word | 0),
    chunks,
    length,
    directions.length * chunks,
  ];
  return tf.tidy(() => {
    const numbers = tf.tensor1d(Int32Array.from(directions), 'int32');
    const output = backend.runWebGPUProgram(
      program(util, kind, directions.length, length),
      [numbers],
      'float32',
      uniforms.map((value) => ({ type: 'int32', data: [value] })),
    );
    return tf.engine().makeTensorFromTensorInfo(output);
  });
}
