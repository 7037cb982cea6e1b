// SPDX-License-Identifier: Apache-2.0
// The weights policy of quantize(model): whose quantizer, importance or codes a layer gets, and that files
// and reports say so.
#include "lowbit/model/layer_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/make_quantizer.h"
#include "support/error_of.h"
#include "support/mend_checksum.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::Random;
using testing::says;

/// image 4x6x6 -> conv (2 groups) -> fc
Model network() {
  Random random(3);
  ops::Conv2dOp conv;
  conv.weight = Tensor(Shape{6, 2, 3, 2});
  for (float& w : conv.weight.data) w = random.gaussian();
  conv.window.kernel = {3, 2};
  conv.groups = 2;
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{5, 120});
  for (float& w : fc.weight.data) w = random.gaussian();
  Graph g;
  g.inputs = {g.add_value("image", {4, 6, 6})};
  const ValueId a = g.add_node("conv", conv, {g.inputs[0]});
  const ValueId b = g.add_node("flatten", ops::FlattenOp{}, {a});
  g.outputs = {g.add_node("fc", fc, {b})};
  return Model(g);
}

std::vector<float> outputs(const Model& model) {
  Random random(4);
  Tensor in(Shape{3, 4, 6, 6}), out(Shape{3, 5});
  for (float& x : in.data) x = random.uniform();
  Workspace workspace(model, {.batch = 3});
  run(model, in, out, workspace);
  return out.data;
}

/// Levels -1, 0, 1, 2 times the largest magnitude / 2.
struct FourLevels {
  Granularity granularity = per_channel();
  int code_bits() const { return 2; }
  std::vector<float> levels() const { return {-1, 0, 1, 2}; }
  ScaleGroup fit(std::span<const float> values, std::span<const float>) const {
    float largest = 0x1p-20f;
    for (const float v : values) largest = std::max(largest, std::fabs(v));
    return {largest / 2};
  }
};

const QuantizedMatrix& weights_of(const Model& model, const std::string& name) {
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i)
    if (model.graph().nodes[i].name == name) return *model.data().nodes[i].weights;
  throw std::runtime_error(name);
}

TEST(LayerWeights, ThePolicyIsAskedForLayersWithWeights) {
  const Model fp32 = network();
  std::vector<std::string> asked;
  const Model model =
      quantize(fp32, {.scheme = "int4-dynamic",
                      .overrides = {{"fc", "int8-g4-wo"}},
                      .weights = [&](const LayerContext& layer) -> LayerWeights {
                        asked.push_back(layer.name + " " + format_scheme(layer.scheme));
                        EXPECT_EQ(fp32.graph().nodes[static_cast<std::size_t>(layer.node)].name, layer.name);
                        const Tensor matrix = weight_matrix(layer.op);
                        EXPECT_EQ(layer.weights.rows, matrix.shape[0]);
                        EXPECT_EQ(layer.weights.cols, matrix.shape[1]);
                        for (std::int64_t i = 0; i < matrix.shape.elements(); ++i)
                          EXPECT_EQ(layer.weights(i / matrix.shape[1], i % matrix.shape[1]),
                                    matrix.data[static_cast<std::size_t>(i)]);
                        return {};
                      }});
  EXPECT_EQ(asked, (std::vector<std::string>{"conv int4-dynamic", "fc int8-g4-wo"}));
  const Model without = quantize(fp32, {.scheme = "int4-dynamic", .overrides = {{"fc", "int8-g4-wo"}}});
  EXPECT_EQ(save_to_bytes(model), save_to_bytes(without)) << "an empty answer changes nothing";

  asked.clear();
  quantize(fp32, {.scheme = "int8-dynamic",
                  .overrides = {{"conv", "fp32"}},
                  .weights = [&](const LayerContext& layer) -> LayerWeights {
                    asked.push_back(layer.name);
                    return {};
                  }});
  EXPECT_EQ(asked, std::vector<std::string>{"fc"});
}

TEST(LayerWeights, ColumnsAreTapsThenChannels) {
  ops::Conv2dOp conv;
  conv.weight = Tensor(Shape{1, 2, 2, 3});
  for (std::size_t i = 0; i < 12; ++i) conv.weight.data[i] = static_cast<float>(i);
  EXPECT_EQ(weight_matrix(conv).data, (std::vector<float>{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}));
  error_of([] { weight_matrix(ops::FlattenOp{}); }, ErrorCode::invalid_argument);
}

