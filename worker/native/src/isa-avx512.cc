// Level avx512: AVX-512 F, BW, VL and DQ.
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>

#include "elementwise.h"
#include "linear.h"
#include "noise.h"
#include "optimisers.h"

namespace seedcast {
namespace avx512 {
#include "lanes-avx512.h"
#include "noise-kernels.h"
#include "floats-avx512.h"
#include "linear-kernels.h"
#include "elementwise-kernels.h"
#include "optimisers-kernels.h"
}  // namespace avx512

const NoiseKernels noise_avx512 = avx512::Noise<avx512::LanesAvx512>::table();
const LinearKernels linear_avx512 = avx512::Linear<avx512::Floats>::table();
const ElementwiseKernels elementwise_avx512 = avx512::Elementwise<avx512::Floats>::table();
const OptimiserKernels optimisers_avx512 = avx512::Optimisers::table();

}  // namespace seedcast
#endif
