// SPDX-License-Identifier: Apache-2.0
// Convolution: blocks of output pixels are gathered into rows of patches (im2col) that stay in the nearest
// caches, and multiplied by packed weights in tiles of kMr x (kNv packets) that stay in registers; bias,
// residual and activation are applied to the registers.
//
//   patches  [row][kPitch]            a constant row pitch makes every load of a tile one register plus a
//   constant weights  panel 0: [k][kNr] | panel 1: [k][kNr] | ... | last panel: [k][kNr or kLanes]

constexpr std::int64_t kNr = kNv * kLanes;
static_assert(kFeatureStep % kNr == 0);
constexpr std::int64_t kSmallWeights = 96 * 1024;  // floats that stay in L2 beside everything else
constexpr std::int64_t kSmallRows = 2 * kMr, kLargeRows = 16 * kMr;

std::int64_t panel_width(std::int64_t n_left) {
  return n_left > kLanes ? kNr : kLanes;
}

/// Windows of one pixel, next to each other: the input already is what would be gathered.
bool reads_in_place(const ConvShape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride_height == 1 && s.stride_width == 1 &&
         s.pad_top == 0 && s.pad_left == 0 && s.pad_bottom == 0 && s.out_width == s.in_width;
}

std::int64_t most_rows(const ConvShape& s) {
  return s.k() * s.n <= kSmallWeights ? kSmallRows : kLargeRows;
}

/// Blocks of about equal size, since each of them reads all weights.
std::int64_t block_rows(const ConvShape& s, std::int64_t rows) {
  const std::int64_t most = most_rows(s), blocks = (rows + most - 1) / most;
  const std::int64_t tiles = (rows + kMr - 1) / kMr;
  return blocks == 0 ? most : (tiles + blocks - 1) / blocks * kMr;
}

struct Tile {
  const float* a;      ///< rows of patches
  std::int64_t pitch;  ///< from row to row
  const float* b;      ///< panel, at the first k of the block
  std::int64_t depth;
  float* c;
  std::int64_t c_stride, rows, cols;  ///< rows <= kMr, cols <= the panel's width
  bool accumulate, finish;
  const float *bias, *residual;
  float lo, hi;
};

inline Packet finish_packet(Packet x, const Tile& t, const float* bias, const float* residual) {
  using namespace Eigen::internal;
  x = padd(x, ploadu<Packet>(bias));
  if (residual) x = padd(x, ploadu<Packet>(residual));
  return pmin(pmax(x, pset1<Packet>(t.lo)), pset1<Packet>(t.hi));  // in this order NaN passes through
}

/// Loops over constants, with a test instead of a break: the accumulators must stay registers.
template <int Mr, int Nv>
LOWBIT_FORCE_INLINE void store_full(const Tile& t, const Packet (&acc)[Mr][Nv]) {
  using namespace Eigen::internal;
  LOWBIT_UNROLL
  for (int r = 0; r < Mr; ++r) {
    if (r < t.rows) {
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v) {
        const std::int64_t at = r * t.c_stride + v * kLanes;
        Packet x = acc[r][v];
        if (t.accumulate) x = padd(x, ploadu<Packet>(t.c + at));
        if (t.finish) x = finish_packet(x, t, t.bias + v * kLanes, t.residual ? t.residual + at : nullptr);
        pstoreu(t.c + at, x);
      }
    }
  }
}

/// Fewer columns than the panel has.
void store_part(const Tile& t, const float* acc, std::int64_t width) {
  for (std::int64_t r = 0; r < t.rows; ++r, acc += width) {
    for (std::int64_t j = 0; j < t.cols; ++j) {
      const std::int64_t at = r * t.c_stride + j;
      float x = t.accumulate ? acc[j] + t.c[at] : acc[j];
      if (t.finish) {
        x += t.bias[j];
        if (t.residual) x += t.residual[at];
        x = x < t.lo ? t.lo : x;
        x = x > t.hi ? t.hi : x;
      }
      t.c[at] = x;
    }
  }
}

