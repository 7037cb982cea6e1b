// SPDX-License-Identifier: Apache-2.0
// Equalization: outputs stay, ranges are as the paper's closed form says and no choice of factors does
// better, badly scaled channels are brought back. Absorbed biases come back in the layers behind.
#include "lowbit/recover/equalize.h"

#include <gtest/gtest.h>

#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "recover/scaled_models.h"
#include "recover/scaled_networks.h"
#include "support/effort.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::kRelu;
using testing::NetworkBuilder;
using testing::outputs;
using testing::random_images;
using testing::Sample;
using testing::says;
using testing::spoilt;
using testing::sqnr;

const ops::Conv2dOp& conv(const Graph& graph, std::size_t node) {
  return std::get<ops::Conv2dOp>(graph.nodes[node].op);
}

/// The largest magnitude of each row, and of each column of a convolution without groups or of a depthwise
/// one.
std::vector<double> row_ranges(const ops::Conv2dOp& op) {
  std::vector<double> most(static_cast<std::size_t>(op.weight.shape[0]), 0.0);
  const std::size_t row = op.weight.data.size() / most.size();
  for (std::size_t i = 0; i < op.weight.data.size(); ++i)
    most[i / row] = std::max(most[i / row], std::fabs(double{op.weight.data[i]}));
  return most;
}

std::vector<double> column_ranges(const ops::Conv2dOp& op) {
  if (op.groups > 1) return row_ranges(op);
  const auto columns = static_cast<std::size_t>(op.weight.shape[1]);
  const auto taps = static_cast<std::size_t>(op.weight.shape[2] * op.weight.shape[3]);
  std::vector<double> most(columns, 0.0);
  for (std::size_t i = 0; i < op.weight.data.size(); ++i)
    most[i / taps % columns] = std::max(most[i / taps % columns], std::fabs(double{op.weight.data[i]}));
  return most;
}

double largest(const std::vector<double>& x) {
  return *std::max_element(x.begin(), x.end());
}

TEST(Equalize, NetworksOfAnyOperatorsComputeTheSame) {
  double gained = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const Model model(testing::random_network(seed));
    const Tensor images = random_images({3, 8, 8}, 4, seed);
    const ChannelStats stats = channel_stats(model, images);
    const std::vector<float> want = outputs(model, images);
    for (const ChannelStats* with : {static_cast<const ChannelStats*>(nullptr), &stats}) {
      EqualizeReport report;
      const Model equal = equalize(model, {.stats = with}, &report);
      EXPECT_GE(sqnr(want, outputs(equal, images)), 100) << "1e-5 of the outputs";
      EXPECT_LT(report.sweeps, 100) << "it settles";
      EXPECT_LE(report.log_ranges_after, report.log_ranges_before + 1e-6);
      gained += report.log_ranges_before - report.log_ranges_after;
      EXPECT_FALSE(report.fixed.empty()) << "the outputs";
    }
  }
  EXPECT_GT(gained / 120, 0.1);
}

// Of two layers, the closed form makes the shares of rows and columns equal, and the product of the ranges of
// both weights least: no other factors, of a grid and at random, have a smaller one.
TEST(Equalize, TheProductOfTheRangesOfAPairIsLeast) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    NetworkBuilder b({2, 5, 5}, seed);
    Graph graph = b.done({b.conv(b.conv(b.graph.inputs[0], 3, 3, true, 1, kRelu), 4, 3)}, true);
    const ScaleGroups groups(graph);
    ASSERT_EQ(groups.count(), 3u);
    graph = rescaled(graph, groups, std::vector<double>{0.2, 1.0, 7.0});
    const std::vector<double> factors = equalizing_factors(graph, groups);
    const Graph equal = rescaled(graph, groups, factors);
    const std::vector<double> rows = row_ranges(conv(equal, 0)), columns = column_ranges(conv(equal, 1)),
                              rows_before = row_ranges(conv(graph, 0)),
                              columns_before = column_ranges(conv(graph, 1));
    double closed_form = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(rows[i] / largest(rows), columns[i] / largest(columns), 1e-3);
      closed_form = std::max(closed_form, rows_before[i] * columns_before[i]);
    }
    const double product = largest(rows) * largest(columns);
    EXPECT_NEAR(product, closed_form, 1e-4 * closed_form);
    const auto product_with = [&](const double* s) {
      double row = 0, column = 0;
      for (std::size_t i = 0; i < 3; ++i)
        row = std::max(row, rows_before[i] / s[i]), column = std::max(column, columns_before[i] * s[i]);
      return row * column;
    };
    for (int i = 0; i < 41; ++i)
      for (int j = 0; j < 41; ++j) {
        const double s[3] = {1.0, std::exp2(0.25 * (i - 20)), std::exp2(0.25 * (j - 20))};
        EXPECT_GE(product_with(s), product * (1 - 1e-4));
      }
    for (int i = 0; i < 1000; ++i) {
      double s[3];
      for (double& x : s) x = std::exp(4 * double{b.random.uniform()});
      EXPECT_GE(product_with(s), product * (1 - 1e-4));
    }
  }
}

