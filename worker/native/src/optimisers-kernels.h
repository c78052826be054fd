// The optimisers as plain loops, which the compiler vectorises with the flags of the level: contraction is off, so what is
// written is what is rounded. Included inside a level's own namespace.
struct Optimisers {
  static inline float small(float x) { return __builtin_fabsf(x) < 0x1p-60f ? 0.0f : x; }
  static inline float tiny(float x) { return x < 0x1p-120f ? 0.0f : x; }
  static inline float gradient(float theta, double sum, const StepScalars& s) {
    const float g = static_cast<float>(sum) * s.scale;
    const float decay = s.weight_decay * theta;
    return small(-g + decay);
  }

  static void sgd(size_t n, const float* theta, float* next, const double* sums, StepScalars s) {
    SEEDCAST_LANES_ARE_SEPARATE
    for (size_t i = 0; i < n; i++) {
      const float t = theta[i];
      const float d = -s.rate * gradient(t, sums[i], s);
      next[i] = t + s.factor * d;
    }
  }

  static void momentum(size_t n, const float* theta, float* next, const double* sums, StepScalars s, float mu,
                       const float* from, float* to) {
    const float complement = 1.0f - mu;
    SEEDCAST_LANES_ARE_SEPARATE
    for (size_t i = 0; i < n; i++) {
      const float t = theta[i];
      const float u = gradient(t, sums[i], s);
      const float v = small(mu * from[i] + complement * u);
      to[i] = v;
      const float d = -s.rate * v;
      next[i] = t + s.factor * d;
    }
  }

  static void adam(size_t n, const float* theta, float* next, const double* sums, StepScalars s, float beta1, float beta2,
                   float epsilon, const float* m_from, float* m_to, const float* v_from, float* v_to) {
    const float complement1 = 1.0f - beta1, complement2 = 1.0f - beta2;
    SEEDCAST_LANES_ARE_SEPARATE
    for (size_t i = 0; i < n; i++) {
      const float t = theta[i];
      const float u = gradient(t, sums[i], s);
      const float m = small(beta1 * m_from[i] + complement1 * u);
      const float square = u * u;
      const float v = tiny(beta2 * v_from[i] + complement2 * square);
      m_to[i] = m;
      v_to[i] = v;
      const float d = (-s.rate * m) / (__builtin_sqrtf(v) + epsilon);
      next[i] = t + s.factor * d;
    }
  }

  static constexpr OptimiserKernels table() { return {sgd, momentum, adam}; }
};
