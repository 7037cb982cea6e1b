// SPDX-License-Identifier: Apache-2.0
// A program that needs Linear with int8 weights and activations and nothing else: check_size.cmake says how
// large it may be. Its kernels are those of a build with LOWBIT_FORMATS=s8; what these cannot do must end in
// an Error.
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/layers/linear.h"
#include "lowbit/quant/affine.h"

int main() {
  constexpr int kIn = 64, kOut = 16;
  std::vector<float> weights(kIn * kOut), x(kIn), y(kOut);
  for (int i = 0; i < kIn * kOut; ++i) weights[i] = static_cast<float>(i % 13 - 6);
  for (int i = 0; i < kIn; ++i) x[i] = static_cast<float>(i % 7);
  const auto quantized = lowbit::quantize(lowbit::MatrixView(weights.data(), kOut, kIn), lowbit::Affine<8>{});
  const lowbit::Linear layer(quantized);
  layer.forward(lowbit::TensorView(x.data(), {1, kIn}), lowbit::MutableTensorView(y.data(), {1, kOut}));
  for (int j = 0; j < kOut; ++j) {
    float expected = 0;
    for (int i = 0; i < kIn; ++i) expected += weights[j * kIn + i] * x[i];
    if (!(std::fabs(y[j] - expected) <= 3)) {
      std::printf("output %d is %g, not %g\n", j, static_cast<double>(y[j]), static_cast<double>(expected));
      return 1;
    }
  }
  try {
    const lowbit::Linear floats(quantized, {.activations = lowbit::weight_only()});
    std::printf("weight_only() runs on %s, which this build has not\n", floats.kernel());
    return 1;
  } catch (const lowbit::Error& e) {
    const bool says = std::string_view(e.what()).find("LOWBIT_FORMATS") != std::string_view::npos;
    if (e.code() == lowbit::ErrorCode::not_built && says) return 0;
    std::printf("weight_only(): %s\n", e.what());
    return 1;
  }
}
