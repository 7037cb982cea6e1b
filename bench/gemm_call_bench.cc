// SPDX-License-Identifier: Apache-2.0
// gemm_call/<A, B and C>/<M>x<N>x<K>: lowbit::gemm as a program calls it, with a packed B, beside the product
// of the same kernel with ready operands (x_kernel: how much of its speed the call keeps), Eigen's FP32
// product and oneDNN's int8.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "comparison.h"
#include "core/random.h"
#include "eigen_baseline.h"
#include "gemm_case.h"
#include "lowbit/layers/gemm.h"
#include "lowbit/quant/make_quantizer.h"
#include "onednn_gemm.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

constexpr GemmShape kShapes[] = {{1, 4096, 4096},    {8, 4096, 4096}, {256, 256, 256},
                                 {1024, 1024, 1024}, {3136, 256, 64}, {49, 512, 4608}};
constexpr GemmShape kShortShapes[] = {{256, 256, 256}, {3136, 256, 64}};

/// What goes in and what comes out.
enum class Call : std::uint8_t { sums, codes, fixed_codes, words_in, floats };
struct NamedCall {
  Call call;
  const char* name;
};
constexpr NamedCall kCalls[] = {{Call::sums, "u8s8-s32"},
                                {Call::codes, "u8s8-u8"},
                                {Call::fixed_codes, "u8s8-s8-fixed"},
                                {Call::words_in, "s16s8-s16-fixed"},
                                {Call::floats, "f32int4g32-f32"}};

struct CallBenchmark {
  CallBenchmark(Call call, const GemmShape& shape)
      : m(shape.m), n(shape.n), k(shape.k), eigen(shape.m, shape.n, shape.k), packed(pack(call)) {
    detail::Random random(5);
    codes.resize(static_cast<std::size_t>(m * k) * (call == Call::words_in ? 2 : 1));
    for (std::uint8_t& v : codes) v = static_cast<std::uint8_t>(random.next());
    floats.assign(static_cast<std::size_t>(m * k), 0.5f);
    out.resize(static_cast<std::size_t>(m * n) * 4);
    requantization.assign(static_cast<std::size_t>(n), {.multiplier = 1e-4f, .lo = 0, .hi = 255});
    fixed.assign(static_cast<std::size_t>(n), {.multiplier = 1518500250, .shift = -12});
    if (call == Call::words_in)
      for (FixedPointRequantization& f : fixed)
        f.qmin = -32768, f.qmax = 32767, f.rounding = FixedPointRounding::reduced;
    times.add([this, call] { run(call); });
    times.add([this] { eigen.run(); });
    for (const Variant& variant : gemm_variants())
      if (product == nullptr && std::string(variant.kernel->name) == packed.kernel() &&
          (call != Call::floats || variant.name().ends_with("-g32")))
        product = std::make_unique<GemmCase>(variant, shape);
    if (product == nullptr) return;
    times.add([this] { product->run(); });
    if (call == Call::words_in || call == Call::floats) return;
    const Task onednn = onednn_gemm(shape.m, product->weights().spec());
    has_onednn = onednn != nullptr;
    if (has_onednn) times.add(onednn);
  }

  PackedB pack(Call call) const {
    if (call == Call::floats) {
      std::vector<float> w(static_cast<std::size_t>(n * k));
      detail::Random random(6);
      for (float& v : w) v = random.gaussian();
      return PackedB(quantize(MatrixView(w.data(), n, k), "int4-g32"), kernels::ActType::f32);
    }
    std::vector<std::int8_t> b(static_cast<std::size_t>(k * n));
    detail::Random random(6);
    for (std::int8_t& v : b) v = static_cast<std::int8_t>(random.next() % 255 - 127);
    return PackedB(IntegerView(b.data(), k, n));
  }

  void run(Call call) {
    const IntegerView a(codes.data(), m, k);
    switch (call) {
      case Call::sums:
        return gemm(a, packed, {reinterpret_cast<std::int32_t*>(out.data()), m, n}, {.a_zero_point = 128});
      case Call::codes:
        return gemm(a, packed, {out.data(), m, n}, {.a_zero_point = 128, .requantization = requantization});
      case Call::fixed_codes:
        return gemm(a, packed, {reinterpret_cast<std::int8_t*>(out.data()), m, n},
                    {.a_zero_point = 128, .fixed_point = fixed});
      case Call::words_in:
        return gemm(IntegerView(codes.data(), ElementType::i16, m, k, k, 1), packed,
                    {reinterpret_cast<std::int16_t*>(out.data()), m, n}, {.fixed_point = fixed});
      case Call::floats:
        return gemm(MatrixView(floats.data(), m, k), packed, {reinterpret_cast<float*>(out.data()), m, n});
    }
  }

  std::int64_t m, n, k;
  EigenGemm eigen;
  PackedB packed;
  std::vector<std::uint8_t> codes, out;
  std::vector<float> floats;
  std::vector<Requantization> requantization;
  std::vector<FixedPointRequantization> fixed;
  std::unique_ptr<GemmCase> product;
  Comparison times;
  bool has_onednn = false;
};

void run_call(benchmark::State& state, const std::string& name, Call call, const GemmShape& shape) {
  auto& data = current(name, [&] { return std::make_unique<CallBenchmark>(call, shape); });
  data.times.measure(state);
  data.times.iterate(state);
  state.counters["gops"] = 2.0 * shape.m * shape.n * shape.k / data.times.seconds() * 1e-9;
  state.counters["x_eigen"] = data.times.ratio(1);
  if (data.product) state.counters["x_kernel"] = data.times.ratio(2);
  if (data.has_onednn) state.counters["x_onednn"] = data.times.ratio(3);
  state.SetLabel(data.packed.kernel());
}

}  // namespace

void register_gemm_call_benchmarks() {
  const auto add = [](const GemmShape& shape) {
    for (const NamedCall& c : kCalls) {
      const std::string name = std::string("gemm_call/") + c.name + "/" + shape.name();
      benchmark::RegisterBenchmark(name.c_str(), run_call, name, c.call, shape)
          ->Unit(benchmark::kMicrosecond);
    }
  };
  if (options().short_set) {
    for (const GemmShape& shape : kShortShapes) add(shape);
  } else {
    for (const GemmShape& shape : kShapes) add(shape);
  }
}

}  // namespace lowbit::bench
