// Depthwise convolution: a group of packets of channels at a time over the taps of a window; no patches, no
// reduction.

template <int Nv>
inline void depthwise_packets(const ConvArgs& g, std::int64_t iy, std::int64_t ix, std::int64_t c,
                              std::int64_t out) {
  using namespace Eigen::internal;
  const ConvShape& s = *g.shape;
  Packet acc[Nv];
  LOWBIT_UNROLL
  for (int v = 0; v < Nv; ++v) acc[v] = ploadu<Packet>(g.bias + c + v * kLanes);
  for (std::int64_t ky = 0; ky < s.kernel_height; ++ky) {
    const std::int64_t y = iy + ky * s.dilation_height;
    if (y < 0 || y >= s.in_height) continue;
    for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
      const std::int64_t x = ix + kx * s.dilation_width;
      if (x < 0 || x >= s.in_width) continue;
      const float* in = g.in + (y * s.in_width + x) * s.in_stride + c;
      const float* w = g.weights + (ky * s.kernel_width + kx) * s.n + c;
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v)
        acc[v] = pmadd(ploadu<Packet>(in + v * kLanes), ploadu<Packet>(w + v * kLanes), acc[v]);
    }
  }
  LOWBIT_UNROLL
  for (int v = 0; v < Nv; ++v) {
    const std::int64_t at = out + c + v * kLanes;
    if (g.residual) acc[v] = padd(acc[v], ploadu<Packet>(g.residual + at));
    pstoreu(g.out + at, pmin(pmax(acc[v], pset1<Packet>(g.lo)), pset1<Packet>(g.hi)));
  }
}

inline void depthwise_channel(const ConvArgs& g, std::int64_t iy, std::int64_t ix, std::int64_t c,
                              std::int64_t out) {
  const ConvShape& s = *g.shape;
  float acc = g.bias[c];
  for (std::int64_t ky = 0; ky < s.kernel_height; ++ky)
    for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
      const std::int64_t y = iy + ky * s.dilation_height, x = ix + kx * s.dilation_width;
      if (y < 0 || y >= s.in_height || x < 0 || x >= s.in_width) continue;
      acc += g.in[(y * s.in_width + x) * s.in_stride + c] * g.weights[(ky * s.kernel_width + kx) * s.n + c];
    }
  if (g.residual) acc += g.residual[out + c];
  acc = acc < g.lo ? g.lo : acc;
  g.out[out + c] = acc > g.hi ? g.hi : acc;
}

void depthwise(const ConvArgs& g) {
  const ConvShape& s = *g.shape;
  for (std::int64_t p = g.first; p < g.last; ++p) {
    const std::int64_t iy = p / s.out_width * s.stride_height - s.pad_top;
    const std::int64_t ix = p % s.out_width * s.stride_width - s.pad_left;
    const std::int64_t out = p * s.out_stride;
    std::int64_t c = 0;
    for (; c + 4 * kLanes <= s.n; c += 4 * kLanes) depthwise_packets<4>(g, iy, ix, c, out);
    for (; c + kLanes <= s.n; c += kLanes) depthwise_packets<1>(g, iy, ix, c, out);
    for (; c < s.n; ++c) depthwise_channel(g, iy, ix, c, out);
  }
}
