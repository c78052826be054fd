// Sums of outer products in plain C++: rows of 32-bit sums, one pair of terms after the other. Included inside a level's own
// namespace.
struct LowRankPortable {
  static constexpr size_t width = 64, tile = 2;

  static void pack(const int8_t* w, size_t terms, size_t stride, size_t columns, size_t first, size_t last,
                   int16_t* packed) {
    const size_t pairs = (terms + 1) / 2;
    for (size_t p = first; p < last; p++) {
      int16_t* to = packed + p * pairs * 2 * width;
      for (size_t k = 0; k < 2 * pairs; k++, to += width) {
        for (size_t j = 0; j < width; j++) {
          const size_t at = p * width + j;
          to[j] = k < terms && at < columns ? w[k * stride + at] : int8_t{0};
        }
      }
    }
  }

  static void add(const int16_t* packed, const int16_t* x, size_t pairs, size_t rows, size_t columns, size_t first,
                  size_t last, double factor, double* wide) {
    for (size_t p = first; p < last; p++) {
      const int16_t* const w = packed + p * pairs * 2 * width;
      const size_t from = p * width, some = columns - from < width ? columns - from : width;
      for (size_t r = 0; r < rows; r++) {
        int32_t sums[width] = {};
        for (size_t k = 0; k < 2 * pairs; k++) {
          const int16_t value = x[((k / 2) * tile + r) * 2 + k % 2];
          const int16_t* const row = w + k * width;
          for (size_t j = 0; j < width; j++) sums[j] += value * row[j];
        }
        double* const to = wide + r * columns + from;
        for (size_t j = 0; j < some; j++) to[j] += factor * sums[j];
      }
    }
  }

  static constexpr LowRankKernels table() { return {width, tile, pack, add}; }
};
