// Level portable: plain C++17, for every processor.
#include <cstring>

#include "linear.h"
#include "noise.h"

namespace seedcast {
namespace portable {
#include "lanes-portable.h"
#include "noise-kernels.h"
#include "floats-portable.h"
#include "linear-kernels.h"
}  // namespace portable

const NoiseKernels noise_portable = portable::Noise<portable::LanesPortable>::table();
const LinearKernels linear_portable = portable::Linear<portable::Floats>::table();

}  // namespace seedcast
