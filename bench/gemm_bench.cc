// SPDX-License-Identifier: Apache-2.0
// gemm/<format>/<kernel>[-g<group>]/<M>x<N>x<K>[/cold]: every kernel of the table that the machine can run,
// on one thread, beside Eigen's FP32 product and oneDNN's int8 product of the same shape.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "comparison.h"
#include "eigen_baseline.h"
#include "gemm_case.h"
#include "onednn_gemm.h"
#include "registers.h"
#include "variants.h"

namespace lowbit::bench {
namespace {

constexpr GemmShape kShapes[] = {
    {1, 4096, 4096},    {2, 4096, 4096},  {4, 4096, 4096},  {8, 4096, 4096},
    {16, 4096, 4096},   {32, 4096, 4096}, {256, 256, 256},  {512, 512, 512},
    {1024, 1024, 1024}, {128, 768, 3072}, {3136, 64, 576},  {196, 256, 2304},
    {49, 512, 4608},    {3136, 256, 64},  {1, 11008, 4096}, {1, 4096, 4096, true}};
constexpr GemmShape kShortShapes[] = {{1, 4096, 4096},    {8, 4096, 4096}, {32, 4096, 4096}, {256, 256, 256},
                                      {1024, 1024, 1024}, {3136, 64, 576}, {49, 512, 4608},  {3136, 256, 64}};

/// The baseline of a shape, shared by the kernels that are measured on it one after the other.
std::shared_ptr<EigenGemm> kept_eigen(const GemmShape& shape) {
  static GemmShape kept_shape{};
  static std::shared_ptr<EigenGemm> kept;
  if (kept == nullptr || kept_shape != shape) {
    kept.reset();
    const std::size_t bytes = std::size_t{shape.n} * shape.k * sizeof(float);
    kept = std::make_shared<EigenGemm>(shape.m, shape.n, shape.k, copies_in_turn(shape, bytes));
    kept_shape = shape;
  }
  return kept;
}

struct GemmBenchmark {
  GemmBenchmark(const Variant& variant, const GemmShape& shape)
      : product(variant, shape), times(shape.cold ? Caches::cold : Caches::warm) {
    times.add([this] { product.run(); });
    times.add([eigen = kept_eigen(shape)] { eigen->run(); });
    if (variant.coding.format != WeightFormat::s8 || variant.coding.act != kernels::ActType::u8) return;
    const std::size_t bytes = std::size_t{shape.n} * shape.k;
    const Task onednn = onednn_gemm(shape.m, product.weights().spec(), copies_in_turn(shape, bytes));
    has_onednn = onednn != nullptr;
    if (has_onednn) times.add(onednn);
  }
  GemmCase product;
  Comparison times;
  bool has_onednn = false;
};

void run_gemm(benchmark::State& state, const std::string& name, const Variant& variant,
              const GemmShape& shape) {
  auto& data = current(name, [&] { return std::make_unique<GemmBenchmark>(variant, shape); });
  data.times.measure(state);
  data.times.iterate(state);
  const double operations = 2.0 * shape.m * shape.n * shape.k;
  state.counters["gops"] = operations / data.times.seconds() * 1e-9;
  state.counters["x_eigen"] = data.times.ratio(1);
  if (data.has_onednn) state.counters["x_onednn"] = data.times.ratio(2);
}

void register_shape(const GemmShape& shape, const std::vector<Variant>& variants) {
  for (const Variant& variant : variants) {
    const std::string name = "gemm/" + variant.name() + "/" + shape.name();
    benchmark::RegisterBenchmark(name.c_str(), run_gemm, name, variant, shape)->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

void register_gemm_benchmarks() {
  const std::vector<Variant> variants = gemm_variants();
  if (options().short_set) {
    for (const GemmShape& shape : kShortShapes) register_shape(shape, variants);
  } else {
    for (const GemmShape& shape : kShapes) register_shape(shape, variants);
  }
}

}  // namespace lowbit::bench
