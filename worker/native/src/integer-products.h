// Integer matrix products in registers: tiles of D::rows rows by D::columns vectors of outputs, whose int32 sums get their
// low-rank term, shift and clip before they leave. Written once over a level's multiply-add (D). Included inside a
// level's own namespace, after "integer.h".
//
// A multiply-add takes D::group neighbouring inputs of one row, the same for all lanes, and as many of each lane's weight.
// Panels of width D::lanes·D::columns hold the weight in that order; beyond its end they hold zeros.

template <class D>
struct Products {
  using V = typename D::V;
  using X = typename D::X;
  using W = typename D::W;
  static constexpr size_t lanes = D::lanes, columns = D::columns, group = D::group, width = lanes * columns;
  static constexpr size_t tile_rows = D::rows;

  static bool in_place(size_t in) { return D::in_place(in); }
  static size_t stride(size_t in) { return D::stride(in); }
  static void prepare(const int8_t* x, size_t in, X* out) { D::prepare(x, in, out); }
  static void measure(const X* x, size_t in, const int8_t* b, int32_t& correction, int32_t& projection) {
    D::measure(x, in, b, correction, projection);
  }
  static size_t groups(size_t in) { return (in + group - 1) / group; }
  static size_t panels(size_t out) { return (out + width - 1) / width; }
  static size_t packed_bytes(size_t out, size_t in) { return panels(out) * groups(in) * group * width * sizeof(W); }

  static void pack(const int8_t* weight, size_t out, size_t in, size_t first, size_t last, void* packed) {
    W* to = static_cast<W*>(packed) + first * groups(in) * group * width;
    for (size_t p = first; p < last; p++) {
      const bool all = (p + 1) * width <= out;
      for (size_t g = 0; g < groups(in); g++) {
        if (all && (g + 1) * group <= in) {
          const int8_t* from = weight + p * width * in + g * group;
          for (size_t lane = 0; lane < width; lane++, from += in, to += group) {
            for (size_t i = 0; i < group; i++) to[i] = D::weight(from[i]);
          }
          continue;
        }
        for (size_t lane = 0; lane < width; lane++) {
          const size_t o = p * width + lane;
          for (size_t i = 0; i < group; i++) {
            const size_t k = g * group + i;
            *to++ = D::weight(o < out && k < in ? weight[o * in + k] : int8_t{0});
          }
        }
      }
    }
  }

  // body(0), ..., body(n − 1) with the index a constant: arrays indexed by it live in registers.
  template <class Body, size_t... I>
  static inline __attribute__((always_inline)) void each_of(std::index_sequence<I...>, Body body) {
    (body(std::integral_constant<size_t, I>{}), ...);
  }

  // sums[r·columns + c] of R rows. Nothing else lives in here: with calls about, compilers would keep the sums in memory.
  template <size_t R>
  static void tile(const W* w, const X* x, size_t row, size_t step, size_t count, V* result) {
    constexpr std::make_index_sequence<R> all_rows{};
    constexpr std::make_index_sequence<columns> all_columns{};
    V sums[R][columns];
    each_of(all_rows, [&](auto r) __attribute__((always_inline)) {
      each_of(all_columns, [&](auto c) __attribute__((always_inline)) { sums[r][c] = D::zero(); });
    });
    for (size_t g = 0; g < count; g++) {
      V weights[columns];
      each_of(all_columns, [&](auto c) __attribute__((always_inline)) { weights[c] = D::load(w + c * lanes * group); });
      each_of(all_rows, [&](auto r) __attribute__((always_inline)) {
        const V value = D::spread(x + r * row);
        each_of(all_columns, [&](auto c) __attribute__((always_inline)) {
          sums[r][c] = D::dot(sums[r][c], weights[c], value);
        });
      });
      w += group * width;
      x += step;
    }
    each_of(all_rows, [&](auto r) __attribute__((always_inline)) {
      each_of(all_columns, [&](auto c) __attribute__((always_inline)) { result[r * columns + c] = sums[r][c]; });
    });
  }

  static void any_tile(size_t rows, const W* w, const X* x, size_t row, size_t step, size_t count, V* result) {
    static_assert(tile_rows <= 6, "one case a height");
    switch (rows) {
      case 1: return tile<1>(w, x, row, step, count, result);
      case 2: return tile<2>(w, x, row, step, count, result);
      case 3: return tile<3>(w, x, row, step, count, result);
      case 4: return tile<4>(w, x, row, step, count, result);
      case 5: return tile<5>(w, x, row, step, count, result);
      case 6: return tile<6>(w, x, row, step, count, result);
    }
  }

  // `count` rows of x (D's form, `row` apart) times all outputs; terms[r·copies + m] for the m-th member that shares row r.
  static void multiply(const void* packed, size_t out, size_t in, const X* x, size_t row, size_t count,
                       const RowTerm* terms, size_t copies, int shift, int noise_shift) {
    const size_t tiles = (count + tile_rows - 1) / tile_rows;
    const V by = D::same(shift), noise_by = D::same(noise_shift);
    for (size_t p = 0; p < panels(out); p++) {
      const W* const w = static_cast<const W*>(packed) + p * groups(in) * group * width;
      for (size_t t = 0, first = 0; t < tiles; t++) {
        const size_t last = count * (t + 1) / tiles;
        V sums[tile_rows * columns];
        any_tile(last - first, w, x + first * row, row, group, groups(in), sums);
        const RowTerm* term = terms + first * copies;
        for (size_t r = 0; r < last - first; r++) {
          for (size_t m = 0; m < copies; m++, term++) {
            for (size_t c = 0; c < columns && p * width + c * lanes < out; c++) {
              finish(sums[r * columns + c], *term, p * width + c * lanes, out, by, noise_by);
            }
          }
        }
        first = last;
      }
    }
  }

  static inline void finish(V sum, const RowTerm& term, size_t at, size_t out, V by, V noise_by) {
    sum = D::add(sum, D::same(term.correction));
    const bool whole = at + lanes <= out;
    if (term.a) {
      V a;
      if (whole) {
        a = D::widen(term.a + at);
      } else {
        int8_t ends[lanes] = {};
        std::memcpy(ends, term.a + at, out - at);
        a = D::widen(ends);
      }
      sum = D::add(sum, D::shift_right(D::multiply(a, D::same(term.projection)), noise_by));
    }
    sum = D::shift_right(sum, by);
    if (whole) {
      D::store_clipped(sum, term.out + at);
    } else {
      int8_t ends[lanes];
      D::store_clipped(sum, ends);
      std::memcpy(term.out + at, ends, out - at);
    }
  }
};
