// The elementwise kernels, written once over a level's float vectors. Included inside a level's own namespace.
template <class V>
struct Elementwise {
  using F = typename V::F;
  using I = typename V::I;
  static constexpr size_t width = V::width;
  static constexpr size_t lanes = 16 / width;

  // 1.5·2^23: adding it rounds to an integer, which then stands in the low bits.
  static inline F magic() { return V::set(12582912.0f); }

  // x = n·ln 2 + r, |r| ≤ ln 2 / 2; `rounded` is n + magic.
  static inline F reduce(F x, F& rounded) {
    rounded = V::fma(x, V::set(1.44269504f), magic());
    const F n = V::sub(rounded, magic());
    // ln 2 as a float32 and the rest.
    const F r = V::fma(n, V::set(-0.693147182464599609375f), x);
    return V::fma(n, V::set(1.904654290582768e-9f), r);
  }
  // Σ_{n≥2} r^(n−2)/n! to n = 8.
  static inline F tail(F r) {
    F p = V::set(1.0f / 40320.0f);
    p = V::fma(p, r, V::set(1.0f / 5040.0f));
    p = V::fma(p, r, V::set(1.0f / 720.0f));
    p = V::fma(p, r, V::set(1.0f / 120.0f));
    p = V::fma(p, r, V::set(1.0f / 24.0f));
    p = V::fma(p, r, V::set(1.0f / 6.0f));
    return V::fma(p, r, V::set(0.5f));
  }
  static inline F power_of_two(I n) { return V::from_bits(V::left_23(V::add_bits(n, V::set_bits(127)))); }

  static inline F exp(F x) {
    const F bounded = V::max(V::set(-104.0f), V::min(V::set(88.8f), x));
    F rounded;
    const F r = reduce(bounded, rounded);
    const F e = V::add(V::set(1.0f), V::fma(V::mul(r, r), tail(r), r));
    const I n = V::sub_bits(V::bits(rounded), V::bits(magic()));
    const I half = V::half_signed(n);
    // Two factors, so that neither overflows and a subnormal result is rounded once.
    return V::mul(V::mul(e, power_of_two(half)), power_of_two(V::sub_bits(n, half)));
  }

  static inline F negate(F x) { return V::sub(V::set(-0.0f), x); }
  static inline F sigmoid(F x) {
    const F one = V::set(1.0f);
    return V::div(one, V::add(one, exp(negate(x))));
  }

  // E/(E + 2), E = e^(2|x|) − 1 without cancellation, with the sign of x; 1 from |x| = 10 on.
  static inline F tanh(F x) {
    const I sign = V::and_bits(V::bits(x), V::set_bits(0x80000000u));
    const F size = V::from_bits(V::and_bits(V::bits(x), V::set_bits(0x7fffffffu)));
    const F bounded = V::min(V::set(10.0f), size);
    F rounded;
    const F r = reduce(V::add(bounded, bounded), rounded);
    const F power = power_of_two(V::sub_bits(V::bits(rounded), V::bits(magic())));
    const F e = V::fma(V::mul(r, r), tail(r), r);
    const F E = V::fma(e, power, V::sub(power, V::set(1.0f)));
    const F t = V::div(E, V::add(E, V::set(2.0f)));
    return V::from_bits(V::or_bits(V::bits(t), sign));
  }

  // x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
  static inline F gelu(F x) {
    const F cube = V::mul(V::mul(x, x), x);
    const F inner = V::mul(V::set(0.797884561f), V::fma(V::set(0.044715f), cube, x));
    return V::mul(V::mul(V::set(0.5f), x), V::add(V::set(1.0f), tanh(inner)));
  }

  template <class G>
  static inline void map(const float* x, size_t n, float* y, G g) {
    size_t i = 0;
    for (; i + width <= n; i += width) V::store(y + i, g(V::load(x + i)));
    if (i < n) {
      float edge[width] = {};
      for (size_t j = 0; i + j < n; j++) edge[j] = x[i + j];
      V::store(edge, g(V::load(edge)));
      for (size_t j = 0; i + j < n; j++) y[i + j] = edge[j];
    }
  }
  template <class G>
  static inline void map2(const float* x, const float* y, size_t n, float* out, G g) {
    size_t i = 0;
    for (; i + width <= n; i += width) V::store(out + i, g(V::load(x + i), V::load(y + i)));
    if (i < n) {
      float a[width] = {}, b[width] = {};
      for (size_t j = 0; i + j < n; j++) {
        a[j] = x[i + j];
        b[j] = y[i + j];
      }
      V::store(a, g(V::load(a), V::load(b)));
      for (size_t j = 0; i + j < n; j++) out[i + j] = a[j];
    }
  }

