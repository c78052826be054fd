// The float step of the canonical optimisers for float32: shared/arithmetic/optimizers.ts is the definition, operation by
// operation, each rounded once and none fused.
#pragma once
#include <cstddef>
#include <cstdint>

#include "dispatch.h"

// A loop whose arrays are equal or apart, never shifted against each other: the compiler need not ask.
#if defined(__clang__)
#define SEEDCAST_LANES_ARE_SEPARATE _Pragma("clang loop vectorize(assume_safety)")
#else
#define SEEDCAST_LANES_ARE_SEPARATE _Pragma("GCC ivdep")
#endif

namespace seedcast {

struct StepScalars {
  float scale, rate, weight_decay, factor;
};

struct OptimiserKernels {
  void (*sgd)(size_t n, const float* theta, float* next, const double* sums, StepScalars s);
  void (*momentum)(size_t n, const float* theta, float* next, const double* sums, StepScalars s, float mu,
                   const float* from, float* to);
  void (*adam)(size_t n, const float* theta, float* next, const double* sums, StepScalars s, float beta1, float beta2,
               float epsilon, const float* m_from, float* m_to, const float* v_from, float* v_to);
};

extern const OptimiserKernels optimisers_portable;
#if SEEDCAST_X86
extern const OptimiserKernels optimisers_avx2;
extern const OptimiserKernels optimisers_avx512;
#endif
#if SEEDCAST_ARM
extern const OptimiserKernels optimisers_neon;
#endif

const OptimiserKernels& optimiser_kernels(Level level);

}  // namespace seedcast
