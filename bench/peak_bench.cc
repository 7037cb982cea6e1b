// peak/<instruction>: ceilings of this machine, to hold gemm/ against.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "comparison.h"
#include "peak_loops.h"
#include "registers.h"

namespace lowbit::bench {
namespace {

void run_peak(benchmark::State& state, const PeakLoop& loop) {
  auto& times = current(loop.name, [&] {
    auto made = std::make_unique<Comparison>();
    made->add(loop.run);
    return made;
  });
  times.measure(state);
  times.iterate(state);
  state.counters["gops"] = 2e-9 * loop.macs / times.seconds();
}

}  // namespace

void register_peak_benchmarks() {
  for (const PeakLoop& loop : peak_loops())
    benchmark::RegisterBenchmark(("peak/" + std::string(loop.name)).c_str(), run_peak, loop)
        ->Unit(benchmark::kMicrosecond);
}

}  // namespace lowbit::bench
