// Float vectors in plain C++: arrays of 8 whose operations are IEEE 754's, std::fma where the formula says fused. Included
// inside a level's own namespace.
struct Floats {
  static constexpr size_t width = 8;
  struct F {
    float v[width];
  };
  struct I {
    uint32_t v[width];
  };
  struct M {
    bool v[width];
  };

  template <class R, class G>
  static inline R each(G g) {
    R r;
    for (size_t i = 0; i < width; i++) r.v[i] = g(i);
    return r;
  }
  static inline F load(const float* p) {
    return each<F>([=](size_t i) { return p[i]; });
  }
  static inline void store(float* p, F a) {
    for (size_t i = 0; i < width; i++) p[i] = a.v[i];
  }
  static inline F set(float x) {
    return each<F>([=](size_t) { return x; });
  }
  static inline F load_int8(const int8_t* p) {
    return each<F>([=](size_t i) { return static_cast<float>(p[i]); });
  }
  static inline F add(F a, F b) {
    return each<F>([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  static inline F sub(F a, F b) {
    return each<F>([&](size_t i) { return a.v[i] - b.v[i]; });
  }
  static inline F mul(F a, F b) {
    return each<F>([&](size_t i) { return a.v[i] * b.v[i]; });
  }
  static inline F div(F a, F b) {
    return each<F>([&](size_t i) { return a.v[i] / b.v[i]; });
  }
  static inline F sqrt(F a) {
    return each<F>([&](size_t i) { return __builtin_sqrtf(a.v[i]); });
  }
  static inline F fma(F a, F b, F c) {
    return each<F>([&](size_t i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
  }
  static inline F max(F a, F b) {
    return each<F>([&](size_t i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static inline F min(F a, F b) {
    return each<F>([&](size_t i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static inline M less(F a, F b) {
    return each<M>([&](size_t i) { return a.v[i] < b.v[i]; });
  }
  static inline F select(M m, F yes, F no) {
    return each<F>([&](size_t i) { return m.v[i] ? yes.v[i] : no.v[i]; });
  }
  static inline I bits(F a) {
    I r;
    std::memcpy(&r, &a, sizeof r);
    return r;
  }
  static inline F from_bits(I a) {
    F r;
    std::memcpy(&r, &a, sizeof r);
    return r;
  }
  static inline I set_bits(uint32_t x) {
    return each<I>([=](size_t) { return x; });
  }
  static inline I and_bits(I a, I b) {
    return each<I>([&](size_t i) { return a.v[i] & b.v[i]; });
  }
  static inline I or_bits(I a, I b) {
    return each<I>([&](size_t i) { return a.v[i] | b.v[i]; });
  }
  static inline I add_bits(I a, I b) {
    return each<I>([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  static inline I sub_bits(I a, I b) {
    return each<I>([&](size_t i) { return a.v[i] - b.v[i]; });
  }
  static inline I left_23(I a) {
    return each<I>([&](size_t i) { return a.v[i] << 23; });
  }
  static inline I half_signed(I a) {
    return each<I>([&](size_t i) { return static_cast<uint32_t>(static_cast<int32_t>(a.v[i]) >> 1); });
  }

  static inline float tree(float* s, size_t n) {
    for (size_t half = n / 2; half > 0; half /= 2) {
      for (size_t i = 0; i < half; i++) s[i] = s[i] + s[i + half];
    }
    return s[0];
  }
  static inline float tree64(const F* s) {
    float flat[64];
    std::memcpy(flat, s, sizeof flat);
    return tree(flat, 64);
  }
  static inline float tree16(const F* s) {
    float flat[16];
    std::memcpy(flat, s, sizeof flat);
    return tree(flat, 16);
  }

  static constexpr int tile_rows = 4;
  static constexpr int tile_vectors = 2;
  static constexpr size_t transposed = 8;
  static inline void transpose(const float* const* rows, size_t at, size_t height, float* out) {
    for (size_t k = 0; k < 8; k++) {
      for (size_t r = 0; r < height; r++) out[k * height + r] = rows[r][at + k];
    }
  }
};
