// SPDX-License-Identifier: Apache-2.0
// A random depthwise convolution for the kernel tests: geometry, data, epilogue and memory layout from one
// seed, every array ending at a guard page.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/kernels/depthwise_kernel.h"
#include "lowbit/kernels/gemm.h"
#include "support/random.h"

namespace lowbit::testing {

struct DepthwiseOptions {
  bool extreme = false;  ///< codes and weights from the ends of their ranges
  int weight_limit = 0;  ///< largest magnitude of a weight; 0: a random choice of 127, 128 and 255
};

class DepthwiseCase {
 public:
  DepthwiseCase(std::uint64_t seed, const kernels::DepthwiseShape& shape,
                const DepthwiseOptions& options = {});

  const kernels::DepthwiseShape& shape() const { return shape_; }
  const kernels::DepthwiseArgs& args() const { return args_; }
  const std::int16_t* weights() const { return weights_; }
  std::string describe() const;

  /// Packs and runs; returns all of the output, gaps and rows outside of the call (0xCD before) included.
  std::vector<std::uint8_t> run(const kernels::DepthwiseKernel& kernel);

 private:
  void make_weights(const DepthwiseOptions& options);
  void make_input(bool extreme);
  void make_epilogue();
  template <class T>
  T* array(std::size_t count) {
    return buffers_[next_buffer_++ % kBuffers].template place<T>(count);
  }

  static constexpr int kBuffers = 12;
  static GuardedBuffer buffers_[kBuffers];
  int next_buffer_ = 0;
  Random random_;
  kernels::DepthwiseShape shape_;
  kernels::DepthwiseArgs args_;
  std::int16_t* weights_ = nullptr;
  std::size_t out_bytes_ = 0;
};

inline GuardedBuffer DepthwiseCase::buffers_[kBuffers] = {
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20),
    GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20), GuardedBuffer(4 << 20)};

inline DepthwiseCase::DepthwiseCase(std::uint64_t seed, const kernels::DepthwiseShape& shape,
                                    const DepthwiseOptions& options)
    : random_(seed), shape_(shape) {
  args_.shape = &shape_;
  make_weights(options);
  make_input(options.extreme);
  make_epilogue();
}

inline std::string DepthwiseCase::describe() const {
  const auto pair = [](std::uint32_t h, std::uint32_t w) {
    return std::to_string(h) + "x" + std::to_string(w);
  };
  return pair(shape_.in_height, shape_.in_width) + "x" + std::to_string(shape_.channels) + " kernel " +
         pair(shape_.kernel_height, shape_.kernel_width) + " stride " +
         pair(shape_.stride_height, shape_.stride_width) + " dilation " +
         pair(shape_.dilation_height, shape_.dilation_width) + " pad " +
         pair(shape_.pad_top, shape_.pad_left) + " rows " + pair(args_.first_row, args_.last_row) + " type " +
         std::to_string(int(args_.epilogue.out));
}

inline void DepthwiseCase::make_weights(const DepthwiseOptions& o) {
  const std::size_t count = std::size_t{shape_.channels} * shape_.kernel_height * shape_.kernel_width;
  const int limits[] = {127, 127, 128, 255};
  const int limit = o.weight_limit ? o.weight_limit : limits[random_.integer(0, 3)];
  weights_ = array<std::int16_t>(count);
  for (std::size_t i = 0; i < count; ++i) {
    // 128 stands for int8: -128 to 127.
    const int top = limit == 128 ? 127 : limit;
    weights_[i] = static_cast<std::int16_t>(random_.integer(-limit, top));
    if (o.extreme) weights_[i] = static_cast<std::int16_t>(random_.integer(0, 7) ? -limit : top);
  }
}

