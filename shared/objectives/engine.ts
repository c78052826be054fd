// The engine interface: population-batched tensors and the few operations that networks need. A model is written once
// against it and runs on every engine (worker/engines): `reference` in plain TypeScript is the definition, `native` is the
// C++ addon, `tensorflow` is tfjs on its backends. Types only; no I/O here.
//
// A tensor's first axis is the population: size P (one slab a member) or 1 (all members share it, such as a batch of data
// that the whole step sees; an engine may then do shared work once). A model never sees a member's own weights: it names a
// weight, and the engine adds that member's perturbation inside the operation, W + σ E never formed where E is low-rank.
//
// Floats: an engine is bit-deterministic by itself where its docs say so; engines agree with `reference` within the
// tolerances of the conformance suite. Integers (dtype int8 and int32): every engine gives the same bits. Integer division
// by a power of two is an arithmetic shift (floor); sums are int32, which inputs up to 65,536 wide cannot leave.
//
// Result rows never depend on which other members are in the call, nor on whether a member's x was shared or repeated. A
// result's first axis is P wherever an operand's is, or where a weight takes part; operations on shared tensors alone stay
// shared. Ranks are as written, no further axes. A shape, type or scope that breaks this is SC_INTERNAL, naming operation
// and value: it is a model's fault, and `reference` and `native` find it alike.
import type { Key } from '../random/philox.js';
import type { TensorArray } from './types.js';

export type EngineName = 'reference' | 'native' | 'tensorflow';
export const ENGINE_NAMES = ['reference', 'native', 'tensorflow'] as const;

/** A handle; valid within the `run` that made it, and made nowhere else. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'int8';
}

/** A named parameter as the members of one population see it; handed to operations, never read by a model. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int8';
}

/**
 * relu max(x, 0); tanh; sigmoid σ(x) = 1/(1 + e^−x); silu x σ(x); gelu in its tanh form,
 * x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks and Gimpel 2016, arXiv 1606.08415).
 */
export type Activation = 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'silu';

/**
 * How a tensor's members differ from the shared array θ. e, A, B: `binomial` noise (integers, deviation 2) of the given
 * tensor numbers at (purpose perturbation, the member's direction, `noiseStep`); s: the member's sign.
 *  - none: θ.
 *  - full (float32): θ_i + s·scale·e_i, element i of tensor number `a`; `noise` may be rademacher (deviation 1). The member's
 *      value is a float32: s·scale rounded, its product with e rounded, the sum rounded, as the method's own `perturb` does.
 *  - low-rank (float32, shape [out, in]; more axes are flattened to [first, product of the others]):
 *      θ + s·scale·Σ_c A_c B_cᵀ, A_c: elements c·out ... of tensor `a`, B_c: elements c·in ... of tensor `b`, c < rank.
 *      Products use x θᵀ + s·scale·Σ_c (x·B_c) A_cᵀ; rows and elements are formed and rounded once. Not for one axis.
 *      scale holds σ, the tensor's own factor and 1/(4 √rank).
 *  - integer-low-rank (int8, rank 1, [out, in]): a product u Wᵀ gets + ((u·B)·s A_i) >> shift before the division; a row taken by
 *      index t (embedding [rows, width]: A over rows, B over width) gets + (s A_t B_j) >> shift, then clipped to ±127.
 *  - integer-product (int8 vectors): clip(θ_i + ((s a_i b_i) >> shift)), a and b from tensors `a` and `b`.
 */
export type TensorPerturbation =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'full';
      readonly noise: 'binomial' | 'rademacher';
      readonly scale: number;
      readonly a: number;
    }
  | {
      readonly kind: 'low-rank';
      readonly rank: number;
      readonly scale: number;
      readonly a: number;
      readonly b: number;
    }
  | { readonly kind: 'integer-low-rank'; readonly shift: number; readonly a: number; readonly b: number }
  | { readonly kind: 'integer-product'; readonly shift: number; readonly a: number; readonly b: number };

