// Operations with a structure of their own, for JavaScript: rows taken by index, windows of images, the recurrent cell and
// attention. Built of the elementwise kernels and plain copies; cut over rows, images or heads.
#include <atomic>
#include <cstring>

#include "arguments.h"
#include "elementwise.h"
#include "families.h"
#include "linear.h"
#include "pool.h"

namespace seedcast {
namespace {

constexpr unsigned scores_slot = 0;

// level, threads, tokens, tokenMembers, members, rows, W, vocabulary, width, direction, sign, directions, rank, scale, A, B, y:
// y[p, r, :] = W[t] + (s·scale)·Σ_c A_c[t]·B_c, each element fma(s·scale·A_c[t], B_c, y) for c ascending.
napi_value embedding(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "embedding", 17);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t token_members = a.size(3, "tokenMembers"), members = a.size(4, "members"), rows = a.size(5, "rows", 1);
  const size_t vocabulary = a.size(7, "vocabulary", 1), width = a.size(8, "width", 1);
  const int32_t* tokens = a.array<int32_t>(2, "tokens", product(token_members, rows));
  const float* w = a.array<float>(6, "W", product(vocabulary, width));
  const uint32_t* direction = a.array<uint32_t>(9, "direction", members);
  const int8_t* sign = a.array<int8_t>(10, "sign", members);
  const size_t directions = a.size(11, "directions"), rank = static_cast<size_t>(a.integer(12, "rank", 0, 65536));
  const float scale = static_cast<float>(a.number(13, "scale"));
  const int8_t* left = a.array<int8_t>(14, "A", product(product(directions, rank), vocabulary));
  const int8_t* right = a.array<int8_t>(15, "B", product(product(directions, rank), width));
  float* y = a.array<float>(16, "y", product(product(members, rows), width));
  if (a.ok() && token_members != 1 && token_members != members) {
    a.fail_range("tokenMembers is %zu, must be 1 or members (%zu)", token_members, members);
  }
  for (size_t i = 0; a.ok() && i < token_members * rows; i++) {
    if (tokens[i] < 0 || static_cast<size_t>(tokens[i]) >= vocabulary) {
      a.fail_range("token %zu is %d, must be in [0, %zu)", i, tokens[i], vocabulary);
    }
  }
  for (size_t m = 0; a.ok() && m < members; m++) {
    if (sign[m] != 0 && direction[m] >= directions) a.fail_range("direction index of member %zu is %u", m, direction[m]);
  }
  if (!a.ok()) return nullptr;
  parallel_for(members * rows, 1 + 16384 / width, threads, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t m = i / rows;
      const size_t t = static_cast<size_t>(tokens[token_members == 1 ? i % rows : i]);
      float* row = y + i * width;
      std::memcpy(row, w + t * width, width * sizeof(float));
      if (sign[m] == 0) continue;
      const float factor = static_cast<float>(sign[m]) * scale;
      for (size_t c = 0; c < rank; c++) {
        const size_t vector = direction[m] * rank + c;
        kernels.accumulate_int8(factor * static_cast<float>(left[vector * vocabulary + t]), right + vector * width, width, row);
      }
    }
  });
  return a.undefined();
}

// level, threads, theta, n, members, direction, sign, directions, scale, e, out [members, n]: θ + s·scale·e of each member, the
// scale, the product and the sum rounded, as a method's own perturbation of a whole tensor.
napi_value form_members(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "formMembers", 11);
  const LinearKernels& kernels = linear_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t n = a.size(3, "n"), members = a.size(4, "members");
  const float* theta = a.array<float>(2, "theta", n);
  const uint32_t* direction = a.array<uint32_t>(5, "direction", members);
  const int8_t* sign = a.array<int8_t>(6, "sign", members);
  const size_t directions = a.size(7, "directions");
  const float scale = static_cast<float>(a.number(8, "scale"));
  const int8_t* e = a.array<int8_t>(9, "e", product(directions, n));
  float* out = a.array<float>(10, "out", product(members, n));
  for (size_t m = 0; a.ok() && m < members; m++) {
    if (sign[m] != 0 && direction[m] >= directions) a.fail_range("direction index of member %zu is %u", m, direction[m]);
  }
  if (!a.ok()) return nullptr;
  parallel_for(members, 1 + 32768 / (n + 1), threads, [&](size_t begin, size_t end) {
    for (size_t m = begin; m < end; m++) {
      const int8_t* noise = sign[m] == 0 ? nullptr : e + direction[m] * n;
      const float factor = static_cast<float>(sign[m]) * scale;
      float* row = out + m * n;
      if (!noise) std::memcpy(row, theta, n * sizeof(float));
      else kernels.form(theta, noise, n, factor, row);
    }
  });
  return a.undefined();
}

