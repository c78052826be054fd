// The kernels of integer networks (int8 weights and activations, int32 sums): their definition is the integer part of
// shared/objectives/engine.ts, and every level gives the same bits. Arrays are row-major; a weight is [out, in].
#pragma once
#include <cstddef>
#include <cstdint>

#include "dispatch.h"

namespace seedcast {

// How the members of a call differ from the shared weight: member p has direction `direction[p]`, a row of `a` [directions,
// out] and `b` [directions, in], and `sign[p]`. All null where no member differs.
struct LowRank {
  const int8_t* a;
  const int8_t* b;
  const int32_t* direction;
  const int8_t* sign;
  int shift;
};

// x [members or 1, rows, in] → result [members, rows, out].
struct IntegerLinear {
  const int8_t* x;
  bool shared;
  size_t members, rows, in, out;
  const void* packed;
  int shift;
  LowRank noise;
  int8_t* result;
};

// bf and bh [members or 1, width]; xf, xh and result [members, batch, steps, width]; resets [members or 1, batch, steps].
struct IntegerGru {
  const int8_t *xf, *xh;
  size_t members, batch, steps, width;
  const void *uf, *uh;
  int shift;
  LowRank noise_f, noise_h;
  const int8_t *bf, *bh;
  bool shared_bf, shared_bh;
  const int32_t* resets;
  bool shared_resets;
  int8_t* result;
};

// tokens [members or 1, rows]; weight [.., width] → result [members, rows, width]. `a` is over the weight's rows.
struct IntegerEmbedding {
  const int32_t* tokens;
  bool shared;
  size_t members, rows, vocabulary, width;
  const int8_t* weight;
  LowRank noise;
  int8_t* result;
};

struct IntegerKernels {
  size_t (*packed_bytes)(size_t out, size_t in);
  // Outputs come in panels; `packed` must begin at a multiple of 64.
  size_t panel;
  void (*pack)(const int8_t* weight, size_t out, size_t in, size_t first, size_t last, void* packed);
  // Rows [begin, end) of members·rows, or of rows where x is shared. False where memory is short.
  bool (*linear)(const IntegerLinear&, size_t begin, size_t end);
  // Sequences [begin, end) of members·batch.
  bool (*gru)(const IntegerGru&, size_t begin, size_t end);
  // Rows [begin, end) of members·rows; `gain` [members, width], or [1, width] where shared.
  void (*norm)(const int8_t* x, bool shared_x, const int8_t* gain, bool shared_gain, size_t rows, size_t width,
               size_t begin, size_t end, int8_t* out);
  void (*add)(const int8_t* x, const int8_t* y, size_t count, int8_t* out);
  void (*embedding)(const IntegerEmbedding&, size_t begin, size_t end);
  // clip(θ + ((sign·a·b) >> shift)), `count` elements.
  void (*vector)(const int8_t* theta, const int8_t* a, const int8_t* b, int sign, int shift, size_t count, int8_t* out);
  // `count` rows of 256 logits with one target each.
  void (*log_likelihood)(const int8_t* logits, const int32_t* targets, size_t count, int32_t* out);
};

extern const IntegerKernels integer_portable;
#if SEEDCAST_X86
extern const IntegerKernels integer_avx2;
extern const IntegerKernels integer_avx512;
extern const IntegerKernels integer_avx512_vnni;
#endif
#if SEEDCAST_ARM
extern const IntegerKernels integer_neon;
#endif

// Sums of outer products: wide[i·columns + j] = Σ_k x[i, k]·w[k, j] over pairs of terms, see low-rank.cc.
struct LowRankKernels {
  // Columns come in panels of `panel`, rows in tiles of `tile`; terms in pairs.
  size_t panel, tile;
  // w: `terms` rows of int8 with `stride` between them, columns [0, columns) → panels of pairs, zeros where it ends.
  void (*pack)(const int8_t* w, size_t terms, size_t stride, size_t columns, size_t first, size_t last, int16_t* packed);
  // wide[i·columns + j] += factor·Σ for `rows` rows (at most `tile`), whose terms stand as pairs side by side:
  // x[(pair·tile + i)·2 + half]. Sums of one call must fit int32.
  void (*add)(const int16_t* packed, const int16_t* x, size_t pairs, size_t rows, size_t columns, size_t first,
              size_t last, double factor, double* wide);
};

extern const LowRankKernels low_rank_portable;
#if SEEDCAST_X86
extern const LowRankKernels low_rank_avx2;
extern const LowRankKernels low_rank_avx512;
extern const LowRankKernels low_rank_avx512_vnni;
#endif
#if SEEDCAST_ARM
extern const LowRankKernels low_rank_neon;
#endif

}  // namespace seedcast
