// SPDX-License-Identifier: Apache-2.0
// A random product for the kernel tests: shape, data, epilogue and memory layout from one seed, every array
// ending at a guard page.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/core/error.h"
#include "lowbit/kernels/gemm.h"
#include "support/random.h"

namespace lowbit::testing {

struct GemmShape {
  std::uint32_t images = 1, m = 1, n = 1, taps = 1, k = 1;  // k codes a tap
};

struct GemmOptions {
  WeightFormat format = WeightFormat::s8;
  kernels::ActType act = kernels::ActType::u8;
  std::uint32_t group = 0;
  std::uint32_t planes = 1;
  bool zero_points = false;
  bool levels_per_row = false;
  bool small_levels = false;  // levels of a lut4 table span no more than 24; real levels: the second half of
                              // a table is the first negated
  bool fp16_scales = true;
  bool extreme = false;       // codes from the ends of their ranges
  bool bell = false;          // s8: codes as quantized layers have them, few of them large
  bool row_zero_128 = false;  // row_a, where there is one, is that of signed symmetric activations
};

inline std::uint32_t codes_per_byte(WeightFormat format) {
  switch (format) {
    case WeightFormat::u4:
    case WeightFormat::lut4:
      return 2;
    case WeightFormat::s2:
      return 4;
    case WeightFormat::b1:
      return 8;
    default:
      return 1;
  }
}

class GemmCase {
 public:
  GemmCase(std::uint64_t seed, const GemmShape& shape, const GemmOptions& options);

  const kernels::WeightSpec& spec() const { return spec_; }
  const kernels::Epilogue& epilogue() const { return out_.epilogue; }
  const kernels::GemmLhs& lhs() const { return lhs_; }
  const GemmShape& shape() const { return shape_; }
  std::size_t c_row_bytes() const { return out_.c_row_bytes; }
  std::size_t residual_image_stride() const { return static_cast<std::size_t>(out_.residual_image_stride); }

  /// Runs the driver; returns all of C, the space between rows (0xCD before) included.
  std::span<const std::uint8_t> run(const kernels::PackedWeights& weights, Executor& executor);

 private:
  void make_weights(const GemmOptions& options);
  void make_levels(const GemmOptions& options);
  void make_lhs(bool extreme);
  void fill_lhs(std::uint8_t* a, std::size_t stride, std::size_t bytes, bool extreme);
  void make_epilogue(bool float_sums, const GemmOptions& options);
  template <class T>
  T* array(std::size_t count) {
    LOWBIT_ASSERT(next_buffer_ < kBuffers);
    return buffers_[next_buffer_++].template place<T>(count);
  }

  static constexpr int kBuffers = 18;
  static GuardedBuffer buffers_[kBuffers];
  int next_buffer_ = 0;
  Random random_;
  GemmShape shape_;
  kernels::WeightSpec spec_;
  kernels::GemmLhs lhs_;
  kernels::GemmOut out_;
  std::size_t c_bytes_ = 0;
};

inline GuardedBuffer GemmCase::buffers_[kBuffers] = {
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20)};

inline GemmCase::GemmCase(std::uint64_t seed, const GemmShape& shape, const GemmOptions& options)
    : random_(seed), shape_(shape) {
  make_weights(options);
  make_lhs(options.extreme);
  const bool groups = options.group != 0 && options.group < spec_.k;
  make_epilogue(groups || options.planes > 1 || options.act == kernels::ActType::f32, options);
}