struct Window {
  size_t images, height, width, channels, kernel_height, kernel_width, stride, top, left, out_height, out_width;
};

// Arguments 3 to 13. Whether every window begins within the image and its padding.
Window window_of(Arguments& a) {
  Window w;
  w.images = a.size(3, "images");
  w.height = a.size(4, "height", 1);
  w.width = a.size(5, "width", 1);
  w.channels = a.size(6, "channels", 1);
  w.kernel_height = a.size(7, "kernelHeight", 1);
  w.kernel_width = a.size(8, "kernelWidth", 1);
  w.stride = a.size(9, "stride", 1);
  w.top = a.size(10, "top");
  w.left = a.size(11, "left");
  w.out_height = a.size(12, "outHeight");
  w.out_width = a.size(13, "outWidth");
  return w;
}
size_t input_size(const Window& w) { return product(product(w.images, w.height), product(w.width, w.channels)); }
size_t output_size(const Window& w) { return product(product(w.images, w.out_height), w.out_width); }

// level, threads, x, window, columns [images·outHeight·outWidth, kernelHeight·kernelWidth·channels], zeros outside.
napi_value windows(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "windows", 15);
  a.level();
  const unsigned threads = a.threads();
  const Window w = window_of(a);
  const size_t run = product(w.kernel_width, w.channels), patch = product(w.kernel_height, run);
  const float* x = a.array<float>(2, "x", input_size(w));
  float* columns = a.array<float>(14, "columns", product(output_size(w), patch));
  if (!a.ok()) return nullptr;
  parallel_for(w.images * w.out_height, 1 + 8192 / (w.out_width * patch + 1), threads, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const float* image = x + i / w.out_height * w.height * w.width * w.channels;
      float* to = columns + i * w.out_width * patch;
      for (size_t ox = 0; ox < w.out_width; ox++) {
        for (size_t ky = 0; ky < w.kernel_height; ky++, to += run) {
          const size_t y = i % w.out_height * w.stride + ky, first = ox * w.stride;
          // In padded coordinates: columns [low, high) of this run lie within the image.
          size_t low = first < w.left ? w.left - first : 0;
          size_t high = first >= w.left + w.width ? 0 : w.left + w.width - first;
          if (low > w.kernel_width) low = w.kernel_width;
          if (high > w.kernel_width) high = w.kernel_width;
          if (y < w.top || y >= w.top + w.height || high <= low) {
            std::memset(to, 0, run * sizeof(float));
            continue;
          }
          std::memset(to, 0, low * w.channels * sizeof(float));
          const float* from = image + ((y - w.top) * w.width + first + low - w.left) * w.channels;
          std::memcpy(to + low * w.channels, from, (high - low) * w.channels * sizeof(float));
          std::memset(to + high * w.channels, 0, (w.kernel_width - high) * w.channels * sizeof(float));
        }
      }
    }
  });
  return a.undefined();
}

// level, threads, x, window (no padding), y [images, outHeight, outWidth, channels]: the greatest of each window.
napi_value max_pool(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "maxPool", 15);
  a.level();
  const unsigned threads = a.threads();
  const Window w = window_of(a);
  const float* x = a.array<float>(2, "x", input_size(w));
  float* y = a.array<float>(14, "y", product(output_size(w), w.channels));
  if (a.ok() && w.out_height > 0 && w.out_width > 0 &&
      // The product saturates, so nothing may be added to it.
      (w.kernel_height > w.height || product(w.out_height - 1, w.stride) > w.height - w.kernel_height ||
       w.kernel_width > w.width || product(w.out_width - 1, w.stride) > w.width - w.kernel_width)) {
    a.fail_range("windows of %zu by %zu leave the image of %zu by %zu", w.kernel_height, w.kernel_width, w.height, w.width);
  }
  if (!a.ok()) return nullptr;
  parallel_for(w.images * w.out_height, 1 + 8192 / (w.out_width * w.channels + 1), threads, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const float* image = x + i / w.out_height * w.height * w.width * w.channels;
      for (size_t ox = 0; ox < w.out_width; ox++) {
        float* to = y + (i * w.out_width + ox) * w.channels;
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
          for (size_t kx = 0; kx < w.kernel_width; kx++) {
            const float* from = image + ((i % w.out_height * w.stride + ky) * w.width + ox * w.stride + kx) * w.channels;
            for (size_t c = 0; c < w.channels; c++) {
              const bool first = ky == 0 && kx == 0;
              // Not a number stays, wherever in the window it stands.
              const bool keep = !first && (to[c] > from[c] || to[c] != to[c]);
              to[c] = keep ? to[c] : from[c];
            }
          }
        }
      }
    }
  });
  return a.undefined();
}

