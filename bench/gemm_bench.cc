// Speed of the GEMM kernels on one thread: gemm/<format>/<kernel>/<M>x<N>x<K>, a convolution as
// <rows>x<out>x9x<in>. Every kernel that the machine can run is measured; "peak" is a loop of the kernel's
// own instruction in registers. x_eigen is the time of Eigen's FP32 product of the same shape, measured
// before and after in the same process (a convolution's with its patches laid out beforehand), over the
// kernel's.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "eigen_baseline.h"
#include "lowbit/kernels/gemm.h"
#include "support/random.h"

namespace lowbit {
namespace {

struct Case {
  std::uint32_t m, n, taps, k;  // k codes a tap
  std::string name() const {
    return taps == 1 ? fmt::format("{}x{}x{}", m, n, k) : fmt::format("{}x{}x{}x{}", m, n, taps, k);
  }
};

constexpr Case kCases[] = {{1024, 16, 9, 16},   {256, 32, 9, 32},   {64, 64, 9, 64},    {1024, 1024, 1, 1024},
                           {256, 256, 1, 256},  {1, 4096, 1, 4096}, {8, 4096, 1, 4096}, {32, 4096, 1, 4096},
                           {128, 768, 1, 3072}, {3136, 64, 1, 576}, {3136, 256, 1, 64}, {49, 512, 1, 4608}};

void run_case(benchmark::State& state, const Case& shape, Isa isa) {
  testing::Random random(1);
  const std::size_t k = std::size_t{shape.taps} * shape.k;
  std::vector<std::uint8_t> a(std::size_t{shape.m + 64} * k + 64), codes(shape.n * k);
  for (auto& v : a) v = static_cast<std::uint8_t>(random.next());
  for (auto& v : codes) v = static_cast<std::uint8_t>(random.next());
  WeightSpec spec;
  spec.n = shape.n;
  spec.taps = shape.taps;
  spec.k = static_cast<std::uint32_t>(k);
  spec.codes = codes.data();
  spec.row_bytes = k;
  const PackedWeights weights(spec, isa);

  // A convolution reads rows of neighbouring pixels: a square image with a border, `k` channels a pixel.
  std::vector<std::ptrdiff_t> offsets;
  std::uint32_t side = 1;
  while (side * side < shape.m) ++side;
  for (std::uint32_t tap = 0; shape.taps > 1 && tap < shape.taps; ++tap)
    for (std::uint32_t i = 0; i < shape.m; ++i)
      offsets.push_back(std::ptrdiff_t{((i / side + tap / 3) * (side + 2) + i % side + tap % 3) * shape.k});

  std::vector<std::int32_t> constant(shape.n, 17);
  std::vector<float> multiplier(shape.n, 1e-4f), addend(shape.n, 0.5f);
  std::vector<std::uint8_t> c(std::size_t{shape.m} * shape.n);
  GemmLhs lhs;
  lhs.a = a.data();
  lhs.rows = shape.m;
  lhs.row_stride = static_cast<std::ptrdiff_t>(k);
  if (shape.taps > 1) lhs.offsets = offsets.data();
  GemmOut out;
  out.c = c.data();
  out.c_row_bytes = shape.n;
  out.epilogue.out = OutType::u8;
  out.epilogue.column_constant = constant.data();
  out.epilogue.multiplier = multiplier.data();
  out.epilogue.addend = addend.data();
  out.epilogue.hi = 255.0f;
  bench::EigenGemm eigen(shape.m, shape.n, static_cast<std::int64_t>(k));
  const double eigen_before = eigen.seconds();
  const double start = bench::seconds_now();
  for (auto _ : state) {
    gemm(lhs, weights, out, serial_executor());
    benchmark::ClobberMemory();
  }
  const double seconds = (bench::seconds_now() - start) / static_cast<double>(state.iterations());
  state.counters["x_eigen"] = (eigen_before + eigen.seconds()) / 2 / seconds;
  const double macs = double(shape.m) * shape.n * double(k);
  state.counters["GMAC/s"] = benchmark::Counter(macs * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["gops"] = benchmark::Counter(2 * macs * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

#if defined(__x86_64__) && defined(__GNUC__)
constexpr int kPeakLoops = 10000;

void peak_vpdpbusd(benchmark::State& state) {
  for (auto _ : state) {
    for (int i = 0; i < kPeakLoops; ++i)
      asm volatile(
          "vpdpbusd %%zmm16, %%zmm17, %%zmm0\n vpdpbusd %%zmm16, %%zmm17, %%zmm1\n"
          "vpdpbusd %%zmm16, %%zmm17, %%zmm2\n vpdpbusd %%zmm16, %%zmm17, %%zmm3\n"
          "vpdpbusd %%zmm16, %%zmm17, %%zmm4\n vpdpbusd %%zmm16, %%zmm17, %%zmm5\n"
          "vpdpbusd %%zmm16, %%zmm17, %%zmm6\n vpdpbusd %%zmm16, %%zmm17, %%zmm7\n"
          "vpdpbusd %%zmm16, %%zmm17, %%zmm8\n vpdpbusd %%zmm16, %%zmm17, %%zmm9\n"
          "vpdpbusd %%zmm16, %%zmm17, %%zmm10\n vpdpbusd %%zmm16, %%zmm17, %%zmm11"
          :
          :
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
  }
  state.counters["GMAC/s"] =
      benchmark::Counter(kPeakLoops * 12 * 64 * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
#endif

void register_all() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (has_isa(active_isa(), Isa::avx512vnni))
    benchmark::RegisterBenchmark("peak/vpdpbusd", peak_vpdpbusd)->Unit(benchmark::kMicrosecond);
#endif

  std::size_t count = 0;
  const GemmKernel* const* kernels = gemm_kernels(&count);
  for (std::size_t i = 0; i < count; ++i) {
    const GemmKernel* kernel = kernels[i];
    if (kernel->format != WeightFormat::s8 || !has_isa(active_isa(), kernel->required)) continue;
    for (const Case& shape : kCases) {
      const std::string name = fmt::format("gemm/{}/{}", kernel->name, shape.name());
      benchmark::RegisterBenchmark(name.c_str(), run_case, shape, kernel->required)
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace lowbit

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  lowbit::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
