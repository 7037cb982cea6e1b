// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/shared_codebook.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/recover/recover.h"
#include "nested_networks.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::NestedNetwork;

std::map<std::string, const QuantizedMatrix*> matrices_of(const Model& model) {
  std::map<std::string, const QuantizedMatrix*> matrices;
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i)
    if (const auto& weights = model.quantization(static_cast<int>(i)).weights)
      matrices[model.graph().nodes[i].name] = &*weights;
  return matrices;
}

/// Relative to the squares of the weights.
double error_of(const MatrixView& weights, const QuantizedMatrix& q) {
  std::vector<float> values(static_cast<std::size_t>(q.cols));
  double error = 0, all = 0;
  for (std::int64_t r = 0; r < q.rows; ++r) {
    dequantize_row(q, r, values);
    for (std::int64_t c = 0; c < q.cols; ++c) {
      const double w = weights(r, c), off = w - static_cast<double>(values[static_cast<std::size_t>(c)]);
      error += off * off, all += w * w;
    }
  }
  return error / all;
}

Model shared(const NestedNetwork& network, QuantizeOptions options,
             const SharedCodebookOptions& sharing = {}) {
  options.weights = share_codebooks(network.fp32, options, sharing);
  return quantize(network.fp32, network.table, options);
}

TEST(SharedCodebook, IsOneForAllLayersWithScalesOfTheirRows) {
  const NestedNetwork network;
  const Model model = shared(network, {.scheme = "kmeans4"});
  const auto matrices = matrices_of(model);
  ASSERT_EQ(matrices.size(), 3u);
  const std::vector<float>& table = matrices.at("conv1")->levels;
  EXPECT_EQ(table.size(), 16u);
  for (const auto& [name, matrix] : matrices) {
    EXPECT_EQ(matrix->levels, table) << name;
    EXPECT_NE(matrix->scales[0], matrix->scales[1]) << name;
  }
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i)
    if (const NodeQuantization& q = model.quantization(static_cast<int>(i)); q.weights) {
      EXPECT_EQ(q.weights_label, "shared codebook");
    }
  // Tables of rows take 16 floats each, of which the rows of this network have no more than 36 weights.
  const Model own = quantize(network.fp32, network.table, {.scheme = "kmeans4"});
  EXPECT_LT(save_to_bytes(model).size() + 700, save_to_bytes(own).size());
  const auto file = save_to_bytes(model, {.compress = true});
  EXPECT_EQ(testing::outputs_of(load(file)), testing::outputs_of(model));
}

TEST(SharedCodebook, IsAsGoodAsOneOfEachMatrixWhereTheyAreAlike) {
  const NestedNetwork network;
  const Model together = shared(network, {.scheme = "kmeans3"});
  const Model apart = shared(network, {.scheme = "kmeans3"}, {.patterns = {"conv1", "conv2", "head"}});
  const auto one = matrices_of(together), own = matrices_of(apart);
  EXPECT_NE(own.at("conv1")->levels, own.at("conv2")->levels);
  for (const Graph::Node& node : network.fp32.graph().nodes) {
    if (!ops::has_weights(node.op)) continue;
    const Tensor weights = weight_matrix(node.op);
    const MatrixView view(weights.data.data(), weights.shape[0], weights.shape[1]);
    const double error = error_of(view, *one.at(node.name)), of_own = error_of(view, *own.at(node.name));
    // 3 bits of a Gaussian leave 3.5 % with one scale; the head has 8 weights a scale.
    EXPECT_LT(error, 0.04) << node.name;
    EXPECT_LT(of_own, error) << node.name;
    if (node.name != "head") {
      EXPECT_LT(error, 1.3 * of_own) << node.name;
    }
  }
}

