// The linear kernels, written once over a level's float vectors. Included inside a level's own namespace.
template <class V>
struct Linear {
  using F = typename V::F;
  static constexpr size_t width = V::width;
  static constexpr int rows_max = V::tile_rows;
  static constexpr int vectors = V::tile_vectors;
  static constexpr size_t span = width * vectors;

  static void pack(const float* x, size_t stride, size_t height, size_t depth, float* packed) {
    const float* rows[V::transposed];
    for (size_t r = 0; r < V::transposed; r++) rows[r] = x + (r < height ? r : 0) * stride;
    size_t k = 0;
    for (; k + V::transposed <= depth; k += V::transposed) V::transpose(rows, k, height, packed + k * height);
    for (; k < depth; k++) {
      for (size_t r = 0; r < height; r++) packed[k * height + r] = rows[r][k];
    }
  }

  static inline const int8_t* bytes(const int8_t* from, size_t columns, int8_t* padded) {
    if (columns == panel_width) return from;
    for (size_t i = 0; i < panel_width; i++) padded[i] = i < columns ? from[i] : 0;
    return padded;
  }

  // The rest of the chains of `rows` rows over `vectors` vectors, `offset` columns into the panel.
  template <int rows>
  static inline void end(const Epilogue& e, size_t column, size_t columns, size_t offset, F (&sums)[rows][vectors]) {
    int8_t padded[panel_width];
    const int8_t* last = nullptr;
    F a[vectors];
    for (size_t c = 0; c < e.rank; c++) {
      last = nullptr;
#pragma GCC unroll 16
      for (int r = 0; r < rows; r++) {
        const RowTerms& row = e.rows[r];
        if (!row.a) continue;
        if (row.a != last) {
          last = row.a;
          const int8_t* from = bytes(row.a + c * e.out + column, columns, padded);
          for (int v = 0; v < vectors; v++) a[v] = V::load_int8(from + offset + v * width);
        }
        const F t = V::set(row.t[c]);
        for (int v = 0; v < vectors; v++) sums[r][v] = V::fma(t, a[v], sums[r][v]);
      }
    }
    if (!e.bias) return;
    F bias[vectors];
    float edge[panel_width];
    const float* from = e.bias + column;
    if (columns < panel_width) {
      for (size_t i = 0; i < panel_width; i++) edge[i] = i < columns ? from[i] : 0.0f;
      from = edge;
    }
    for (int v = 0; v < vectors; v++) bias[v] = V::load(from + offset + v * width);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
      const RowTerms& row = e.rows[r];
      if (row.e) {
        const int8_t* noise = bytes(row.e + column, columns, padded);
        const F scale = V::set(row.e_scale);
        for (int v = 0; v < vectors; v++) {
          const F own = V::add(bias[v], V::mul(scale, V::load_int8(noise + offset + v * width)));
          sums[r][v] = V::add(sums[r][v], own);
        }
      } else {
        for (int v = 0; v < vectors; v++) sums[r][v] = V::add(sums[r][v], bias[v]);
      }
    }
  }

  template <int rows>
  static void tile_of(const float* packed, const float* panel, size_t depth, bool first, const Epilogue* epilogue,
                      size_t column, size_t columns, float* y, size_t stride) {
    float edge[rows * panel_width];
    float* c = y;
    size_t step = stride;
    if (columns < panel_width) {
      c = edge;
      step = panel_width;
      for (int r = 0; r < rows; r++) {
        for (size_t i = 0; i < panel_width; i++) edge[r * panel_width + i] = !first && i < columns ? y[r * stride + i] : 0.0f;
      }
    }
    for (size_t offset = 0; offset < panel_width; offset += span) {
      F sums[rows][vectors];
      if (first) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
          for (int v = 0; v < vectors; v++) sums[r][v] = V::set(0.0f);
        }
      } else {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
          for (int v = 0; v < vectors; v++) sums[r][v] = V::load(c + r * step + offset + v * width);
        }
      }
      const float* w = panel + offset;
      const float* x = packed;
      for (size_t k = 0; k < depth; k++) {
        F b[vectors];
        for (int v = 0; v < vectors; v++) b[v] = V::load(w + v * width);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
          const F a = V::set(x[r]);
          for (int v = 0; v < vectors; v++) sums[r][v] = V::fma(a, b[v], sums[r][v]);
        }
        w += panel_width;
        x += rows;
      }
      if (epilogue) end<rows>(*epilogue, column, columns, offset, sums);