// level, threads, x, xRows, rows, steps, t, width, u, h, y: one step of the recurrent cell. x [xRows, steps, 3·width] (row r
// of the batch reads r mod xRows), u [rows, 3·width] the recurrent products, h [rows, width] replaced, y[:, t, :] = h.
napi_value gru_step(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "gruStep", 11);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t x_rows = a.size(3, "xRows", 1), rows = a.size(4, "rows"), steps = a.size(5, "steps", 1);
  const size_t t = a.size(6, "t"), width = a.size(7, "width", 1);
  const float* x = a.array<float>(2, "x", product(product(x_rows, steps), 3 * width));
  const float* u = a.array<float>(8, "u", product(rows, 3 * width));
  float* h = a.array<float>(9, "h", product(rows, width));
  float* y = a.array<float>(10, "y", product(product(rows, steps), width));
  if (a.ok() && t >= steps) a.fail_range("t is %zu, must be below steps (%zu)", t, steps);
  if (!a.ok()) return nullptr;
  parallel_for(rows, 1 + 2048 / width, threads, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; r++) {
      kernels.gru(x + (r % x_rows * steps + t) * 3 * width, u + r * 3 * width, h + r * width, width, h + r * width);
      std::memcpy(y + (r * steps + t) * width, h + r * width, width * sizeof(float));
    }
  });
  return a.undefined();
}

// level, threads, q, k, v, batch, steps, width, heads, causal, y, all [batch, steps, width].
napi_value attention(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "attention", 11);
  const ElementwiseKernels& kernels = elementwise_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t batch = a.size(5, "batch"), steps = a.size(6, "steps", 1), width = a.size(7, "width", 1);
  const size_t heads = a.size(8, "heads", 1);
  const bool causal = a.integer(9, "causal", 0, 1) == 1;
  const size_t n = product(product(batch, steps), width);
  const float* q = a.array<float>(2, "q", n);
  const float* k = a.array<float>(3, "k", n);
  const float* v = a.array<float>(4, "v", n);
  float* y = a.array<float>(10, "y", n);
  if (a.ok() && width % heads != 0) a.fail_range("%zu heads do not divide the width %zu", heads, width);
  if (!a.ok()) return nullptr;
  const size_t own = width / heads;
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(own));
  std::atomic<bool> enough{true};
  parallel_for(batch * heads, 1, threads, [&](size_t begin, size_t end) {
    float* scores = static_cast<float*>(scratch(scores_slot, steps * sizeof(float)));
    if (!scores) {
      enough = false;
      return;
    }
    for (size_t i = begin; i < end; i++) {
      const size_t at = i / heads * steps * width + i % heads * own;
      for (size_t t = 0; t < steps; t++) {
        const size_t seen = causal ? t + 1 : steps;
        for (size_t s = 0; s < seen; s++) scores[s] = scale * kernels.dot(q + at + t * width, k + at + s * width, own);
        kernels.softmax(scores, seen);
        float* to = y + at + t * width;
        std::memset(to, 0, own * sizeof(float));
        for (size_t s = 0; s < seen; s++) kernels.accumulate(scores[s], v + at + s * width, own, to);
      }
    }
  });
  if (!enough) {
    a.fail_range("no memory for %zu scores", steps);
    return nullptr;
  }
  return a.undefined();
}

}  // namespace

void export_structures(napi_env env, napi_value exports) {
  static const Export functions[] = {
      {"embedding", embedding}, {"formMembers", form_members}, {"windows", windows}, {"maxPool", max_pool},
      {"gruStep", gru_step},    {"attention", attention},
  };
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
