// Level avx2: AVX2 and FMA.
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>

#include "elementwise.h"
#include "linear.h"
#include "noise.h"
#include "optimisers.h"

namespace seedcast {
namespace avx2 {
#include "lanes-avx2.h"
#include "noise-kernels.h"
#include "floats-avx2.h"
#include "linear-kernels.h"
#include "elementwise-kernels.h"
#include "optimisers-kernels.h"
}  // namespace avx2

const NoiseKernels noise_avx2 = avx2::Noise<avx2::LanesAvx2>::table();
const LinearKernels linear_avx2 = avx2::Linear<avx2::Floats>::table();
const ElementwiseKernels elementwise_avx2 = avx2::Elementwise<avx2::Floats>::table();
const OptimiserKernels optimisers_avx2 = avx2::Optimisers::table();

}  // namespace seedcast
#endif
