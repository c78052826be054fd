// Multiply-adds on AVX2: 16-bit values two at a time (the 8-bit instruction saturates). Included inside a level's own
// namespace.
struct DotWords {
  using V = __m256i;
  using X = int16_t;
  using W = int16_t;
  static constexpr size_t lanes = 8, columns = 2, group = 2;
  static constexpr size_t rows = 6;
  static inline V zero() { return _mm256_setzero_si256(); }
  static inline V same(int32_t x) { return _mm256_set1_epi32(x); }
  static inline V add(V a, V b) { return _mm256_add_epi32(a, b); }
  static inline V multiply(V a, V b) { return _mm256_mullo_epi32(a, b); }
  static inline V shift_right(V a, V by) { return _mm256_srav_epi32(a, by); }
  static inline V widen(const int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static inline void store_clipped(V v, int8_t* out) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i bytes = _mm_packs_epi16(words, words);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_max_epi8(bytes, _mm_set1_epi8(-127)));
  }
  static inline void add_wide(V v, double factor, double* wide) {
    const __m256d f = _mm256_set1_pd(factor);
    const __m256d low = _mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(v)), f);
    const __m256d high = _mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(v, 1)), f);
    _mm256_storeu_pd(wide, _mm256_add_pd(_mm256_loadu_pd(wide), low));
    _mm256_storeu_pd(wide + 4, _mm256_add_pd(_mm256_loadu_pd(wide + 4), high));
  }
  static inline W weight(int8_t w) { return w; }
  static inline V load(const W* w) { return _mm256_load_si256(reinterpret_cast<const V*>(w)); }
  static inline V spread(const X* x) {
    int32_t two;
    std::memcpy(&two, x, 4);
    return _mm256_set1_epi32(two);
  }
  static inline V dot(V sum, V weights, V values) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, values));
  }
  static bool in_place(size_t) { return false; }
  static size_t stride(size_t in) { return (in + 1) / 2 * 2; }
  static void prepare(const int8_t* x, size_t in, X* out) {
    for (size_t k = 0; k < in; k++) out[k] = x[k];
    if (in % 2 != 0) out[in] = 0;
  }
  static inline void measure(const X* x, size_t in, const int8_t* b, int32_t& correction, int32_t& projection) {
    correction = 0;
    int32_t sum = 0;
    if (b) {
      for (size_t k = 0; k < in; k++) sum += x[k] * b[k];
    }
    projection = sum;
  }
};