export interface PopulationTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** θ, shared by all members; must not change while the population is open. float32 or int8. */
  readonly base: TensorArray;
  readonly perturbation: TensorPerturbation;
}

/** Everything an engine needs to rebuild the members of one call. */
export interface PopulationSource {
  /** Differs whenever any base array differs (job and step): what an engine prepared for a version it may keep. */
  readonly version: string;
  readonly key: Key;
  /** Step word of the noise counters (the step, or its reuse period). */
  readonly noiseStep: number;
  /** One a member, in order; sign 0 is the unperturbed centre (its direction means nothing). */
  readonly members: readonly { readonly direction: number; readonly sign: -1 | 0 | 1 }[];
  readonly tensors: readonly PopulationTensor[];
}

export interface Population {
  /** P. */
  readonly size: number;
  /** A parameter by name; throws SC_INTERNAL for a name the objective did not declare. */
  weight(name: string): Weight;
}

/** Shapes: P members (or 1 where shared), R rows a member, any further batch axes folded into R by the model. */
export interface Engine {
  readonly name: EngineName;
  /** What does the work: `typescript`, a SIMD level (`avx512-vnni`), or a tfjs backend (`webgpu`). */
  readonly backend: string;

  /**
   * Runs `body` with the members of `source`; tensors made inside are freed when it settles. Calls do not overlap: a second
   * one is SC_INTERNAL. `body`'s rejection is passed on.
   */
  run<T>(source: PopulationSource, body: (population: Population) => Promise<T>): Promise<T>;

  /** Copies data in. Length must be the product of the shape. */
  float32(data: Float32Array, shape: readonly number[]): Tensor;
  int32(data: Int32Array, shape: readonly number[]): Tensor;
  int8(data: Int8Array, shape: readonly number[]): Tensor;
  /** Copies data out. */
  read(tensor: Tensor): Promise<Float32Array | Int32Array | Int8Array>;

  /** x [P|1, R, in], weight [out, in] (more axes flatten to [first, rest]), bias [out] → [P, R, out]: x Wᵀ + b of each member. */
  linear(x: Tensor, weight: Weight, bias?: Weight | null): Tensor;
  /** tokens int32 [P|1, R] in [0, rows), weight [rows, width] → [P, R, width]. */
  embedding(tokens: Tensor, weight: Weight): Tensor;
  /** x [P|1, R, width] ∘ or + the member's vector [width] (repeating over rows; [rows, width] must have rows dividing R). */
  multiplyWeight(x: Tensor, weight: Weight): Tensor;
  addWeight(x: Tensor, weight: Weight): Tensor;
  /**
   * x [P|1, N, H, W, C], weight [out, kh, kw, C], bias [out] → [P, N, H', W', out], a cross-correlation. `valid`:
   * H' = ⌊(H − kh)/stride⌋ + 1. `same` pads with zeros so that H' = ⌈H / stride⌉, max(0, (H' − 1)·stride + kh − H) rows of
   * which the lower half (rounded down) stands before, as TensorFlow does. Low-rank noise is that of the matrix [out, kh·kw·C].
   */
  conv2d(
    x: Tensor,
    weight: Weight,
    bias: Weight | null,
    options: { readonly stride: number; readonly padding: 'same' | 'valid' },
  ): Tensor;
  /** x [P|1, N, H, W, C] → [P|1, N, ⌊(H − size)/stride⌋ + 1, ..., C]. */
  maxPool2d(x: Tensor, options: { readonly size: number; readonly stride: number }): Tensor;

  activation(kind: Activation, x: Tensor): Tensor;
  /** float32, same shape, or first axis 1 in either. */
  add(x: Tensor, y: Tensor): Tensor;
  multiply(x: Tensor, y: Tensor): Tensor;
  scale(x: Tensor, factor: number): Tensor;
  /** Same elements and dtype, other shape; the first axis stays. */
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  /** Over the last axis, any rank from 2: (x − mean)/√(var + 1e-5), var over n; then the member's gain and bias where given. */
  layerNorm(x: Tensor, gain?: Weight | null, bias?: Weight | null): Tensor;
  /** Over the last axis, any rank from 2: x/√(mean x² + 1e-5), then gain. */
  rmsNorm(x: Tensor, gain?: Weight | null): Tensor;

