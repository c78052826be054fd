// Exact sums of low-rank directions for JavaScript: wide = Σ_k c_k Σ_c A_k,c B_k,cᵀ, an integer matrix product over all
// directions and ranks. |A|, |B| ≤ 8, so with |c| ≤ 4,095 the products c·A fit 16 bits, and 8,191 terms fit int32. Larger
// coefficients go in parts, c = Σ_p c_p 4,096^p with |c_p| ≤ 2,048: two below 2^23, three beyond. Blocks of terms far below
// that bound are added to float64, exactly while sums stay below 2^53.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "arguments.h"
#include "families.h"
#include "integer.h"
#include "pool.h"

namespace seedcast {
namespace {

const LowRankKernels& low_rank_kernels(Level level) {
#if SEEDCAST_X86
  static const Tables<LowRankKernels> tables = {&low_rank_portable, nullptr, &low_rank_avx2, &low_rank_avx512,
                                                &low_rank_avx512_vnni};
#elif SEEDCAST_ARM
  static const Tables<LowRankKernels> tables = {&low_rank_portable, &low_rank_neon, nullptr, nullptr, nullptr};
#else
  static const Tables<LowRankKernels> tables = {&low_rank_portable, nullptr, nullptr, nullptr, nullptr};
#endif
  return pick(tables, level);
}

constexpr size_t block_terms = 1024;
constexpr int64_t base = 4096;
// Rows whose products c·A are made at once.
constexpr size_t row_group = 48;

// c_part of the sum above; the last part is what the others leave.
int32_t part_of(int64_t c, int part, int parts) {
  for (int p = 0;; p++) {
    const int64_t low = p == parts - 1 ? c : ((c + base / 2) & (base - 1)) - base / 2;
    if (p == part) return static_cast<int32_t>(low);
    c = (c - low) / base;
  }
}

struct Sums {
  const LowRankKernels* kernels;
  // Of each direction; coefficients[term / rank].
  const int32_t* coefficients;
  size_t rank;
  const int8_t* a;
  size_t rows;
  const int16_t* packed;
  size_t columns;
  size_t row;
  double* wide;

  int parts;

  // c_part·A of rows [from, from + count), as tiles of pairs of terms.
  void factors(size_t first, size_t terms, size_t from, size_t count, int part, int16_t* x) const {
    const size_t tile = kernels->tile, pairs = (terms + 1) / 2;
    for (size_t k = 0; k < 2 * pairs; k++) {
      const size_t term = first + k;
      const int32_t c = k < terms ? part_of(coefficients[term / rank], part, parts) : 0;
      const int8_t* const from_a = k < terms ? a + term * rows + row + from : a;
      for (size_t t = 0; t * tile < count; t++) {
        int16_t* const to = x + (t * pairs + k / 2) * 2 * tile + k % 2;
        const size_t some = count - t * tile < tile ? count - t * tile : tile;
        for (size_t i = 0; i < some; i++) {
          to[2 * i] = c == 0 ? int16_t{0} : static_cast<int16_t>(c * from_a[t * tile + i]);
        }
      }
    }
  }

  void add(size_t first, size_t terms, size_t from, size_t count, int part, double factor, int16_t* x) const {
    const size_t tile = kernels->tile, pairs = (terms + 1) / 2, panels = (columns + kernels->panel - 1) / kernels->panel;
    factors(first, terms, from, count, part, x);
    for (size_t p = 0; p < panels; p++) {
      for (size_t t = 0; t * tile < count; t++) {
        const size_t some = count - t * tile < tile ? count - t * tile : tile;
        kernels->add(packed, x + t * pairs * 2 * tile, pairs, some, columns, p, p + 1, factor,
                     wide + (from + t * tile) * columns);
      }
    }
  }
};

// level, threads, coefficients, rank, A, rows, B, columns, row, wide
napi_value low_rank_sums(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "lowRankSums", 10);
  const LowRankKernels& kernels = low_rank_kernels(a.level());
  const unsigned threads = a.threads();
  size_t directions = 0;
  const int type = a.array_type(2);
  const int16_t* narrow = nullptr;
  const int32_t* whole = nullptr;
  if (type == napi_int16_array) {
    narrow = a.array<int16_t>(2, "coefficients", 0, &directions);
  } else if (type == napi_int32_array) {
    whole = a.array<int32_t>(2, "coefficients", 0, &directions);
  } else {
    a.fail_type(2, "coefficients", "an Int16Array or Int32Array");
  }
  const size_t rank = static_cast<size_t>(a.integer(3, "rank", 1, 65536));
  const size_t rows = a.size(5, "rows", 1), columns = a.size(7, "columns", 1), row = a.size(8, "row");
  const size_t terms = product(directions, rank);
  const int8_t* left = a.array<int8_t>(4, "A", product(terms, rows));
  const int8_t* right = a.array<int8_t>(6, "B", product(terms, columns));
  size_t length = 0;
  double* wide = a.array<double>(9, "wide", 0, &length);
  if (!a.ok()) return nullptr;
  const size_t count = length / columns;
  if (length % columns != 0 || row > rows || count > rows - row) {
    a.fail_range("wide holds %zu sums, must be whole rows of %zu that end by row %zu from row %zu", length, columns, rows,
                 row);
    return nullptr;
  }
  const size_t panels = (columns + kernels.panel - 1) / kernels.panel;
  const size_t room = 2 * kernels.panel * panels * (((terms < block_terms ? terms : block_terms) + 1) / 2);
  int32_t* coefficients = static_cast<int32_t*>(scratch(4, (directions + 1) * sizeof(int32_t)));
  int16_t* packed = static_cast<int16_t*>(scratch(5, (room + 1) * sizeof(int16_t)));
  if (!coefficients || !packed) {
    a.fail_range("no memory for its work space");
    return nullptr;
  }
  int64_t largest = 0;
  for (size_t k = 0; k < directions; k++) {
    coefficients[k] = narrow ? narrow[k] : whole[k];
    const int64_t size = coefficients[k] < 0 ? -int64_t{coefficients[k]} : coefficients[k];
    if (size > largest) largest = size;
  }
  const int parts = largest < base ? 1 : largest < base * base / 2 ? 2 : 3;
  const Sums sums{&kernels, coefficients, rank, left, rows, packed, columns, row, wide, parts};
  std::atomic<bool> failed{false};
  std::memset(wide, 0, length * sizeof(double));
  for (size_t first = 0; first < terms; first += block_terms) {
    const size_t some = terms - first < block_terms ? terms - first : block_terms;
    parallel_for(panels, 1, threads, [&](size_t begin, size_t end) {
      kernels.pack(right + first * columns, some, columns, columns, begin, end, packed);
    });
    const size_t share = (count + 2 * threads - 1) / (2 * threads);
    parallel_for(count, share < row_group ? (share < 1 ? 1 : share) : row_group, threads, [&](size_t begin, size_t end) {
      int16_t* const x = static_cast<int16_t*>(scratch(0, (row_group + kernels.tile) * (some + 1) * sizeof(int16_t)));
      if (!x) {
        failed = true;
        return;
      }
      for (size_t from = begin; from < end; from += row_group) {
        const size_t n = end - from < row_group ? end - from : row_group;
        double factor = 1;
        for (int part = 0; part < parts; part++, factor *= base) sums.add(first, some, from, n, part, factor, x);
      }
    });
  }
  if (failed) {
    a.fail_range("no memory for its work space");
    return nullptr;
  }
  return a.undefined();
}

}  // namespace

void export_low_rank(napi_env env, napi_value exports) {
  static const Export functions[] = {{"lowRankSums", low_rank_sums}};
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
