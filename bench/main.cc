// The benchmark program. --benchmark_filter=<regular expression> chooses by name.
#include <benchmark/benchmark.h>

#include "registers.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  lowbit::bench::register_elementwise_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
