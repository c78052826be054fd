// The linear layer for JavaScript: weights packed once, then products of many rows, each row with the perturbation of its
// member. Work is cut into blocks of rows and, where rows are few, of columns; see linear.h for what never depends on that.
#include "linear.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "arguments.h"
#include "families.h"
#include "noise.h"
#include "pool.h"

namespace seedcast {

const LinearKernels& linear_kernels(Level level) {
#if SEEDCAST_X86
  static const Tables<LinearKernels> tables = {&linear_portable, nullptr, &linear_avx2, &linear_avx512, nullptr};
#elif SEEDCAST_ARM
  static const Tables<LinearKernels> tables = {&linear_portable, &linear_neon, nullptr, nullptr, nullptr};
#else
  static const Tables<LinearKernels> tables = {&linear_portable, nullptr, nullptr, nullptr, nullptr};
#endif
  return pick(tables, level);
}

namespace {

// Slots of scratch memory.
constexpr unsigned packed_slot = 0, terms_slot = 1, factors_slot = 2, panel_slot = 3, noise_slot = 4;

// Of one block: rows packed at a time, and how deep.
constexpr size_t block_rows = 224;
constexpr size_t block_depth = 512;

size_t panels_of(size_t out) { return (out + panel_width - 1) / panel_width; }

// Packed weights, aligned to a cache line inside their array; 16 floats longer than the panels.
size_t packed_length(size_t out, size_t in) { return product(panels_of(out), product(panel_width, in)) + 16; }
template <class T>
T* aligned(T* packed) {
  return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(packed) + 63) & ~uintptr_t{63});
}

struct Perturbation {
  const uint32_t* direction;
  const int8_t* sign;
  const int8_t* a;
  const int8_t* b;
  size_t rank;
  float scale;
  const int8_t* e;
  float e_scale;
};

struct Call {
  const LinearKernels& kernels;
  unsigned threads;
  const float* x;
  size_t rows;
  size_t rows_per_member;
  size_t in;
  const float* panels;
  size_t out;
  const float* bias;
  // Null for none.
  const Perturbation* perturbation;
  float* y;
};

// What is added to rows [from, to), into `terms` and `factors`; row r of `x` is at `x`.
void fill_terms(const Call& call, size_t from, size_t to, const float* x, RowTerms* terms, float* factors) {
  const Perturbation* p = call.perturbation;
  for (size_t r = from; r < to; r++) {
    RowTerms& row = terms[r - from];
    const size_t member = r / call.rows_per_member;
    if (!p || p->sign[member] == 0) {
      row = {nullptr, nullptr, nullptr, 0.0f};
      continue;
    }
    const size_t d = p->direction[member];
    const float sign = static_cast<float>(p->sign[member]);
    float* t = factors + (r - from) * p->rank;
    const float factor = sign * p->scale;
    const int8_t* b = p->b + d * p->rank * call.in;
    for (size_t c = 0; c < p->rank; c++) t[c] = factor * call.kernels.dot(x + (r - from) * call.in, b + c * call.in, call.in);
    row = {p->rank > 0 ? p->a + d * p->rank * call.out : nullptr, t, p->e ? p->e + d * call.out : nullptr,
           sign * p->e_scale};
  }
}

// Rows [row, row + rows) and panels [panel, panel + panels) of one call. False when memory is short.
bool run_block(const Call& call, size_t row, size_t rows, size_t panel, size_t panels) {
  const LinearKernels& kernels = call.kernels;
  const size_t rank = call.perturbation ? call.perturbation->rank : 0;
  const bool ends = call.perturbation || call.bias;
  float* packed = static_cast<float*>(scratch(packed_slot, (rows * block_depth + 16) * sizeof(float)));
  RowTerms* terms = static_cast<RowTerms*>(scratch(terms_slot, rows * sizeof(RowTerms)));
  float* factors = static_cast<float*>(scratch(factors_slot, (rows * rank + 1) * sizeof(float)));
  if (!packed || !terms || !factors) return false;
  if (ends) fill_terms(call, row, row + rows, call.x + row * call.in, terms, factors);
  const size_t tiles = (rows + kernels.tile_rows - 1) / kernels.tile_rows;
  const size_t slices = (call.in + block_depth - 1) / block_depth;
  const size_t slice = (call.in + slices - 1) / slices;
  for (size_t k = 0; k < call.in; k += slice) {
    const size_t depth = call.in - k < slice ? call.in - k : slice;
    const bool last = k + depth == call.in;
    for (size_t t = 0; t < tiles; t++) {
      const size_t begin = t * rows / tiles, end = (t + 1) * rows / tiles;
      kernels.pack(call.x + (row + begin) * call.in + k, call.in, end - begin, depth, packed + begin * depth);
    }
    for (size_t p = panel; p < panel + panels; p++) {
      const size_t column = p * panel_width;
      const size_t columns = call.out - column < panel_width ? call.out - column : panel_width;
      for (size_t t = 0; t < tiles; t++) {
        const size_t begin = t * rows / tiles, end = (t + 1) * rows / tiles;
        const Epilogue epilogue = {terms + begin, rank, call.out, call.bias};
        kernels.tile(end - begin, packed + begin * depth, call.panels + (p * call.in + k) * panel_width, depth, k == 0,
                     last && ends ? &epilogue : nullptr, column, columns, call.y + (row + begin) * call.out + column,
                     call.out);
      }
    }
  }
  return true;
}

