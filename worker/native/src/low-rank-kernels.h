// Sums of outer products over a level's 16-bit multiply-adds (D): the tiles of integer-products.h, added to float64.
// Included inside a level's own namespace.

template <class D>
struct LowRankSums {
  using Own = Products<D>;
  static constexpr size_t width = Own::width, tile = Own::tile_rows;

  static void pack(const int8_t* w, size_t terms, size_t stride, size_t columns, size_t first, size_t last,
                   int16_t* packed) {
    const size_t pairs = (terms + 1) / 2;
    for (size_t p = first; p < last; p++) {
      const size_t from = p * width, some = columns - from < width ? columns - from : width;
      int16_t* to = packed + p * pairs * 2 * width;
      for (size_t k = 0; k < terms; k += 2, to += 2 * width) {
        const int8_t* const even = w + k * stride + from;
        const int8_t* const odd = even + stride;
        if (k + 1 < terms && some == width) {
          for (size_t j = 0; j < width; j++) {
            to[2 * j] = even[j];
            to[2 * j + 1] = odd[j];
          }
        } else {
          for (size_t j = 0; j < width; j++) {
            to[2 * j] = j < some ? even[j] : int8_t{0};
            to[2 * j + 1] = j < some && k + 1 < terms ? odd[j] : int8_t{0};
          }
        }
      }
    }
  }

  static void add(const int16_t* packed, const int16_t* x, size_t pairs, size_t rows, size_t columns, size_t first,
                  size_t last, double factor, double* wide) {
    for (size_t p = first; p < last; p++) {
      typename D::V sums[tile * D::columns];
      Own::any_tile(rows, packed + p * pairs * 2 * width, x, 2, 2 * tile, pairs, sums);
      for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < D::columns && p * width + c * D::lanes < columns; c++) {
          const size_t at = p * width + c * D::lanes;
          double* const to = wide + r * columns + at;
          if (at + D::lanes <= columns) {
            D::add_wide(sums[r * D::columns + c], factor, to);
          } else {
            double ends[D::lanes] = {};
            D::add_wide(sums[r * D::columns + c], factor, ends);
            for (size_t j = 0; at + j < columns; j++) to[j] += ends[j];
          }
        }
      }
    }
  }

  static constexpr LowRankKernels table() { return {width, tile, pack, add}; }
};
