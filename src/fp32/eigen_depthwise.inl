// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution: no patches, no reduction. Inside of a line four output pixels at a time share the
// weights of a tap, two packets of channels wide; pixels whose windows touch a border go one by one.

/// Pixels x Nv packets of channels from c on, of output pixels that are stride_width input pixels apart; taps
/// in rows [ky0, ky1) and columns [kx0, kx1). in: the input pixel of tap (0, 0) of the first window, which
/// may lie outside.
template <int Pixels, int Nv>
LOWBIT_FORCE_INLINE void depthwise_packets(const ConvArgs& g, const float* in, std::int64_t ky0,
                                           std::int64_t ky1, std::int64_t kx0, std::int64_t kx1,
                                           std::int64_t c, std::int64_t out) {
  using namespace Eigen::internal;
  const ConvShape& s = *g.shape;
  const std::int64_t step = s.stride_width * s.in_stride;
  Packet acc[Pixels][Nv];
  LOWBIT_UNROLL
  for (int v = 0; v < Nv; ++v) {
    const Packet bias = ploadu<Packet>(g.bias + c + v * kLanes);
    LOWBIT_UNROLL
    for (int p = 0; p < Pixels; ++p) acc[p][v] = bias;
  }
  for (std::int64_t ky = ky0; ky < ky1; ++ky) {
    const float* x = in + (ky * s.dilation_height * s.in_width + kx0 * s.dilation_width) * s.in_stride + c;
    const float* w = g.weights + (ky * s.kernel_width + kx0) * s.n + c;
    for (std::int64_t kx = kx0; kx < kx1; ++kx, x += s.dilation_width * s.in_stride, w += s.n) {
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v) {
        const Packet weight = ploadu<Packet>(w + v * kLanes);
        LOWBIT_UNROLL
        for (int p = 0; p < Pixels; ++p)
          acc[p][v] = pmadd(ploadu<Packet>(x + p * step + v * kLanes), weight, acc[p][v]);
      }
    }
  }
  const Packet lo = pset1<Packet>(g.lo), hi = pset1<Packet>(g.hi);
  LOWBIT_UNROLL
  for (int p = 0; p < Pixels; ++p) {
    LOWBIT_UNROLL
    for (int v = 0; v < Nv; ++v) {
      const std::int64_t at = out + p * s.out_stride + c + v * kLanes;
      Packet y = acc[p][v];
      if (g.residual) y = padd(y, ploadu<Packet>(g.residual + at));
      pstoreu(g.out + at, pmin(pmax(y, lo), hi));  // in this order NaN passes through
    }
  }
}

inline void depthwise_channel(const ConvArgs& g, const float* in, std::int64_t ky0, std::int64_t ky1,
                              std::int64_t kx0, std::int64_t kx1, std::int64_t c, std::int64_t out) {
  const ConvShape& s = *g.shape;
  float acc = g.bias[c];
  for (std::int64_t ky = ky0; ky < ky1; ++ky)
    for (std::int64_t kx = kx0; kx < kx1; ++kx)
      acc += in[(ky * s.dilation_height * s.in_width + kx * s.dilation_width) * s.in_stride + c] *
             g.weights[(ky * s.kernel_width + kx) * s.n + c];
  if (g.residual) acc += g.residual[out + c];
  acc = acc < g.lo ? g.lo : acc;
  g.out[out + c] = acc > g.hi ? g.hi : acc;
}

template <int Pixels>
void depthwise_pixels(const ConvArgs& g, const float* in, std::int64_t ky0, std::int64_t ky1,
                      std::int64_t kx0, std::int64_t kx1, std::int64_t out) {
  const ConvShape& s = *g.shape;
  std::int64_t c = 0;
  for (; c + 2 * kLanes <= s.n; c += 2 * kLanes)
    depthwise_packets<Pixels, 2>(g, in, ky0, ky1, kx0, kx1, c, out);
  for (; c + kLanes <= s.n; c += kLanes) depthwise_packets<Pixels, 1>(g, in, ky0, ky1, kx0, kx1, c, out);
  for (; c < s.n; ++c)
    for (std::int64_t p = 0; p < Pixels; ++p)
      depthwise_channel(g, in + p * s.stride_width * s.in_stride, ky0, ky1, kx0, kx1, c,
                        out + p * s.out_stride);
}

/// Taps of `kernel`, `dilation` apart from position `at` on, that lie in [0, size): [first, last).
struct Taps {
  std::int64_t first, last;
};
inline Taps taps_inside(std::int64_t at, std::int64_t kernel, std::int64_t dilation, std::int64_t size) {
  const std::int64_t first = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
  const std::int64_t last = size <= at ? 0 : (size - at + dilation - 1) / dilation;
  return {first < kernel ? first : kernel, last < kernel ? last : kernel};
}

void depthwise(const ConvArgs& g) {
  constexpr int kPixels = 4;
  const ConvShape& s = *g.shape;
  const std::int64_t extent = (s.kernel_width - 1) * s.dilation_width;
  for (std::int64_t p = g.first; p < g.last;) {
    const std::int64_t oy = p / s.out_width, ox = p % s.out_width;
    const std::int64_t iy = oy * s.stride_height - s.pad_top, ix = ox * s.stride_width - s.pad_left;
    const float* in = g.in + (iy * s.in_width + ix) * s.in_stride;
    const Taps rows = taps_inside(iy, s.kernel_height, s.dilation_height, s.in_height);
    const bool inside = ix >= 0 && ix + (kPixels - 1) * s.stride_width + extent < s.in_width;
    if (inside && ox + kPixels <= s.out_width && p + kPixels <= g.last) {
      depthwise_pixels<kPixels>(g, in, rows.first, rows.last, 0, s.kernel_width, p * s.out_stride);
      p += kPixels;
    } else {
      const Taps cols = taps_inside(ix, s.kernel_width, s.dilation_width, s.in_width);
      depthwise_pixels<1>(g, in, rows.first, rows.last, cols.first, cols.last, p * s.out_stride);
      ++p;
    }
  }
}
