// What each benchmark file of lowbit_bench has to offer: one function that registers its cases.
#pragma once

namespace lowbit::bench {

void register_depthwise_benchmarks();

}  // namespace lowbit::bench