bool run(const Call& call) {
  if (call.rows == 0 || call.out == 0) return true;
  const size_t panels = panels_of(call.out);
  const size_t tile = call.kernels.tile_rows;
  size_t row_blocks = (call.rows + block_rows - 1) / block_rows;
  size_t column_blocks = 1;
  if (call.threads > 1) {
    // Twice as many blocks as threads, so that one slow core does not hold up the others; rows first.
    const size_t wanted = 2 * call.threads;
    const size_t most = (call.rows + 2 * tile - 1) / (2 * tile);
    if (row_blocks < wanted) row_blocks = most < wanted ? most : wanted;
    column_blocks = (wanted + row_blocks - 1) / row_blocks;
    if (column_blocks > panels) column_blocks = panels;
    // A call of some microseconds is over before a thread wakes.
    if (product(call.rows, product(call.in, call.out)) < 100000) row_blocks = column_blocks = 1;
  }
  std::atomic<bool> enough{true};
  parallel_for(row_blocks * column_blocks, 1, call.threads, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t r = i / column_blocks, c = i % column_blocks;
      const size_t row = r * call.rows / row_blocks, next = (r + 1) * call.rows / row_blocks;
      const size_t panel = c * panels / column_blocks, after = (c + 1) * panels / column_blocks;
      for (size_t at = row; at < next; at += block_rows) {
        const size_t rows = next - at < block_rows ? next - at : block_rows;
        if (!run_block(call, at, rows, panel, after - panel)) enough = false;
      }
    }
  });
  return enough;
}

// One x for all members: its products once, then each member's own terms.
bool run_shared(const Call& call, size_t members) {
  const size_t rows = call.rows_per_member;
  float* main = static_cast<float*>(std::malloc((rows * call.out + 1) * sizeof(float)));
  if (!main) return false;
  Call products = call;
  products.rows = rows;
  products.bias = nullptr;
  products.perturbation = nullptr;
  products.y = main;
  std::atomic<bool> enough{run(products)};
  const size_t rank = call.perturbation ? call.perturbation->rank : 0;
  parallel_for(members, 1 + 65536 / (rows * call.out + 1), call.threads, [&](size_t begin, size_t end) {
    RowTerms* terms = static_cast<RowTerms*>(scratch(terms_slot, rows * sizeof(RowTerms)));
    float* factors = static_cast<float*>(scratch(factors_slot, (rows * rank + 1) * sizeof(float)));
    if (!terms || !factors) {
      enough = false;
      return;
    }
    for (size_t m = begin; m < end; m++) {
      fill_terms(call, m * rows, (m + 1) * rows, call.x, terms, factors);
      const Epilogue epilogue = {terms, rank, call.out, call.bias};
      call.kernels.finish(main, rows, call.out, epilogue, call.y + m * rows * call.out);
    }
  });
  std::free(main);
  return enough;
}

// level, threads, W, out, in, packed
napi_value pack_linear(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "packLinear", 6);
  a.level();
  const unsigned threads = a.threads();
  const size_t out = a.size(3, "out", 1), in = a.size(4, "in", 1);
  const float* w = a.array<float>(2, "W", product(out, in));
  float* packed = a.array<float>(5, "packed", packed_length(out, in));
  if (!a.ok()) return nullptr;
  float* panels = aligned(packed);
  parallel_for(panels_of(out), 1 + 65536 / (panel_width * in), threads, [&](size_t begin, size_t end) {
    for (size_t p = begin; p < end; p++) {
      float* panel = panels + p * panel_width * in;
      const size_t columns = out - p * panel_width < panel_width ? out - p * panel_width : panel_width;
      for (size_t k = 0; k < in; k++) {
        for (size_t j = 0; j < panel_width; j++) {
          panel[k * panel_width + j] = j < columns ? w[(p * panel_width + j) * in + k] : 0.0f;
        }
      }
    }
  });
  return a.undefined();
}

