// The benchmark program is one main() that calls these; each is defined in <name>_bench.cc and registers its
// cases with Google Benchmark.
#pragma once

namespace lowbit::bench {

void register_elementwise_benchmarks();

}  // namespace lowbit::bench
