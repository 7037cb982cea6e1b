// SPDX-License-Identifier: Apache-2.0
// pack/<format>/<kernel>[-g<group>]/4096x4096: the time of laying out a matrix for a kernel, as loading a
// model does.
#include <benchmark/benchmark.h>

#include <string>

#include "comparison.h"
#include "lowbit/kernels/gemm.h"
#include "registers.h"
#include "variants.h"

namespace lowbit::bench {
namespace {

constexpr std::uint32_t kSide = 4096;

void run_pack(benchmark::State& state, const Variant& variant) {
  const auto weights = kept_weights(variant.coding, kSide, kSide);
  for (auto _ : state) {
    const kernels::PackedWeights packed(weights->spec(), *variant.kernel);
    benchmark::DoNotOptimize(packed.panel(0));
  }
  const double bytes = static_cast<double>(weights->spec().row_bytes) * kSide;
  state.counters["GB/s"] = benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

void register_pack_benchmarks() {
  if (options().short_set) return;
  for (const Variant& variant : gemm_variants())
    benchmark::RegisterBenchmark(("pack/" + variant.name() + "/4096x4096").c_str(), run_pack, variant)
        ->Unit(benchmark::kMillisecond);
}

}  // namespace lowbit::bench