TEST(LayerWeights, AUsersQuantizerReachesTheModelItsFileAndItsReports) {
  const Model fp32 = network();
  const Model model =
      quantize(fp32, {.scheme = "int8-dynamic", .weights = [](const LayerContext& layer) -> LayerWeights {
                        if (layer.name != "fc") return {};
                        return {.quantizer = FourLevels{}, .label = "four levels"};
                      }});
  const Tensor fc = weight_matrix(fp32.graph().nodes[2].op);
  const QuantizedMatrix alone = quantize(MatrixView(fc.data.data(), 5, 120), FourLevels{});
  EXPECT_EQ(weights_of(model, "fc").codes, alone.codes);
  EXPECT_EQ(weights_of(model, "fc").scales, alone.scales);
  EXPECT_TRUE(says(describe_coverage(model),
                   {"1 of 3 layers int8-dynamic,", "1 of 3 layers int8-dynamic (weights: four levels)"}));
  const std::vector<std::byte> bytes = save_to_bytes(model);
  EXPECT_EQ(bytes[8], std::byte{4});
  const Model loaded = load(bytes);
  EXPECT_EQ(save_to_bytes(loaded), bytes);
  EXPECT_EQ(describe_coverage(loaded), describe_coverage(model));
  EXPECT_EQ(outputs(loaded), outputs(model));
  EXPECT_EQ(save_to_bytes(quantize(fp32, {.scheme = "int8-dynamic"}))[8], std::byte{3})
      << "what an older lowbit can read stays what it reads";
}

TEST(LayerWeights, GivenCodesAreKept) {
  const Model fp32 = network();
  const Model expected = quantize(fp32, {.scheme = "int4-dynamic"});
  const Model same =
      quantize(fp32, {.scheme = "int4-dynamic", .weights = [&](const LayerContext& layer) -> LayerWeights {
                        return {.codes = weights_of(expected, layer.name)};
                      }});
  EXPECT_EQ(outputs(same), outputs(expected));
  EXPECT_TRUE(says(describe_coverage(same), {"2 of 3 layers int4-dynamic (weights: given codes)"}));

  // Codes with scales that no quantizer of lowbit would choose run as floats do.
  const std::vector<std::int8_t> codes(600, 3);
  const std::vector<float> scales{0.1f, -0.2f, 0.3f, 0.0f, 0.5f};
  const Model given = quantize(
      fp32,
      {.scheme = "fp32",
       .overrides = {{"fc", "int8-wo"}},
       .weights = [&](const LayerContext&) -> LayerWeights {
         return {.codes = matrix_from_codes(AffineCodes{.codes = {codes.data(), 5, 120}, .scales = scales})};
       }});
  Graph graph = fp32.graph();
  for (std::size_t i = 0; i < 600; ++i)
    std::get<ops::LinearOp>(graph.nodes[2].op).weight.data[i] = 3.0f * scales[i / 120];
  const std::vector<float> a = outputs(given), b = outputs(Model(graph));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4f);
}

TEST(LayerWeights, ImportanceWeighsTheErrors) {
  const Model fp32 = network();
  const auto with = [&](std::vector<float> importance) {
    return weights_of(quantize(fp32, {.scheme = "kmeans2-dynamic",
                                      .weights = [&](const LayerContext& layer) -> LayerWeights {
                                        if (layer.name != "fc") return {};
                                        return {.importance = importance};
                                      }}),
                      "fc");
  };
  std::vector<float> columns(120), weights(600);
  for (std::size_t i = 0; i < 600; ++i) weights[i] = columns[i % 120] = i % 120 < 10 ? 100.0f : 1.0f;
  EXPECT_EQ(with(columns).levels, with(weights).levels);
  EXPECT_NE(with(columns).levels, with({}).levels);
  const Tensor fc = weight_matrix(fp32.graph().nodes[2].op);
  EXPECT_EQ(with(weights).levels, quantize(MatrixView(fc.data.data(), 5, 120), make_quantizer("kmeans2"),
                                           MatrixView(weights.data(), 5, 120))
                                      .levels);
}

