// SPDX-License-Identifier: Apache-2.0
// One or a few rows times a matrix that lies in memory as the model has it, row after row: dot products, in
// tiles of rows x features whose sums stay in registers and are added up across the lanes at the end. With
// one row every weight is used once and memory sets the pace, so that packing would only cost a second copy.

constexpr int kDotRows = kMr > 8 ? 6 : 3, kDotFeatures = 4;  // sums and operands fill the registers
constexpr std::int64_t kDotDepth = 1024;  // of K at a time: the weights of a strip stay in L1 for all rows

struct DotTile {
  const float *a, *w;
  std::int64_t a_stride, w_stride, depth;
};

/// Sums of Rows x Features products over `depth` elements, added to sums[row * kDotFeatures + feature].
/// Ways: how many sums of one product are kept apart, since one would wait for itself.
template <int Rows, int Features, int Ways>
LOWBIT_FORCE_INLINE void dot_tile(const DotTile& t, float* sums) {
  using namespace Eigen::internal;
  constexpr int kProducts = Rows * Features;
  Packet acc[Ways * kProducts];
  LOWBIT_UNROLL
  for (int i = 0; i < Ways * kProducts; ++i) acc[i] = pset1<Packet>(0.0f);
  std::int64_t k = 0;
  for (; k + Ways * kLanes <= t.depth; k += Ways * kLanes) {
    LOWBIT_UNROLL
    for (int way = 0; way < Ways; ++way) {
      Packet x[Rows];
      LOWBIT_UNROLL
      for (int r = 0; r < Rows; ++r) x[r] = ploadu<Packet>(t.a + r * t.a_stride + k + way * kLanes);
      LOWBIT_UNROLL
      for (int f = 0; f < Features; ++f) {
        const Packet w = ploadu<Packet>(t.w + f * t.w_stride + k + way * kLanes);
        LOWBIT_UNROLL
        for (int r = 0; r < Rows; ++r) {
          Packet& sum = acc[(way * Rows + r) * Features + f];
          sum = pmadd(x[r], w, sum);
        }
      }
    }
  }
  LOWBIT_UNROLL
  for (int i = 0; i < kProducts; ++i) {
    Packet sum = acc[i];
    LOWBIT_UNROLL
    for (int way = 1; way < Ways; ++way) sum = padd(sum, acc[way * kProducts + i]);
    const int r = i / Features, f = i % Features;
    float rest = predux(sum);
    for (std::int64_t j = k; j < t.depth; ++j) rest += t.a[r * t.a_stride + j] * t.w[f * t.w_stride + j];
    sums[r * kDotFeatures + f] += rest;
  }
}

template <int Rows, int Ways>
void dot_features(const DotTile& t, std::int64_t features, float* sums) {
  if (features == kDotFeatures) return dot_tile<Rows, kDotFeatures, Ways>(t, sums);
  for (std::int64_t f = 0; f < features; ++f) {
    DotTile one = t;
    one.w += f * t.w_stride;
    dot_tile<Rows, 1, Ways>(one, sums + f);
  }
}

/// Sums of up to kDotRows rows; the rows that a tile lacks are multiplied one by one.
void dot_rows(const DotTile& t, std::int64_t rows, std::int64_t features, float* sums) {
  if (rows == kDotRows) return dot_features<kDotRows, 1>(t, features, sums);
  for (std::int64_t r = 0; r < rows; ++r) {
    DotTile one = t;
    one.a += r * t.a_stride;
    dot_features<1, 2>(one, features, sums + r * kDotFeatures);
  }
}

void finish_dots(const GemmArgs& g, std::int64_t r0, std::int64_t rows, std::int64_t n0,
                 std::int64_t features, const float* sums, bool first, bool last) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t f = 0; f < features; ++f) {
      float& y = g.c[(r0 + r) * g.c_stride + n0 + f];
      float x = first ? sums[r * kDotFeatures + f] : y + sums[r * kDotFeatures + f];
      if (last) {
        x += g.bias[n0 + f];
        x = x < g.lo ? g.lo : x;
        x = x > g.hi ? g.hi : x;
      }
      y = x;
    }
}

void linear(const GemmArgs& g) {
  const std::int64_t block = g.m == 1 ? g.k : kDotDepth;  // one row reads its weights straight through
  for (std::int64_t n0 = 0; n0 < g.n; n0 += kDotFeatures) {
    const std::int64_t features = g.n - n0 < kDotFeatures ? g.n - n0 : std::int64_t{kDotFeatures};
    for (std::int64_t k0 = 0; k0 < g.k; k0 += block) {
      const std::int64_t depth = g.k - k0 < block ? g.k - k0 : block;
      for (std::int64_t r0 = 0; r0 < g.m; r0 += kDotRows) {
        const std::int64_t rows = g.m - r0 < kDotRows ? g.m - r0 : std::int64_t{kDotRows};
        float sums[kDotRows * kDotFeatures] = {};
        dot_rows({g.a + r0 * g.a_stride + k0, g.w + n0 * g.w_stride + k0, g.a_stride, g.w_stride, depth},
                 rows, features, sums);
        finish_dots(g, r0, rows, n0, features, sums, k0 == 0, k0 + depth == g.k);
      }
    }
  }
}
