// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/prune.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/model/layer_weights.h"
#include "lowbit/model/quantize.h"
#include "lowbit/recover/capture.h"
#include "nested_networks.h"

namespace lowbit {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Moments of inputs that depend on each other.
OutputError moments_of(std::int64_t n, std::uint64_t seed) {
  testing::Random random(seed);
  Matrix x(3 * n, n);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = random.gaussian();
  for (Eigen::Index c = 1; c < n; ++c) x.col(c) += 0.7 * x.col(c - 1);
  const Matrix h = x.transpose() * x / static_cast<double>(x.rows());
  OutputError error;
  error.columns = n;
  error.second_moment.assign(h.data(), h.data() + h.size());
  return error;
}

Matrix damped(const OutputError& error) {
  Matrix h = Eigen::Map<const Matrix>(error.second_moment.data(), error.columns, error.columns);
  h.diagonal().array() += 0.01 * h.trace() / static_cast<double>(error.columns);
  return h;
}

/// The weights on `kept` of least error, by their normal equations.
Eigen::VectorXd refitted(const Matrix& h, const Eigen::VectorXd& w, const std::vector<int>& kept) {
  const auto k = static_cast<Eigen::Index>(kept.size());
  Matrix a(k, k);
  Eigen::VectorXd y(k);
  const Eigen::VectorXd hw = h * w;
  for (Eigen::Index i = 0; i < k; ++i) {
    y[i] = hw[kept[static_cast<std::size_t>(i)]];
    for (Eigen::Index j = 0; j < k; ++j)
      a(i, j) = h(kept[static_cast<std::size_t>(i)], kept[static_cast<std::size_t>(j)]);
  }
  const Eigen::VectorXd solved = a.llt().solve(y);
  Eigen::VectorXd q = Eigen::VectorXd::Zero(w.size());
  for (Eigen::Index i = 0; i < k; ++i) q[kept[static_cast<std::size_t>(i)]] = solved[i];
  return q;
}

double loss(const Matrix& h, const Eigen::VectorXd& w, const Eigen::VectorXd& q) {
  return (w - q).dot(h * (w - q));
}

TEST(Prune, MagnitudeTakesTheSmallestOfEachRow) {
  const std::vector<float> w = {3, -1, 2, 0.5f, -4, 6, 5, -7};
  EXPECT_EQ(prune_by_magnitude({w.data(), 2, 4}, {.sparsity = 0.5}),
            (std::vector<float>{3, 0, 2, 0, 0, 6, 0, -7}));
  EXPECT_EQ(prune_by_magnitude({w.data(), 1, 8}, {.keep = 1, .of = 4}),
            (std::vector<float>{3, 0, 0, 0, 0, 0, 0, -7}));
  EXPECT_EQ(prune_by_magnitude({w.data(), 2, 4}, {.sparsity = 0}), w);
}

TEST(Prune, ByErrorLeavesTheLeastSquaresOptimum) {
  constexpr std::int64_t n = 12;
  const OutputError error = moments_of(n, 3);
  const Matrix h = damped(error);
  const std::vector<float> w = testing::gaussians(2 * n, 1.0f, 4);
  for (const PrunePattern pattern : {PrunePattern{.sparsity = 0.5}, PrunePattern{.keep = 2, .of = 4}}) {
    const auto q = prune_by_error({w.data(), 2, n}, std::span(&error, 1), pattern);
    for (std::int64_t r = 0; r < 2; ++r) {
      std::vector<int> kept;
      Eigen::VectorXd was(n);
      for (int c = 0; c < n; ++c) {
        was[c] = w[static_cast<std::size_t>(r * n + c)];
        if (q[static_cast<std::size_t>(r * n + c)] != 0) kept.push_back(c);
      }
      ASSERT_EQ(kept.size(), 6u);
      const Eigen::VectorXd best = refitted(h, was, kept);
      for (int c = 0; c < n; ++c) EXPECT_NEAR(q[static_cast<std::size_t>(r * n + c)], best[c], 1e-5);
      for (int b = 0; pattern.of == 4 && b < 3; ++b) {
        EXPECT_EQ(std::count_if(kept.begin(), kept.end(), [b](int c) { return c / 4 == b; }), 2);
      }
    }
  }
}

/// The first weight to go is the best of all that could, each tried.
TEST(Prune, ByErrorTakesTheWeightThatIsMissedLeast) {
  constexpr std::int64_t n = 10;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const OutputError error = moments_of(n, seed);
    const Matrix h = damped(error);
    const std::vector<float> w = testing::gaussians(n, 1.0f, seed + 100);
    Eigen::VectorXd was(n);
    for (int c = 0; c < n; ++c) was[c] = w[static_cast<std::size_t>(c)];
    int best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int gone = 0; gone < n; ++gone) {
      std::vector<int> kept;
      for (int c = 0; c < n; ++c)
        if (c != gone) kept.push_back(c);
      const double l = loss(h, was, refitted(h, was, kept));
      if (l < least) least = l, best = gone;
    }
    const auto q = prune_by_error({w.data(), 1, n}, std::span(&error, 1), {.sparsity = 0.1});
    EXPECT_EQ(std::find(q.begin(), q.end(), 0.0f) - q.begin(), best) << seed;
  }
}

