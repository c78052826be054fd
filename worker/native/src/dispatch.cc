// What the processor offers, asked once.
#include "dispatch.h"

namespace seedcast {

const char* level_name(Level level) {
  switch (level) {
    case Level::avx512_vnni: return "avx512-vnni";
    case Level::avx512: return "avx512";
    case Level::avx2: return "avx2";
    case Level::neon: return "neon";
    case Level::portable: break;
  }
  return "portable";
}

bool level_available(Level level) {
#if SEEDCAST_X86
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  static const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  static const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (level == Level::avx2) return avx2;
  if (level == Level::avx512) return avx512;
  if (level == Level::avx512_vnni) return vnni;
#endif
#if SEEDCAST_ARM
  if (level == Level::neon) return true;
#endif
  return level == Level::portable;
}

bool has_bitalg() {
#if SEEDCAST_X86
  static const bool bitalg = level_available(Level::avx512) && __builtin_cpu_supports("avx512bitalg");
  return bitalg;
#else
  return false;
#endif
}

}  // namespace seedcast
