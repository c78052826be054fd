// Noise for JavaScript: fills, exact sums over directions, and the low-rank factors of many directions at once. Long ranges
// are cut over the pool's threads; every element is a function of its own index, so the cut never shows.
#include "noise.h"

#include <cstdlib>

#include "arguments.h"
#include "families.h"
#include "pool.h"

namespace seedcast {

const NoiseKernels& noise_kernels(Level level) {
#if SEEDCAST_X86
  if (level == Level::avx512_vnni && has_bitalg()) return noise_bitalg;
  static const Tables<NoiseKernels> tables = {&noise_portable, nullptr, &noise_avx2, &noise_avx512, nullptr};
#elif SEEDCAST_ARM
  static const Tables<NoiseKernels> tables = {&noise_portable, &noise_neon, nullptr, nullptr, nullptr};
#else
  static const Tables<NoiseKernels> tables = {&noise_portable, nullptr, nullptr, nullptr, nullptr};
#endif
  return pick(tables, level);
}

namespace {

constexpr int64_t binomial_limit = int64_t{1} << 35;
constexpr int64_t rademacher_limit = int64_t{1} << 39;

// Arguments 2 to 5: key0, key1, word, step.
Stream stream_of(Arguments& a) {
  return {a.uint32(2, "key0"), a.uint32(3, "key1"), a.uint32(4, "word"), a.uint32(5, "step")};
}

// level, threads, key0, key1, word, step, direction, start, out
template <class T>
napi_value fill(napi_env env, napi_callback_info info, const char* name, int64_t limit, size_t per_element,
                void (*run)(const NoiseKernels&, const Stream&, uint32_t, uint64_t, size_t, T*)) {
  Arguments a(env, info, name, 9);
  const NoiseKernels& kernels = noise_kernels(a.level());
  const unsigned threads = a.threads();
  const Stream stream = stream_of(a);
  const uint32_t direction = a.uint32(6, "direction");
  const int64_t start = a.integer(7, "start", 0, limit);
  size_t length = 0;
  T* out = a.array<T>(8, "out", 0, &length);
  if (!a.ok()) return nullptr;
  if (static_cast<uint64_t>(start) + length > static_cast<uint64_t>(limit)) {
    a.fail_range("elements %lld to %lld go past %lld", static_cast<long long>(start),
                 static_cast<long long>(start + static_cast<int64_t>(length)), static_cast<long long>(limit));
    return nullptr;
  }
  parallel_for(length, 65536 / per_element, threads, [&](size_t begin, size_t end) {
    run(kernels, stream, direction, static_cast<uint64_t>(start) + begin, end - begin, out + begin);
  });
  return a.undefined();
}

napi_value fill_binomial(napi_env env, napi_callback_info info) {
  return fill<int8_t>(env, info, "fillBinomial", binomial_limit, 1,
                      [](const NoiseKernels& k, const Stream& s, uint32_t direction, uint64_t start, size_t count,
                         int8_t* out) { k.binomial(s, direction, start, count, out); });
}

napi_value fill_rademacher(napi_env env, napi_callback_info info) {
  return fill<int8_t>(env, info, "fillRademacher", rademacher_limit, 1,
                      [](const NoiseKernels& k, const Stream& s, uint32_t direction, uint64_t start, size_t count,
                         int8_t* out) { k.rademacher(s, direction, start, count, out); });
}

// Here `start` counts blocks, and `out` holds whole blocks of 4 words.
napi_value fill_words(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "fillWords", 9);
  const NoiseKernels& kernels = noise_kernels(a.level());
  const unsigned threads = a.threads();
  const Stream stream = stream_of(a);
  const uint32_t direction = a.uint32(6, "direction");
  const uint32_t first = a.uint32(7, "first block");
  size_t length = 0;
  uint32_t* out = a.array<uint32_t>(8, "out", 0, &length);
  if (a.ok() && (length % 4 != 0 || first + length / 4 > (size_t{1} << 32))) {
    a.fail_range("out holds %zu words, must be whole blocks of 4 that end by block 2^32", length);
  }
  if (!a.ok()) return nullptr;
  parallel_for(length / 4, 4096, threads, [&](size_t begin, size_t end) {
    kernels.words(stream, direction, static_cast<uint32_t>(first + begin), end - begin, out + 4 * begin);
  });
  return a.undefined();
}

// level, threads, key0, key1, word, step, coefficients, firstDirection, lastDirection, start, sums
napi_value accumulate(napi_env env, napi_callback_info info, const char* name, bool binomial) {
  Arguments a(env, info, name, 11);
  const NoiseKernels& kernels = noise_kernels(a.level());
  const unsigned threads = a.threads();
  const Stream stream = stream_of(a);
  size_t given = 0;
  const int type = a.array_type(6);
  const int16_t* narrow = nullptr;
  const int32_t* wide = nullptr;
  if (type == napi_int16_array) {
    narrow = a.array<int16_t>(6, "coefficients", 0, &given);
  } else if (type == napi_int32_array) {
    wide = a.array<int32_t>(6, "coefficients", 0, &given);
  } else {
    a.fail_type(6, "coefficients", "an Int16Array or Int32Array");
  }
  const size_t from = a.size(7, "firstDirection"), to = a.size(8, "lastDirection");
  const int64_t limit = binomial ? binomial_limit : rademacher_limit;
  const int64_t start = a.integer(9, "start", 0, limit);
  size_t length = 0;
  int32_t* sums = a.array<int32_t>(10, "sums", 0, &length);
  if (a.ok() && (from > to || to > given)) {
    a.fail_range("directions [%zu, %zu) do not lie within the %zu coefficients", from, to, given);
  }
  if (a.ok() && static_cast<uint64_t>(start) + length > static_cast<uint64_t>(limit)) {
    a.fail_range("elements from %lld (%zu of them) go past %lld", static_cast<long long>(start), length,
                 static_cast<long long>(limit));
  }
  if (!a.ok()) return nullptr;
  Term* terms = static_cast<Term*>(std::malloc((to - from + 1) * sizeof(Term)));
  if (!terms) {
    a.fail_range("no memory for %zu coefficients", to - from);
    return nullptr;
  }
  size_t count = 0;
  bool fits = true;
  for (size_t k = from; k < to; k++) {
    const int32_t c = narrow ? narrow[k] : wide[k];
    if (c == 0) continue;
    fits = fits && c >= -32768 && c <= 32767;
    terms[count++] = {static_cast<uint32_t>(k), c};
  }
  // Pieces begin at whole blocks, so that no block is made twice.
  const size_t grain = binomial ? 2048 : 4096;
  const size_t skip = static_cast<size_t>(start) % (binomial ? 8 : 128);
  if (count > 0 && length > 0) {
    parallel_for(skip + length, grain, threads, [&](size_t begin, size_t end) {
      const size_t low = begin < skip ? 0 : begin - skip;
      if (end <= skip + low) return;
      const size_t n = end - skip - low;
      if (binomial) {
        kernels.accumulate_binomial(stream, terms, count, fits, static_cast<uint64_t>(start) + low, n, sums + low);
      } else {
        kernels.accumulate_rademacher(stream, terms, count, static_cast<uint64_t>(start) + low, n, sums + low);
      }
    });
  }
  std::free(terms);
  return a.undefined();
}

napi_value accumulate_binomial(napi_env env, napi_callback_info info) {
  return accumulate(env, info, "accumulateBinomial", true);
}

napi_value accumulate_rademacher(napi_env env, napi_callback_info info) {
  return accumulate(env, info, "accumulateRademacher", false);
}

// level, threads, key0, key1, word, step, directions, length, out, rademacher: row d holds elements [0, length) of the noise
// of directions[d].
napi_value low_rank_factors(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "lowRankFactors", 10);
  const NoiseKernels& kernels = noise_kernels(a.level());
  const unsigned threads = a.threads();
  const Stream stream = stream_of(a);
  size_t count = 0;
  const uint32_t* directions = a.array<uint32_t>(6, "directions", 0, &count);
  const size_t length = static_cast<size_t>(a.integer(7, "length", 0, binomial_limit));
  int8_t* out = a.array<int8_t>(8, "out", product(count, length));
  const auto make = a.integer(9, "rademacher", 0, 1) == 1 ? kernels.rademacher : kernels.binomial;
  if (!a.ok()) return nullptr;
  const size_t grain = length >= 32768 ? 1 : 32768 / (length + 1) + 1;
  parallel_for(count, grain, threads, [&](size_t begin, size_t end) {
    for (size_t d = begin; d < end; d++) make(stream, directions[d], 0, length, out + d * length);
  });
  return a.undefined();
}

}  // namespace

void export_noise(napi_env env, napi_value exports) {
  static const Export functions[] = {
      {"fillWords", fill_words},
      {"fillBinomial", fill_binomial},
      {"fillRademacher", fill_rademacher},
      {"accumulateBinomial", accumulate_binomial},
      {"accumulateRademacher", accumulate_rademacher},
      {"lowRankFactors", low_rank_factors},
  };
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