TEST(Equalize, AllThreeOfAChainThroughADepthwiseLayerBecomeEqual) {
  NetworkBuilder b({3, 6, 6}, 5);
  const ValueId a = b.conv(b.graph.inputs[0], 8, 3, true, 1, kRelu), d = b.conv(a, 8, 3, true, 8, kRelu);
  Graph graph = b.done({b.conv(d, 4, 1)}, true);
  const ScaleGroups groups(graph);
  std::vector<double> spoilt;
  for (std::size_t g = 0; g < groups.count(); ++g) spoilt.push_back(std::exp(3 * double{b.random.uniform()}));
  graph = rescaled(graph, groups, spoilt);
  const Graph equal = rescaled(graph, groups, equalizing_factors(graph, groups));
  const std::vector<double> first = row_ranges(conv(equal, 0)), deep = row_ranges(conv(equal, 1)),
                            last = column_ranges(conv(equal, 2));
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(first[i] / largest(first), deep[i] / largest(deep), 3e-3);
    EXPECT_NEAR(last[i] / largest(last), deep[i] / largest(deep), 3e-3);
  }
}

TEST(Equalize, DeadChannelsStayAsTheyAre) {
  NetworkBuilder b({3, 6, 6}, 6);
  Graph graph = b.done({b.conv(b.conv(b.graph.inputs[0], 4, 3, true, 1, kRelu), 4, 1)}, true);
  auto& first = std::get<ops::Conv2dOp>(graph.nodes[0].op);
  auto& second = std::get<ops::Conv2dOp>(graph.nodes[1].op);
  for (int i = 0; i < 27; ++i) first.weight.data[static_cast<std::size_t>(27 + i)] = 0;        // row 1
  for (int o = 0; o < 4; ++o) second.weight.data[static_cast<std::size_t>(4 * o + 2)] = 0;     // column 2
  for (int i = 0; i < 27; ++i) first.weight.data[static_cast<std::size_t>(81 + i)] *= 1e-30f;  // row 3
  const ScaleGroups groups(graph);
  const std::vector<double> factors = equalizing_factors(graph, groups);
  EXPECT_EQ(factors[1], 1.0);
  EXPECT_EQ(factors[2], 1.0);
  EXPECT_EQ(factors[3], 1e-6) << "no more than that";
}

double quantized_sqnr(const Model& fp32, const char* scheme) {
  const Tensor images = random_images({3, 12, 12}, 32, 1), unseen = random_images({3, 12, 12}, 32, 2);
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{images});
  return sqnr(outputs(fp32, unseen), outputs(quantize(fp32, table, {.scheme = scheme}), unseen));
}

TEST(Equalize, UndoesWhatBadScalesOfChannelsDoToOneScaleForAWeight) {
  for (std::uint64_t seed = 1; seed <= (testing::kSlowdown > 1 ? 1 : 3); ++seed) {
    const Model good(testing::inverted_residuals(seed)), bad = spoilt(good, seed, 5);
    const ChannelStats stats = channel_stats(bad, random_images({3, 12, 12}, 32, 1));
    const double had = quantized_sqnr(good, "int8-tensor"), lost = quantized_sqnr(bad, "int8-tensor"),
                 with_values = quantized_sqnr(equalize(bad, {.stats = &stats}), "int8-tensor"),
                 by_weights = quantized_sqnr(equalize(bad), "int8-tensor");
    for (const auto& [name, value] :
         {std::pair{"good", had}, {"spoilt", lost}, {"weights", by_weights}, {"values", with_values}})
      RecordProperty(name + std::to_string(seed), std::to_string(value));
    EXPECT_LT(lost, had - 10);
    EXPECT_GT(with_values, had - 1);
    EXPECT_GT(by_weights, had - 4) << "values of high biases stay large";
  }
}

