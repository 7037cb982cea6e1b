// SPDX-License-Identifier: Apache-2.0
// lowbit_bench: every benchmark of the project in one program. docs/benchmarks.md says how it measures.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <exception>
#include <vector>

#include "options.h"
#include "registers.h"
#include "table_reporter.h"

namespace lowbit::bench {
namespace {

void register_all() {
  register_peak_benchmarks();
  register_gemm_benchmarks();
  register_gemm_call_benchmarks();
  register_linear_benchmarks();
  register_attention_benchmarks();
  register_pack_benchmarks();
  register_quantize_benchmarks();
  register_thread_benchmarks();
  register_elementwise_benchmarks();
  register_depthwise_benchmarks();
  register_observe_benchmarks();
}

int run(int argc, char** argv) {
  take_options(argc, argv);
  std::vector<char*> arguments(argv, argv + argc);
  // In front of the user's, which therefore wins. The ratios come from the rounds, not from these iterations.
  char min_time[] = "--benchmark_min_time=0.001";
  if (options().short_set) arguments.insert(arguments.begin() + 1, min_time);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  register_all();
  TableReporter reporter;
  const std::size_t ran = benchmark::RunSpecifiedBenchmarks(options().table ? &reporter : nullptr);
  if (options().table) reporter.print_tables();
  return ran == 0 ? 1 : 0;
}

}  // namespace
}  // namespace lowbit::bench

int main(int argc, char** argv) {
  try {
    return lowbit::bench::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "lowbit_bench: {}\n", e.what());
    return 2;
  }
}