/// The image and a pixel of zero points somewhere among its pixels; the last pixel ends where reading must.
inline void DepthwiseCase::make_input(bool extreme) {
  const std::size_t readable = (shape_.channels + 3) / 4 * 4;
  shape_.in_pixel_bytes = readable + static_cast<std::size_t>(random_.integer(0, 2)) * 4;
  const std::size_t pixels = std::size_t{shape_.in_height} * shape_.in_width;
  const std::size_t bytes = pixels * shape_.in_pixel_bytes + readable;
  auto* codes = array<std::uint8_t>(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    codes[i] = extreme ? static_cast<std::uint8_t>(random_.integer(0, 9) ? 255 : 0)
                       : static_cast<std::uint8_t>(random_.next());
  const bool zero_first = random_.integer(0, 1) == 1;
  args_.in = codes + (zero_first ? shape_.in_pixel_bytes : 0);
  args_.zero_offset = zero_first ? -static_cast<std::ptrdiff_t>(shape_.in_pixel_bytes)
                                 : static_cast<std::ptrdiff_t>(pixels * shape_.in_pixel_bytes);
  const std::uint8_t zeros[] = {0, 128, 255, static_cast<std::uint8_t>(random_.next())};
  auto* zero = codes + (args_.in - codes) + args_.zero_offset;
  std::memset(zero, zeros[random_.integer(0, 3)], readable);
}

inline void DepthwiseCase::make_epilogue() {
  kernels::Epilogue& e = args_.epilogue;
  const auto coin = [&] { return random_.integer(0, 1) == 1; };
  const std::size_t n = shape_.channels, taps = std::size_t{shape_.kernel_height} * shape_.kernel_width;
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
  e.out = static_cast<kernels::OutType>(random_.integer(0, 3) ? 2 : random_.integer(0, 1));
  if (coin()) e.column_constant = ints(n, coin() ? 1'000'000'000 : 10'000);
  if (random_.integer(0, 3) == 0) e.row_a = ints(1, 255), e.col_a = ints(n, 1'000'000);
  // Sums of random signs grow with the root of their number; some multipliers reach far beyond every code.
  const float spread = 300.0f / (static_cast<float>(taps) * 2000.0f);
  if (coin() || coin()) e.multiplier = floats(n, random_.integer(0, 7) ? spread : 1e6f);
  if (random_.integer(0, 3) == 0) e.row_scale = floats(1, 2.0f);
  if (coin()) e.addend = floats(n, random_.integer(0, 7) ? 100.0f : 1e10f);
  const std::size_t pixels = std::size_t{shape_.out_height} * shape_.out_width;
  if (random_.integer(0, 3) == 0) {
    e.residual_row_bytes = n + static_cast<std::size_t>(random_.integer(0, 3));
    const std::size_t bytes = e.residual_row_bytes * (pixels - 1) + n;
    auto* r = array<std::uint8_t>(bytes);
    for (std::size_t i = 0; i < bytes; ++i) r[i] = static_cast<std::uint8_t>(random_.next());
    e.residual = r;
    e.residual_zero = static_cast<float>(random_.integer(0, 255));
    e.residual_scale = random_.uniform();
  }
  e.zero_point = static_cast<std::int32_t>(coin() ? random_.integer(0, 255) : 255 * random_.integer(0, 1));
  e.lo = static_cast<float>(-e.zero_point);
  e.hi = static_cast<float>(255 - e.zero_point);
  if (coin()) e.lo = 0.0f, e.hi = e.hi * 0.7f;  // an activation: limits that are no integers
  if (e.out == kernels::OutType::f32 && coin()) e.lo = -1e30f, e.hi = 1e30f;
  const std::size_t element = e.out == kernels::OutType::u8 ? 1 : 4;
  args_.out_pixel_bytes = (n + static_cast<std::size_t>(random_.integer(0, 3))) * element;
  out_bytes_ = args_.out_pixel_bytes * (pixels - 1) + n * element;
  args_.last_row = shape_.out_height;
  if (random_.integer(0, 2) == 0) {
    args_.first_row = static_cast<std::uint32_t>(random_.integer(0, shape_.out_height - 1));
    args_.last_row = static_cast<std::uint32_t>(random_.integer(args_.first_row + 1, shape_.out_height));
  }
}

inline std::vector<std::uint8_t> DepthwiseCase::run(const kernels::DepthwiseKernel& kernel) {
  const int buffer = next_buffer_;
  auto* out = array<std::uint8_t>(out_bytes_);
  const std::size_t panel_bytes = (kernel.panel_bytes(shape_, weights_) + 63) / 64 * 64;
  auto* panel = array<std::byte>(panel_bytes);  // pages and sizes are multiples of 64: aligned
  next_buffer_ = buffer;
  std::memset(out, 0xCD, out_bytes_);
  std::memset(panel, 0, panel_bytes);
  kernel.pack(shape_, weights_, panel);
  kernels::DepthwiseArgs args = args_;
  args.panel = panel;
  args.out = out;
  kernel.run(args);
  return {out, out + out_bytes_};
}

}  // namespace lowbit::testing