TEST(LayerWeights, NamesTheLayerThatDoesNotFit) {
  const Model fp32 = network();
  const auto refused = [&](const std::string& scheme, ErrorCode code,
                           const std::function<LayerWeights()>& of_fc) {
    return error_of(
        [&] {
          quantize(fp32, {.scheme = scheme, .weights = [&](const LayerContext& layer) {
                            return layer.name == "fc" ? of_fc() : LayerWeights{};
                          }});
        },
        code);
  };
  constexpr auto kInvalid = ErrorCode::invalid_argument;
  const std::vector<std::int8_t> codes(600, 1);
  const std::vector<float> scales(120, 1.0f);
  const QuantizedMatrix wrong =
      matrix_from_codes(AffineCodes{.codes = {codes.data(), 120, 5}, .scales = scales});
  EXPECT_TRUE(says(refused("int8-dynamic", kInvalid, [&] { return LayerWeights{.codes = wrong}; }),
                   {"'fc'", "120x5", "5x120"}));
  QuantizedMatrix damaged =
      matrix_from_codes(AffineCodes{.codes = {codes.data(), 5, 120}, .scales = std::span(scales).first(5)});
  damaged.scales[3] = -1;
  EXPECT_TRUE(says(refused("int8-dynamic", kInvalid, [&] { return LayerWeights{.codes = damaged}; }),
                   {"'fc'", "-1"}));
  EXPECT_TRUE(says(refused("int8-dynamic", kInvalid,
                           [] {
                             return LayerWeights{.importance = {1, 2, 3}};
                           }),
                   {"'fc'", "3 values", "5x120"}));
  EXPECT_TRUE(says(refused("int8-dynamic", kInvalid,
                           [&] { return LayerWeights{.quantizer = Affine<4>{}, .codes = wrong}; }),
                   {"'fc'", "together"}));
  EXPECT_TRUE(says(refused("int8-dynamic", kInvalid,
                           [] { return LayerWeights{.quantizer = Affine<4>{.granularity = per_group(6)}}; }),
                   {"'fc'", "group size is 6"}));
  EXPECT_TRUE(says(refused("int8-dynamic", ErrorCode::not_built,
                           [] { return LayerWeights{.quantizer = make_quantizer("fp8e4m3-wo")}; }),
                   {"'fc'", "float"}));
}

TEST(LayerWeights, HostileLabelsAreReadOrRefused) {
  const std::vector<std::byte> bytes = save_to_bytes(
      quantize(network(), {.scheme = "int8-dynamic", .weights = [](const LayerContext&) -> LayerWeights {
                             return {.quantizer = FourLevels{}};
                           }}));
  for (std::size_t size = 24; size < bytes.size(); size += 37)
    error_of([&] { load(std::span(bytes).first(size)); }, ErrorCode::corrupt_file);
  Random random(5);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::byte> hostile = bytes;
    for (int i = 0; i < 3; ++i)
      hostile[static_cast<std::size_t>(random.integer(24, static_cast<std::int64_t>(bytes.size()) - 1))] =
          static_cast<std::byte>(random.integer(0, 255));
    testing::mend_checksum(hostile);
    try {
      load(hostile);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(LayerWeights, BiasesTakeThePlaceOfTheLayersOwn) {
  const Model fp32 = network();
  const auto with_bias = [&](const std::vector<float>& bias) {
    return quantize(fp32,
                    {.scheme = "int8-dynamic", .weights = [&](const LayerContext& layer) -> LayerWeights {
                       if (layer.name == "fc") return {.bias = bias};
                       return {};
                     }});
  };
  const std::vector<float> plain = outputs(quantize(fp32, {.scheme = "int8-dynamic"})),
                           moved = outputs(with_bias({1, 2, 3, 4, 5}));
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_NEAR(moved[i], plain[i] + static_cast<float>(i % 5 + 1), 1e-4f) << i;
  EXPECT_TRUE(says(error_of([&] { with_bias({1, 2}); }, ErrorCode::invalid_argument), {"'fc'", "2", "5"}));
  EXPECT_TRUE(says(error_of(
                       [&] {
                         with_bias({1, 2, NAN, 4, 5});
                       },
                       ErrorCode::invalid_argument),
                   {"'fc'", "channel 2", "nan"}));
}

}  // namespace
}  // namespace lowbit
