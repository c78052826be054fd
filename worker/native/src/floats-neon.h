// Float vectors on NEON: 4 lanes. Never run by its authors. Included inside a level's own namespace.
struct Floats {
  static constexpr size_t width = 4;
  using F = float32x4_t;
  using I = uint32x4_t;
  using M = uint32x4_t;

  static inline F load(const float* p) { return vld1q_f32(p); }
  static inline void store(float* p, F a) { vst1q_f32(p, a); }
  static inline F set(float x) { return vdupq_n_f32(x); }
  static inline F load_int8(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
  }
  static inline F add(F a, F b) { return vaddq_f32(a, b); }
  static inline F sub(F a, F b) { return vsubq_f32(a, b); }
  static inline F mul(F a, F b) { return vmulq_f32(a, b); }
  static inline F div(F a, F b) { return vdivq_f32(a, b); }
  static inline F sqrt(F a) { return vsqrtq_f32(a); }
  static inline F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  // Not vmaxq: it propagates NaN, where the other levels take the second operand.
  static inline F max(F a, F b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static inline F min(F a, F b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static inline M less(F a, F b) { return vcltq_f32(a, b); }
  static inline F select(M m, F yes, F no) { return vbslq_f32(m, yes, no); }
  static inline I bits(F a) { return vreinterpretq_u32_f32(a); }
  static inline F from_bits(I a) { return vreinterpretq_f32_u32(a); }
  static inline I set_bits(uint32_t x) { return vdupq_n_u32(x); }
  static inline I and_bits(I a, I b) { return vandq_u32(a, b); }
  static inline I or_bits(I a, I b) { return vorrq_u32(a, b); }
  static inline I add_bits(I a, I b) { return vaddq_u32(a, b); }
  static inline I sub_bits(I a, I b) { return vsubq_u32(a, b); }
  static inline I left_23(I a) { return vshlq_n_u32(a, 23); }
  static inline I half_signed(I a) { return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), 1)); }

  static inline float tree(float* s, size_t n) {
    for (size_t half = n / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; i++) s[i] = s[i] + s[i + half];
    }
    return s[0];
  }
  static inline float tree64(const F* s) {
    float flat[64];
    for (int i = 0; i < 16; i++) store(flat + 4 * i, s[i]);
    return tree(flat, 64);
  }
  static inline float tree16(const F* s) {
    float flat[16];
    for (int i = 0; i < 4; i++) store(flat + 4 * i, s[i]);
    return tree(flat, 16);
  }

  static constexpr int tile_rows = 6;
  static constexpr int tile_vectors = 4;
  static constexpr size_t transposed = 8;
  static inline void transpose(const float* const* rows, size_t at, size_t height, float* out) {
    for (size_t k = 0; k < 8; k++) {
      for (size_t r = 0; r < height; r++) out[k * height + r] = rows[r][at + k];
    }
  }
};
