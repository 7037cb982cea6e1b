// SPDX-License-Identifier: Apache-2.0
// What rounders make of ResNet-20's convolutions: output errors and processor time, which are printed. Needs
// the shared data.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "lowbit/core/scheme.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/recover/adaround.h"
#include "lowbit/recover/capture.h"
#include "lowbit/recover/coordinate_descent.h"
#include "lowbit/recover/gptq.h"
#include "lowbit/recover/hqq.h"
#include "lowbit/recover/qronos.h"
#include "lowbit/recover/signround.h"
#include "recover/resnet20.h"
#include "support/effort.h"

namespace lowbit {
namespace {

struct LayerToRound {
  Tensor weights;
  std::vector<OutputError> errors;
  MatrixView view() const { return {weights.data.data(), weights.shape[0], weights.shape[1]}; }
};

std::vector<LayerToRound> layers_to_round() {
  const Model model = load_onnx(testing::shared_data(testing::kNet).string());
  const auto count = static_cast<std::int64_t>(testing::affordable(100));
  const LayerStats stats =
      capture(model, testing::images(model, count), {.layers = {"*"}, .positions = 256, .threads = 2});
  std::vector<LayerToRound> layers;
  std::uint64_t index = 0;
  for (const Graph::Node& node : model.graph().nodes)
    if (std::holds_alternative<ops::Conv2dOp>(node.op) && testing::affords(index++))
      layers.push_back({weight_matrix(node.op), output_errors(stats.layer(node.name))});
  return layers;
}

/// The geometric mean over the layers of the loss, in units of that of the nearest codes, and the time.
struct Outcome {
  double loss = 1, seconds = 0;
};

template <class Round>
Outcome outcome_of(const std::vector<LayerToRound>& layers, const AnyQuantizer& quantizer,
                   const Round& round) {
  Outcome outcome;
  double logs = 0;
  for (const LayerToRound& layer : layers) {
    const WeightGrid grid(layer.view(), quantizer);
    const std::clock_t start = std::clock();
    const QuantizedMatrix q = round(layer.view(), grid, layer.errors);
    outcome.seconds += double(std::clock() - start) / CLOCKS_PER_SEC;
    logs += std::log(output_loss(layer.view(), q, layer.errors) /
                     output_loss(layer.view(), grid.fitted(), layer.errors));
  }
  outcome.loss = std::exp(logs / double(layers.size()));
  return outcome;
}

TEST(RoundingResNet20, OutputErrorsOfItsConvolutions) {
  LOWBIT_REQUIRE_SHARED(testing::kNet);
  LOWBIT_REQUIRE_SHARED(testing::kData);
  const std::vector<LayerToRound> layers = layers_to_round();
  const bool slow = std::getenv("LOWBIT_SLOW_ROUNDERS") != nullptr;  // minutes, most of them AdaRound's
  fmt::print("{:12} {:>14} {:>14} {:>14} {:>14} {:>14} {:>14}\n", "", "gptq", "qronos", "descent", "adaround",
             "signround", "hqq");
  const std::vector<const char*> few =
      testing::kSlowdown > 1 ? std::vector{"int2-g32"} : std::vector{"int4", "int2-g32", "ternary"};
  const std::vector<const char*> all{"int4", "int4-g32", "int3",    "kmeans3",
                                     "int2", "int2-g32", "kmeans2", "ternary"};
  for (const char* scheme : slow ? all : few) {
    const AnyQuantizer quantizer = make_quantizer(parse_scheme(scheme));
    const auto of = [&](const auto& round) { return outcome_of(layers, quantizer, round); };
    using W = const MatrixView&;
    using G = const WeightGrid&;
    using E = const std::vector<OutputError>&;
    const Outcome g = of([](W w, G grid, E e) { return gptq(w, grid, e).codes; });
    const Outcome q = of([](W w, G grid, E e) { return qronos(w, grid, e).codes; });
    const Outcome d =
        of([](W w, G grid, E e) { return coordinate_descent(w, grid, e, {.threads = 2}).codes; });
    fmt::print("{:12}", scheme);
    for (const Outcome& o : {g, q, d}) fmt::print(" {:6.3f} {:5.1f} s", o.loss, o.seconds);
    if (slow) {
      const Outcome a = of([](W w, G grid, E e) { return adaround(w, grid, e, {.threads = 2}).codes; });
      const Outcome s = of([](W w, G grid, E e) { return signround(w, grid, e, {.threads = 2}).codes; });
      const Outcome h = of([](W w, G grid, E) { return hqq(w, grid, {.threads = 2}).codes; });
      for (const Outcome& o : {a, s, h}) fmt::print(" {:6.3f} {:5.1f} s", o.loss, o.seconds);
    }
    fmt::print("\n");
    EXPECT_LT(g.loss, 0.5) << scheme;
    EXPECT_LT(q.loss, g.loss) << scheme;
    EXPECT_LT(d.loss, 0.85 * q.loss) << scheme;
  }
}

}  // namespace
}  // namespace lowbit
