// The noise kernels of one level: any range of elements, any directions. Layouts are those of shared/random/noise.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "dispatch.h"

namespace seedcast {

struct Stream {
  uint32_t key0, key1;
  // Counter word 1: purpose and tensor.
  uint32_t word;
  uint32_t step;
};

// A direction's coefficient; zero ones are left out.
struct Term {
  uint32_t direction;
  int32_t coefficient;
};

struct NoiseKernels {
  // 4 words a block, blocks [first, first + count).
  void (*words)(const Stream&, uint32_t direction, uint32_t first, size_t count, uint32_t* out);
  // out[i] = noise of element start + i.
  void (*binomial)(const Stream&, uint32_t direction, uint64_t start, size_t count, int8_t* out);
  void (*rademacher)(const Stream&, uint32_t direction, uint64_t start, size_t count, int8_t* out);
  // sums[i] += Σ c·e, modulo 2^32. `narrow`: every coefficient fits 16 bits.
  void (*accumulate_binomial)(const Stream&, const Term*, size_t terms, bool narrow, uint64_t start, size_t count,
                              int32_t* sums);
  void (*accumulate_rademacher)(const Stream&, const Term*, size_t terms, uint64_t start, size_t count, int32_t* sums);
};

extern const NoiseKernels noise_portable;
#if SEEDCAST_X86
extern const NoiseKernels noise_avx2;
extern const NoiseKernels noise_avx512;
extern const NoiseKernels noise_bitalg;
#endif
#if SEEDCAST_ARM
extern const NoiseKernels noise_neon;
#endif

const NoiseKernels& noise_kernels(Level level);

}  // namespace seedcast