template <int Mr, int Nv>
LOWBIT_FORCE_INLINE void store(const Tile& t, const Packet (&acc)[Mr][Nv]) {
  using namespace Eigen::internal;
  if (t.cols == Nv * kLanes) {
    store_full<Mr, Nv>(t, acc);
  } else {
    float rows[Mr * Nv * kLanes];
    LOWBIT_UNROLL
    for (int r = 0; r < Mr; ++r) {
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v) pstoreu(rows + (r * Nv + v) * kLanes, acc[r][v]);
    }
    store_part(t, rows, Nv * kLanes);
  }
}

template <int Mr, int Nv>
void multiply(const Tile& t) {
  using namespace Eigen::internal;
  Packet acc[Mr][Nv];
  LOWBIT_UNROLL
  for (int r = 0; r < Mr; ++r) {
    LOWBIT_UNROLL
    for (int v = 0; v < Nv; ++v) acc[r][v] = pset1<Packet>(0.0f);
  }
  // A pointer for every three rows: the others are an index register away.
  const float* a[(Mr + 2) / 3];
  LOWBIT_UNROLL
  for (int i = 0; i < (Mr + 2) / 3; ++i) a[i] = t.a + 3 * i * t.pitch;
  const float* b = t.b;
  for (std::int64_t k = 0; k < t.depth; ++k, b += Nv * kLanes) {
    Packet w[Nv];
    LOWBIT_UNROLL
    for (int v = 0; v < Nv; ++v) w[v] = ploadu<Packet>(b + v * kLanes);
    LOWBIT_UNROLL
    for (int r = 0; r < Mr; ++r) {
      const Packet x = pset1<Packet>(a[r / 3][r % 3 * t.pitch]);
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v) acc[r][v] = pmadd(x, w[v], acc[r][v]);
    }
    LOWBIT_UNROLL
    for (int i = 0; i < (Mr + 2) / 3; ++i) ++a[i];
  }
  store<Mr, Nv>(t, acc);
}

/// One row: the sums of four steps of k are kept apart, since one sum would wait for itself.
template <int Nv>
void multiply_one(const Tile& t) {
  using namespace Eigen::internal;
  constexpr int kWays = 4;
  Packet acc[kWays][Nv];
  LOWBIT_UNROLL
  for (int i = 0; i < kWays * Nv; ++i) acc[i / Nv][i % Nv] = pset1<Packet>(0.0f);
  const float* b = t.b;
  std::int64_t k = 0;
  for (; k + kWays <= t.depth; k += kWays, b += kWays * Nv * kLanes) {
    LOWBIT_UNROLL
    for (int i = 0; i < kWays * Nv; ++i)
      acc[i / Nv][i % Nv] =
          pmadd(pset1<Packet>(t.a[k + i / Nv]), ploadu<Packet>(b + i * kLanes), acc[i / Nv][i % Nv]);
  }
  for (; k < t.depth; ++k, b += Nv * kLanes) {
    LOWBIT_UNROLL
    for (int v = 0; v < Nv; ++v)
      acc[0][v] = pmadd(pset1<Packet>(t.a[k]), ploadu<Packet>(b + v * kLanes), acc[0][v]);
  }
  Packet sum[1][Nv];
  LOWBIT_UNROLL
  for (int v = 0; v < Nv; ++v) sum[0][v] = padd(padd(acc[0][v], acc[1][v]), padd(acc[2][v], acc[3][v]));
  store<1, Nv>(t, sum);
}

template <int Nv>
void multiply_rows(const Tile& t) {
  if (t.rows == 1)
    multiply_one<Nv>(t);
  else if (t.rows > kMr * 2 / 3)
    multiply<kMr, Nv>(t);
  else if (t.rows > kMr / 3)
    multiply<kMr * 2 / 3, Nv>(t);
  else
    multiply<kMr / 3, Nv>(t);
}

