// Philox4x32-10 over the lanes of a vector: each 64-bit lane carries one block, so that a 32×32→64 product is one
// instruction and its halves need one shift. A lane's high half is allowed to hold rubbish wherever only its low half is
// read. Rounds 1 and 2 have one constant product each, since only word 0 of the counter differs between blocks.
// Included inside a level's own namespace; see shared/random/philox.ts for the definition.

template <class V>
struct Philox {
  using T = typename V::T;
  static constexpr uint32_t M0 = 0xd2511f53u, M1 = 0xcd9e8d57u, W0 = 0x9e3779b9u, W1 = 0xbb67ae85u;

  // What depends on the direction: rounds 1 and 2 of the constant half.
  struct Direction {
    uint64_t x1, x2, x3;
  };

  uint64_t step_;
  uint64_t key0_[10], key1_[10];
  uint32_t word_;

  Philox(const Stream& stream) {
    for (int r = 0; r < 10; r++) {
      key0_[r] = static_cast<uint32_t>(stream.key0 + static_cast<uint32_t>(r) * W0);
      key1_[r] = static_cast<uint32_t>(stream.key1 + static_cast<uint32_t>(r) * W1);
    }
    step_ = stream.step ^ key1_[0];
    word_ = stream.word;
  }

  Direction direction(uint32_t number) const {
    const uint64_t p1 = static_cast<uint64_t>(number) * M1;
    const uint64_t x0 = (p1 >> 32) ^ word_ ^ key0_[0];
    const uint64_t p0 = x0 * M0;
    return {static_cast<uint32_t>(p1) ^ key0_[1], (p0 >> 32) ^ key1_[1], static_cast<uint32_t>(p0) ^ key1_[2]};
  }

  // a: words 0 and 1 of each lane's block, b: words 2 and 3. The low halves of `counter` are the block numbers.
  inline void blocks(const Direction& d, T counter, T& a, T& b) const {
    const T m0 = V::set(M0), m1 = V::set(M1);
    T x3 = V::multiply(counter, m0);
    T x2 = V::exclusive_or(V::high(x3), V::set(step_));
    T x1 = V::multiply(x2, m1);
    T x0 = V::exclusive_or(V::high(x1), V::set(d.x1));
    x2 = V::exclusive_or(x3, V::set(d.x2));
    T p0 = V::multiply(x0, m0), p1 = V::multiply(x2, m1);
    x0 = V::exclusive_or(V::high(p1), x1, V::set(key0_[2]));
    x1 = p1;
    x2 = V::exclusive_or(V::high(p0), V::set(d.x3));
    x3 = p0;
    for (int r = 3; r < 10; r++) {
      p0 = V::multiply(x0, m0);
      p1 = V::multiply(x2, m1);
      x0 = V::exclusive_or(V::high(p1), x1, V::set(key0_[r]));
      x2 = V::exclusive_or(V::high(p0), x3, V::set(key1_[r]));
      x1 = p1;
      x3 = p0;
    }
    a = V::join(x0, x1);
    b = V::join(x2, x3);
  }
};
