// Integer kernels of level avx512-vnni: 8-bit multiply-adds of four (VNNI).
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>
#include <utility>

#include "integer.h"
#include "pool.h"

namespace seedcast {
namespace avx512_vnni {
#include "integer-clip.h"
#include "dots-avx512.h"
#include "integer-products.h"
#include "integer-layers.h"
#include "low-rank-kernels.h"
}  // namespace avx512_vnni

const IntegerKernels integer_avx512_vnni = avx512_vnni::Layers<avx512_vnni::Products<avx512_vnni::DotVnni>>::table();
const LowRankKernels low_rank_avx512_vnni = avx512_vnni::LowRankSums<avx512_vnni::DotWords>::table();

}  // namespace seedcast
#endif
