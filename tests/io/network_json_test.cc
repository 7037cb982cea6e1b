// SPDX-License-Identifier: Apache-2.0
// Networks as lists of layers: what they become, and what is refused of a text that somebody edited.
#include "lowbit/io/json/network.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lowbit/layers/ops.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

std::string network_of(const std::string& layers, const std::string& input = "[2, 8, 8]") {
  return R"({"format": "lowbit-network", "version": 1, "input": )" + input + R"(, "layers": [)" + layers +
         "]}";
}

TEST(NetworkJson, LayersBecomeAModel) {
  const Model net = parse_network(network_of(R"(
    {"layer": "conv2d", "name": "first", "outputs": 6, "kernel": [3, 5], "padding": [1, 2], "stride": 2},
    {"layer": "relu"},
    {"layer": "residual", "name": "unit",
     "body": [{"layer": "conv2d", "outputs": 4, "kernel": 1, "bias": false}, {"layer": "gelu"}],
     "shortcut": [{"layer": "conv2d", "outputs": 4, "kernel": 1, "groups": 2}]},
    {"layer": "max_pool2d", "kernel": 2}, {"layer": "clamp"}, {"layer": "flatten"},
    {"layer": "linear", "name": "last", "outputs": 3})"),
                                  5);
  EXPECT_EQ(net.input_shape(), (Shape{2, 8, 8}));
  EXPECT_EQ(net.output_shape(), Shape{3});
  const Graph::Node& first = net.graph().nodes[0];
  EXPECT_EQ(first.name, "first");
  const auto& conv = std::get<ops::Conv2dOp>(first.op);
  EXPECT_EQ(conv.weight.shape, (Shape{6, 2, 3, 5}));
  EXPECT_EQ(conv.bias, std::vector<float>(6));
  EXPECT_EQ(conv.window.stride, (std::array<std::int64_t, 2>{2, 2}));
  EXPECT_EQ(net.graph().nodes.back().name, "last");
}

TEST(NetworkJson, WeightsFollowFromTheSeedAndTheInputs) {
  const std::string text = network_of(R"({"layer": "linear", "outputs": 400})", "[300]");
  const auto weights = [&](std::uint64_t seed) {
    return std::get<ops::LinearOp>(parse_network(text, seed).graph().nodes[0].op).weight.data;
  };
  const std::vector<float> w = weights(1);
  EXPECT_EQ(w, weights(1));
  EXPECT_NE(w, weights(2));
  double sum = 0, squares = 0;
  for (const float v : w) sum += v, squares += double{v} * v;
  const auto n = static_cast<double>(w.size());
  EXPECT_NEAR(squares / n, 2.0 / 300, 0.02 * 2.0 / 300);
  EXPECT_NEAR(sum / n, 0, 4 * std::sqrt(2.0 / 300 / n));
}

TEST(NetworkJson, ExamplesAreRead) {
  EXPECT_EQ(load_network(LOWBIT_SOURCE_DIR "/examples/networks/lenet5.json", 1).output_shape(), Shape{10});
  EXPECT_EQ(load_network(LOWBIT_SOURCE_DIR "/examples/networks/glyphs.json", 1).output_shape(), Shape{10});
  testing::error_of([] { load_network(LOWBIT_SOURCE_DIR "/examples/networks/nothing.json", 1); },
                    ErrorCode::not_found);
}

TEST(NetworkJson, RefusesWhatItCannotRead) {
  using testing::error_of;
  using testing::says;
  const auto refused = [](const std::string& layers, ErrorCode code = ErrorCode::corrupt_file) {
    return error_of([&] { parse_network(network_of(layers), 1, "n.json"); }, code);
  };
  EXPECT_TRUE(says(refused(R"({"layer": "conv3d"})"), {"n.json", "layer 1", "\"layer\"", "linear"}));
  EXPECT_TRUE(says(refused(R"({"layer": "relu", "slope": 1})"), {"layer 1", "\"slope\""}));
  EXPECT_TRUE(
      says(refused(R"({"layer": "relu"}, {"layer": "conv2d", "kernel": 3})"), {"layer 2", "\"outputs\""}));
  EXPECT_TRUE(says(refused(R"({"layer": "conv2d", "outputs": 4, "kernel": [1, 2, 3]})"), {"\"kernel\""}));
  EXPECT_TRUE(says(refused(R"({"layer": "conv2d", "outputs": 1048576, "kernel": 1024})"), {"weights"}));
  EXPECT_TRUE(says(refused(R"({"layer": "conv2d", "outputs": 4, "kernel": 9})", ErrorCode::shape_mismatch),
                   {"n.json", "layer 1"}));
  EXPECT_TRUE(says(refused(R"({"layer": "flatten"}, {"layer": "conv2d", "outputs": 4, "kernel": 1})"),
                   {"layer 2", "C x H x W"}));
  EXPECT_TRUE(
      says(refused(R"({"layer": "residual", "body": [{"layer": "conv2d", "outputs": 3, "kernel": 1}]})",
                   ErrorCode::shape_mismatch),
           {"n.json", "shortcut"}));
  EXPECT_TRUE(says(refused(R"({"layer": "residual", "body": [{"layer": "gru"}]})"), {"layer 1 of \"body\""}));
  EXPECT_TRUE(says(refused("", ErrorCode::invalid_argument), {"n.json", "a layer"}));
  std::string deep = R"({"layer": "relu"})";
  for (int i = 0; i < 20; ++i) deep = R"({"layer": "residual", "body": [)" + deep + "]}";
  EXPECT_TRUE(says(refused(deep), {"\"body\""}));
  const auto whole = [](const std::string& text, ErrorCode code = ErrorCode::corrupt_file) {
    return error_of([&] { parse_network(text, 1, "n.json"); }, code);
  };
  EXPECT_TRUE(says(whole("{"), {"not JSON"}));
  EXPECT_TRUE(says(whole(R"({"format": "lowbit-costs", "version": 1})"), {"no network"}));
  EXPECT_TRUE(
      says(whole(R"({"format": "lowbit-network", "version": 2})", ErrorCode::unsupported), {"version 2"}));
  EXPECT_TRUE(says(whole(network_of(R"({"layer": "relu"})", "[1, 2, 3, 4]")), {"\"input\""}));
  EXPECT_TRUE(says(whole(network_of(R"({"layer": "relu"})", "[]")), {"\"input\""}));
}

}  // namespace
}  // namespace lowbit