// The arguments that every linear function begins with: level, threads, x, xMembers, members, rowsPerMember, in, packed,
// out, bias, y.
struct Shape {
  size_t x_members, members;
};
Shape shape_of(Arguments& a, Call& call) {
  const size_t members = a.size(4, "members"), x_members = a.size(3, "xMembers");
  call.rows_per_member = a.size(5, "rowsPerMember", 1);
  call.in = a.size(6, "in", 1);
  call.out = a.size(8, "out", 1);
  call.rows = product(members, call.rows_per_member);
  call.x = a.array<float>(2, "x", product(product(x_members, call.rows_per_member), call.in));
  call.panels = aligned(a.array<float>(7, "packed", packed_length(call.out, call.in)));
  call.bias = a.optional_array<float>(9, "bias", call.out);
  call.y = a.array<float>(10, "y", product(call.rows, call.out));
  if (a.ok() && x_members != 1 && x_members != members) {
    a.fail_range("xMembers is %zu, must be 1 or members (%zu)", x_members, members);
  }
  if (a.ok() && overlaps(call.x, x_members * call.rows_per_member * call.in * 4, call.y, call.rows * call.out * 4)) {
    a.fail_range("x and y overlap");
  }
  return {x_members, members};
}

napi_value finish_call(Arguments& a, bool enough) {
  if (!enough) {
    a.fail_range("no memory for the blocks of this call");
    return nullptr;
  }
  return a.undefined();
}

// ... and nothing more.
napi_value linear(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "linear", 11);
  Call call = {linear_kernels(a.level()), a.threads(), nullptr, 0, 1, 1, nullptr, 1, nullptr, nullptr, nullptr};
  const Shape shape = shape_of(a, call);
  if (!a.ok()) return nullptr;
  return finish_call(a, shape.x_members == shape.members ? run(call) : run_shared(call, shape.members));
}

// ... direction, sign, directions, rank, scale, A, B, biasScale, e
napi_value perturbed_linear(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "perturbedLinear", 20);
  Call call = {linear_kernels(a.level()), a.threads(), nullptr, 0, 1, 1, nullptr, 1, nullptr, nullptr, nullptr};
  const Shape shape = shape_of(a, call);
  Perturbation p;
  p.direction = a.array<uint32_t>(11, "direction", shape.members);
  p.sign = a.array<int8_t>(12, "sign", shape.members);
  const size_t directions = a.size(13, "directions");
  p.rank = static_cast<size_t>(a.integer(14, "rank", 0, 65536));
  p.scale = static_cast<float>(a.number(15, "scale"));
  const size_t vectors = product(directions, p.rank);
  p.a = a.array<int8_t>(16, "A", product(vectors, call.out));
  p.b = a.array<int8_t>(17, "B", product(vectors, call.in));
  p.e_scale = static_cast<float>(a.number(18, "biasScale"));
  p.e = a.optional_array<int8_t>(19, "e", product(directions, call.out));
  for (size_t m = 0; a.ok() && m < shape.members; m++) {
    if (p.sign[m] < -1 || p.sign[m] > 1) a.fail_range("sign of member %zu is %d, must be -1, 0 or 1", m, p.sign[m]);
    else if (p.sign[m] != 0 && p.direction[m] >= directions)
      a.fail_range("direction index of member %zu is %u, must be below %zu", m, p.direction[m], directions);
  }
  if (a.ok() && p.e && !call.bias) a.fail_range("noise of a bias without the bias");
  if (!a.ok()) return nullptr;
  call.perturbation = &p;
  return finish_call(a, shape.x_members == shape.members ? run(call) : run_shared(call, shape.members));
}

