// The noise of level avx512-vnni where the processor counts the ones of 16-bit words in one instruction (BITALG).
#include "dispatch.h"
#if SEEDCAST_X86
#include <immintrin.h>

#include <cstring>

#include "noise.h"

namespace seedcast {
namespace bitalg {
#include "lanes-avx512.h"
#include "noise-kernels.h"
}  // namespace bitalg

const NoiseKernels noise_bitalg = bitalg::Noise<bitalg::LanesAvx512>::table();

}  // namespace seedcast
#endif
