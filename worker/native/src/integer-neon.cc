// Integer kernels of level neon: the portable ones, which the compiler vectorises for NEON. Never run by its authors.
#include "dispatch.h"
#if SEEDCAST_ARM
#include <cstring>

#include "integer.h"
#include "pool.h"

namespace seedcast {
namespace neon {
#include "integer-clip.h"
#include "dots-portable.h"
#include "integer-layers.h"
#include "low-rank-portable.h"
}  // namespace neon

const IntegerKernels integer_neon = neon::Layers<neon::ProductsPortable>::table();
const LowRankKernels low_rank_neon = neon::LowRankPortable::table();

}  // namespace seedcast
#endif
