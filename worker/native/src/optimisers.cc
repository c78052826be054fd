// Canonical optimiser steps for JavaScript, cut over the pool's threads by elements.
#include "optimisers.h"

#include "arguments.h"
#include "families.h"
#include "pool.h"

namespace seedcast {

const OptimiserKernels& optimiser_kernels(Level level) {
#if SEEDCAST_X86
  static const Tables<OptimiserKernels> tables = {&optimisers_portable, nullptr, &optimisers_avx2, &optimisers_avx512,
                                                  nullptr};
#elif SEEDCAST_ARM
  static const Tables<OptimiserKernels> tables = {&optimisers_portable, &optimisers_neon, nullptr, nullptr, nullptr};
#else
  static const Tables<OptimiserKernels> tables = {&optimisers_portable, nullptr, nullptr, nullptr, nullptr};
#endif
  return pick(tables, level);
}

namespace {

constexpr size_t grain = 16384;

// level, threads, theta, next, sums, lo, hi, scale, rate, weightDecay, factor
struct Range {
  size_t lo = 0, count = 0;
  const float* theta = nullptr;
  float* next = nullptr;
  const double* sums = nullptr;
  StepScalars scalars = {};
};

// An array that is read and its successor: the same elements, or none in common.
void check_pair(Arguments& a, const float* from, const float* to, size_t n, const char* name) {
  if (a.ok() && from != to && overlaps(from, n * 4, to, n * 4)) a.fail_range("%s overlaps its successor in part", name);
}

Range range_of(Arguments& a) {
  Range r;
  r.lo = a.size(5, "lo");
  const size_t hi = a.size(6, "hi");
  if (a.ok() && hi < r.lo) a.fail_range("[%zu, %zu) is no range", r.lo, hi);
  if (!a.ok()) return r;
  r.count = hi - r.lo;
  r.theta = a.array<float>(2, "theta", hi);
  r.next = a.array<float>(3, "next", hi);
  r.sums = a.array<double>(4, "sums", r.count);
  r.scalars = {static_cast<float>(a.number(7, "scale")), static_cast<float>(a.number(8, "rate")),
               static_cast<float>(a.number(9, "weightDecay")), static_cast<float>(a.number(10, "factor"))};
  if (!a.ok()) return r;
  r.theta += r.lo;
  r.next += r.lo;
  check_pair(a, r.theta, r.next, r.count, "theta");
  return r;
}

napi_value sgd(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "sgdStep", 11);
  const OptimiserKernels& kernels = optimiser_kernels(a.level());
  const unsigned threads = a.threads();
  const Range r = range_of(a);
  if (!a.ok()) return nullptr;
  parallel_for(r.count, grain, threads, [&](size_t begin, size_t end) {
    kernels.sgd(end - begin, r.theta + begin, r.next + begin, r.sums + begin, r.scalars);
  });
  return a.undefined();
}

// ..., mu, from, to
napi_value momentum(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "momentumStep", 14);
  const OptimiserKernels& kernels = optimiser_kernels(a.level());
  const unsigned threads = a.threads();
  const Range r = range_of(a);
  const float mu = static_cast<float>(a.number(11, "mu"));
  const float* from = a.array<float>(12, "from", r.lo + r.count);
  float* to = a.array<float>(13, "to", r.lo + r.count);
  if (!a.ok()) return nullptr;
  from += r.lo;
  to += r.lo;
  check_pair(a, from, to, r.count, "from");
  if (!a.ok()) return nullptr;
  parallel_for(r.count, grain, threads, [&](size_t begin, size_t end) {
    kernels.momentum(end - begin, r.theta + begin, r.next + begin, r.sums + begin, r.scalars, mu, from + begin,
                     to + begin);
  });
  return a.undefined();
}

// ..., beta1, beta2, epsilon, mFrom, mTo, vFrom, vTo
napi_value adam(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "adamStep", 18);
  const OptimiserKernels& kernels = optimiser_kernels(a.level());
  const unsigned threads = a.threads();
  const Range r = range_of(a);
  const float beta1 = static_cast<float>(a.number(11, "beta1")), beta2 = static_cast<float>(a.number(12, "beta2"));
  const float epsilon = static_cast<float>(a.number(13, "epsilon"));
  if (a.ok() && !(epsilon > 0)) a.fail_range("epsilon is %g, must be positive in float32", static_cast<double>(epsilon));
  const size_t hi = r.lo + r.count;
  const float* m_from = a.array<float>(14, "mFrom", hi);
  float* m_to = a.array<float>(15, "mTo", hi);
  const float* v_from = a.array<float>(16, "vFrom", hi);
  float* v_to = a.array<float>(17, "vTo", hi);
  if (!a.ok()) return nullptr;
  m_from += r.lo;
  m_to += r.lo;
  v_from += r.lo;
  v_to += r.lo;
  check_pair(a, m_from, m_to, r.count, "mFrom");
  check_pair(a, v_from, v_to, r.count, "vFrom");
  if (!a.ok()) return nullptr;
  parallel_for(r.count, grain, threads, [&](size_t begin, size_t end) {
    kernels.adam(end - begin, r.theta + begin, r.next + begin, r.sums + begin, r.scalars, beta1, beta2, epsilon,
                 m_from + begin, m_to + begin, v_from + begin, v_to + begin);
  });
  return a.undefined();
}

}  // namespace

void export_optimisers(napi_env env, napi_value exports) {
  static const Export functions[] = {{"sgdStep", sgd}, {"momentumStep", momentum}, {"adamStep", adam}};
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
