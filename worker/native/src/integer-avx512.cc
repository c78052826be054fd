// Integer kernels of level avx512: 16-bit multiply-adds.
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>
#include <utility>

#include "integer.h"
#include "pool.h"

namespace seedcast {
namespace avx512 {
#include "integer-clip.h"
#include "dots-avx512.h"
#include "integer-products.h"
#include "integer-layers.h"
#include "low-rank-kernels.h"
}  // namespace avx512

const IntegerKernels integer_avx512 = avx512::Layers<avx512::Products<avx512::DotWords>>::table();
const LowRankKernels low_rank_avx512 = avx512::LowRankSums<avx512::DotWords>::table();

}  // namespace seedcast
#endif
