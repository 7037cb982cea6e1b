// SPDX-License-Identifier: Apache-2.0
// Convolution with 3 x 3 windows a pixel apart, by the minimal filtering F(2x2, 3x3) of Winograd (A. Lavin
// and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015): four outputs from a tile of 4 x 4
// inputs take 16 products for each pair of channels instead of 36. Input tiles are transformed, multiplied
// position by position (16 products of tiles x channels by channels x n), and transformed back:
//
//   input   B^T d B   with rows  d0 - d2,  d1 + d2,  d2 - d1,  d1 - d3
//   weights G g G^T   with rows  g0,  (g0 + g1 + g2) / 2,  (g0 - g1 + g2) / 2,  g2
//   output  A^T m A   with rows  m0 + m1 + m2,  m1 - m2 - m3
//
//   transformed inputs  [position][tile][channels + 16]
//   packed weights      panel 0: [position][channel][kNr] | panel 1 ...
//
// Sums differ from those of a plain convolution by a few roundings; a NaN or an infinity in the input reaches
// all four outputs of a tile that reads it.

constexpr std::int64_t kPositions = 16;
constexpr std::int64_t kMostWinograd =
    256 * 256;  // pairs of channels: transformed weights take 16 / 9 of the memory
constexpr std::int64_t kTransformed = 96 * 1024;  // floats of transformed inputs at a time, which stay in L2

bool uses_winograd(const ConvShape& s) {
  return !s.is_plain && s.kernel_height == 3 && s.kernel_width == 3 && s.stride_height == 1 &&
         s.stride_width == 1 && s.dilation_height == 1 && s.dilation_width == 1 && s.channels >= 32 &&
         s.channels % kLanes == 0 && s.n % kNr == 0 && s.channels * s.n <= kMostWinograd && s.out_width >= 4;
}

std::int64_t winograd_packed_size(const ConvShape& s) {
  return kPositions * s.channels * s.n;
}

void winograd_transform_weights(const float* g, std::int64_t tap_stride, double* u) {
  const auto rows = [](double a, double b, double c, double* out, int stride) {
    out[0] = a;
    out[stride] = (a + b + c) / 2;
    out[2 * stride] = (a - b + c) / 2;
    out[3 * stride] = c;
  };
  double half[4 * 3];
  for (int x = 0; x < 3; ++x)
    rows(g[x * tap_stride], g[(3 + x) * tap_stride], g[(6 + x) * tap_stride], half + x, 3);
  for (int y = 0; y < 4; ++y) rows(half[3 * y], half[3 * y + 1], half[3 * y + 2], u + 4 * y, 1);
}

void winograd_pack(const ConvShape& s, const float* weights, float* packed) {
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t c = 0; c < s.channels; ++c) {
      double u[kPositions];
      winograd_transform_weights(weights + n * s.k() + c, s.channels, u);
      float* out = packed + (n / kNr * kPositions * s.channels + c) * kNr + n % kNr;
      for (std::int64_t i = 0; i < kPositions; ++i) out[i * s.channels * kNr] = static_cast<float>(u[i]);
    }
}

std::int64_t winograd_pitch(const ConvShape& s) {
  return s.channels + 16;
}
std::int64_t winograd_tiles(const ConvShape& s) {
  const std::int64_t tiles = kTransformed / (kPositions * winograd_pitch(s)) / kMr * kMr;
  return tiles < kMr ? kMr : tiles;
}
/// Transformed inputs, one panel of products, a pixel of zeros.
std::int64_t winograd_scratch(const ConvShape& s) {
  return winograd_tiles(s) * kPositions * (winograd_pitch(s) + kNr) + s.channels;
}

/// The tile whose first output pixel is (y, x), into position 0 of `out`.
void winograd_input(const ConvArgs& g, std::int64_t y, std::int64_t x, const float* zeros,
                    std::int64_t position_stride, float* out) {
  using namespace Eigen::internal;
  const ConvShape& s = *g.shape;
  const float* in[kPositions];
  for (std::int64_t i = 0; i < kPositions; ++i) {
    const std::int64_t iy = y - s.pad_top + i / 4, ix = x - s.pad_left + i % 4;
    const bool inside = iy >= 0 && iy < s.in_height && ix >= 0 && ix < s.in_width;
    in[i] = inside ? g.in + (iy * s.in_width + ix) * s.in_stride : zeros;
  }
  for (std::int64_t c = 0; c < s.channels; c += kLanes) {
    Packet t[4][4];
    LOWBIT_UNROLL
    for (int j = 0; j < 4; ++j) {
      const Packet d0 = ploadu<Packet>(in[j] + c), d1 = ploadu<Packet>(in[4 + j] + c);
      const Packet d2 = ploadu<Packet>(in[8 + j] + c), d3 = ploadu<Packet>(in[12 + j] + c);
      t[0][j] = psub(d0, d2), t[1][j] = padd(d1, d2), t[2][j] = psub(d2, d1), t[3][j] = psub(d1, d3);
    }
    LOWBIT_UNROLL
    for (int i = 0; i < 4; ++i) {
      float* row = out + 4 * i * position_stride + c;
      pstoreu(row, psub(t[i][0], t[i][2]));
      pstoreu(row + position_stride, padd(t[i][1], t[i][2]));
      pstoreu(row + 2 * position_stride, psub(t[i][2], t[i][1]));
      pstoreu(row + 3 * position_stride, psub(t[i][1], t[i][3]));
    }
  }
}

