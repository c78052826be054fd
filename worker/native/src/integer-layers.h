// The layers of integer networks over a level's products (P): plain loops, which the compiler vectorises for the level.
// Included inside a level's own namespace, after its products.

// Mantissa r: ⌊2^28·2^(r/16)⌋, so that ⌊2^(q + r/16)⌋ is mantissa r shifted right by 28 − q for every q from 0 to 28.
constexpr uint32_t mantissas[16] = {268435456, 280320108, 292730940, 305691246, 319225354, 333358668,
                                    348117717, 363530205, 379625062, 396432499, 413984066, 432312706,
                                    451452825, 471440349, 492312796, 514109346};

template <class P>
struct Layers {
  using X = typename P::X;

  // Rows of `x` in the form that products take: as they stand, or copied to `space`.
  static const X* rows_of(const int8_t* x, size_t row, size_t in, size_t count, X* space) {
    if constexpr (sizeof(X) == 1) {
      if (P::in_place(in) && row == in) return x;
    }
    for (size_t r = 0; r < count; r++) P::prepare(x + r * row, in, space + r * P::stride(in));
    return space;
  }

  static bool linear(const IntegerLinear& task, size_t begin, size_t end) {
    const size_t copies = task.shared ? task.members : 1;
    const size_t fit = 4096 / copies, block = fit < 6 ? 6 : fit > 96 ? 96 : fit;
    X* const space = static_cast<X*>(scratch(0, block * P::stride(task.in) * sizeof(X)));
    RowTerm* const terms = static_cast<RowTerm*>(scratch(1, block * copies * sizeof(RowTerm)));
    if (!space || !terms) return false;
    for (size_t from = begin; from < end; from += block) {
      const size_t count = end - from < block ? end - from : block;
      const X* const x = rows_of(task.x + from * task.in, task.in, task.in, count, space);
      for (size_t r = 0; r < count; r++) {
        for (size_t m = 0; m < copies; m++) {
          const size_t row = task.shared ? m * task.rows + from + r : from + r;
          terms[r * copies + m] = term_of(x + r * P::stride(task.in), task.in, task.out, task.noise, row / task.rows,
                                          task.result + row * task.out);
        }
      }
      P::multiply(task.packed, task.out, task.in, x, P::stride(task.in), count, terms, copies, task.shift,
                  task.noise.shift);
    }
    return true;
  }

  static RowTerm term_of(const X* x, size_t in, size_t out, const LowRank& noise, size_t member, int8_t* result) {
    RowTerm term{0, 0, nullptr, result};
    const int8_t* b = nullptr;
    const int sign = noise.a ? noise.sign[member] : 0;
    if (sign != 0) {
      const size_t direction = static_cast<size_t>(noise.direction[member]);
      term.a = noise.a + direction * out;
      b = noise.b + direction * in;
    }
    P::measure(x, in, b, term.correction, term.projection);
    term.projection *= sign;
    return term;
  }

  static bool gru(const IntegerGru& task, size_t begin, size_t end) {
    const size_t width = task.width, count = end - begin, stride = P::stride(width);
    int8_t* const state = static_cast<int8_t*>(scratch(0, 4 * count * width));
    X* const space = static_cast<X*>(scratch(1, count * stride * sizeof(X)));
    RowTerm* const terms = static_cast<RowTerm*>(scratch(2, count * sizeof(RowTerm)));
    if (!state || !space || !terms) return false;
    int8_t* const product = state + count * width;
    int8_t* const gate = product + count * width;
    int8_t* const gated = gate + count * width;
    std::memset(state, 0, count * width);
    for (size_t t = 0; t < task.steps; t++) {
      for (size_t r = 0; r < count; r++) {
        const size_t sequence = begin + r, first = task.shared_resets ? sequence % task.batch : sequence;
        if (task.resets[first * task.steps + t] == 1) std::memset(state + r * width, 0, width);
      }
      recur(task, begin, count, state, task.uf, task.noise_f, space, terms, product);
      for (size_t r = 0; r < count; r++) {
        const size_t sequence = begin + r, at = r * width, member = sequence / task.batch;
        forget(task.xf + (sequence * task.steps + t) * width, product + at,
               task.bf + (task.shared_bf ? 0 : member * width), state + at, width, gate + at, gated + at);
      }
      recur(task, begin, count, gated, task.uh, task.noise_h, space, terms, product);
      for (size_t r = 0; r < count; r++) {
        const size_t sequence = begin + r, at = r * width, member = sequence / task.batch;
        const size_t out = (sequence * task.steps + t) * width;
        renew(task.xh + out, product + at, task.bh + (task.shared_bh ? 0 : member * width), gate + at, width,
              state + at);
        std::memcpy(task.result + out, state + at, width);
      }
    }
    return true;
  }

  static void recur(const IntegerGru& task, size_t begin, size_t count, const int8_t* from, const void* packed,
                    const LowRank& noise, X* space, RowTerm* terms, int8_t* to) {
    const size_t width = task.width, stride = P::stride(width);
    const X* const x = rows_of(from, width, width, count, space);
    for (size_t r = 0; r < count; r++) {
      terms[r] = term_of(x + r * stride, width, width, noise, (begin + r) / task.batch, to + r * width);
    }
    P::multiply(packed, width, width, x, stride, count, terms, 1, task.shift, noise.shift);
  }

