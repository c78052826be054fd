// Philox lanes on AVX-512: 8 blocks a vector; with BITALG a 16-bit popcount is one instruction. Included inside a level's
// own namespace.
struct LanesAvx512 {
  static constexpr size_t lanes = 8;
  using T = __m512i;
  struct Sums {
    __m512i v[4];
  };
  using Pair = __m512i;

  static inline T zero() { return _mm512_setzero_si512(); }
  static inline T set(uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
  static inline T count_from(uint32_t first) {
    return _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
  }
  static inline T next(T c) { return _mm512_add_epi64(c, _mm512_set1_epi64(8)); }
  static inline T multiply(T a, T b) { return _mm512_mul_epu32(a, b); }
  static inline T high(T a) { return _mm512_srli_epi64(a, 32); }
  static inline T exclusive_or(T a, T b) { return _mm512_xor_si512(a, b); }
  static inline T exclusive_or(T a, T b, T c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
  static inline T join(T low, T high) {
    return _mm512_mask_shuffle_epi32(low, 0xaaaa, high, static_cast<_MM_PERM_ENUM>(0xa0));
  }
  static inline void store_words(T a, T b, uint32_t* out) {
    const T order = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const T upper = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_si512(out, _mm512_permutex2var_epi64(a, order, b));
    _mm512_storeu_si512(out + 16, _mm512_permutex2var_epi64(a, upper, b));
  }
  static inline T popcount(T x) {
#ifdef __AVX512BITALG__
    return _mm512_popcnt_epi16(x);
#else
    const T table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const T nibble = _mm512_set1_epi8(15);
    const T low = _mm512_shuffle_epi8(table, _mm512_and_si512(x, nibble));
    const T high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble));
    return _mm512_maddubs_epi16(_mm512_add_epi8(low, high), _mm512_set1_epi8(1));
#endif
  }
  static inline void store_counts(T a, T b, int8_t* out) {
    const T packed = _mm512_shuffle_epi32(_mm512_packus_epi16(a, b), static_cast<_MM_PERM_ENUM>(0xd8));
    _mm512_storeu_si512(out, _mm512_sub_epi8(packed, _mm512_set1_epi8(8)));
  }
  static inline void store_signs(uint64_t bits, int8_t* out) {
    _mm512_storeu_si512(out, _mm512_mask_blend_epi8(bits, _mm512_set1_epi8(-1), _mm512_set1_epi8(1)));
  }
  static inline Sums no_sums() { return {{zero(), zero(), zero(), zero()}}; }
  static inline Pair pair(int32_t c, int32_t d) {
    return _mm512_set1_epi32(static_cast<int>((static_cast<uint32_t>(d) << 16) | (static_cast<uint32_t>(c) & 0xffffu)));
  }
  static inline void add_pair(Sums& s, T a, T b, T a1, T b1, Pair p) {
    s.v[0] = _mm512_add_epi32(s.v[0], _mm512_madd_epi16(_mm512_unpacklo_epi16(a, a1), p));
    s.v[1] = _mm512_add_epi32(s.v[1], _mm512_madd_epi16(_mm512_unpackhi_epi16(a, a1), p));
    s.v[2] = _mm512_add_epi32(s.v[2], _mm512_madd_epi16(_mm512_unpacklo_epi16(b, b1), p));
    s.v[3] = _mm512_add_epi32(s.v[3], _mm512_madd_epi16(_mm512_unpackhi_epi16(b, b1), p));
  }
  // In each 128-bit part i: v[0] elements 0–3 of block 2i, v[1] of block 2i+1, v[2] and v[3] their elements 4–7.
  static inline void order_pairs(const Sums& s, uint32_t* out) {
    uint32_t flat[4][16];
    for (int i = 0; i < 4; i++) _mm512_storeu_si512(flat[i], s.v[i]);
    for (int part = 0; part < 4; part++) {
      for (int j = 0; j < 4; j++) {
        out[16 * part + j] = flat[0][4 * part + j];
        out[16 * part + 8 + j] = flat[1][4 * part + j];
        out[16 * part + 4 + j] = flat[2][4 * part + j];
        out[16 * part + 12 + j] = flat[3][4 * part + j];
      }
    }
  }
  static inline void add_wide(Sums& s, T a, T b, int32_t c) {
    const T factor = _mm512_set1_epi32(c), low = _mm512_set1_epi32(0xffff);
    s.v[0] = _mm512_add_epi32(s.v[0], _mm512_mullo_epi32(_mm512_and_si512(a, low), factor));
    s.v[1] = _mm512_add_epi32(s.v[1], _mm512_mullo_epi32(_mm512_srli_epi32(a, 16), factor));
    s.v[2] = _mm512_add_epi32(s.v[2], _mm512_mullo_epi32(_mm512_and_si512(b, low), factor));
    s.v[3] = _mm512_add_epi32(s.v[3], _mm512_mullo_epi32(_mm512_srli_epi32(b, 16), factor));
  }
  // Word w of lane i: v[0] even and v[1] odd elements of words 0 and 1, v[2] and v[3] of words 2 and 3.
  static inline void order_wide(const Sums& s, uint32_t* out) {
    uint32_t flat[4][16];
    for (int i = 0; i < 4; i++) _mm512_storeu_si512(flat[i], s.v[i]);
    for (int block = 0; block < 8; block++) {
      for (int word = 0; word < 2; word++) {
        out[8 * block + 2 * word] = flat[0][2 * block + word];
        out[8 * block + 2 * word + 1] = flat[1][2 * block + word];
        out[8 * block + 4 + 2 * word] = flat[2][2 * block + word];
        out[8 * block + 4 + 2 * word + 1] = flat[3][2 * block + word];
      }
    }
  }
  static inline void sum_signs(const uint64_t* bits, size_t stride, const int32_t* c, size_t n, uint32_t* out) {
    T s[4] = {zero(), zero(), zero(), zero()};
    for (size_t k = 0; k < n; k++) {
      const uint64_t word = bits[k * stride];
      const T factor = _mm512_set1_epi32(c[k]);
      for (int i = 0; i < 4; i++) {
        s[i] = _mm512_mask_add_epi32(s[i], static_cast<__mmask16>(word >> (16 * i)), s[i], factor);
      }
    }
    for (int i = 0; i < 4; i++) _mm512_storeu_si512(out + 16 * i, s[i]);
  }
};