// ... key0, key1, word, step, direction numbers, sign, scale, rademacher, biasScale, e: every member's weights
// W + (s·scale)·E formed whole, E the noise of tensor `word`; e [members, out], the bias's noise of each member.
napi_value dense_linear(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "denseLinear", 21);
  const Level level = a.level();
  Call call = {linear_kernels(level), a.threads(), nullptr, 0, 1, 1, nullptr, 1, nullptr, nullptr, nullptr};
  const Shape shape = shape_of(a, call);
  const Stream stream = {a.uint32(11, "key0"), a.uint32(12, "key1"), a.uint32(13, "word"), a.uint32(14, "step")};
  const uint32_t* direction = a.array<uint32_t>(15, "direction", shape.members);
  const int8_t* sign = a.array<int8_t>(16, "sign", shape.members);
  const float scale = static_cast<float>(a.number(17, "scale"));
  const bool rademacher = a.integer(18, "rademacher", 0, 1) == 1;
  const float e_scale = static_cast<float>(a.number(19, "biasScale"));
  const int8_t* e = a.optional_array<int8_t>(20, "e", product(shape.members, call.out));
  if (!a.ok()) return nullptr;
  if (shape.members == 0) return a.undefined();
  const NoiseKernels& noise = noise_kernels(level);
  const LinearKernels& kernels = call.kernels;
  const size_t rows = call.rows_per_member, in = call.in, out = call.out, panels = panels_of(out);
  const size_t tiles = (rows + kernels.tile_rows - 1) / kernels.tile_rows;
  std::atomic<bool> enough{true};
  // Two members that follow each other with one direction share the noise.
  const size_t pairs = (shape.members + 1) / 2;
  const size_t pieces = pairs >= 2 * call.threads ? 1 : (panels < 4 * call.threads ? panels : 4 * call.threads);
  parallel_for(pairs * pieces, 1, call.threads, [&](size_t begin, size_t end) {
    int8_t* E = static_cast<int8_t*>(scratch(noise_slot, panel_width * in));
    float* own = static_cast<float*>(scratch(panel_slot, panel_width * in * sizeof(float)));
    float* packed = static_cast<float*>(scratch(packed_slot, (2 * rows * in + 32) * sizeof(float)));
    if (!E || !own || !packed) {
      enough = false;
      return;
    }
    for (size_t i = begin; i < end; i++) {
      const size_t first = 2 * (i / pieces), piece = i % pieces;
      const size_t members = shape.members - first < 2 ? 1 : 2;
      for (size_t m = 0; m < members; m++) {
        const float* x = call.x + (shape.x_members == 1 ? 0 : (first + m) * rows * in);
        for (size_t t = 0; t < tiles; t++) {
          const size_t low = t * rows / tiles, high = (t + 1) * rows / tiles;
          // Ascending, so that what one tile writes past its end is written again by the next.
          kernels.pack(x + low * in, in, high - low, in, packed + (m * rows + low) * in);
        }
      }
      for (size_t p = piece * panels / pieces; p < (piece + 1) * panels / pieces; p++) {
        const size_t column = p * panel_width;
        const size_t columns = out - column < panel_width ? out - column : panel_width;
        const float* panel = call.panels + column * in;
        bool made = false;
        for (size_t m = first; m < first + members; m++) {
          const float* weights = panel;
          if (sign[m] != 0) {
            if (!made || direction[m] != direction[first]) {
              (rademacher ? noise.rademacher : noise.binomial)(stream, direction[m], column * in, columns * in, E);
              made = m == first || direction[m] == direction[first];
            }
            kernels.perturb(panel, E, in, columns, static_cast<float>(sign[m]) * scale, own);
            weights = own;
          }
          for (size_t t = 0; t < tiles; t++) {
            const size_t low = t * rows / tiles, high = (t + 1) * rows / tiles;
            RowTerms terms[16];
            for (size_t r = 0; r < high - low; r++) {
              terms[r] = {nullptr, nullptr, e && sign[m] != 0 ? e + m * out : nullptr, static_cast<float>(sign[m]) * e_scale};
            }
            const Epilogue epilogue = {terms, 0, out, call.bias};
            kernels.tile(high - low, packed + ((m - first) * rows + low) * in, weights, in, true, &epilogue, column,
                         columns, call.y + (m * rows + low) * out + column, out);
          }
        }
      }
    }
  });
  return finish_call(a, enough);
}

}  // namespace

void export_linear(napi_env env, napi_value exports) {
  static const Export functions[] = {
      {"packLinear", pack_linear},
      {"linear", linear},
      {"perturbedLinear", perturbed_linear},
      {"denseLinear", dense_linear},
  };
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