/// x -> conv with high biases -> ReLU -> something that reads it
struct HighBias : NetworkBuilder {
  explicit HighBias(float bias) : NetworkBuilder({3, 8, 8}, 9) {
    value = conv(graph.inputs[0], 4, 1, false, 1, kRelu);
    std::get<ops::Conv2dOp>(graph.nodes[0].op).bias = {bias, 0.0f, bias, bias};
  }
  ValueId value;
};

struct Absorbed {
  AbsorbReport report;
  Graph graph;
  double sqnr, smallest;  ///< of the outputs; the smallest value behind the ReLU of channel 0 afterwards
};

Absorbed absorb(const Graph& graph) {
  const Model model(graph);
  const Tensor images = random_images({3, 8, 8}, 16, 3);
  Absorbed a;
  const Model done = absorb_biases(model, channel_stats(model, images), {.deviations = 5}, &a.report);
  a.graph = done.graph();
  a.sqnr = sqnr(outputs(model, images), outputs(done, images));
  return a;
}

TEST(AbsorbBiases, ReadersGiveBackWhatTheLayerLoses) {
  const ops::Window pool{.kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
  for (int kind = 0; kind < 7; ++kind) {
    SCOPED_TRACE(kind);
    HighBias b(100.0f);
    ValueId out = b.value;
    if (kind == 0) out = b.conv(out, 5, 3, false);
    if (kind == 1) out = b.conv(out, 4, 3, false, 4);
    if (kind == 2) out = b.linear(b.add(ops::FlattenOp{}, {out}), 3);
    if (kind == 3) out = b.linear(b.add(ops::FlattenOp{}, {b.add(ops::GlobalAveragePoolOp{}, {out})}), 3);
    if (kind == 4) {
      const ValueId other = b.conv(b.graph.inputs[0], 4, 3);
      out = b.conv(b.conv(other, 4, 3, true, 1, {}, out), 2, 1, false);  // a residual
    }
    if (kind == 5)
      out = b.conv(b.add(ops::AveragePoolOp{pool, false, false}, {b.add(ops::MaxPoolOp{pool}, {out})}), 2, 1,
                   false);
    if (kind == 6) {
      const ValueId sum = b.add(ops::AddOp{}, {out, out});
      out = b.conv(b.scale_shift(sum, 1), 2, 1, false);
    }
    const Graph graph = b.done({out}, kind == 2);
    const Absorbed a = absorb(graph);
    ASSERT_EQ(a.report.absorbed, (std::vector<std::string>{"Conv2d0"}));
    EXPECT_TRUE(a.report.left.empty());
    EXPECT_GE(a.sqnr, 100);
    const std::vector<float>& bias = conv(a.graph, 0).bias;
    EXPECT_LT(bias[0], 30.0f);
    EXPECT_GT(bias[0], 1.0f);
    EXPECT_EQ(bias[1], 0.0f) << "that has none to give away";
  }
}

TEST(AbsorbBiases, StayWhereAReaderPadsOrLetsNoConstantThrough) {
  const ops::Window pool{.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
  const std::vector<std::pair<const char*, std::function<ValueId(HighBias&)>>> cases{
      {"'Conv2d0': 'Conv2d1' pads it", [](HighBias& b) { return b.conv(b.value, 2, 3); }},
      {"'Conv2d0': 'AveragePool1' pads it",
       [&](HighBias& b) {
         return b.conv(b.add(ops::AveragePoolOp{pool, false, true}, {b.value}), 2, 1, false);
       }},
      {"'Conv2d0': the network returns it", [](HighBias& b) { return b.value; }},
      {"'Conv2d0': 'Add1' limits a sum with it",
       [](HighBias& b) {
         return b.conv(b.add(ops::AddOp{kRelu}, {b.value, b.value}), 2, 1, false);
       }},
      {"'Conv2d0': 'Concat1' (Concat) lets no constant through", [](HighBias& b) {
         return b.conv(b.add(ops::ConcatOp{0}, {b.value, b.value}), 2, 1, false);
       }}};
  for (const auto& [why, build] : cases) {
    HighBias b(100.0f);
    const Graph graph = b.done({build(b)}, false);
    const Absorbed a = absorb(graph);
    EXPECT_TRUE(a.report.absorbed.empty());
    EXPECT_EQ(a.report.left, (std::vector<std::string>{why}));
    EXPECT_EQ(conv(a.graph, 0).bias, conv(graph, 0).bias);
  }
}

TEST(AbsorbBiases, LetsLowBiasesBe) {
  HighBias b(0.1f);
  const Graph graph = b.done({b.conv(b.value, 5, 3, false)}, false);
  const Absorbed a = absorb(graph);
  EXPECT_TRUE(a.report.absorbed.empty() && a.report.left.empty());
}

TEST(ChannelStats, AreThoseOfTheInterpretersValues) {
  const Graph graph = testing::random_network(4);
  const Model model(graph);
  const Tensor images = random_images({3, 8, 8}, 5, 7);
  const ChannelStats stats = channel_stats(model, images), threaded = channel_stats(model, images, 3);
  ASSERT_EQ(stats.values.size(), graph.values.size());
  std::vector<std::vector<Sample>> all;
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto first = images.data.begin() + i * 192;
    const Sample in{{3, 8, 8}, std::vector<double>(first, first + 192)};
    all.push_back(testing::interpret_all(graph, {&in, 1}));
  }
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    const ChannelStats::Value& s = stats.values[v];
    EXPECT_EQ(s.mean, threaded.values[v].mean);
    EXPECT_EQ(s.squares, threaded.values[v].squares);
    const Shape& shape = graph.values[v].shape;
    const std::size_t channels = s.mean.size(), elements = static_cast<std::size_t>(shape.elements()),
                      pixels = elements / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      double most = 0, sum = 0, squares = 0, size = 0;
      for (const auto& values : all)
        for (std::size_t p = 0; p < pixels; ++p) {
          const double x = values[v].data[shape.rank() == 3 ? c * pixels + p : p * channels + c];
          most = std::max(most, std::fabs(x)), sum += x, squares += x * x, size += std::fabs(x);
        }
      const double n = 5 * static_cast<double>(pixels), near = 1e-5 * (1 + most);
      EXPECT_NEAR(double{s.largest[c]}, most, near);
      EXPECT_NEAR(s.mean[c], sum / n, near);
      EXPECT_NEAR(s.size[c], size / n, near);
      EXPECT_NEAR(s.squares[c], squares / n, near * (1 + most));
    }
  }
}