#pragma GCC unroll 16
      for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) V::store(c + r * step + offset + v * width, sums[r][v]);
      }
    }
    if (columns < panel_width) {
      for (int r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) y[r * stride + i] = edge[r * panel_width + i];
      }
    }
  }

  template <int rows>
  static void tile_at_most(size_t height, const float* packed, const float* panel, size_t depth, bool first,
                           const Epilogue* epilogue, size_t column, size_t columns, float* y, size_t stride) {
    if (height == rows) return tile_of<rows>(packed, panel, depth, first, epilogue, column, columns, y, stride);
    if constexpr (rows > 1) {
      tile_at_most<rows - 1>(height, packed, panel, depth, first, epilogue, column, columns, y, stride);
    }
  }

  static void tile(size_t height, const float* packed, const float* panel, size_t depth, bool first,
                   const Epilogue* epilogue, size_t column, size_t columns, float* y, size_t stride) {
    tile_at_most<rows_max>(height, packed, panel, depth, first, epilogue, column, columns, y, stride);
  }

  static float dot(const float* x, const int8_t* b, size_t n) {
    constexpr size_t count = 64 / width;
    F sums[count];
    for (size_t i = 0; i < count; i++) sums[i] = V::set(0.0f);
    size_t k = 0;
    for (; k + 64 <= n; k += 64) {
      for (size_t i = 0; i < count; i++) {
        sums[i] = V::fma(V::load(x + k + i * width), V::load_int8(b + k + i * width), sums[i]);
      }
    }
    if (k < n) {
      float xs[64] = {};
      int8_t bs[64] = {};
      for (size_t i = 0; k + i < n; i++) {
        xs[i] = x[k + i];
        bs[i] = b[k + i];
      }
      // Whole vectors only as far as there are elements: a lane past the end keeps its sum.
      for (size_t i = 0; i < count; i++) sums[i] = V::fma(V::load(xs + i * width), V::load_int8(bs + i * width), sums[i]);
    }
    return V::tree64(sums);
  }

  static void finish(const float* main, size_t rows, size_t stride, const Epilogue& epilogue, float* y) {
    float edge[panel_width];
    for (size_t r = 0; r < rows; r++) {
      const Epilogue one = {epilogue.rows + r, epilogue.rank, epilogue.out, epilogue.bias};
      for (size_t column = 0; column < epilogue.out; column += panel_width) {
        const size_t columns = epilogue.out - column < panel_width ? epilogue.out - column : panel_width;
        const float* from = main + r * stride + column;
        float* to = y + r * epilogue.out + column;
        if (columns < panel_width) {
          for (size_t i = 0; i < panel_width; i++) edge[i] = i < columns ? from[i] : 0.0f;
          from = edge;
        }
        for (size_t offset = 0; offset < panel_width; offset += span) {
          F sums[1][vectors];
          for (int v = 0; v < vectors; v++) sums[0][v] = V::load(from + offset + v * width);
          end<1>(one, column, columns, offset, sums);
          float* at = columns < panel_width ? edge : to;
          for (int v = 0; v < vectors; v++) V::store(at + offset + v * width, sums[0][v]);
        }
        if (columns < panel_width) {
          for (size_t i = 0; i < columns; i++) to[i] = edge[i];
        }
      }
    }
  }

  // 8 by 8 bytes, rows of `from` to columns of `to`.
  static inline void transpose_bytes(const int8_t* from, size_t stride, int8_t* to, size_t to_stride) {
    uint64_t r[8];
    for (int i = 0; i < 8; i++) std::memcpy(&r[i], from + i * stride, 8);
    const uint64_t masks[3] = {0x00ff00ff00ff00ffu, 0x0000ffff0000ffffu, 0x00000000ffffffffu};
    for (int level = 0; level < 3; level++) {
      const int far = 1 << level, shift = 8 << level;
      for (int i = 0; i < 8; i++) {
        if (i & far) continue;
        const uint64_t a = r[i], b = r[i + far];
        r[i] = (a & masks[level]) | ((b & masks[level]) << shift);
        r[i + far] = ((a >> shift) & masks[level]) | (b & ~masks[level]);
      }
    }
    for (int i = 0; i < 8; i++) std::memcpy(to + i * to_stride, &r[i], 8);
  }

  static void perturb(const float* panel, const int8_t* noise, size_t depth, size_t columns, float factor, float* own) {
    const F scale = V::set(factor);
    int8_t turned[8 * panel_width] = {};
    for (size_t k = 0; k < depth; k += 8) {
      const size_t some = depth - k < 8 ? depth - k : 8;
      if (some == 8) {
        size_t j = 0;
        for (; j + 8 <= columns; j += 8) transpose_bytes(noise + j * depth + k, depth, turned + j, panel_width);
        for (; j < columns; j++) {
          for (size_t i = 0; i < 8; i++) turned[i * panel_width + j] = noise[j * depth + k + i];
        }
      } else {
        for (size_t j = 0; j < columns; j++) {
          for (size_t i = 0; i < some; i++) turned[i * panel_width + j] = noise[j * depth + k + i];
        }
      }
      for (size_t i = 0; i < some; i++) {
        const size_t at = (k + i) * panel_width;
        for (size_t j = 0; j < panel_width; j += width) {
          const F change = V::mul(scale, V::load_int8(turned + i * panel_width + j));
          V::store(own + at + j, V::add(V::load(panel + at + j), change));
        }
      }
    }
  }

  static void form(const float* theta, const int8_t* noise, size_t n, float factor, float* own) {
    const F scale = V::set(factor);
    size_t i = 0;
    for (; i + 16 <= n; i += width) {
      V::store(own + i, V::add(V::load(theta + i), V::mul(scale, V::load_int8(noise + i))));
    }
    for (; i < n; i++) {
      const float change = factor * static_cast<float>(noise[i]);
      own[i] = theta[i] + change;
    }
  }

  static constexpr LinearKernels table() { return {rows_max, pack, tile, dot, finish, perturb, form}; }
};
