// Float32 kernels other than products: activations, sums of tensors, normalisations, softmax losses, attention, the gates of
// a recurrent cell. The same bits at every level: every operation is IEEE 754's, exp and tanh are polynomials written with
// explicit fused multiply-adds, and sums over a row have 16 lanes (lane l = elements ≡ l mod 16 ascending) added by halves.
//
// Largest errors where the value is a normal number, held by tests, in units of the last place: exp 1, tanh 2.5, sigmoid 2.5;
// a value below the normal numbers is 0.
#pragma once
#include <cstddef>
#include <cstdint>

#include "dispatch.h"

namespace seedcast {

enum class Activation : int { relu = 0, tanh = 1, sigmoid = 2, gelu = 3, silu = 4, exp = 5 };
constexpr int activation_count = 6;

struct ElementwiseKernels {
  void (*activation)(Activation kind, const float* x, size_t n, float* y);
  void (*add)(const float* x, const float* y, size_t n, float* out);
  void (*multiply)(const float* x, const float* y, size_t n, float* out);
  void (*scale)(const float* x, float factor, size_t n, float* out);
  // One row: (x − mean)/√(var + epsilon), or x/√(mean x² + epsilon) without centring; then · gain and + bias where not null.
  void (*normalise)(const float* x, size_t n, bool centre, float epsilon, const float* gain, const float* bias, float* y);
  // One row: loss = log Σ exp(x − max) + (max − x[target]); correct = whether the first greatest is the target.
  void (*cross_entropy)(const float* x, size_t n, size_t target, float* loss, float* correct);
  // x·y over n in 16 lanes.
  float (*dot)(const float* x, const float* y, size_t n);
  // Σ x in 16 lanes.
  float (*sum)(const float* x, size_t n);
  // y = fma(factor, x, y), x float32 or int8.
  void (*accumulate)(float factor, const float* x, size_t n, float* y);
  void (*accumulate_int8)(float factor, const int8_t* x, size_t n, float* y);
  // In place: exp(x − max)/Σ.
  void (*softmax)(float* x, size_t n);
  // h' = (1 − z)·n + z·h with r = σ(xr + ur), z = σ(xz + uz), n = tanh(xn + r·un); x and u are [3·width].
  void (*gru)(const float* x, const float* u, const float* h, size_t width, float* next);
};

extern const ElementwiseKernels elementwise_portable;
#if SEEDCAST_X86
extern const ElementwiseKernels elementwise_avx2;
extern const ElementwiseKernels elementwise_avx512;
#endif
#if SEEDCAST_ARM
extern const ElementwiseKernels elementwise_neon;
#endif

const ElementwiseKernels& elementwise_kernels(Level level);

}  // namespace seedcast
