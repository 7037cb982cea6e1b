// SPDX-License-Identifier: Apache-2.0
// im2col: rows of patches, gathered from a channels-last sample in runs that are as long as memory allows. A
// patch is (kernel row, kernel column, channel); taps of one kernel row are adjacent in memory unless they
// are dilated or belong to one group of several. Taps in the padding are zeros.

using Packet = Eigen::internal::packet_traits<float>::type;
constexpr std::int64_t kLanes = Eigen::internal::packet_traits<float>::size;
// Elements of a patch that are gathered at a time. A panel of that depth shares the L1 cache with a tile of
// rows.
constexpr std::int64_t kDepth = kLanes > 8 ? 192 : 384;
constexpr std::int64_t kPitch = kDepth + 16;  // from row to row; rows do not fall on the same cache sets

/// A run of n floats is written in pieces of constant size; the last one overlaps the one before it.
inline void copy_run(const float* src, std::int64_t n, float* dst) {
  using namespace Eigen::internal;
  if (n >= kLanes) {
    for (std::int64_t i = 0; i < n - kLanes; i += kLanes) pstoreu(dst + i, ploadu<Packet>(src + i));
    pstoreu(dst + n - kLanes, ploadu<Packet>(src + n - kLanes));
  } else if (n >= 8) {
    std::memcpy(dst, src, 8 * sizeof(float));
    std::memcpy(dst + n - 8, src + n - 8, 8 * sizeof(float));
  } else if (n >= 4) {
    std::memcpy(dst, src, 4 * sizeof(float));
    std::memcpy(dst + n - 4, src + n - 4, 4 * sizeof(float));
  } else {
    for (std::int64_t i = 0; i < n; ++i) dst[i] = src[i];
  }
}

inline void clear_run(std::int64_t n, float* dst) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    Eigen::internal::pstoreu(dst + i, Eigen::internal::pset1<Packet>(0.0f));
  for (; i < n; ++i) dst[i] = 0.0f;
}

inline std::int64_t limit(std::int64_t x, std::int64_t lo, std::int64_t hi) {
  return x < lo ? lo : (x > hi ? hi : x);
}

/// Elements [begin, end) of one kernel row's patch (kernel column, channel) whose first tap is at column ix
/// of `line`. Taps are adjacent in memory: zeros, one run, zeros.
inline void gather_adjacent(const ConvShape& s, const float* line, std::int64_t ix, std::int64_t begin,
                            std::int64_t end, float* dst) {
  const std::int64_t from = limit(-ix * s.channels, begin, end);
  const std::int64_t to = limit((s.in_width - ix) * s.channels, from, end);
  if (from > begin) clear_run(from - begin, dst);
  if (to > from) copy_run(line + ix * s.channels + from, to - from, dst + from - begin);
  if (end > to) clear_run(end - to, dst + to - begin);
}

/// The same where taps are apart: dilation, or one group of several.
inline void gather_apart(const ConvShape& s, const float* line, std::int64_t ix, std::int64_t begin,
                         std::int64_t end, float* dst) {
  for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
    const std::int64_t from = limit(kx * s.channels, begin, end),
                       to = limit((kx + 1) * s.channels, begin, end);
    const std::int64_t x = ix + kx * s.dilation_width;
    if (x < 0 || x >= s.in_width)
      clear_run(to - from, dst);
    else
      copy_run(line + x * s.in_stride + from - kx * s.channels, to - from, dst);
    dst += to - from;
  }
}

/// The same run of n floats for `rows` windows, `step` apart.
template <int Packets>
void copy_rows(const float* src, std::int64_t step, std::int64_t rows, float* dst) {
  using namespace Eigen::internal;
  for (std::int64_t r = 0; r < rows; ++r, src += step, dst += kPitch) {
    LOWBIT_UNROLL
    for (int i = 0; i < Packets; ++i) pstoreu(dst + i * kLanes, ploadu<Packet>(src + i * kLanes));
  }
}

inline void copy_rows(const float* src, std::int64_t step, std::int64_t rows, std::int64_t n, float* dst) {
  if (n == 3 * kLanes) return copy_rows<3>(src, step, rows, dst);
  if (n == 6 * kLanes) return copy_rows<6>(src, step, rows, dst);
  if (n == 12 * kLanes) return copy_rows<12>(src, step, rows, dst);
  for (std::int64_t r = 0; r < rows; ++r) copy_run(src + r * step, n, dst + r * kPitch);
}

/// Windows ox0 <= ox < ox1 of one line: those that touch a border one by one, the others at a stretch.
inline void gather_line(const ConvShape& s, const float* line, std::int64_t ox0, std::int64_t ox1,
                        std::int64_t begin, std::int64_t end, float* dst) {
  const std::int64_t stride = s.stride_width, room = s.in_width - s.kernel_width + s.pad_left;
  const std::int64_t inner0 = limit((s.pad_left + stride - 1) / stride, ox0, ox1);
  const std::int64_t inner1 = room < 0 ? inner0 : limit(room / stride + 1, inner0, ox1);
  for (std::int64_t ox = ox0; ox < inner0; ++ox)
    gather_adjacent(s, line, ox * stride - s.pad_left, begin, end, dst + (ox - ox0) * kPitch);
  copy_rows(line + (inner0 * stride - s.pad_left) * s.channels + begin, stride * s.channels, inner1 - inner0,
            end - begin, dst + (inner0 - ox0) * kPitch);
  for (std::int64_t ox = inner1; ox < ox1; ++ox)
    gather_adjacent(s, line, ox * stride - s.pad_left, begin, end, dst + (ox - ox0) * kPitch);
}

/// Rows of patches for `rows` output pixels from `first`; of each patch the elements [k0, k1).
void gather(const ConvShape& s, const float* in, std::int64_t first, std::int64_t rows, std::int64_t k0,
            std::int64_t k1, float* patches) {
  const std::int64_t run = s.kernel_width * s.channels;
  const bool adjacent = s.dilation_width == 1 && s.in_stride == s.channels;
  const std::int64_t first_y = first / s.out_width, first_x = first % s.out_width;
  for (std::int64_t ky = k0 / run; ky * run < k1; ++ky) {
    const std::int64_t begin = k0 > ky * run ? k0 - ky * run : 0;
    const std::int64_t end = k1 - ky * run < run ? k1 - ky * run : run;
    float* dst = patches + ky * run + begin - k0;
    std::int64_t oy = first_y, ox = first_x;
    for (std::int64_t left = rows; left > 0; ++oy) {
      const std::int64_t count = s.out_width - ox < left ? s.out_width - ox : left;
      const std::int64_t iy = oy * s.stride_height - s.pad_top + ky * s.dilation_height;
      const float* line = in + iy * s.in_width * s.in_stride;
      if (iy < 0 || iy >= s.in_height)
        for (std::int64_t r = 0; r < count; ++r) clear_run(end - begin, dst + r * kPitch);
      else if (adjacent)
        gather_line(s, line, ox, ox + count, begin, end, dst);
      else
        for (std::int64_t r = 0; r < count; ++r)
          gather_apart(s, line, (ox + r) * s.stride_width - s.pad_left, begin, end, dst + r * kPitch);
      dst += count * kPitch;
      left -= count;
      ox = 0;
    }
  }
}
