// SPDX-License-Identifier: Apache-2.0
#include "lowbit/compress/prune.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <limits>

#include "lowbit/core/error.h"
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

TEST(Prune, NetworksLoseLessByErrorThanByMagnitude) {
  const testing::NestedNetwork network;
  const LayerStats stats = capture(
      network.fp32, std::vector<TensorView>{TensorView(network.samples.data.data(), network.samples.shape)});
  const auto fp32 = testing::outputs_of(network.fp32);
  const auto error = [&](const Model& model) {
    const auto out = testing::outputs_of(model);
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += (out[i] - fp32[i]) * (out[i] - fp32[i]);
    return sum;
  };
  PruneOptions options{.sparsity = 0.5, .overrides = {{"head", 0.0}}};
  const Model by_error = prune(network.fp32, options, &stats), by_magnitude = prune(network.fp32, options);
  EXPECT_LT(error(by_error), error(by_magnitude));
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

TEST(Prune, WhatCannotBeIsRefused) {
  const std::vector<float> w(8, 1.0f);
  const MatrixView view(w.data(), 2, 4);
  EXPECT_THROW(prune_by_magnitude(view, {.sparsity = 1.5}), Error);
  EXPECT_THROW(prune_by_magnitude(view, {.keep = 3, .of = 2}), Error);
  EXPECT_THROW(prune_by_magnitude(view, {.keep = 3}), Error);
  const testing::NestedNetwork network;
  EXPECT_THROW(prune(network.fp32, {.overrides = {{"nowhere", 0.1}}}), Error);
  EXPECT_THROW(prune(quantize(network.fp32, {.scheme = "int8-dynamic"})), Error);
}

}  // namespace
}  // namespace lowbit
