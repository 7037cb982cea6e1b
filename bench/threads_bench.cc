// SPDX-License-Identifier: Apache-2.0
// threads/<format>/<kernel>[-g<group>]/<M>x<N>x<K>: two threads against one. scaling_registers is the same
// for a loop on registers alone, which is all that the machine gives: two processors may be one core.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "comparison.h"
#include "gemm_case.h"
#include "peak_loops.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

constexpr GemmShape kShapes[] = {{512, 512, 512}, {1024, 1024, 1024}};

struct ThreadsBenchmark {
  ThreadsBenchmark(const Variant& variant, const GemmShape& shape)
      : product(variant, shape), pool(make_thread_pool(2)), times(Caches::warm, Clock::wall) {
    times.add([this] { product.run(*pool); });
    times.add([this] { product.run(); });
    const std::vector<PeakLoop> loops = peak_loops();
    if (loops.empty()) return;
    has_registers = true;
    // Two pieces of work, by two threads and by one; each takes much longer than waking a thread.
    const auto piece = [run = loops.front().run](int) {
      for (int i = 0; i < 40; ++i) run();
    };
    times.add([this, piece] { pool->parallel_for(2, piece); });
    times.add([piece] { serial_executor().parallel_for(2, piece); });
  }
  GemmCase product;
  std::shared_ptr<Executor> pool;
  Comparison times;
  bool has_registers = false;
};

void run_threads(benchmark::State& state, const std::string& name, const Variant& variant,
                 const GemmShape& shape) {
  auto& data = current(name, [&] { return std::make_unique<ThreadsBenchmark>(variant, shape); });
  data.times.measure(state);
  data.times.iterate(state);
  state.counters["scaling"] = data.times.ratio(1);
  if (data.has_registers) state.counters["scaling_registers"] = data.times.seconds(3) / data.times.seconds(2);
}

}  // namespace

void register_thread_benchmarks() {
  std::vector<Variant> variants = gemm_variants();
  if (options().short_set && variants.size() > 1) variants.resize(1);
  for (const GemmShape& shape : kShapes)
    for (const Variant& variant : variants) {
      const std::string name = "threads/" + variant.name() + "/" + shape.name();
      benchmark::RegisterBenchmark(name.c_str(), run_threads, name, variant, shape)
          ->Unit(benchmark::kMicrosecond);
    }
}

}  // namespace lowbit::bench
