// lowbit_bench: the benchmarks of the library's parts in one program; --benchmark_filter selects.
#include <benchmark/benchmark.h>

#include "registers.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  lowbit::bench::register_depthwise_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