/// One panel of one tile: `m` is position 0 of its products.
void winograd_output(const ConvArgs& g, std::int64_t y, std::int64_t x, std::int64_t last_row,
                     std::int64_t n0, const float* m, std::int64_t position_stride) {
  using namespace Eigen::internal;
  const ConvShape& s = *g.shape;
  const Packet lo = pset1<Packet>(g.lo), hi = pset1<Packet>(g.hi);
  for (std::int64_t v = 0; v < kNr; v += kLanes) {
    const Packet bias = ploadu<Packet>(g.bias + n0 + v);
    Packet t[2][4];
    LOWBIT_UNROLL
    for (int j = 0; j < 4; ++j) {
      const float* column = m + j * position_stride + v;
      const Packet m1 = ploadu<Packet>(column + 4 * position_stride);
      const Packet m2 = ploadu<Packet>(column + 8 * position_stride);
      t[0][j] = padd(padd(ploadu<Packet>(column), m1), m2);
      t[1][j] = psub(psub(m1, m2), ploadu<Packet>(column + 12 * position_stride));
    }
    LOWBIT_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int dy = i / 2, dx = i % 2;
      if (y + dy >= last_row || x + dx >= s.out_width) continue;
      const std::int64_t at = ((y + dy) * s.out_width + x + dx) * s.out_stride + n0 + v;
      Packet sum =
          dx == 0 ? padd(padd(t[dy][0], t[dy][1]), t[dy][2]) : psub(psub(t[dy][1], t[dy][2]), t[dy][3]);
      sum = padd(sum, bias);
      if (g.residual) sum = padd(sum, ploadu<Packet>(g.residual + at));
      pstoreu(g.out + at, pmin(pmax(sum, lo), hi));  // in this order NaN passes through
    }
  }
}

/// `first` and `last` are starts of lines.
void winograd_conv(const ConvArgs& g) {
  const ConvShape& s = *g.shape;
  const std::int64_t first_row = g.first / s.out_width, last_row = g.last / s.out_width;
  const std::int64_t across = (s.out_width + 1) / 2, total = (last_row - first_row + 1) / 2 * across;
  const std::int64_t most = winograd_tiles(s), pitch = winograd_pitch(s);
  float *inputs = g.scratch, *products = inputs + most * kPositions * pitch;
  float* zeros = products + most * kPositions * kNr;
  for (std::int64_t c = 0; c < s.channels; ++c) zeros[c] = 0.0f;
  for (std::int64_t t0 = 0; t0 < total; t0 += most) {
    const std::int64_t tiles = total - t0 < most ? total - t0 : most;
    const auto row = [&](std::int64_t t) { return first_row + (t0 + t) / across * 2; };
    const auto column = [&](std::int64_t t) { return (t0 + t) % across * 2; };
    for (std::int64_t t = 0; t < tiles; ++t)
      winograd_input(g, row(t), column(t), zeros, most * pitch, inputs + t * pitch);
    for (std::int64_t n0 = 0; n0 < s.n; n0 += kNr) {
      for (std::int64_t i = 0; i < kPositions; ++i)
        for (std::int64_t t = 0; t < tiles; t += kMr)
          multiply_rows<kNv>({inputs + (i * most + t) * pitch, pitch,
                              g.weights + (n0 * kPositions + i * kNr) * s.channels, s.channels,
                              products + (i * most + t) * kNr, kNr, tiles - t < kMr ? tiles - t : kMr, kNr,
                              false, false, nullptr, nullptr, 0.0f, 0.0f});
      for (std::int64_t t = 0; t < tiles; ++t)
        winograd_output(g, row(t), column(t), last_row, n0, products + t * kNr, most * kNr);
    }
  }
}
