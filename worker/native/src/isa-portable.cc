// Level portable: plain C++17, for every processor.
#include <cstring>

#include "elementwise.h"
#include "linear.h"
#include "noise.h"
#include "optimisers.h"

namespace seedcast {
namespace portable {
#include "lanes-portable.h"
#include "noise-kernels.h"
#include "floats-portable.h"
#include "linear-kernels.h"
#include "elementwise-kernels.h"
#include "optimisers-kernels.h"
}  // namespace portable

const NoiseKernels noise_portable = portable::Noise<portable::LanesPortable>::table();
const LinearKernels linear_portable = portable::Linear<portable::Floats>::table();
const ElementwiseKernels elementwise_portable = portable::Elementwise<portable::Floats>::table();
const OptimiserKernels optimisers_portable = portable::Optimisers::table();

}  // namespace seedcast
