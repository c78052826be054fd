// The float32 linear layer of a population: the pieces one level provides, and the shapes they agree on. A weight
// [out, in] is packed once a step into panels of 32 outputs, [panel][in][32], the last one padded with zeros.
//
// Each output is one chain: y = 0; y = fma(x_k, w_k, y) for k ascending; y = fma(t_c, A_c, y) for rank terms c ascending;
// then y + bias. t_c = (s·scale)·(x·B_c). The dot x·B_c has 64 lanes, lane l = fma over k ≡ l (mod 64) ascending, added
// by halves. A perturbed bias is b + (s·scale)·e, the product and the sum rounded. Nothing of this depends on level, tile,
// thread, or on which rows share a call.
#pragma once
#include <cstddef>
#include <cstdint>

#include "dispatch.h"

namespace seedcast {

constexpr size_t panel_width = 32;

// What is added to one row after its products.
struct RowTerms {
  // Rank vectors [rank][out], contiguous; null for an unperturbed row.
  const int8_t* a;
  // t_c, rank of them.
  const float* t;
  // Noise of the bias [out], or null.
  const int8_t* e;
  float e_scale;
};

struct Epilogue {
  const RowTerms* rows;
  size_t rank;
  size_t out;
  // Null for no bias.
  const float* bias;
};

struct LinearKernels {
  // Rows of the largest tile.
  size_t tile_rows;
  // packed[k·height + r] = x[r·stride + k], r < height ≤ tile_rows; 16 floats past the end may be written.
  void (*pack)(const float* x, size_t stride, size_t height, size_t depth, float* packed);
  // y[height, columns ≤ 32] (+)= packed · panel over `depth`; `first` starts the chains, an epilogue ends them. `column` is
  // the first column's number.
  void (*tile)(size_t height, const float* packed, const float* panel, size_t depth, bool first, const Epilogue* epilogue,
               size_t column, size_t columns, float* y, size_t stride);
  // x·b over n, in 64 lanes.
  float (*dot)(const float* x, const int8_t* b, size_t n);
  // y = main, ended by an epilogue; whole rows.
  void (*finish)(const float* main, size_t rows, size_t stride, const Epilogue& epilogue, float* y);
  // own[k][j] = panel[k][j] + factor·noise[j·depth + k], the product and the sum rounded; columns ≤ 32 rows of noise.
  void (*perturb)(const float* panel, const int8_t* noise, size_t depth, size_t columns, float factor, float* own);
  // own[i] = theta[i] + factor·noise[i], the product and the sum rounded.
  void (*form)(const float* theta, const int8_t* noise, size_t n, float factor, float* own);
};

extern const LinearKernels linear_portable;
#if SEEDCAST_X86
extern const LinearKernels linear_avx2;
extern const LinearKernels linear_avx512;
#endif
#if SEEDCAST_ARM
extern const LinearKernels linear_neon;
#endif

const LinearKernels& linear_kernels(Level level);

}  // namespace seedcast