TEST(SharedCodebook, OtherSchemesAndNamesKeepTheirWeights) {
  const NestedNetwork network;
  const QuantizeOptions options{.scheme = "kmeans4", .overrides = {{"conv2", "int8"}}};
  const auto sharing = shared(network, options, {.patterns = {"conv*"}});
  const auto plain = quantize(network.fp32, network.table, options);
  const auto now = matrices_of(sharing), before = matrices_of(plain);
  EXPECT_FALSE(now.at("conv1")->levels_per_row());
  EXPECT_TRUE(before.at("conv1")->levels_per_row());
  EXPECT_EQ(now.at("conv2")->codes, before.at("conv2")->codes);
  EXPECT_EQ(now.at("head")->levels, before.at("head")->levels);
}

TEST(SharedCodebook, StaysSharedInARecovery) {
  const NestedNetwork network;
  RecoverOptions recover;
  recover.data = TensorView(network.samples.data.data(), network.samples.shape);
  const Model model = shared(network, {.scheme = "kmeans4", .recover = recover_fast(recover)});
  const auto matrices = matrices_of(model);
  EXPECT_EQ(matrices.at("conv1")->levels, matrices.at("conv2")->levels);
  EXPECT_EQ(matrices.at("conv1")->levels, matrices.at("head")->levels);
}

/// Weights that are levels times scales are found again.
TEST(SharedCodebook, FindsTheLevelsThatThereAre) {
  const std::vector<float> table{-1.0f, -0.4f, -0.1f, 0.0f, 0.2f, 0.3f, 0.7f, 0.9f};
  const std::vector<float> scales{0.5f, 0.03f, 7.0f};
  std::vector<float> weights;
  for (const float scale : scales)
    for (int c = 0; c < 64; ++c) weights.push_back(scale * table[static_cast<std::size_t>(c) % 8]);
  const MatrixView all(weights.data(), 3, 64), first(weights.data(), 1, 64),
      others(weights.data() + 64, 2, 64);
  const QuantizedMatrix given = quantize(all, FittedCodebook{table});
  EXPECT_LT(error_of(all, given), 1e-12);
  const std::vector<MatrixView> parts{first, others};
  const std::vector<float> fitted = fit_shared_codebook(parts, 3);
  ASSERT_EQ(fitted.size(), 8u);
  EXPECT_TRUE(std::is_sorted(fitted.begin(), fitted.end()));
  EXPECT_LT(error_of(all, quantize(all, FittedCodebook{fitted})), 1e-12);
  // What is clipped costs less than coarse codes for all others.
  std::vector<float> row(64, 0.0f);
  for (std::size_t c = 0; c < 63; ++c) row[c] = table[c % 8];
  row[63] = 1.4f;
  const MatrixView outlier(row.data(), 1, 64);
  EXPECT_LT(error_of(outlier, quantize(outlier, FittedCodebook{table})),
            0.7 * error_of(outlier, quantize(outlier, Codebook{table})));
}

TEST(SharedCodebook, Refusals) {
  const NestedNetwork network;
  const auto refused = [&](const QuantizeOptions& options, const SharedCodebookOptions& sharing,
                           const char* part) {
    return testing::says(testing::error_of([&] { share_codebooks(network.fp32, options, sharing); },
                                           ErrorCode::invalid_argument),
                         {part});
  };
  EXPECT_TRUE(refused({.scheme = "int4"}, {}, "'*'"));
  EXPECT_TRUE(refused({.scheme = "kmeans4"}, {.patterns = {"*", "conv1"}}, "'conv1'"));
  EXPECT_TRUE(refused({.scheme = "kmeans4", .weights = [](const LayerContext&) { return LayerWeights{}; }},
                      {}, "policy"));
  const std::vector<float> zeros(8, 0.0f);
  const std::vector<MatrixView> none, zero{MatrixView(zeros.data(), 1, 8)};
  EXPECT_THROW(fit_shared_codebook(none, 4), Error);
  EXPECT_THROW(fit_shared_codebook(zero, 4), Error);
  EXPECT_THROW(fit_shared_codebook(zero, 1), Error);
  EXPECT_THROW((void)FittedCodebook({.table = {1.0f, -1.0f}}).code_bits(), Error);
}

}  // namespace
}  // namespace lowbit
