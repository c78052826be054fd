// Level neon: 64-bit ARM. Never run by its authors; the integer kernels are the portable ones, which the compiler
// vectorises for NEON.
#include "dispatch.h"
#if SEEDCAST_ARM
#include <cstring>

#include "noise.h"

namespace seedcast {
namespace neon {
#include "lanes-portable.h"
#include "noise-kernels.h"
}  // namespace neon

const NoiseKernels noise_neon = neon::Noise<neon::LanesPortable>::table();

}  // namespace seedcast
#endif
