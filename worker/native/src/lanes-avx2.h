// Philox lanes on AVX2: 4 blocks a vector. Included inside a level's own namespace.
struct LanesAvx2 {
  static constexpr size_t lanes = 4;
  using T = __m256i;
  struct Sums {
    __m256i v[4];
  };
  using Pair = __m256i;

  static inline T zero() { return _mm256_setzero_si256(); }
  static inline T set(uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }
  static inline T count_from(uint32_t first) {
    return _mm256_add_epi64(_mm256_set1_epi64x(first), _mm256_set_epi64x(3, 2, 1, 0));
  }
  static inline T next(T c) { return _mm256_add_epi64(c, _mm256_set1_epi64x(4)); }
  static inline T multiply(T a, T b) { return _mm256_mul_epu32(a, b); }
  static inline T high(T a) { return _mm256_srli_epi64(a, 32); }
  static inline T exclusive_or(T a, T b) { return _mm256_xor_si256(a, b); }
  static inline T exclusive_or(T a, T b, T c) { return _mm256_xor_si256(_mm256_xor_si256(a, c), b); }
  static inline T join(T low, T high) { return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xaa); }
  static inline void store_words(T a, T b, uint32_t* out) {
    const T even = _mm256_unpacklo_epi64(a, b), odd = _mm256_unpackhi_epi64(a, b);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8), _mm256_permute2x128_si256(even, odd, 0x31));
  }
  static inline T popcount(T x) {
    const T table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                     0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const T nibble = _mm256_set1_epi8(15);
    const T low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
    const T high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
    return _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
  }
  static inline void store_counts(T a, T b, int8_t* out) {
    const T packed = _mm256_shuffle_epi32(_mm256_packus_epi16(a, b), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_sub_epi8(packed, _mm256_set1_epi8(8)));
  }
  static inline void store_signs(uint64_t bits, int8_t* out) {
    const T spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,  //
                                      2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const T bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
    for (int half = 0; half < 2; half++) {
      const T word = _mm256_set1_epi32(static_cast<int>(static_cast<uint32_t>(bits >> (32 * half))));
      const T clear = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(word, spread), bit), zero());
      // 0 where the bit is set, −1 where clear; doubled plus one.
      const T signs = _mm256_add_epi8(_mm256_add_epi8(clear, clear), _mm256_set1_epi8(1));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32 * half), signs);
    }
  }
  static inline Sums no_sums() { return {{zero(), zero(), zero(), zero()}}; }
  static inline Pair pair(int32_t c, int32_t d) {
    return _mm256_set1_epi32(static_cast<int>((static_cast<uint32_t>(d) << 16) | (static_cast<uint32_t>(c) & 0xffffu)));
  }
  static inline void add_pair(Sums& s, T a, T b, T a1, T b1, Pair p) {
    s.v[0] = _mm256_add_epi32(s.v[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, a1), p));
    s.v[1] = _mm256_add_epi32(s.v[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, a1), p));
    s.v[2] = _mm256_add_epi32(s.v[2], _mm256_madd_epi16(_mm256_unpacklo_epi16(b, b1), p));
    s.v[3] = _mm256_add_epi32(s.v[3], _mm256_madd_epi16(_mm256_unpackhi_epi16(b, b1), p));
  }
  // In each 128-bit part i: v[0] elements 0–3 of block 2i, v[1] of block 2i+1, v[2] and v[3] their elements 4–7.
  static inline void order_pairs(const Sums& s, uint32_t* out) {
    uint32_t flat[4][8];
    for (int i = 0; i < 4; i++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(flat[i]), s.v[i]);
    for (int part = 0; part < 2; part++) {
      for (int j = 0; j < 4; j++) {
        out[16 * part + j] = flat[0][4 * part + j];
        out[16 * part + 8 + j] = flat[1][4 * part + j];
        out[16 * part + 4 + j] = flat[2][4 * part + j];
        out[16 * part + 12 + j] = flat[3][4 * part + j];
      }
    }
  }
  static inline void add_wide(Sums& s, T a, T b, int32_t c) {
    const T factor = _mm256_set1_epi32(c), low = _mm256_set1_epi32(0xffff);
    s.v[0] = _mm256_add_epi32(s.v[0], _mm256_mullo_epi32(_mm256_and_si256(a, low), factor));
    s.v[1] = _mm256_add_epi32(s.v[1], _mm256_mullo_epi32(_mm256_srli_epi32(a, 16), factor));
    s.v[2] = _mm256_add_epi32(s.v[2], _mm256_mullo_epi32(_mm256_and_si256(b, low), factor));
    s.v[3] = _mm256_add_epi32(s.v[3], _mm256_mullo_epi32(_mm256_srli_epi32(b, 16), factor));
  }
  // Word w of lane i: v[0] even and v[1] odd elements of words 0 and 1, v[2] and v[3] of words 2 and 3.
  static inline void order_wide(const Sums& s, uint32_t* out) {
    uint32_t flat[4][8];
    for (int i = 0; i < 4; i++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(flat[i]), s.v[i]);
    for (int block = 0; block < 4; block++) {
      for (int word = 0; word < 2; word++) {
        out[8 * block + 2 * word] = flat[0][2 * block + word];
        out[8 * block + 2 * word + 1] = flat[1][2 * block + word];
        out[8 * block + 4 + 2 * word] = flat[2][2 * block + word];
        out[8 * block + 4 + 2 * word + 1] = flat[3][2 * block + word];
      }
    }
  }
  static inline void sum_signs(const uint64_t* bits, size_t stride, const int32_t* c, size_t n, uint32_t* out) {
    const T bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    T s[8];
    for (int i = 0; i < 8; i++) s[i] = zero();
    for (size_t k = 0; k < n; k++) {
      const uint64_t word = bits[k * stride];
      const T factor = _mm256_set1_epi32(c[k]);
      for (int i = 0; i < 8; i++) {
        const T byte = _mm256_set1_epi32(static_cast<int>((word >> (8 * i)) & 0xff));
        const T chosen = _mm256_cmpeq_epi32(_mm256_and_si256(byte, bit), bit);
        s[i] = _mm256_add_epi32(s[i], _mm256_and_si256(chosen, factor));
      }
    }
    for (int i = 0; i < 8; i++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8 * i), s[i]);
  }
};
