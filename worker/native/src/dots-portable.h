// Integer matrix products in plain C++: dot products of 16-bit rows, four outputs at a time, which compilers vectorise by
// themselves. The same interface as Products of integer-products.h. Included inside a level's own namespace, after it.
struct ProductsPortable {
  using X = int16_t;
  using W = int16_t;
  static constexpr size_t width = 4;

  static size_t stride(size_t in) { return (in + 15) / 16 * 16; }
  static size_t panels(size_t out) { return (out + width - 1) / width; }
  static size_t packed_bytes(size_t out, size_t in) { return panels(out) * width * stride(in) * sizeof(W); }
  static bool in_place(size_t) { return false; }
  static void prepare(const int8_t* x, size_t in, X* out) {
    for (size_t k = 0; k < stride(in); k++) out[k] = k < in ? x[k] : int8_t{0};
  }
  static void measure(const X* x, size_t in, const int8_t* b, int32_t& correction, int32_t& projection) {
    correction = 0;
    int32_t sum = 0;
    if (b) {
      for (size_t k = 0; k < in; k++) sum += x[k] * b[k];
    }
    projection = sum;
  }
  static void pack(const int8_t* weight, size_t out, size_t in, size_t first, size_t last, void* packed) {
    const size_t length = stride(in);
    for (size_t o = first * width; o < last * width; o++) {
      W* const to = static_cast<W*>(packed) + o * length;
      for (size_t k = 0; k < length; k++) to[k] = o < out && k < in ? weight[o * in + k] : int8_t{0};
    }
  }
  static void multiply(const void* packed, size_t out, size_t in, const X* x, size_t row, size_t count,
                       const RowTerm* terms, size_t copies, int shift, int noise_shift) {
    const size_t length = stride(in);
    for (size_t p = 0; p < panels(out); p++) {
      const W* const w = static_cast<const W*>(packed) + p * width * length;
      for (size_t r = 0; r < count; r++) {
        const X* const values = x + r * row;
        int32_t sums[width] = {};
        for (size_t o = 0; o < width; o++) {
          int32_t sum = 0;
          for (size_t k = 0; k < length; k++) sum += values[k] * w[o * length + k];
          sums[o] = sum;
        }
        for (size_t m = 0; m < copies; m++) {
          const RowTerm& term = terms[r * copies + m];
          for (size_t o = 0; o < width && p * width + o < out; o++) {
            const size_t at = p * width + o;
            const int32_t extra = term.a ? (term.projection * term.a[at]) >> noise_shift : 0;
            term.out[at] = clip((sums[o] + extra) >> shift);
          }
        }
      }
    }
  }
};