  static void forget(const int8_t* __restrict xf, const int8_t* __restrict product, const int8_t* __restrict bias,
                     const int8_t* __restrict state, size_t width, int8_t* __restrict gate, int8_t* __restrict gated) {
    for (size_t j = 0; j < width; j++) {
      const int16_t sum = static_cast<int16_t>(xf[j] + product[j] + bias[j]);
      const int16_t f = sum > 127 ? 127 : sum < -127 ? -127 : sum;
      gate[j] = static_cast<int8_t>(f);
      gated[j] = static_cast<int8_t>(static_cast<int16_t>(static_cast<int16_t>(f + 127) * state[j]) >> 8);
    }
  }

  static void renew(const int8_t* __restrict xh, const int8_t* __restrict product, const int8_t* __restrict bias,
                    const int8_t* __restrict gate, size_t width, int8_t* __restrict state) {
    for (size_t j = 0; j < width; j++) {
      const int32_t h = clip(xh[j] + product[j] + bias[j]);
      state[j] = static_cast<int8_t>(state[j] + (((gate[j] + 127) * (h - state[j])) >> 8));
    }
  }

  // ⌊n/a⌋ for n = x·gain: n is cut to [−127 a, 128 a), which changes nothing after the clip, and moved above 0; there
  // n ≤ 255·128 < 2^22/a, so that multiplying by ⌊2^22/a⌋ + 1 and shifting by 22 gives the floor.
  static void norm(const int8_t* x, bool shared_x, const int8_t* gains, bool shared_gain, size_t rows, size_t width,
                   size_t begin, size_t end, int8_t* out) {
    for (size_t r = begin; r < end; r++) {
      const int8_t* const in = x + (shared_x ? r % rows : r) * width;
      norm_row(in, gains + (shared_gain ? 0 : r / rows * width), width, out + r * width);
    }
  }

  static void norm_row(const int8_t* __restrict x, const int8_t* __restrict gain, size_t width,
                       int8_t* __restrict out) {
    int32_t sum = 0;
    for (size_t j = 0; j < width; j++) sum += x[j] < 0 ? -x[j] : x[j];
    const int32_t mean = sum / static_cast<int32_t>(width), a = mean > 1 ? mean : 1;
    const int32_t factor = (1 << 22) / a + 1, low = -127 * a, high = 128 * a - 1;
    for (size_t j = 0; j < width; j++) {
      const int32_t n = x[j] * gain[j];
      const int32_t cut = n < low ? low : n > high ? high : n;
      out[j] = clip((((cut - low) * factor) >> 22) - 127);
    }
  }

  static void add(const int8_t* __restrict x, const int8_t* __restrict y, size_t count, int8_t* __restrict out) {
    for (size_t j = 0; j < count; j++) {
      const int16_t sum = static_cast<int16_t>(x[j] + y[j]);
      out[j] = static_cast<int8_t>(sum > 127 ? 127 : sum < -127 ? -127 : sum);
    }
  }

  static void embedding(const IntegerEmbedding& task, size_t begin, size_t end) {
    const size_t width = task.width;
    for (size_t r = begin; r < end; r++) {
      const size_t member = r / task.rows;
      const size_t token = static_cast<size_t>(task.tokens[task.shared ? r % task.rows : r]);
      const int8_t* const row = task.weight + token * width;
      int8_t* const out = task.result + r * width;
      const int sign = task.noise.a ? task.noise.sign[member] : 0;
      if (sign == 0) {
        for (size_t j = 0; j < width; j++) out[j] = clip(row[j]);
      } else {
        const size_t direction = static_cast<size_t>(task.noise.direction[member]);
        const int factor = sign * task.noise.a[direction * task.vocabulary + token];
        outer_row(row, task.noise.b + direction * width, factor, task.noise.shift, width, out);
      }
    }
  }

  static void outer_row(const int8_t* __restrict row, const int8_t* __restrict b, int factor, int shift, size_t width,
                        int8_t* __restrict out) {
    for (size_t j = 0; j < width; j++) out[j] = clip(row[j] + ((factor * b[j]) >> shift));
  }

  static void vector(const int8_t* __restrict theta, const int8_t* __restrict a, const int8_t* __restrict b, int sign,
                     int shift, size_t count, int8_t* __restrict out) {
    for (size_t j = 0; j < count; j++) out[j] = clip(theta[j] + ((sign * a[j] * b[j]) >> shift));
  }

  static void log_likelihood(const int8_t* logits, const int32_t* targets, size_t count, int32_t* out) {
    uint32_t exp2[256];
    for (int i = 0; i < 256; i++) exp2[i] = mantissas[i % 16] >> (24 - i / 16);
    for (size_t r = 0; r < count; r++) {
      const int8_t* const row = logits + 256 * r;
      uint32_t sums[4] = {};
      for (int i = 0; i < 256; i++) sums[i % 4] += exp2[row[i] + 128];
      const uint32_t sum = sums[0] + sums[1] + sums[2] + sums[3];
      const int octave = 31 - __builtin_clz(sum);
      int log2 = 16 * (octave - 4);
      for (int i = 1; i < 16; i++) log2 += sum > (mantissas[i] >> (28 - octave));
      out[r] = row[targets[r]] + 128 - log2;
    }
  }

  static constexpr IntegerKernels table() {
    return {P::packed_bytes, P::width, P::pack, linear, gru, norm, add, embedding, vector, log_likelihood};
  }
};