LayerStats stats_of(const testing::NestedNetwork& network) {
  return capture(network.fp32,
                 std::vector<TensorView>{TensorView(network.samples.data.data(), network.samples.shape)});
}

/// Squared, of all outputs.
double squared_change(const Model& pruned, const testing::NestedNetwork& network) {
  const auto fp32 = testing::outputs_of(network.fp32), out = testing::outputs_of(pruned);
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) sum += (out[i] - fp32[i]) * (out[i] - fp32[i]);
  return sum;
}

TEST(Prune, NetworksLoseLessByErrorThanByMagnitude) {
  const testing::NestedNetwork network;
  const LayerStats stats = stats_of(network);
  PruneOptions options{.sparsity = 0.5, .overrides = {{"head", 0.0}}};
  const Model by_error = prune(network.fp32, options, &stats), by_magnitude = prune(network.fp32, options);
  EXPECT_LT(squared_change(by_error, network), squared_change(by_magnitude, network));
  const Model quantized = quantize(by_error, {.scheme = "int8-dynamic"});
  for (int i = 0; i < 2; ++i) {  // zeros stay zeros
    const auto codes = quantized.weights(i);
    ASSERT_TRUE(codes);
    std::int64_t zeros = 0;
    for (std::int64_t r = 0; r < codes->rows; ++r)
      for (std::int64_t c = 0; c < codes->cols; ++c) zeros += codes->code(r, c) == 0;
    EXPECT_GE(zeros, codes->rows * codes->cols / 2);
  }
  const auto& head = std::get<ops::LinearOp>(by_error.graph().nodes.back().op).weight.data;
  EXPECT_EQ(std::count(head.begin(), head.end(), 0.0f), 0);
}

std::vector<float> weights_of(const Model& model, const std::string& name) {
  for (const Graph::Node& node : model.graph().nodes)
    if (node.name == name) return weight_matrix(node.op).data;
  return {};
}

