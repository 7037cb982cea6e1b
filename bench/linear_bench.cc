// SPDX-License-Identifier: Apache-2.0
// linear/<scheme>/<M>x<N>x<K>: lowbit::Linear as a user calls it, floats in and floats out, on M samples of K
// features, beside Eigen's FP32 product.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "comparison.h"
#include "core/random.h"
#include "eigen_baseline.h"
#include "gemm_case.h"
#include "lowbit/core/scheme.h"
#include "lowbit/layers/linear.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

constexpr GemmShape kShapes[] = {
    {1, 4096, 4096}, {8, 4096, 4096}, {256, 256, 256}, {1024, 1024, 1024}, {128, 768, 3072}};
constexpr GemmShape kShortShapes[] = {{1, 4096, 4096}, {128, 768, 3072}};
/// Those that this build lacks are left out.
constexpr const char* kSchemes[] = {"int8",
                                    "int8-dynamic",
                                    "int8-asym-dynamic",
                                    "int4-dynamic",
                                    "int4-g32-dynamic",
                                    "int4-g32-asym-dynamic",
                                    "int4-g128-dynamic",
                                    "int2-dynamic",
                                    "nf4-g64-dynamic",
                                    "fp4-g32-dynamic",
                                    "ternary-dynamic",
                                    "binary-dynamic",
                                    "binary-a1",
                                    "int4-g32-wo",
                                    "nf4-g64-wo",
                                    "fp8e4m3-wo"};

std::vector<float> gaussian(std::size_t size, std::uint64_t seed) {
  detail::Random random(seed);
  std::vector<float> values(size);
  for (float& v : values) v = random.gaussian();
  return values;
}

Linear make_linear(const Scheme& scheme, const GemmShape& shape) {
  const std::vector<float> weights = gaussian(std::size_t{shape.n} * shape.k, 1);
  const std::vector<float> bias(shape.n, 0.5f);
  const QuantizedMatrix q = quantize(MatrixView(weights.data(), shape.n, shape.k), make_quantizer(scheme));
  // Static: the range of four standard deviations.
  const QParams range{.scale = 8.0f / 255, .zero_point = 128};
  ActivationQuantization activations =
      scheme.dynamic ? dynamic_activations(scheme.activation_bits) : static_activations(range);
  activations.bits = scheme.activation_bits;
  return Linear(q, {.bias = bias, .activations = activations});
}

struct LinearBenchmark {
  LinearBenchmark(const Scheme& scheme, const GemmShape& shape)
      : layer(make_linear(scheme, shape)),
        x(gaussian(std::size_t{shape.m} * shape.k, 2)),
        y(std::size_t{shape.m} * shape.n),
        eigen(shape.m, shape.n, shape.k) {
    const TensorView in(x.data(), {shape.m, shape.k});
    const MutableTensorView out(y.data(), {shape.m, shape.n});
    times.add([this, in, out] { layer.forward(in, out); });
    times.add([this] { eigen.run(); });
  }
  Linear layer;
  std::vector<float> x, y;
  EigenGemm eigen;
  Comparison times;
};

void run_linear(benchmark::State& state, const std::string& name, const Scheme& scheme,
                const GemmShape& shape) {
  auto& data = current(name, [&] { return std::make_unique<LinearBenchmark>(scheme, shape); });
  data.times.measure(state);
  data.times.iterate(state);
  state.counters["x_eigen"] = data.times.ratio(1);
  state.SetLabel(data.layer.kernel());
}

void register_shape(const GemmShape& shape) {
  for (const char* text : kSchemes) {
    const Scheme scheme = parse_scheme(text);
    if (!why_not_built(scheme).empty()) continue;
    const std::string name = "linear/" + format_scheme(scheme) + "/" + shape.name();
    benchmark::RegisterBenchmark(name.c_str(), run_linear, name, scheme, shape)
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

void register_linear_benchmarks() {
  if (options().short_set) {
    for (const GemmShape& shape : kShortShapes) register_shape(shape);
  } else {
    for (const GemmShape& shape : kShapes) register_shape(shape);
  }
}

}  // namespace lowbit::bench
