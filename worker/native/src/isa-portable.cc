// Level portable: plain C++17, for every processor.
#include <cstring>

#include "noise.h"

namespace seedcast {
namespace portable {
#include "lanes-portable.h"
#include "noise-kernels.h"
}  // namespace portable

const NoiseKernels noise_portable = portable::Noise<portable::LanesPortable>::table();

}  // namespace seedcast