TEST(Prune, LayersCompeteWithinTheirScope) {
  const testing::NestedNetwork network;
  const Model by_layer = prune(network.fp32, {.sparsity = 0.25, .scope = PruneScope::layer});
  for (const LayerSparsity& layer : weight_sparsity(by_layer)) EXPECT_EQ(layer.zeros * 4, layer.weights);
  // Of each layer the smallest, wherever they are.
  const std::vector<float> before = weights_of(network.fp32, "conv1"), after = weights_of(by_layer, "conv1");
  float largest_gone = 0, least_left = 1e9f;
  for (std::size_t i = 0; i < before.size(); ++i)
    (after[i] == 0 ? largest_gone : least_left) = after[i] == 0 ? std::max(largest_gone, std::abs(before[i]))
                                                                : std::min(least_left, std::abs(before[i]));
  EXPECT_LT(largest_gone, least_left);

  const Model by_network =
      prune(network.fp32, {.sparsity = 0.5, .scope = PruneScope::network, .overrides = {{"head", 0.1}}});
  std::int64_t zeros = 0, weights = 0;
  for (const LayerSparsity& layer : weight_sparsity(by_network)) {
    if (layer.name == "head") {
      EXPECT_EQ(layer.zeros, 4);
      continue;
    }
    zeros += layer.zeros, weights += layer.weights;
  }
  EXPECT_EQ(zeros * 2, weights);
}

/// Of each layer those of least w^2 / (sum of the squares that are no smaller), by its definition.
TEST(Prune, NetworksRankByLamp) {
  const testing::NestedNetwork network;
  struct Weight {
    double score;
    std::string layer;
    std::size_t at;
  };
  std::vector<Weight> all;
  for (const char* name : {"conv1", "conv2", "head"}) {
    const std::vector<float> w = weights_of(network.fp32, name);
    for (std::size_t i = 0; i < w.size(); ++i) {
      double sum = 0;
      for (const float other : w)
        if (std::abs(other) >= std::abs(w[i])) sum += static_cast<double>(other) * other;
      all.push_back({static_cast<double>(w[i]) * w[i] / sum, name, i});
    }
  }
  std::sort(all.begin(), all.end(), [](const Weight& a, const Weight& b) { return a.score < b.score; });
  const Model pruned = prune(network.fp32, {.sparsity = 0.7, .scope = PruneScope::network});
  const auto gone = static_cast<std::size_t>(std::llround(0.7 * static_cast<double>(all.size())));
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(weights_of(pruned, all[i].layer)[all[i].at] == 0, i < gone) << all[i].layer << ' ' << all[i].at;
}

TEST(Prune, NetworksRankByTheErrorOfOutputs) {
  const testing::NestedNetwork network;
  const LayerStats stats = stats_of(network);
  const PruneOptions options{.sparsity = 0.6, .scope = PruneScope::network};
  const Model by_error = prune(network.fp32, options, &stats), by_magnitude = prune(network.fp32, options);
  EXPECT_LT(squared_change(by_error, network), squared_change(by_magnitude, network));
  std::int64_t zeros = 0, weights = 0;
  for (const LayerSparsity& layer : weight_sparsity(by_error)) zeros += layer.zeros, weights += layer.weights;
  EXPECT_NEAR(static_cast<double>(zeros) / static_cast<double>(weights), 0.6, 0.002);
}

TEST(Prune, WhatCannotBeIsRefused) {
  const std::vector<float> w(8, 1.0f);
  const MatrixView view(w.data(), 2, 4);
  EXPECT_THROW(prune_by_magnitude(view, {.sparsity = 1.5}), Error);
  EXPECT_THROW(prune_by_magnitude(view, {.keep = 3, .of = 2}), Error);
  EXPECT_THROW(prune_by_magnitude(view, {.keep = 3}), Error);
  const testing::NestedNetwork network;
  EXPECT_THROW(prune(network.fp32, {.overrides = {{"nowhere", 0.1}}}), Error);
  EXPECT_THROW(prune(network.fp32, {.scope = PruneScope::layer, .keep = 2, .of = 4}), Error);
  EXPECT_THROW(prune(network.fp32, {.sparsity = 2, .scope = PruneScope::network}), Error);
  EXPECT_THROW(weight_sparsity(quantize(network.fp32, {.scheme = "int8-dynamic"})), Error);
  EXPECT_THROW(prune(quantize(network.fp32, {.scheme = "int8-dynamic"})), Error);
}

}  // namespace
}  // namespace lowbit
