// SPDX-License-Identifier: Apache-2.0
// Gradient of a convolution's weights: the sum over output pixels of patch x gradient. Patches are gathered
// as for the convolution. Tiles of kMr elements of a patch x kNv packets of features stay in registers while
// the pixels of a block go by: both sides are read as they lie, since the index that is summed over is the
// outer one in both.
//
//   patches  [pixel][kPitch]        gradient  [pixel][out_stride]        sums  [element][gradient_pitch]

constexpr std::int64_t kGradientPixels = 96;  // at a time: their patches stay in L2

struct OuterTile {
  const float* a;  ///< elements of the first patch
  std::int64_t a_pitch;
  const float* b;  ///< features of the first pixel
  std::int64_t b_pitch, pixels;
  float* c;
  std::int64_t c_pitch, rows;  ///< rows <= Mr
};

template <int Mr, int Nv>
void outer_product(const OuterTile& t) {
  using namespace Eigen::internal;
  Packet acc[Mr][Nv];
  LOWBIT_UNROLL
  for (int r = 0; r < Mr; ++r) {
    LOWBIT_UNROLL
    for (int v = 0; v < Nv; ++v) acc[r][v] = pset1<Packet>(0.0f);
  }
  const float *a = t.a, *b = t.b;
  for (std::int64_t p = 0; p < t.pixels; ++p, a += t.a_pitch, b += t.b_pitch) {
    Packet g[Nv];
    LOWBIT_UNROLL
    for (int v = 0; v < Nv; ++v) g[v] = ploadu<Packet>(b + v * kLanes);
    LOWBIT_UNROLL
    for (int r = 0; r < Mr; ++r) {
      const Packet x = pset1<Packet>(a[r]);
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v) acc[r][v] = pmadd(x, g[v], acc[r][v]);
    }
  }
  LOWBIT_UNROLL
  for (int r = 0; r < Mr; ++r) {
    if (r < t.rows) {
      LOWBIT_UNROLL
      for (int v = 0; v < Nv; ++v) {
        float* c = t.c + r * t.c_pitch + v * kLanes;
        pstoreu(c, padd(ploadu<Packet>(c), acc[r][v]));
      }
    }
  }
}

template <int Nv>
void outer_rows(const OuterTile& t) {
  if (t.rows > kMr * 2 / 3)
    outer_product<kMr, Nv>(t);
  else if (t.rows > kMr / 3)
    outer_product<kMr * 2 / 3, Nv>(t);
  else
    outer_product<kMr / 3, Nv>(t);
}

std::int64_t gradient_pitch(const ConvShape& s) {
  return (s.n + kLanes - 1) / kLanes * kLanes;
}

std::int64_t gradient_scratch(const ConvShape& s) {
  return reads_in_place(s) ? 0 : kGradientPixels * kPitch;
}

/// Elements [k0, k1) of the patches of a block of pixels, times their gradients.
void multiply_gradients(const GradientArgs& g, const Rows& patches) {
  const ConvShape& s = *g.shape;
  const std::int64_t pitch = gradient_pitch(s);
  for (std::int64_t n0 = 0; n0 < s.n; n0 += kNr) {
    for (std::int64_t k = patches.k0; k < patches.k1; k += kMr) {
      const OuterTile t{patches.data + (k - patches.k0),
                        patches.pitch,
                        g.gradient + patches.first * s.out_stride + n0,
                        s.out_stride,
                        patches.count,
                        g.sums + k * pitch + n0,
                        pitch,
                        patches.k1 - k < kMr ? patches.k1 - k : kMr};
      if (s.n - n0 > kLanes)
        outer_rows<kNv>(t);
      else
        outer_rows<1>(t);
    }
  }
}

void weight_gradient(const GradientArgs& g) {
  const ConvShape& s = *g.shape;
  const std::int64_t depth = s.k();
  const bool in_place = reads_in_place(s);
  for (std::int64_t first = g.first; first < g.last; first += kGradientPixels) {
    const std::int64_t count = g.last - first < kGradientPixels ? g.last - first : kGradientPixels;
    for (std::int64_t k0 = 0; k0 < depth; k0 += kDepth) {
      const std::int64_t k1 = depth - k0 < kDepth ? depth : k0 + kDepth;
      if (in_place) {
        multiply_gradients(g, {g.in + first * s.in_stride + k0, s.in_stride, first, count, k0, k1, false});
      } else {
        gather(s, g.in, first, count, k0, k1, g.scratch);
        multiply_gradients(g, {g.scratch, kPitch, first, count, k0, k1, true});
      }
    }
  }
}