/// Rows of A, [k0, k1) of each.
struct Rows {
  const float* data;
  std::int64_t pitch, first, count, k0, k1;
  bool padded;  ///< there are rows of anything behind the last, up to a whole tile
};

/// Of a tile, where so many rows are left. A tile reads as many as its code has, whether they count or not.
std::int64_t tile_rows(std::int64_t left, bool padded) {
  if (left >= kMr) return kMr;
  if (padded) return left;
  for (const std::int64_t rows : {std::int64_t{kMr * 2 / 3}, std::int64_t{kMr / 3}})
    if (left >= rows) return rows;
  return 1;
}

void multiply_block(const ConvArgs& g, const Rows& a) {
  const ConvShape& s = *g.shape;
  const std::int64_t depth = s.k();
  for (std::int64_t n0 = 0; n0 < s.n; n0 += kNr) {
    const std::int64_t width = panel_width(s.n - n0);
    for (std::int64_t r = 0, rows; r < a.count; r += rows) {
      rows = tile_rows(a.count - r, a.padded);
      const std::int64_t at = (a.first + r) * s.out_stride + n0;
      const Tile t{a.data + r * a.pitch,
                   a.pitch,
                   g.weights + n0 * depth + a.k0 * width,
                   a.k1 - a.k0,
                   g.out + at,
                   s.out_stride,
                   rows,
                   s.n - n0 < width ? s.n - n0 : width,
                   a.k0 > 0,
                   a.k1 == depth,
                   g.bias + n0,
                   g.residual ? g.residual + at : nullptr,
                   g.lo,
                   g.hi};
      if (width == kNr)
        multiply_rows<kNv>(t);
      else
        multiply_rows<1>(t);
    }
  }
}

void gathered_conv(const ConvArgs& g) {
  const ConvShape& s = *g.shape;
  const std::int64_t depth = s.k(), block = block_rows(s, g.last - g.first);
  const bool in_place = reads_in_place(s);
  for (std::int64_t first = g.first; first < g.last; first += block) {
    const std::int64_t rows = g.last - first < block ? g.last - first : block;
    for (std::int64_t k0 = 0; k0 < depth; k0 += kDepth) {
      const std::int64_t k1 = depth - k0 < kDepth ? depth : k0 + kDepth;
      if (in_place) {
        multiply_block(g, {g.in + first * s.in_stride + k0, s.in_stride, first, rows, k0, k1, false});
      } else {
        gather(s, g.in, first, rows, k0, k1, g.scratch);
        multiply_block(g, {g.scratch, kPitch, first, rows, k0, k1, true});
      }
    }
  }
}

#include "fp32/eigen_winograd.inl"

std::int64_t conv_packed_size(const ConvShape& s) {
  if (uses_winograd(s)) return winograd_packed_size(s);
  const std::int64_t full = s.n / kNr * kNr;
  return (full + (s.n > full ? panel_width(s.n - full) : 0)) * s.k();
}

void conv_pack(const ConvShape& s, const float* weights, float* packed) {
  if (uses_winograd(s)) return winograd_pack(s, weights, packed);
  const std::int64_t depth = s.k();
  for (std::int64_t n0 = 0; n0 < s.n; n0 += kNr) {
    const std::int64_t width = panel_width(s.n - n0);
    for (std::int64_t k = 0; k < depth; ++k)
      for (std::int64_t j = 0; j < width; ++j)
        *packed++ = n0 + j < s.n ? weights[(n0 + j) * depth + k] : 0.0f;
  }
}

std::int64_t conv_scratch(const ConvShape& s) {
  if (uses_winograd(s)) return winograd_scratch(s);
  return reads_in_place(s) ? 0 : most_rows(s) * kPitch;
}

std::int64_t conv_unit(const ConvShape& s) {
  return uses_winograd(s) ? 2 * s.out_width : 1;
}

void conv(const ConvArgs& g) {
  uses_winograd(*g.shape) ? winograd_conv(g) : gathered_conv(g);
}