inline void GemmCase::make_weights(const GemmOptions& o) {
  spec_.format = o.format;
  spec_.act = o.act;
  spec_.n = shape_.n;
  spec_.taps = shape_.taps;
  spec_.k = shape_.taps * shape_.k;
  spec_.group = o.group;
  spec_.planes = o.planes;
  const std::uint32_t per_byte = codes_per_byte(o.format);
  spec_.row_bytes = (spec_.k + per_byte - 1) / per_byte;
  const std::size_t bytes = spec_.row_bytes * spec_.n * spec_.planes;
  auto* codes = array<std::uint8_t>(bytes);
  const std::uint8_t low = per_byte == 1 ? 0x80 : 0x00, high = per_byte == 1 ? 0x7F : 0xFF;
  for (std::size_t i = 0; i < bytes; ++i) {
    codes[i] = static_cast<std::uint8_t>(random_.next());
    if (o.extreme) codes[i] = random_.integer(0, 7) ? low : high;
    if (o.bell && o.format == WeightFormat::s8) {
      int sum = 0;
      for (int t = 0; t < 4; ++t) sum += static_cast<std::int8_t>(random_.next());
      codes[i] = static_cast<std::uint8_t>(sum / 4);
    }
  }
  spec_.codes = codes;
  const std::size_t groups = o.format == WeightFormat::b1 ? o.planes
                             : o.group == 0               ? 1
                                                          : (spec_.k + o.group - 1) / o.group;
  auto* scales = array<float>(groups * spec_.n);
  auto* zeros = array<std::int32_t>(groups * spec_.n);
  const int top = o.format == WeightFormat::s8 ? 127 : o.format == WeightFormat::s2 ? 3 : 15;
  for (std::size_t i = 0; i < groups * spec_.n; ++i) {
    // Eleven bits of significand and a small exponent are an fp16.
    scales[i] =
        o.fp16_scales ? static_cast<float>(random_.integer(1024, 2047)) * 0x1p-14f : random_.uniform();
    zeros[i] = static_cast<std::int32_t>(random_.integer(o.format == WeightFormat::s8 ? -128 : 0, top));
  }
  spec_.scales = scales;
  if (o.zero_points) spec_.zero_points = zeros;
  make_levels(o);
}

inline void GemmCase::make_levels(const GemmOptions& o) {
  if (o.format != WeightFormat::lut4 && o.format != WeightFormat::lut8) return;
  const std::size_t table = o.format == WeightFormat::lut4 ? 16 : 256;
  const std::size_t count = table * (o.levels_per_row ? spec_.n : 1);
  spec_.levels_per_row = o.levels_per_row;
  auto* levels = array<std::int8_t>(count);
  auto* reals = array<float>(count);
  for (std::size_t i = 0; i < count; ++i) {
    levels[i] =
        static_cast<std::int8_t>(o.small_levels ? random_.integer(-12, 12) : random_.integer(-128, 127));
    if (o.extreme) levels[i] = o.small_levels ? (i % 2 ? -12 : 12) : (i % 2 ? -128 : 127);
    reals[i] = random_.uniform() * 2 - 1;
    if (o.small_levels && i % table >= table / 2) reals[i] = -reals[i - table / 2];
  }
  spec_.levels = o.act == kernels::ActType::f32 ? nullptr : levels;
  spec_.real_levels = o.act == kernels::ActType::f32 ? reals : nullptr;
}

inline void GemmCase::make_lhs(bool extreme) {
  // Rows lie on slots of the bytes that may be read, and a few more.
  const std::size_t slack = static_cast<std::size_t>(random_.integer(0, 5));
  std::size_t readable = (shape_.k + 3) / 4 * 4, stride = shape_.k + slack;
  if (spec_.group != 0 && shape_.taps > 1 && shape_.k % 4) readable = shape_.k + 3;  // runs start anywhere
  if (spec_.act == kernels::ActType::f32) readable = shape_.k * 4, stride = readable + slack * 4;
  if (spec_.act == kernels::ActType::b1) readable = (shape_.k + 31) / 32 * 4, stride = readable + slack;
  const std::size_t rows = std::size_t{shape_.m} * shape_.taps;
  const std::size_t image = stride * (rows - 1) + readable;
  const std::size_t bytes = image * shape_.images;
  auto* a = spec_.act == kernels::ActType::f32 ? reinterpret_cast<std::uint8_t*>(array<float>(bytes / 4))
                                               : array<std::uint8_t>(bytes);
  fill_lhs(a, stride, bytes, extreme);
  lhs_.a = a;
  lhs_.images = shape_.images;
  lhs_.rows = shape_.m;
  lhs_.image_stride = static_cast<std::ptrdiff_t>(image);
  lhs_.row_stride = static_cast<std::ptrdiff_t>(stride);
  if (shape_.taps == 1 && random_.integer(0, 1)) return;
  auto* offsets = array<std::ptrdiff_t>(rows);
  for (std::size_t i = 0; i < rows; ++i) offsets[i] = static_cast<std::ptrdiff_t>(stride * i);
  for (std::size_t i = rows - 1; i > 0; --i)
    std::swap(offsets[i],
              offsets[static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(i)))]);
  lhs_.offsets = offsets;
}

