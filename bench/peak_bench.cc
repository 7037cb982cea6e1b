// peak/<instruction>: ceilings of this machine, to hold gemm/ against.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "comparison.h"
#include "cycles.h"
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

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
constexpr int kTurns = 20;

void run_issue(benchmark::State& state) {
  auto& times = current("issue", [] {
    auto made = std::make_unique<Comparison>();
    made->add([] {
      for (int i = 0; i < kTurns; ++i) issue_10000();
    });
    return made;
  });
  times.measure(state);
  times.iterate(state);
  state.counters["per_cycle"] = kTurns * 10000.0 / (times.seconds() * cycles_per_second());
}

void register_issue() {
  benchmark::RegisterBenchmark("peak/issue", run_issue)->Unit(benchmark::kMicrosecond);
}
#else
void register_issue() {}
#endif

}  // namespace

void register_peak_benchmarks() {
  register_issue();
  for (const PeakLoop& loop : peak_loops())
    benchmark::RegisterBenchmark(("peak/" + std::string(loop.name)).c_str(), run_peak, loop)
        ->Unit(benchmark::kMicrosecond);
}

}  // namespace lowbit::bench
