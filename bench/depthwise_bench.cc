// SPDX-License-Identifier: Apache-2.0
// Speed of the depthwise kernels on one thread: depthwise/<kernel>/<H>x<W>x<C>/s<stride>, a window of 3x3
// with padding, u8 in and u8 out, with every kernel that the machine can run (the reference apart); /k<size>
// is another window. x_eigen is the time of the library's FP32 depthwise convolution (Eigen packets, the best
// ISA of the machine) over the kernel's, both measured in alternating rounds.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/random.h"
#include "eigen_baseline.h"
#include "fp32/fp32_kernel.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/kernels/depthwise_kernel.h"
#include "registers.h"
#include "rounds.h"

namespace lowbit::bench {
namespace {

struct Case {
  std::uint32_t size, channels, stride, kernel = 3;
  std::string name() const {
    const std::string window = kernel == 3 ? "" : fmt::format("/k{}", kernel);
    return fmt::format("{}x{}x{}/s{}{}", size, size, channels, stride, window);
  }
  std::uint32_t out_size() const { return (size - 1) / stride + 1; }
  double macs() const { return double(out_size()) * out_size() * channels * kernel * kernel; }
};

constexpr Case kCases[] = {{112, 32, 1}, {112, 96, 2},    {56, 144, 1},    {56, 144, 2},
                           {28, 192, 1}, {28, 192, 2},    {14, 576, 1},    {14, 576, 2},
                           {7, 960, 1},  {28, 240, 1, 5}, {14, 672, 2, 5}, {56, 96, 1, 7}};

/// One int8 layer with random codes.
class Int8Layer {
 public:
  Int8Layer(const Case& c, const kernels::DepthwiseKernel& kernel)
      : kernel_(kernel),
        weights_(std::size_t{c.channels} * c.kernel * c.kernel),
        constant_(c.channels, 17),
        multiplier_(c.channels, 1e-3f),
        addend_(c.channels, 0.5f) {
    shape_.channels = c.channels;
    shape_.in_height = shape_.in_width = c.size;
    shape_.in_pixel_bytes = (c.channels + 3) / 4 * 4;
    shape_.out_height = shape_.out_width = c.out_size();
    shape_.kernel_height = shape_.kernel_width = c.kernel;
    shape_.stride_height = shape_.stride_width = c.stride;
    shape_.pad_top = shape_.pad_left = c.kernel / 2;
    detail::Random random(1);
    const std::size_t image = std::size_t{c.size} * c.size * shape_.in_pixel_bytes;
    in_ = aligned_bytes(image + shape_.in_pixel_bytes);
    for (std::size_t i = 0; i < image; ++i) in_[i] = static_cast<std::byte>(random.next());
    for (auto& w : weights_) w = static_cast<std::int16_t>(random.integer(-127, 127));
    out_ = aligned_bytes(std::size_t{c.out_size()} * c.out_size() * shape_.in_pixel_bytes);
    panel_ = aligned_bytes(kernel.panel_bytes(shape_, weights_.data()));
    kernel.pack(shape_, weights_.data(), panel_.get());
    args_.shape = &shape_;
    args_.panel = panel_.get();
    args_.in = reinterpret_cast<const std::uint8_t*>(in_.get());
    args_.zero_offset = static_cast<std::ptrdiff_t>(image);
    args_.last_row = shape_.out_height;
    args_.out = out_.get();
    args_.out_pixel_bytes = shape_.in_pixel_bytes;
    kernels::Epilogue& e = args_.epilogue;
    e.out = kernels::OutType::u8;
    e.column_constant = constant_.data();
    e.multiplier = multiplier_.data();
    e.addend = addend_.data();
    e.hi = 200.0f, e.lo = -20.0f, e.zero_point = 30;
  }
  void run() const { kernel_.run(args_); }

 private:
  const kernels::DepthwiseKernel& kernel_;
  kernels::DepthwiseShape shape_;
  std::vector<std::int16_t> weights_;
  std::vector<std::int32_t> constant_;
  std::vector<float> multiplier_, addend_;
  AlignedBytes in_, out_, panel_;
  kernels::DepthwiseArgs args_;
};

/// The same layer in FP32.
class Fp32Layer {
 public:
  explicit Fp32Layer(const Case& c) : kernel_(fp32::fp32_kernel(active_isa())) {
    const std::int64_t channels = c.channels, size = c.size;
    shape_.in_height = shape_.in_width = size;
    shape_.in_stride = shape_.out_stride = shape_.channels = shape_.n = channels;
    shape_.kernel_height = shape_.kernel_width = c.kernel;
    shape_.stride_height = shape_.stride_width = c.stride;
    shape_.pad_top = shape_.pad_left = c.kernel / 2;
    shape_.out_width = c.out_size();
    const std::int64_t pixels = shape_.out_width * shape_.out_width;
    args_.shape = &shape_;
    args_.last = pixels;
    args_.in = floats(in_, size * size * channels, 0.5f);
    args_.weights = floats(weights_, channels * c.kernel * c.kernel, 0.25f);
    args_.bias = floats(bias_, channels, 1.0f);
    args_.out = floats(out_, pixels * channels, 0.0f);
    args_.lo = -1e30f, args_.hi = 1e30f;
  }
  void run() const { kernel_.depthwise(args_); }

 private:
  static float* floats(AlignedBytes& memory, std::int64_t count, float value) {
    memory = aligned_bytes(static_cast<std::size_t>(count) * sizeof(float));
    auto* p = reinterpret_cast<float*>(memory.get());
    std::fill_n(p, count, value);
    return p;
  }
  const fp32::Fp32Kernel& kernel_;
  fp32::ConvShape shape_;
  AlignedBytes in_, weights_, bias_, out_;
  fp32::ConvArgs args_;
};

void run_case(benchmark::State& state, const Case& c, const kernels::DepthwiseKernel* kernel) {
  const Int8Layer int8(c, *kernel);
  const Fp32Layer fp32(c);
  const std::vector<double> seconds = alternate({[&] { int8.run(); }, [&] { fp32.run(); }}, {});
  for (auto _ : state) {
    int8.run();
    benchmark::ClobberMemory();
  }
  state.counters["gops"] = 2e-9 * c.macs() / seconds[0];
  state.counters["x_eigen"] = seconds[1] / seconds[0];
}

}  // namespace

void register_depthwise_benchmarks() {
  std::size_t count = 0;
  const kernels::DepthwiseKernel* const* kernels = kernels::depthwise_kernels(&count);
  for (std::size_t i = 0; i < count; ++i) {
    const kernels::DepthwiseKernel* kernel = kernels[i];
    if (kernel->required == Isa::scalar || !has_isa(active_isa(), kernel->required)) continue;
    for (const Case& c : kCases)
      benchmark::RegisterBenchmark(fmt::format("{}/{}", kernel->name, c.name()).c_str(), run_case, c, kernel)
          ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace lowbit::bench
