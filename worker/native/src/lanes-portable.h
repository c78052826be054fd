// Philox lanes in plain C++: arrays that the compiler may vectorise as it likes; integers only, so nothing depends on how.
// Included inside a level's own namespace.
struct LanesPortable {
  static constexpr size_t lanes = 4;
  struct T {
    uint64_t v[lanes];
  };
  struct Sums {
    uint32_t v[8 * lanes];
  };
  struct Pair {
    int32_t c, d;
  };

  template <class F>
  static inline T each(F f) {
    T t;
    for (size_t i = 0; i < lanes; i++) t.v[i] = f(i);
    return t;
  }
  static inline T zero() { return set(0); }
  static inline T set(uint64_t x) {
    return each([=](size_t) { return x; });
  }
  static inline T count_from(uint32_t first) {
    return each([=](size_t i) -> uint64_t { return static_cast<uint32_t>(first + i); });
  }
  static inline T next(T c) {
    return each([=](size_t i) -> uint64_t { return c.v[i] + lanes; });
  }
  static inline T multiply(T a, T b) {
    return each([=](size_t i) { return (a.v[i] & 0xffffffffu) * (b.v[i] & 0xffffffffu); });
  }
  static inline T high(T a) {
    return each([=](size_t i) { return a.v[i] >> 32; });
  }
  static inline T exclusive_or(T a, T b) {
    return each([=](size_t i) { return a.v[i] ^ b.v[i]; });
  }
  static inline T exclusive_or(T a, T b, T c) {
    return each([=](size_t i) { return a.v[i] ^ b.v[i] ^ c.v[i]; });
  }
  static inline T join(T low, T high) {
    return each([=](size_t i) { return (low.v[i] & 0xffffffffu) | (high.v[i] << 32); });
  }
  static inline void store_words(T a, T b, uint32_t* out) {
    for (size_t i = 0; i < lanes; i++) {
      out[4 * i] = static_cast<uint32_t>(a.v[i]);
      out[4 * i + 1] = static_cast<uint32_t>(a.v[i] >> 32);
      out[4 * i + 2] = static_cast<uint32_t>(b.v[i]);
      out[4 * i + 3] = static_cast<uint32_t>(b.v[i] >> 32);
    }
  }
  // Counts of ones in each 16-bit part, in place.
  static inline T popcount(T x) {
    return each([=](size_t i) {
      uint64_t v = x.v[i];
      v -= (v >> 1) & 0x5555555555555555u;
      v = (v & 0x3333333333333333u) + ((v >> 2) & 0x3333333333333333u);
      v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
      return (v + (v >> 8)) & 0x00ff00ff00ff00ffu;
    });
  }
  static inline uint32_t part(T t, size_t lane, int i) { return (t.v[lane] >> (16 * i)) & 0xffffu; }
  static inline void store_counts(T a, T b, int8_t* out) {
    for (size_t i = 0; i < lanes; i++) {
      for (int j = 0; j < 4; j++) {
        out[8 * i + j] = static_cast<int8_t>(static_cast<int>(part(a, i, j)) - 8);
        out[8 * i + 4 + j] = static_cast<int8_t>(static_cast<int>(part(b, i, j)) - 8);
      }
    }
  }
  static inline void store_signs(uint64_t bits, int8_t* out) {
    for (int i = 0; i < 64; i++) out[i] = static_cast<int8_t>(((bits >> i) & 1) * 2) - 1;
  }
  static inline Sums no_sums() { return Sums{}; }
  static inline Pair pair(int32_t c, int32_t d) { return {c, d}; }
  static inline void add_wide(Sums& s, T a, T b, int32_t c) {
    const uint32_t factor = static_cast<uint32_t>(c);
    for (size_t i = 0; i < lanes; i++) {
      for (int j = 0; j < 4; j++) {
        s.v[8 * i + j] += factor * part(a, i, j);
        s.v[8 * i + 4 + j] += factor * part(b, i, j);
      }
    }
  }
  static inline void add_pair(Sums& s, T a, T b, T a1, T b1, Pair p) {
    add_wide(s, a, b, p.c);
    add_wide(s, a1, b1, p.d);
  }
  static inline void order_wide(const Sums& s, uint32_t* out) {
    for (size_t i = 0; i < 8 * lanes; i++) out[i] = s.v[i];
  }
  static inline void order_pairs(const Sums& s, uint32_t* out) { order_wide(s, out); }
  // out[i] = Σ over directions of c where bit i of its word is 1.
  static inline void sum_signs(const uint64_t* bits, size_t stride, const int32_t* c, size_t n, uint32_t* out) {
    for (int i = 0; i < 64; i++) out[i] = 0;
    for (size_t k = 0; k < n; k++) {
      const uint64_t word = bits[k * stride];
      const uint32_t factor = static_cast<uint32_t>(c[k]);
      for (int i = 0; i < 64; i++) out[i] += factor & (0u - static_cast<uint32_t>((word >> i) & 1));
    }
  }
};
