// Level neon: 64-bit ARM. Never run by its authors; the integer kernels are the portable ones, which the compiler
// vectorises for NEON.
#include "dispatch.h"
#if SEEDCAST_ARM
#include <arm_neon.h>

#include <cstring>

#include "elementwise.h"
#include "linear.h"
#include "noise.h"
#include "optimisers.h"

namespace seedcast {
namespace neon {
#include "lanes-portable.h"
#include "noise-kernels.h"
#include "floats-neon.h"
#include "linear-kernels.h"
#include "elementwise-kernels.h"
#include "optimisers-kernels.h"
}  // namespace neon

const NoiseKernels noise_neon = neon::Noise<neon::LanesPortable>::table();
const LinearKernels linear_neon = neon::Linear<neon::Floats>::table();
const ElementwiseKernels elementwise_neon = neon::Elementwise<neon::Floats>::table();
const OptimiserKernels optimisers_neon = neon::Optimisers::table();

}  // namespace seedcast
#endif
