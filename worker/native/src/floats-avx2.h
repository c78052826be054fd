// Float vectors on AVX2 and FMA: 8 lanes. Included inside a level's own namespace.
struct Floats {
  static constexpr size_t width = 8;
  using F = __m256;
  using I = __m256i;
  using M = __m256;

  static inline F load(const float* p) { return _mm256_loadu_ps(p); }
  static inline void store(float* p, F a) { _mm256_storeu_ps(p, a); }
  static inline F set(float x) { return _mm256_set1_ps(x); }
  static inline F load_int8(const int8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static inline F add(F a, F b) { return _mm256_add_ps(a, b); }
  static inline F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static inline F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static inline F div(F a, F b) { return _mm256_div_ps(a, b); }
  static inline F sqrt(F a) { return _mm256_sqrt_ps(a); }
  static inline F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static inline F max(F a, F b) { return _mm256_max_ps(a, b); }
  static inline F min(F a, F b) { return _mm256_min_ps(a, b); }
  static inline M less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static inline F select(M m, F yes, F no) { return _mm256_blendv_ps(no, yes, m); }
  static inline I bits(F a) { return _mm256_castps_si256(a); }
  static inline F from_bits(I a) { return _mm256_castsi256_ps(a); }
  static inline I set_bits(uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
  static inline I and_bits(I a, I b) { return _mm256_and_si256(a, b); }
  static inline I or_bits(I a, I b) { return _mm256_or_si256(a, b); }
  static inline I add_bits(I a, I b) { return _mm256_add_epi32(a, b); }
  static inline I sub_bits(I a, I b) { return _mm256_sub_epi32(a, b); }
  static inline I left_23(I a) { return _mm256_slli_epi32(a, 23); }
  static inline I half_signed(I a) { return _mm256_srai_epi32(a, 1); }

  static inline float tree64(const F* s) {
    const F t[4] = {add(s[0], s[4]), add(s[1], s[5]), add(s[2], s[6]), add(s[3], s[7])};
    const F u[2] = {add(t[0], t[2]), add(t[1], t[3])};
    return tree16(u);
  }
  static inline float tree16(const F* s) {
    const F a = add(s[0], s[1]);
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }

  static constexpr int tile_rows = 6;
  static constexpr int tile_vectors = 2;
  static constexpr size_t transposed = 8;
  static inline void transpose(const float* const* rows, size_t at, size_t height, float* out) {
    F r[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = load(rows[i] + at);
    for (int i = 0; i < 8; i += 2) {
      s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      for (int j = 0; j < 2; j++) {
        r[i + 2 * j] = _mm256_shuffle_ps(s[i + j], s[i + j + 2], 0x44);
        r[i + 2 * j + 1] = _mm256_shuffle_ps(s[i + j], s[i + j + 2], 0xee);
      }
    }
    for (int c = 0; c < 4; c++) {
      s[c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x20);
      s[4 + c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x31);
    }
    for (size_t k = 0; k < 8; k++) store(out + k * height, s[k]);
  }
};