inline void GemmCase::fill_lhs(std::uint8_t* a, std::size_t stride, std::size_t bytes, bool extreme) {
  for (std::size_t i = 0; i < bytes; ++i)
    a[i] =
        extreme ? static_cast<std::uint8_t>(random_.integer(0, 9) ? 255 : 0) : std::uint8_t(random_.next());
  if (spec_.act == kernels::ActType::f32)
    for (std::size_t i = 0; i + 4 <= bytes; i += 4) {
      const float f = (random_.uniform() - 0.5f) * (random_.integer(0, 15) ? 1.0f : 1e3f);
      std::memcpy(a + i, &f, 4);
    }
  if (spec_.act != kernels::ActType::b1) return;
  // The bits behind the last code of a row are zero.
  const std::size_t image = stride * (std::size_t{shape_.m} * shape_.taps - 1) + (shape_.k + 31) / 32 * 4;
  for (std::size_t b = 0; b < shape_.images; ++b)
    for (std::size_t row = 0; row < std::size_t{shape_.m} * shape_.taps; ++row)
      for (std::size_t k = shape_.k; k < (shape_.k + 31) / 32 * 32; ++k)
        a[b * image + row * stride + k / 8] &= static_cast<std::uint8_t>(~(1u << k % 8));
}

inline void GemmCase::make_epilogue(bool float_sums, const GemmOptions& options) {
  kernels::Epilogue& e = out_.epilogue;
  const std::size_t rows = std::size_t{shape_.images} * shape_.m, n = shape_.n;
  const auto coin = [&] { return random_.integer(0, 1) == 1; };
  const auto ints = [&](std::size_t count, std::int64_t bound) {
    auto* p = array<std::int32_t>(count);
    for (std::size_t i = 0; i < count; ++i) p[i] = static_cast<std::int32_t>(random_.integer(-bound, bound));
    return p;
  };
  const auto floats = [&](std::size_t count, float scale) {
    auto* p = array<float>(count);
    for (std::size_t i = 0; i < count; ++i) p[i] = random_.uniform() * scale;
    return p;
  };
  e.out = static_cast<kernels::OutType>(random_.integer(float_sums ? 1 : 0, 2));
  if (coin() && !float_sums) e.column_constant = ints(n, 1'000'000'000);
  if (coin() && spec_.act == kernels::ActType::u8) {
    auto* row_a = ints(rows, 255);
    if (options.row_zero_128) std::fill(row_a, row_a + rows, 128);
    e.row_a = row_a;
  }
  if (e.row_a) e.col_a = ints(n, 1'000'000'000);
  if ((options.zero_points || coin()) && !float_sums) e.row_b = ints(rows, 1'000'000), e.col_b = ints(n, 255);
  const float spread = 300.0f / (static_cast<float>(spec_.k) * 4000.0f);
  if (coin() || coin()) e.multiplier = floats(n, spread);
  if (coin()) e.row_scale = floats(rows, 2.0f);
  if (coin()) e.addend = floats(n, 100.0f);
  const std::size_t residual_row = n + static_cast<std::size_t>(random_.integer(0, 3));
  if (coin()) {
    auto* r = array<std::uint8_t>(residual_row * (rows - 1) + n);
    for (std::size_t i = 0; i < residual_row * (rows - 1) + n; ++i)
      r[i] = static_cast<std::uint8_t>(random_.next());
    e.residual = r;
    e.residual_row_bytes = residual_row;
    e.residual_zero = static_cast<float>(random_.integer(0, 255));
    e.residual_scale = random_.uniform();
  }
  out_.residual_image_stride = static_cast<std::ptrdiff_t>(residual_row * shape_.m);
  e.zero_point = static_cast<std::int32_t>(random_.integer(0, 255));
  e.lo = static_cast<float>(-e.zero_point);
  e.hi = static_cast<float>(255 - e.zero_point);
  if (e.out == kernels::OutType::f32 && coin()) e.lo = -1e30f, e.hi = 1e30f;
  const std::size_t element = e.out == kernels::OutType::u8 ? 1 : 4;
  out_.c_row_bytes = (n + static_cast<std::size_t>(random_.integer(0, 3))) * element;
  out_.c_image_stride = static_cast<std::ptrdiff_t>(out_.c_row_bytes * shape_.m);
  c_bytes_ = out_.c_row_bytes * (rows - 1) + n * element;
}

inline std::span<const std::uint8_t> GemmCase::run(const kernels::PackedWeights& weights,
                                                   Executor& executor) {
  const int buffer = next_buffer_;
  auto* c = array<std::uint8_t>(c_bytes_);
  next_buffer_ = buffer;
  std::memset(c, 0xCD, c_bytes_);
  out_.c = c;
  kernels::gemm(lhs_, weights, out_, executor);
  return {c, c_bytes_};
}

}  // namespace lowbit::testing
