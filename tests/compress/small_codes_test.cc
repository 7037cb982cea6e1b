// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compress/size_rounding.h"
#include "lowbit/compress/small_codes.h"
#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/recover/capture.h"
#include "nested_networks.h"

namespace lowbit {
namespace {

using testing::NestedNetwork;
using testing::outputs_of;

SizeOptions options_for(const NestedNetwork& network, double size_weight, SizeReport* report = nullptr) {
  SizeOptions options;
  options.size_weight = size_weight, options.report = report;
  options.recover.data = TensorView(network.samples.data.data(), network.samples.shape);
  return options;
}

TEST(SmallCodes, MoreRegardToSizeGivesFewerBitsAndMoreError) {
  const NestedNetwork network;
  double bits = 1e30, zeros = -1, error = -1;
  for (const double weight : {0.0, 100.0, 1000.0}) {
    SizeReport report;
    quantize_for_size(network.fp32, network.table, options_for(network, weight, &report));
    ASSERT_EQ(report.layers.size(), 3u);
    double z = 0, e = 0;
    for (std::size_t i = 0; i < 3; ++i)
      z += report.layers[i].zeros * report.weights[i], e += report.layers[i].relative_error;
    EXPECT_LT(report.bits(), bits);
    EXPECT_GT(z, zeros);
    EXPECT_GT(e, error);
    bits = report.bits(), zeros = z, error = e;
  }
}

TEST(SmallCodes, ModelsAreTheSameWithAnyNumberOfThreadsAndComeBackFromFiles) {
  const NestedNetwork network;
  SizeOptions options = options_for(network, 200);
  const Model one = quantize_for_size(network.fp32, network.table, options);
  options.recover.threads = 3;
  EXPECT_EQ(save_to_bytes(quantize_for_size(network.fp32, network.table, options)), save_to_bytes(one));
  EXPECT_EQ(outputs_of(load(save_to_bytes(one, {.compress = true}))), outputs_of(one));
}

TEST(SmallCodes, ImpossibleOptionsAreRefused) {
  const NestedNetwork network;
  for (const auto change : {+[](SizeOptions& o) { o.size_weight = -1; }, +[](SizeOptions& o) { o.bits = 1; },
                            +[](SizeOptions& o) { o.bits = 9; }, +[](SizeOptions& o) { o.turns = 0; }}) {
    SizeOptions options = options_for(network, 1);
    change(options);
    EXPECT_THROW(quantize_for_size(network.fp32, network.table, options), Error);
  }
}

/// A layer of 5 x 8 weights, its objective, and what codes cost by their definition.
struct SmallLayer {
  NestedNetwork network;
  Tensor weights = weight_matrix(network.fp32.graph().nodes.back().op);
  MatrixView view{weights.data.data(), 5, 8};
  detail::TargetMoments moments{
      capture(network.fp32,
              std::vector<TensorView>{TensorView(network.samples.data.data(), network.samples.shape)},
              {.other = network.fp32, .cross_moments = CrossMoments::targets})
          .layer("head")};
  detail::LayerObjective objective{view, moments};

  double relative_error(const std::vector<float>& q) const {
    double sum = 0;
    for (std::int64_t r = 0; r < 5; ++r) {
      const detail::RowLoss loss = objective.row(r);
      sum += loss.c;
      for (std::size_t k = 0; k < 8; ++k) {
        const double qk = q[static_cast<std::size_t>(r) * 8 + k];
        sum -= 2 * qk * loss.t[k];
        for (std::size_t j = 0; j < 8; ++j)
          sum += qk * loss.h[k * 8 + j] * q[static_cast<std::size_t>(r) * 8 + j];
      }
    }
    return sum / objective.c.sum();
  }
};

TEST(SmallCodes, WhatIsReportedIsWhatTheCodesAre) {
  const SmallLayer layer;
  const detail::SizedCodes sized =
      round_for_size(layer.view, layer.objective, {.size_weight = 500, .bits = 4});
  std::vector<float> q(40);
  dequantize(sized.codes, MutableMatrixView(q.data(), 5, 8));
  EXPECT_NEAR(sized.relative_error, layer.relative_error(q), 1e-6);
  EXPECT_EQ(sized.zeros, static_cast<double>(std::count(q.begin(), q.end(), 0.0f)));
}

/// No other code of any single weight would be better by more than what rounding scales to floats moves:
/// every one is tried, at the frequencies that the codes have.
TEST(SmallCodes, NoSingleCodeCouldBeBetter) {
  const SmallLayer layer;
  const double size_weight = 2000;
  const detail::SizedCodes sized =
      round_for_size(layer.view, layer.objective, {.size_weight = size_weight, .bits = 4, .turns = 60});
  std::vector<double> counts(16, 0.5);
  for (std::int64_t r = 0; r < 5; ++r)
    for (std::int64_t c = 0; c < 8; ++c) ++counts[static_cast<std::size_t>(sized.codes.code(r, c))];
  const auto bits = [&](int code) { return std::log2(48 / counts[static_cast<std::size_t>(code)]); };
  std::vector<float> q(40);
  dequantize(sized.codes, MutableMatrixView(q.data(), 5, 8));
  const double now = layer.relative_error(q);
  for (std::int64_t r = 0; r < 5; ++r)
    for (std::int64_t c = 0; c < 8; ++c)
      for (int code = 0; code < 16; ++code) {
        std::vector<float> other = q;
        other[static_cast<std::size_t>(r * 8 + c)] =
            sized.codes.scales[static_cast<std::size_t>(r)] * static_cast<float>(code - 8);
        const double change = layer.relative_error(other) - now +
                              size_weight * 1e-6 * (bits(code) - bits(sized.codes.code(r, c)));
        EXPECT_GT(change, -1e-5) << r << ' ' << c << ' ' << code;
      }
}

}  // namespace
}  // namespace lowbit