TEST(Equalize, RefusesWhatCannotBe) {
  const Model model(testing::inverted_residuals(1));
  const Tensor images = random_images({3, 12, 12}, 8, 1);
  const Model quantized = quantize(model, calibrate(model, std::vector<Tensor>{images}), {.scheme = "int8"});
  const auto refused = [](auto f) { return error_of(f, ErrorCode::invalid_argument); };
  EXPECT_TRUE(says(refused([&] { equalize(quantized); }), {"fp32 model", "int8"}));
  EXPECT_TRUE(says(refused([&] { channel_stats(quantized, images); }), {"fp32 model", "int8"}));
  EXPECT_TRUE(says(refused([&] { ScaleGroups groups(quantized.graph()); }), {"quantized"}));
  EXPECT_TRUE(says(refused([&] { equalize(model, {.sweeps = 0}); }), {"sweep", "0"}));
  ChannelStats stats = channel_stats(model, images);
  EXPECT_TRUE(says(refused([&] { absorb_biases(quantized, stats); }), {"fp32 model", "int8"}));
  stats.values[1].largest.pop_back();
  EXPECT_TRUE(says(refused([&] { equalize(model, {.stats = &stats}); }), {"15 channels", "16"}));
  stats.values.pop_back();
  EXPECT_TRUE(says(refused([&] { absorb_biases(model, stats); }), {"statistics of"}));
  EXPECT_TRUE(says(refused([&] { channel_stats(model, Tensor(Shape{0, 3, 12, 12})); }), {"sample"}));
}

}  // namespace
}  // namespace lowbit
