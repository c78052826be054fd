// The noise kernels, written once over a level's lanes (V: Philox lanes, counts and signs). Whole groups of V::lanes blocks
// go straight to the output; the ends of a range go through a group on the stack. Included inside a level's own namespace.

#include "philox.h"

template <class V>
struct Noise {
  using T = typename V::T;
  static constexpr size_t lanes = V::lanes;

  static void words(const Stream& stream, uint32_t direction, uint32_t first, size_t count, uint32_t* out) {
    const Philox<V> philox(stream);
    const auto d = philox.direction(direction);
    T counter = V::count_from(first);
    size_t done = 0;
    T a, b;
    for (; done + lanes <= count; done += lanes) {
      philox.blocks(d, counter, a, b);
      V::store_words(a, b, out + 4 * done);
      counter = V::next(counter);
    }
    if (done < count) {
      uint32_t group[4 * lanes];
      philox.blocks(d, counter, a, b);
      V::store_words(a, b, group);
      std::memcpy(out + 4 * done, group, 16 * (count - done));
    }
  }

  static void binomial(const Stream& stream, uint32_t direction, uint64_t start, size_t count, int8_t* out) {
    const Philox<V> philox(stream);
    const auto d = philox.direction(direction);
    T counter = V::count_from(static_cast<uint32_t>(start / 8));
    const size_t skip = start % 8;
    size_t done = 0;
    T a, b;
    int8_t group[8 * lanes];
    if (skip > 0) {
      philox.blocks(d, counter, a, b);
      V::store_counts(V::popcount(a), V::popcount(b), group);
      counter = V::next(counter);
      done = 8 * lanes - skip < count ? 8 * lanes - skip : count;
      std::memcpy(out, group + skip, done);
    }
    for (; done + 16 * lanes <= count; done += 16 * lanes) {
      T a1, b1;
      const T second = V::next(counter);
      philox.blocks(d, counter, a, b);
      philox.blocks(d, second, a1, b1);
      V::store_counts(V::popcount(a), V::popcount(b), out + done);
      V::store_counts(V::popcount(a1), V::popcount(b1), out + done + 8 * lanes);
      counter = V::next(second);
    }
    while (done < count) {
      philox.blocks(d, counter, a, b);
      V::store_counts(V::popcount(a), V::popcount(b), group);
      counter = V::next(counter);
      const size_t some = count - done < 8 * lanes ? count - done : 8 * lanes;
      std::memcpy(out + done, group, some);
      done += some;
    }
  }

  static void rademacher(const Stream& stream, uint32_t direction, uint64_t start, size_t count, int8_t* out) {
    constexpr size_t batch = 4 * lanes;
    uint32_t bits[4 * batch];
    int8_t signs[64];
    uint64_t at = start;
    const uint64_t end = start + count;
    while (at < end) {
      const uint64_t first = at / 128;
      const uint64_t blocks = (end + 127) / 128 - first;
      const size_t some = blocks < batch ? static_cast<size_t>(blocks) : batch;
      words(stream, direction, static_cast<uint32_t>(first), some, bits);
      const uint64_t base = first * 128;
      for (size_t piece = 0; piece < 2 * some; piece++) {
        const uint64_t from = base + 64 * piece;
        if (from + 64 <= at || from >= end) continue;
        uint64_t pair;
        std::memcpy(&pair, bits + 2 * piece, 8);
        if (from >= at && from + 64 <= end) {
          V::store_signs(pair, out + (from - start));
        } else {
          V::store_signs(pair, signs);
          const uint64_t low = from < at ? at : from, high = from + 64 < end ? from + 64 : end;
          std::memcpy(out + (low - start), signs + (low - from), high - low);
        }
      }
      at = base + 128 * some < end ? base + 128 * some : end;
    }
  }

