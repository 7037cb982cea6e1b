// SPDX-License-Identifier: Apache-2.0
// A program without exceptions and RTTI, against the library or with its headers alone. It has threads of its
// own where the library takes some, and ends with the library's sentence where something is refused.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/quantized_matrix.h"
#ifndef LOWBIT_HEADER_ONLY
#include <memory>

#include "lowbit/layers/linear.h"

namespace {
class OwnExecutor final : public lowbit::Executor {
 public:
  int concurrency() const noexcept override { return 1; }
  void parallel_for(int count, lowbit::TaskRef task) noexcept override {
    for (int i = 0; i < count; ++i) task(i);
  }
};
}  // namespace
#endif

int main() {
  const float weights[8] = {1, 2, 3, 4, -1, -2, -3, -4};
  const lowbit::QuantizedMatrix q = lowbit::quantize(lowbit::MatrixView(weights, 2, 4), lowbit::Affine<8>{});
#ifndef LOWBIT_HEADER_ONLY
  const lowbit::Linear layer(q, {.executor = std::make_shared<OwnExecutor>()});
  if (*layer.kernel() == 0) return 1;
#endif
  if (q.bits_per_weight() < 8) return 1;
  // What a test can tell from a crash.
  std::signal(SIGABRT, [](int) { std::_Exit(3); });
  std::puts("so far everything went well");
  std::fflush(stdout);
  lowbit::parse_scheme("int5000");
}
