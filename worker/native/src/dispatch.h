// SIMD levels: which this binary was compiled with, which this processor runs, and what they are called. Every exported
// function takes a level, so that one process can compare them all. A family of kernels is a struct of function pointers;
// it declares one table a level and picks with `pick`.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#define SEEDCAST_X86 1
#endif
#if defined(__aarch64__)
#define SEEDCAST_ARM 1
#endif

namespace seedcast {

// Slowest first.
enum class Level : int { portable = 0, neon = 1, avx2 = 2, avx512 = 3, avx512_vnni = 4 };
constexpr int level_count = 5;

const char* level_name(Level level);
// Whether this processor, operating system and binary run the level.
bool level_available(Level level);
// Whether 16-bit popcounts are one instruction here (AVX-512 BITALG).
bool has_bitalg();

// The tables of a family, defined in the isa-*.cc of each level; a missing one is null.
template <class Table>
struct Tables {
  const Table* portable = nullptr;
  const Table* neon = nullptr;
  const Table* avx2 = nullptr;
  const Table* avx512 = nullptr;
  const Table* avx512_vnni = nullptr;
};

// The table of `level`, or of the next slower level that has one: a family need not be written for every level.
template <class Table>
const Table& pick(const Tables<Table>& tables, Level level) {
  if (level == Level::avx512_vnni && tables.avx512_vnni) return *tables.avx512_vnni;
  if (level >= Level::avx512 && tables.avx512) return *tables.avx512;
  if (level >= Level::avx2 && tables.avx2) return *tables.avx2;
  if (level == Level::neon && tables.neon) return *tables.neon;
  return *tables.portable;
}

}  // namespace seedcast