  static void activation(Activation kind, const float* x, size_t n, float* y) {
    switch (kind) {
      case Activation::relu: return map(x, n, y, [](F a) { return V::max(V::set(0.0f), a); });
      case Activation::tanh: return map(x, n, y, [](F a) { return tanh(a); });
      case Activation::sigmoid: return map(x, n, y, [](F a) { return sigmoid(a); });
      case Activation::gelu: return map(x, n, y, [](F a) { return gelu(a); });
      case Activation::silu: return map(x, n, y, [](F a) { return V::mul(a, sigmoid(a)); });
      case Activation::exp: return map(x, n, y, [](F a) { return exp(a); });
    }
  }
  static void add(const float* x, const float* y, size_t n, float* out) {
    map2(x, y, n, out, [](F a, F b) { return V::add(a, b); });
  }
  static void multiply(const float* x, const float* y, size_t n, float* out) {
    map2(x, y, n, out, [](F a, F b) { return V::mul(a, b); });
  }
  static void scale(const float* x, float factor, size_t n, float* out) {
    const F f = V::set(factor);
    map(x, n, out, [=](F a) { return V::mul(f, a); });
  }

  // Folds a row into 16 lanes: s = g(s, x), short rows padded with `pad`.
  template <class G>
  static inline void fold(const float* x, size_t n, float pad, F* s, G g) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      for (size_t l = 0; l < lanes; l++) s[l] = g(s[l], V::load(x + i + l * width));
    }
    if (i < n) {
      float edge[16];
      for (size_t j = 0; j < 16; j++) edge[j] = i + j < n ? x[i + j] : pad;
      for (size_t l = 0; l < lanes; l++) s[l] = g(s[l], V::load(edge + l * width));
    }
  }
  static inline void start(F* s, float value) {
    for (size_t l = 0; l < lanes; l++) s[l] = V::set(value);
  }
  static float greatest(const float* x, size_t n) {
    F s[lanes];
    start(s, -__builtin_inff());
    fold(x, n, -__builtin_inff(), s, [](F a, F b) { return V::max(a, b); });
    float flat[16];
    for (size_t l = 0; l < lanes; l++) V::store(flat + l * width, s[l]);
    float most = flat[0];
    for (int i = 1; i < 16; i++) most = most > flat[i] ? most : flat[i];
    return most;
  }

  static void normalise(const float* x, size_t n, bool centre, float epsilon, const float* gain, const float* bias,
                        float* y) {
    const float count = static_cast<float>(n);
    F s[lanes];
    float mean = 0.0f;
    if (centre) {
      start(s, 0.0f);
      fold(x, n, 0.0f, s, [](F a, F b) { return V::add(a, b); });
      mean = V::tree16(s) / count;
    }
    const F middle = V::set(mean);
    start(s, 0.0f);
    fold(x, n, mean, s, [=](F a, F b) {
      const F d = V::sub(b, middle);
      return V::fma(d, d, a);
    });
    const F inverse = V::set(1.0f / __builtin_sqrtf(V::tree16(s) / count + epsilon));
    map(x, n, y, [=](F a) { return V::mul(V::sub(a, middle), inverse); });
    if (gain) multiply(y, gain, n, y);
    if (bias) add(y, bias, n, y);
  }

  // log of a sum of exponentials, from 1 to 2^64; float64, (f − f²/2 + ...) by s = f/(2 + f), log(1 + f) = 2s + s·R(s²).
  static double log(float sum) {
    uint32_t word;
    std::memcpy(&word, &sum, 4);
    // The 9 bits 0x3f3504f3 − 0x3f800000: a mantissa in [√½, √2).
    const int32_t k = (static_cast<int32_t>(word - 0x3f3504f3u)) >> 23;
    const uint32_t mantissa = word - (static_cast<uint32_t>(k) << 23);
    float m;
    std::memcpy(&m, &mantissa, 4);
    const double f = static_cast<double>(m) - 1.0;
    const double q = f / (2.0 + f), z = q * q;
    double p = 2.0 / 15.0;
    p = p * z + 2.0 / 13.0;
    p = p * z + 2.0 / 11.0;
    p = p * z + 2.0 / 9.0;
    p = p * z + 2.0 / 7.0;
    p = p * z + 2.0 / 5.0;
    p = p * z + 2.0 / 3.0;
    p = p * z + 2.0;
    return static_cast<double>(k) * 0.693147180559945309417 + p * q;
  }

  static float sum_of_exponentials(const float* x, size_t n, float most) {
    F s[lanes];
    start(s, 0.0f);
    const F top = V::set(most);
    fold(x, n, -__builtin_inff(), s, [=](F a, F b) { return V::add(a, exp(V::sub(b, top))); });
    return V::tree16(s);
  }

  static void cross_entropy(const float* x, size_t n, size_t target, float* loss, float* correct) {
    const float most = greatest(x, n);
    const float sum = sum_of_exponentials(x, n, most);
    const double difference = static_cast<double>(most) - static_cast<double>(x[target]);
    // A sum that is no finite number makes the loss NaN; its bits would give log a number.
    *loss = sum >= 1.0f && sum < 1e30f ? static_cast<float>(log(sum) + difference) : __builtin_nanf("");
    size_t first = 0;
    while (first < n && x[first] != most) first++;
    *correct = first == target ? 1.0f : 0.0f;
  }

  static float dot(const float* x, const float* y, size_t n) {
    F s[lanes];
    start(s, 0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      for (size_t l = 0; l < lanes; l++) s[l] = V::fma(V::load(x + i + l * width), V::load(y + i + l * width), s[l]);
    }
    if (i < n) {
      float a[16] = {}, b[16] = {};
      for (size_t j = 0; i + j < n; j++) {
        a[j] = x[i + j];
        b[j] = y[i + j];
      }
      for (size_t l = 0; l < lanes; l++) s[l] = V::fma(V::load(a + l * width), V::load(b + l * width), s[l]);
    }
    return V::tree16(s);
  }
  static void accumulate(float factor, const float* x, size_t n, float* y) {
    const F f = V::set(factor);
    map2(x, y, n, y, [=](F a, F b) { return V::fma(f, a, b); });
  }

  static float sum(const float* x, size_t n) {
    F s[lanes];
    start(s, 0.0f);
    fold(x, n, 0.0f, s, [](F a, F b) { return V::add(a, b); });
    return V::tree16(s);
  }
  static void accumulate_int8(float factor, const int8_t* x, size_t n, float* y) {
    const F f = V::set(factor);
    size_t i = 0;
    for (; i + 16 <= n; i += width) V::store(y + i, V::fma(f, V::load_int8(x + i), V::load(y + i)));
    for (; i < n; i++) y[i] = __builtin_fmaf(factor, static_cast<float>(x[i]), y[i]);
  }

  static void softmax(float* x, size_t n) {
    const float most = greatest(x, n);
    const F top = V::set(most), sum = V::set(sum_of_exponentials(x, n, most));
    map(x, n, x, [=](F a) { return V::div(exp(V::sub(a, top)), sum); });
  }

  static void gru(const float* x, const float* u, const float* h, size_t n, float* next) {
    for (size_t i = 0; i < n; i += width) {
      const size_t some = n - i < width ? n - i : width;
      float edge[7][width] = {};
      const float* at[7] = {x + i, x + n + i, x + 2 * n + i, u + i, u + n + i, u + 2 * n + i, h + i};
      if (some < width) {
        for (int part = 0; part < 7; part++) {
          for (size_t j = 0; j < some; j++) edge[part][j] = at[part][j];
          at[part] = edge[part];
        }
      }
      const F r = sigmoid(V::add(V::load(at[0]), V::load(at[3])));
      const F z = sigmoid(V::add(V::load(at[1]), V::load(at[4])));
      const F c = tanh(V::fma(r, V::load(at[5]), V::load(at[2])));
      const F result = V::fma(z, V::load(at[6]), V::mul(V::sub(V::set(1.0f), z), c));
      if (some == width) {
        V::store(next + i, result);
      } else {
        V::store(edge[0], result);
        for (size_t j = 0; j < some; j++) next[i + j] = edge[0][j];
      }
    }
  }

  static constexpr ElementwiseKernels table() {
    return {activation, add,       multiply, scale,      normalise,       cross_entropy,
            dot,        sum,       accumulate, accumulate_int8, softmax, gru};
  }
};
