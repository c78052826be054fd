// Integer kernels of level avx2: 16-bit multiply-adds.
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>
#include <utility>

#include "integer.h"
#include "pool.h"

namespace seedcast {
namespace avx2 {
#include "integer-clip.h"
#include "dots-avx2.h"
#include "integer-products.h"
#include "integer-layers.h"
#include "low-rank-kernels.h"
}  // namespace avx2

const IntegerKernels integer_avx2 = avx2::Layers<avx2::Products<avx2::DotWords>>::table();
const LowRankKernels low_rank_avx2 = avx2::LowRankSums<avx2::DotWords>::table();

}  // namespace seedcast
#endif
