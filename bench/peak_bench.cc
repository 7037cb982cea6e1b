// peak/<instruction>: ceilings of this machine, to hold gemm/ against.
#include <benchmark/benchmark.h>

#include <string>

#include "peak_loops.h"
#include "registers.h"

namespace lowbit::bench {

void register_peak_benchmarks() {
  for (const PeakLoop& loop : peak_loops())
    benchmark::RegisterBenchmark(("peak/" + std::string(loop.name)).c_str(), [loop](benchmark::State& state) {
      for (auto _ : state) loop.run();
      state.counters["gops"] =
          benchmark::Counter(2e-9 * loop.macs, benchmark::Counter::kIsIterationInvariantRate);
    })->Unit(benchmark::kMicrosecond);
}

}  // namespace lowbit::bench