  // Two groups of blocks a tile, their sums in registers over all directions; Σc·(count − 8) = Σc·count − 8Σc.
  static void accumulate_binomial(const Stream& stream, const Term* terms, size_t count_terms, bool narrow,
                                  uint64_t start, size_t count, int32_t* sums) {
    constexpr size_t tile = 16 * lanes;
    const Philox<V> philox(stream);
    uint32_t total = 0;
    for (size_t k = 0; k < count_terms; k++) total += static_cast<uint32_t>(terms[k].coefficient);
    const uint32_t offset = total * 8u;
    uint32_t ordered[tile];
    const uint64_t first = start / 8;
    const size_t skip = start % 8;
    for (size_t from = 0; from < skip + count; from += tile) {
      const T counter = V::count_from(static_cast<uint32_t>(first + from / 8));
      const T second = V::next(counter);
      typename V::Sums low = V::no_sums(), high = V::no_sums();
      size_t k = 0;
      T a, b, a1, b1;
      if (narrow) {
        for (; k + 2 <= count_terms; k += 2) {
          const auto d = philox.direction(terms[k].direction), e = philox.direction(terms[k + 1].direction);
          const auto pair = V::pair(terms[k].coefficient, terms[k + 1].coefficient);
          philox.blocks(d, counter, a, b);
          philox.blocks(e, counter, a1, b1);
          V::add_pair(low, V::popcount(a), V::popcount(b), V::popcount(a1), V::popcount(b1), pair);
          philox.blocks(d, second, a, b);
          philox.blocks(e, second, a1, b1);
          V::add_pair(high, V::popcount(a), V::popcount(b), V::popcount(a1), V::popcount(b1), pair);
        }
        if (k < count_terms) {
          const auto d = philox.direction(terms[k].direction);
          const auto pair = V::pair(terms[k].coefficient, 0);
          philox.blocks(d, counter, a, b);
          philox.blocks(d, second, a1, b1);
          V::add_pair(low, V::popcount(a), V::popcount(b), V::zero(), V::zero(), pair);
          V::add_pair(high, V::popcount(a1), V::popcount(b1), V::zero(), V::zero(), pair);
        }
        V::order_pairs(low, ordered);
        V::order_pairs(high, ordered + 8 * lanes);
      } else {
        for (; k < count_terms; k++) {
          const auto d = philox.direction(terms[k].direction);
          philox.blocks(d, counter, a, b);
          philox.blocks(d, second, a1, b1);
          V::add_wide(low, V::popcount(a), V::popcount(b), terms[k].coefficient);
          V::add_wide(high, V::popcount(a1), V::popcount(b1), terms[k].coefficient);
        }
        V::order_wide(low, ordered);
        V::order_wide(high, ordered + 8 * lanes);
      }
      const size_t begin = from < skip ? skip : from;
      const size_t end = from + tile < skip + count ? from + tile : skip + count;
      for (size_t i = begin; i < end; i++) {
        const uint32_t sum = static_cast<uint32_t>(sums[i - skip]) + ordered[i - from] - offset;
        sums[i - skip] = static_cast<int32_t>(sum);
      }
    }
  }

  // The bits of a batch of directions first, then 64 elements at a time over the batch: Σc·(2b − 1) = 2Σc·b − Σc.
  static void accumulate_rademacher(const Stream& stream, const Term* terms, size_t count_terms, uint64_t start,
                                    size_t count, int32_t* sums) {
    constexpr size_t batch = 64;
    constexpr size_t group = 8 < lanes ? lanes : 8;
    const Philox<V> philox(stream);
    uint64_t bits[batch][2 * group];
    int32_t coefficients[batch];
    uint32_t ordered[64];
    const uint64_t first = start / 128, end = start + count;
    for (size_t k = 0; k < count_terms; k += batch) {
      const size_t some = count_terms - k < batch ? count_terms - k : batch;
      uint32_t total = 0;
      for (size_t t = 0; t < some; t++) {
        coefficients[t] = terms[k + t].coefficient;
        total += static_cast<uint32_t>(terms[k + t].coefficient);
      }
      for (uint64_t block = first; block * 128 < end; block += group) {
        for (size_t t = 0; t < some; t++) {
          const auto d = philox.direction(terms[k + t].direction);
          T counter = V::count_from(static_cast<uint32_t>(block));
          for (size_t g = 0; g < group; g += lanes) {
            T a, b;
            philox.blocks(d, counter, a, b);
            V::store_words(a, b, reinterpret_cast<uint32_t*>(bits[t]) + 4 * g);
            counter = V::next(counter);
          }
        }
        for (size_t piece = 0; piece < 2 * group; piece++) {
          const uint64_t from = block * 128 + 64 * piece;
          if (from + 64 <= start || from >= end) continue;
          V::sum_signs(&bits[0][piece], 2 * group, coefficients, some, ordered);
          const uint64_t low = from < start ? start : from, high = from + 64 < end ? from + 64 : end;
          for (uint64_t i = low; i < high; i++) {
            const uint32_t sum = static_cast<uint32_t>(sums[i - start]) + 2u * ordered[i - from] - total;
            sums[i - start] = static_cast<int32_t>(sum);
          }
        }
      }
    }
  }

  static constexpr NoiseKernels table() {
    return {words, binomial, rademacher, accumulate_binomial, accumulate_rademacher};
  }
};
