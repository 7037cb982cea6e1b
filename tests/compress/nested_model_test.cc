// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"
#include "nested_networks.h"

namespace lowbit {
namespace {

using testing::NestedNetwork;
using testing::outputs_of;

double error_against(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

/// The network quantized to these codes and biases, with nothing nested about it.
Model quantized_from(const NestedNetwork& network, const NestedModel& nested, const std::vector<int>& bits) {
  const Graph& graph = nested.model().graph();
  return quantize(network.fp32, network.table,
                  {.scheme = "int8", .weights = [&](const LayerContext& layer) -> LayerWeights {
                     for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
                       if (graph.nodes[i].name != layer.name || bits[i] == 0) continue;
                       NestedModel wide = nested;
                       wide.set_bits(8);
                       const auto& op = wide.model().graph().nodes[i].op;
                       const std::vector<float> bias = std::holds_alternative<ops::LinearOp>(op)
                                                           ? std::get<ops::LinearOp>(op).bias
                                                           : std::get<ops::Conv2dOp>(op).bias;
                       return {.codes = nested.layers()[i].at(bits[i]),
                               .bias = nested.layers()[i].bias_at(bits[i], bias)};
                     }
                     return {};
                   }});
}

TEST(NestedModel, EveryWidthGivesTheBitsOfAModelOfThoseCodes) {
  const NestedNetwork network;
  NestedModel nested = network.nested();
  for (const int bits : kNestedBits) {
    nested.set_bits(bits);
    const auto got = outputs_of(nested.model()),
               wanted = outputs_of(quantized_from(network, nested, nested.bits()));
    EXPECT_EQ(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(float)), 0) << bits;
  }
  nested.set_bits(4);
  nested.set_bits("conv2", 8);
  nested.set_bits("head", 2);
  const auto got = outputs_of(nested.model()),
             wanted = outputs_of(quantized_from(network, nested, nested.bits()));
  EXPECT_EQ(std::memcmp(got.data(), wanted.data(), got.size() * sizeof(float)), 0);
}

TEST(NestedModel, MoreBitsAreCloser) {
  const NestedNetwork network;
  const auto fp32 = outputs_of(network.fp32);
  NestedModel nested = network.nested();
  double last = error_against(fp32, std::vector<float>(fp32.size(), 0.0f));
  for (const int bits : {2, 4, 8}) {
    nested.set_bits(bits);
    const double error = error_against(fp32, outputs_of(nested.model()));
    EXPECT_LT(error, 0.7 * last) << bits;
    last = error;
  }
}

TEST(NestedModel, ThreadsDoNotChangeTheCodes) {
  const NestedNetwork network;
  EXPECT_EQ(save_to_bytes(network.nested(1)), save_to_bytes(network.nested(3)));
}

TEST(NestedModel, ModelsThatWereTakenStay) {
  const NestedNetwork network;
  NestedModel nested = network.nested();
  const Model wide = nested.model();
  const auto before = outputs_of(wide);
  NestedModel other = nested;
  nested.set_bits(2);
  EXPECT_EQ(outputs_of(wide), before);
  EXPECT_EQ(outputs_of(other.model()), before);
  nested.set_bits(8);
  EXPECT_EQ(outputs_of(nested.model()), before);
}

TEST(NestedModel, WhatIsNotThereIsRefused) {
  const NestedNetwork network;
  NestedModel nested = network.nested();
  EXPECT_THROW(nested.set_bits(3), Error);
  EXPECT_THROW(nested.set_bits("pool", 4), Error);
  EXPECT_THROW(nested.set_bits("nowhere", 4), Error);
  NestedOptions options;
  options.turns = 0;
  options.recover.data = TensorView(network.samples.data.data(), network.samples.shape);
  EXPECT_THROW(make_nested(network.fp32, network.table, options), Error);
}

}  // namespace
}  // namespace lowbit