  /**
   * Gated recurrent unit over time (Cho et al. 2014, reset gate applied after the product as in cuDNN and PyTorch):
   *   r = σ(xr + U_r h + c_r), z = σ(xz + U_z h + c_z), n = tanh(xn + r ∘ (U_n h + c_n)), h' = (1 − z) ∘ n + z ∘ h, h₀ = 0.
   * projections [P, B, T, 3 H] = (xr | xz | xn) from `linear`; recurrent [3 H, H]; bias [3 H] → all h [P, B, T, H].
   */
  gru(projections: Tensor, recurrent: Weight, bias: Weight | null): Tensor;
  /**
   * softmax(q kᵀ/√(D/heads)) v over T, each head its own run of D/heads columns: q, k, v [P, B, T, D] → [P, B, T, D]. Causal:
   * position t sees 0..t.
   */
  attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    options: { readonly heads: number; readonly causal: boolean },
  ): Tensor;

  /**
   * logits [P, R, C], targets int32 [P|1, R] → loss in nats (log Σ exp − the target's), and 1 where the greatest logit (first
   * on ties) is the target, else 0; float32 [P, R] each.
   */
  crossEntropy(logits: Tensor, targets: Tensor): { readonly loss: Tensor; readonly correct: Tensor };
  /** float32 [P, R...] → [P]: mean over everything but the first axis. */
  mean(x: Tensor): Tensor;

  // The integer model (docs/methods.md, "Integer networks"): int8 in ±127, clip(v) = min(127, max(−127, v)).

  /** tokens int32 [P|1, R], weight int8 [rows, width] → int8 [P, R, width]. */
  integerEmbedding(tokens: Tensor, weight: Weight): Tensor;
  /** x int8 [P|1, R, in], weight int8 [out, in] → int8 [P, R, out]: clip((x Wᵀ + perturbation) >> shift). */
  integerLinear(x: Tensor, weight: Weight, shift: number): Tensor;
  /** clip(x + y), int8. */
  integerAdd(x: Tensor, y: Tensor): Tensor;
  /** Over the last axis of width D: a = max(1, ⌊Σ|x| / D⌋), clip(⌊x·gain / a⌋); gain int8 [D] with 16 for one. */
  integerNorm(x: Tensor, gain: Weight): Tensor;
  /**
   * xf, xh int8 [P, B, T, D] (from integerLinear); U int8 [D, D], b int8 [D]; divisions of U's products by 2^shift. Per step:
   *   f = clip(xf + sU_f + b_f),  g = ((f + 127)·s) >> 8,  h = clip(xh + gU_h + b_h),  s' = s + (((f + 127)·(h − s)) >> 8)
   * where sU is what `integerLinear` gives for s (perturbed, shifted, clipped) and b is the member's, from s = 0, reset to 0 before a position whose `resets` int32 [P|1, B, T] is 1 → all s', int8 [P, B, T, D].
   */
  integerGru(
    xf: Tensor,
    xh: Tensor,
    recurrent: { readonly uf: Weight; readonly bf: Weight; readonly uh: Weight; readonly bh: Weight },
    resets: Tensor,
    shift: number,
  ): Tensor;
  /**
   * logits int8 [P, R, 256], targets int32 [P|1, R] → int32 [P, R], log-likelihood in 1/16 bit: t = logit + 128,
   * EXP2[i] = ⌊16·2^(i/16)⌋, t[target] − ⌊16·log2(ΣEXP2[t]/16)⌋, exactly. Logits all 0 give −128 (8 bits).
   */
  integerLogLikelihood(logits: Tensor, targets: Tensor): Tensor;
  /** int32 [P, R...] → int32 [P], exact. */
  integerSum(x: Tensor): Tensor;
}
