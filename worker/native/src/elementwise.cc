// Elementwise kernels for JavaScript: activations, tensors added and multiplied with repeated axes, normalisations and the
// loss, cut over the pool's threads by elements or rows.
#include "elementwise.h"

#include "arguments.h"
#include "families.h"
#include "pool.h"

namespace seedcast {

const ElementwiseKernels& elementwise_kernels(Level level) {
#if SEEDCAST_X86
  static const Tables<ElementwiseKernels> tables = {&elementwise_portable, nullptr, &elementwise_avx2,
                                                    &elementwise_avx512, nullptr};
#elif SEEDCAST_ARM
  static const Tables<ElementwiseKernels> tables = {&elementwise_portable, &elementwise_neon, nullptr, nullptr, nullptr};
#else
  static const Tables<ElementwiseKernels> tables = {&elementwise_portable, nullptr, nullptr, nullptr, nullptr};
#endif
  return pick(tables, level);
}

namespace {

// Rows a chunk, so that a chunk is some ten microseconds.
size_t row_grain(size_t width) { return 1 + 16384 / (width + 1); }

// level, threads, kind, x, y: y may be x.
napi_value activation(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "activation", 5);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const Activation kind = static_cast<Activation>(a.integer(2, "kind", 0, activation_count - 1));
  size_t n = 0;
  const float* x = a.array<float>(3, "x", 0, &n);
  float* y = a.array<float>(4, "y", n);
  if (!a.ok()) return nullptr;
  parallel_for(n, 8192, threads,
               [&](size_t begin, size_t end) { kernels.activation(kind, x + begin, end - begin, y + begin); });
  return a.undefined();
}

// level, threads, x, factor, y
napi_value scale(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "scale", 5);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  size_t n = 0;
  const float* x = a.array<float>(2, "x", 0, &n);
  const float factor = static_cast<float>(a.number(3, "factor"));
  float* y = a.array<float>(4, "y", n);
  if (!a.ok()) return nullptr;
  parallel_for(n, 65536, threads,
               [&](size_t begin, size_t end) { kernels.scale(x + begin, factor, end - begin, y + begin); });
  return a.undefined();
}

// level, threads, multiply, members, rows, width, x, xMembers, y, yMembers, yRows, out:
// out[p, r, :] = x[p or 0, r, :] + or · y[p or 0, r mod yRows, :].
napi_value combine(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "combine", 12);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const bool multiply = a.integer(2, "multiply", 0, 1) == 1;
  const size_t members = a.size(3, "members"), rows = a.size(4, "rows", 1), width = a.size(5, "width", 1);
  const size_t x_members = a.size(7, "xMembers"), y_members = a.size(9, "yMembers"), y_rows = a.size(10, "yRows", 1);
  const float* x = a.array<float>(6, "x", product(product(x_members, rows), width));
  const float* y = a.array<float>(8, "y", product(product(y_members, y_rows), width));
  float* out = a.array<float>(11, "out", product(product(members, rows), width));
  if (a.ok() && ((x_members != 1 && x_members != members) || (y_members != 1 && y_members != members))) {
    a.fail_range("xMembers and yMembers are %zu and %zu, must be 1 or members (%zu)", x_members, y_members, members);
  }
  if (a.ok() && rows % y_rows != 0) a.fail_range("yRows (%zu) does not divide rows (%zu)", y_rows, rows);
  if (!a.ok()) return nullptr;
  const size_t run = y_rows * width, runs = rows / y_rows;
  parallel_for(members * runs, row_grain(run), threads, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t p = i / runs, r = i % runs;
      const float* from = x + ((x_members == 1 ? 0 : p) * runs + r) * run;
      const float* with = y + (y_members == 1 ? 0 : p) * run;
      (multiply ? kernels.multiply : kernels.add)(from, with, run, out + i * run);
    }
  });
  return a.undefined();
}

// level, threads, x, members, rows, width, centre, epsilon, gain, gainMembers, bias, biasMembers, y
napi_value normalise(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "normalise", 13);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t members = a.size(3, "members"), rows = a.size(4, "rows", 1), width = a.size(5, "width", 1);
  const size_t n = product(product(members, rows), width);
  const float* x = a.array<float>(2, "x", n);
  const bool centre = a.integer(6, "centre", 0, 1) == 1;
  const float epsilon = static_cast<float>(a.number(7, "epsilon"));
  const size_t gain_members = a.size(9, "gainMembers", 1), bias_members = a.size(11, "biasMembers", 1);
  const float* gain = a.optional_array<float>(8, "gain", product(gain_members, width));
  const float* bias = a.optional_array<float>(10, "bias", product(bias_members, width));
  float* y = a.array<float>(12, "y", n);
  if (a.ok() && ((gain_members != 1 && gain_members != members) || (bias_members != 1 && bias_members != members))) {
    a.fail_range("gainMembers and biasMembers are %zu and %zu, must be 1 or members (%zu)", gain_members, bias_members,
                 members);
  }
  if (!a.ok()) return nullptr;
  parallel_for(members * rows, row_grain(width), threads, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; r++) {
      const size_t p = r / rows;
      kernels.normalise(x + r * width, width, centre, epsilon, gain ? gain + (gain_members == 1 ? 0 : p) * width : nullptr,
                        bias ? bias + (bias_members == 1 ? 0 : p) * width : nullptr, y + r * width);
    }
  });
  return a.undefined();
}

// level, threads, logits, rows, classes, targets, loss, correct: row r has target r mod targets.length.
napi_value cross_entropy(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "crossEntropy", 8);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t rows = a.size(3, "rows"), classes = a.size(4, "classes", 1);
  const float* logits = a.array<float>(2, "logits", product(rows, classes));
  size_t period = 0;
  const int32_t* targets = a.array<int32_t>(5, "targets", rows > 0 ? 1 : 0, &period);
  float* loss = a.array<float>(6, "loss", rows);
  float* correct = a.array<float>(7, "correct", rows);
  for (size_t i = 0; a.ok() && i < period; i++) {
    if (targets[i] < 0 || static_cast<size_t>(targets[i]) >= classes) {
      a.fail_range("target %zu is %d, must be in [0, %zu)", i, targets[i], classes);
    }
  }
  if (!a.ok()) return nullptr;
  parallel_for(rows, row_grain(8 * classes), threads, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; r++) {
      kernels.cross_entropy(logits + r * classes, classes, static_cast<size_t>(targets[r % period]), loss + r, correct + r);
    }
  });
  return a.undefined();
}

// level, threads, x, members, n, out: the mean of each member's n values.
napi_value mean(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "mean", 6);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t members = a.size(3, "members"), n = a.size(4, "n", 1);
  const float* x = a.array<float>(2, "x", product(members, n));
  float* out = a.array<float>(5, "out", members);
  if (!a.ok()) return nullptr;
  parallel_for(members, row_grain(n), threads, [&](size_t begin, size_t end) {
    for (size_t p = begin; p < end; p++) out[p] = kernels.sum(x + p * n, n) / static_cast<float>(n);
  });
  return a.undefined();
}

}  // namespace

void export_elementwise(napi_env env, napi_value exports) {
  static const Export functions[] = {
      {"activation", activation}, {"scale", scale},
      {"combine", combine},       {"normalise", normalise},
      {"crossEntropy", cross_entropy}, {"mean", mean},
  };
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
