// Integer kernels of level portable: plain C++17.
#include <cstring>

#include "integer.h"
#include "pool.h"

namespace seedcast {
namespace portable {
#include "integer-clip.h"
#include "dots-portable.h"
#include "integer-layers.h"
#include "low-rank-portable.h"
}  // namespace portable

const IntegerKernels integer_portable = portable::Layers<portable::ProductsPortable>::table();
const LowRankKernels low_rank_portable = portable::LowRankPortable::table();

}  // namespace seedcast
