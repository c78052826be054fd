// Multiply-adds on AVX-512: DotVnni multiplies unsigned weights (w + 128) by signed inputs four at a time, and the row's
// sum of inputs, times 128, is taken off again; DotWords multiplies 16-bit values two at a time. Included inside a level's
// own namespace.
struct LanesAvx512Int {
  using V = __m512i;
  static constexpr size_t lanes = 16, columns = 4;
  static constexpr size_t rows = 6;
  static inline V zero() { return _mm512_setzero_si512(); }
  static inline V same(int32_t x) { return _mm512_set1_epi32(x); }
  static inline V add(V a, V b) { return _mm512_add_epi32(a, b); }
  static inline V multiply(V a, V b) { return _mm512_mullo_epi32(a, b); }
  static inline V shift_right(V a, V by) { return _mm512_srav_epi32(a, by); }
  static inline V widen(const int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static inline void store_clipped(V v, int8_t* out) {
    const V low = _mm512_max_epi32(v, _mm512_set1_epi32(-127));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtsepi32_epi8(low));
  }
  // wide[0..16) += factor·v
  static inline void add_wide(V v, double factor, double* wide) {
    const __m512d f = _mm512_set1_pd(factor);
    const __m512d low = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(v)), f);
    const __m512d high = _mm512_mul_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(v, 1)), f);
    _mm512_storeu_pd(wide, _mm512_add_pd(_mm512_loadu_pd(wide), low));
    _mm512_storeu_pd(wide + 8, _mm512_add_pd(_mm512_loadu_pd(wide + 8), high));
  }
};

#ifdef __AVX512VNNI__
struct DotVnni : LanesAvx512Int {
  using X = int8_t;
  using W = uint8_t;
  static constexpr size_t group = 4;
  static inline W weight(int8_t w) { return static_cast<uint8_t>(w ^ -128); }
  static inline V load(const W* w) { return _mm512_load_si512(w); }
  static inline V spread(const X* x) {
    int32_t four;
    std::memcpy(&four, x, 4);
    return _mm512_set1_epi32(four);
  }
  static inline V dot(V sum, V weights, V values) { return _mm512_dpbusd_epi32(sum, weights, values); }

  // Rows stand as they are where their length is whole groups.
  static bool in_place(size_t in) { return in % group == 0; }
  static size_t stride(size_t in) { return (in + group - 1) / group * group; }
  static void prepare(const int8_t* x, size_t in, X* out) {
    std::memcpy(out, x, in);
    std::memset(out + in, 0, (group - in % group) % group);
  }
  // The correction of a row's sums, and x·b where b is given.
  static inline void measure(const X* x, size_t in, const int8_t* b, int32_t& correction, int32_t& projection) {
    V sum = zero(), product = zero();
    const V ones = _mm512_set1_epi8(1), offset = _mm512_set1_epi8(-128);
    for (size_t k = 0; k < in; k += 64) {
      const __mmask64 some = in - k >= 64 ? ~__mmask64{0} : (__mmask64{1} << (in - k)) - 1;
      const V values = _mm512_maskz_loadu_epi8(some, x + k);
      sum = _mm512_dpbusd_epi32(sum, ones, values);
      if (b) {
        const V factors = _mm512_xor_si512(_mm512_maskz_loadu_epi8(some, b + k), offset);
        product = _mm512_dpbusd_epi32(product, factors, values);
      }
    }
    correction = -128 * _mm512_reduce_add_epi32(sum);
    projection = b ? _mm512_reduce_add_epi32(product) + correction : 0;
  }
};
#endif

struct DotWords : LanesAvx512Int {
  using X = int16_t;
  using W = int16_t;
  static constexpr size_t group = 2;
  static inline W weight(int8_t w) { return w; }
  static inline V load(const W* w) { return _mm512_load_si512(w); }
  static inline V spread(const X* x) {
    int32_t two;
    std::memcpy(&two, x, 4);
    return _mm512_set1_epi32(two);
  }
  static inline V dot(V sum, V weights, V values) {
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sum, weights, values);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(weights, values));
#endif
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
