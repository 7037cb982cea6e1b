// A random product for the kernel tests: shape, data, epilogue and memory layout from one seed, every array
// ending at a guard page.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/kernels/gemm.h"
#include "support/random.h"

namespace lowbit::testing {

struct GemmShape {
  std::uint32_t images = 1, m = 1, n = 1, taps = 1, k = 1;  // k codes a tap
};

struct GemmOptions {
  WeightFormat format = WeightFormat::s8;
  std::uint32_t group = 0;
  bool zero_points = false;
  bool extreme = false;  // codes from the ends of their ranges
};

class GemmCase {
 public:
  GemmCase(std::uint64_t seed, const GemmShape& shape, const GemmOptions& options);

  const WeightSpec& spec() const { return spec_; }
  const Epilogue& epilogue() const { return out_.epilogue; }
  const GemmLhs& lhs() const { return lhs_; }
  const GemmShape& shape() const { return shape_; }
  std::size_t c_row_bytes() const { return out_.c_row_bytes; }
  std::size_t residual_image_stride() const { return static_cast<std::size_t>(out_.residual_image_stride); }

  /// Runs the driver; returns all of C, the space between rows (0xCD before) included.
  std::span<const std::uint8_t> run(const PackedWeights& weights, Executor& executor);

 private:
  void make_weights(const GemmOptions& options);
  void make_lhs(bool extreme);
  void make_epilogue(bool groups, bool zero_points);
  template <class T>
  T* array(std::size_t count) {
    return buffers_[next_buffer_++ % kBuffers].template place<T>(count);
  }

  static constexpr int kBuffers = 16;
  static GuardedBuffer buffers_[kBuffers];
  int next_buffer_ = 0;
  Random random_;
  GemmShape shape_;
  WeightSpec spec_;
  GemmLhs lhs_;
  GemmOut out_;
  std::size_t c_bytes_ = 0;
};

inline GuardedBuffer GemmCase::buffers_[kBuffers] = {
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20)};

inline GemmCase::GemmCase(std::uint64_t seed, const GemmShape& shape, const GemmOptions& options)
    : random_(seed), shape_(shape) {
  make_weights(options);
  make_lhs(options.extreme);
  make_epilogue(options.group != 0, options.zero_points);
}

inline void GemmCase::make_weights(const GemmOptions& o) {
  spec_.format = o.format;
  spec_.n = shape_.n;
  spec_.taps = shape_.taps;
  spec_.k = shape_.taps * shape_.k;
  spec_.group = o.group;
  const std::uint32_t per_byte = o.format == WeightFormat::s8 ? 1 : o.format == WeightFormat::u4 ? 2 : 4;
  spec_.row_bytes = (spec_.k + per_byte - 1) / per_byte;
  auto* codes = array<std::uint8_t>(spec_.row_bytes * spec_.n);
  for (std::size_t i = 0; i < spec_.row_bytes * spec_.n; ++i) {
    codes[i] = static_cast<std::uint8_t>(random_.next());
    if (o.extreme) codes[i] = random_.integer(0, 7) ? 0x80 : 0x7F;
  }
  spec_.codes = codes;
  const std::uint32_t groups = o.group == 0 ? 1 : (spec_.k + o.group - 1) / o.group;
  auto* scales = array<float>(std::size_t{groups} * spec_.n);
  auto* zeros = array<std::int32_t>(std::size_t{groups} * spec_.n);
  const int top = o.format == WeightFormat::s8 ? 127 : o.format == WeightFormat::u4 ? 15 : 3;
  for (std::size_t i = 0; i < std::size_t{groups} * spec_.n; ++i) {
    scales[i] = random_.uniform();
    zeros[i] = static_cast<std::int32_t>(random_.integer(o.format == WeightFormat::s8 ? -128 : 0, top));
  }
  spec_.scales = scales;
  if (o.zero_points) spec_.zero_points = zeros;
}

inline void GemmCase::make_lhs(bool extreme) {
  // Rows lie on slots of at least k codes; a row may be read up to the next multiple of 4.
  const std::size_t readable = (shape_.k + 3) / 4 * 4;
  const std::size_t stride = shape_.k + static_cast<std::size_t>(random_.integer(0, 5));
  const std::size_t rows = std::size_t{shape_.m} * shape_.taps;
  const std::size_t image = stride * (rows - 1) + readable;
  const std::size_t bytes = image * shape_.images;
  auto* a = array<std::uint8_t>(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    a[i] =
        extreme ? static_cast<std::uint8_t>(random_.integer(0, 9) ? 255 : 0) : std::uint8_t(random_.next());
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

inline void GemmCase::make_epilogue(bool groups, bool zero_points) {
  Epilogue& e = out_.epilogue;
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
  e.out = static_cast<OutType>(random_.integer(groups ? 1 : 0, 2));
  if (coin() && !groups) e.column_constant = ints(n, 1'000'000'000);
  if (coin()) e.row_a = ints(rows, 255);
  if (e.row_a) e.col_a = ints(n, 1'000'000'000);
  if ((zero_points || coin()) && !groups) e.row_b = ints(rows, 1'000'000), e.col_b = ints(n, 255);
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
  if (e.out == OutType::f32 && coin()) e.lo = -1e30f, e.hi = 1e30f;
  const std::size_t element = e.out == OutType::u8 ? 1 : 4;
  out_.c_row_bytes = (n + static_cast<std::size_t>(random_.integer(0, 3))) * element;
  out_.c_image_stride = static_cast<std::ptrdiff_t>(out_.c_row_bytes * shape_.m);
  c_bytes_ = out_.c_row_bytes * (rows - 1) + n * element;
}

inline std::span<const std::uint8_t> GemmCase::run(const PackedWeights& weights, Executor& executor) {
  const int buffer = next_buffer_;
  auto* c = array<std::uint8_t>(c_bytes_);
  next_buffer_ = buffer;
  std::memset(c, 0xCD, c_bytes_);
  out_.c = c;
  gemm(lhs_, weights, out_, executor);
  return {c, c_bytes_};
}

}  // namespace lowbit::testing
