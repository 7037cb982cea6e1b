// SPDX-License-Identifier: Apache-2.0
// peak/<instruction>: ceilings of this machine, to hold gemm/ against; peak/read: how fast one thread reads
// what no cache holds, which bounds products of one row.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

constexpr std::size_t kReadBytes = std::size_t{256} << 20;

/// Sums of words far apart from each other, so that nothing waits for the sum before.
std::uint64_t read_all(const std::vector<std::uint64_t>& words) {
  constexpr std::size_t kSums = 32;
  std::uint64_t sums[kSums] = {};
  for (std::size_t i = 0; i < words.size(); i += kSums)
    for (std::size_t s = 0; s < kSums; ++s) sums[s] += words[i + s];
  std::uint64_t total = 0;
  for (const std::uint64_t sum : sums) total += sum;
  return total;
}

void run_read(benchmark::State& state) {
  auto& times = current("read", [] {
    auto words = std::make_shared<std::vector<std::uint64_t>>(kReadBytes / sizeof(std::uint64_t), 1);
    auto made = std::make_unique<Comparison>();
    made->add([words] { benchmark::DoNotOptimize(read_all(*words)); });
    return made;
  });
  times.measure(state);
  times.iterate(state);
  state.counters["gb_s"] = 1e-9 * static_cast<double>(kReadBytes) / times.seconds();
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
  benchmark::RegisterBenchmark("peak/read", run_read)->Unit(benchmark::kMillisecond);
  for (const PeakLoop& loop : peak_loops())
    benchmark::RegisterBenchmark(("peak/" + std::string(loop.name)).c_str(), run_peak, loop)
        ->Unit(benchmark::kMicrosecond);
}

}  // namespace lowbit::bench
