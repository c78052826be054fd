// Level avx2: AVX2 and FMA.
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>

#include "noise.h"

namespace seedcast {
namespace avx2 {
#include "lanes-avx2.h"
#include "noise-kernels.h"
}  // namespace avx2

const NoiseKernels noise_avx2 = avx2::Noise<avx2::LanesAvx2>::table();

}  // namespace seedcast
#endif
