// Float vectors on AVX-512: 16 lanes. Included inside a level's own namespace.
struct Floats {
  static constexpr size_t width = 16;
  using F = __m512;
  using I = __m512i;
  using M = __mmask16;

  static inline F load(const float* p) { return _mm512_loadu_ps(p); }
  static inline void store(float* p, F a) { _mm512_storeu_ps(p, a); }
  static inline F set(float x) { return _mm512_set1_ps(x); }
  static inline F load_int8(const int8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static inline F add(F a, F b) { return _mm512_add_ps(a, b); }
  static inline F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static inline F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static inline F div(F a, F b) { return _mm512_div_ps(a, b); }
  static inline F sqrt(F a) { return _mm512_sqrt_ps(a); }
  // a·b + c, rounded once.
  static inline F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // a > b ? a : b, and a < b ? a : b: the second where either is NaN.
  static inline F max(F a, F b) { return _mm512_max_ps(a, b); }
  static inline F min(F a, F b) { return _mm512_min_ps(a, b); }
  static inline M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static inline F select(M m, F yes, F no) { return _mm512_mask_blend_ps(m, no, yes); }
  static inline I bits(F a) { return _mm512_castps_si512(a); }
  static inline F from_bits(I a) { return _mm512_castsi512_ps(a); }
  static inline I set_bits(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
  static inline I and_bits(I a, I b) { return _mm512_and_si512(a, b); }
  static inline I or_bits(I a, I b) { return _mm512_or_si512(a, b); }
  static inline I add_bits(I a, I b) { return _mm512_add_epi32(a, b); }
  static inline I sub_bits(I a, I b) { return _mm512_sub_epi32(a, b); }
  static inline I left_23(I a) { return _mm512_slli_epi32(a, 23); }
  static inline I half_signed(I a) { return _mm512_srai_epi32(a, 1); }

  // 64 sums to one: lane i + lane i + 32, then + 16, + 8, + 4, + 2, + 1.
  static inline float tree64(const F* s) {
    return tree16(add(add(s[0], s[2]), add(s[1], s[3])));
  }
  // 16 sums to one: + 8, + 4, + 2, + 1.
  static inline float tree16(F s) {
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  static inline float tree16(const F* s) { return tree16(s[0]); }

  static constexpr int tile_rows = 14;
  static constexpr int tile_vectors = 2;
  static constexpr size_t transposed = 16;
  // out[k·height + r] = rows[r][k] for k < 16; up to 16 floats are written at each step, later steps mend earlier ones.
  static inline void transpose(const float* const* rows, size_t at, size_t height, float* out) {
    F r[16], s[16];
    for (int i = 0; i < 16; i++) r[i] = load(rows[i] + at);
    for (int i = 0; i < 16; i += 2) {
      s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
      s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
      for (int j = 0; j < 2; j++) {
        const __m512d a = _mm512_castps_pd(s[i + j]), b = _mm512_castps_pd(s[i + j + 2]);
        r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
      }
    }
    // r[4g + c]: column 4q + c of rows 4g to 4g + 3 in 128-bit part q.
    for (int c = 0; c < 4; c++) {
      const F low = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), low2 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
      const F high = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd), high2 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
      s[c] = _mm512_shuffle_f32x4(low, low2, 0x88);
      s[8 + c] = _mm512_shuffle_f32x4(low, low2, 0xdd);
      s[4 + c] = _mm512_shuffle_f32x4(high, high2, 0x88);
      s[12 + c] = _mm512_shuffle_f32x4(high, high2, 0xdd);
    }
    for (size_t k = 0; k < 16; k++) store(out + k * height, s[k]);
  }
};
