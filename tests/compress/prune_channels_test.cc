// SPDX-License-Identifier: Apache-2.0
// Channels that go: the network without them is the network in which they are zero.
#include "lowbit/compress/prune_channels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "lowbit/core/error.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "lowbit/recover/capture.h"
#include "support/error_of.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit {
namespace {

using Sample = testing::Sample;

/// Builds graphs of random layers; every convolution has a bias.
class ChannelNetwork {
 public:
  explicit ChannelNetwork(std::uint64_t seed, const Shape& input = {4, 8, 8}) : random_(seed) {
    last_ = graph.add_value("input", input);
    graph.inputs = {last_};
  }
  Tensor numbers(const Shape& shape) {
    Tensor t(shape);
    for (float& v : t.data) v = random_.gaussian();
    return t;
  }
  ValueId conv(const std::string& name, ValueId in, std::int64_t out, std::int64_t kernel = 3,
               std::int64_t groups = 1, bool relu = true) {
    ops::Conv2dOp op;
    const std::int64_t channels = graph.values[static_cast<std::size_t>(in)].shape[0];
    op.weight = numbers({out, channels / groups, kernel, kernel});
    op.bias = numbers({out}).data;
    op.groups = groups;
    op.window.kernel = {kernel, kernel};
    op.window.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    if (relu) op.activation.lo = 0.0f;
    return graph.add_node(name, op, {in});
  }
  ValueId linear(const std::string& name, ValueId in, std::int64_t out) {
    ops::LinearOp op;
    op.weight = numbers({out, graph.values[static_cast<std::size_t>(in)].shape.elements()});
    op.bias = numbers({out}).data;
    return graph.add_node(name, op, {in});
  }
  Model model(ValueId output) {
    Graph g = graph;
    g.outputs = {output};
    fuse(g);
    infer_shapes(g);
    return Model(std::move(g), "net");
  }
  std::vector<Tensor> samples(int count) {
    std::vector<Tensor> all;
    const Shape& shape = graph.values[0].shape;
    for (int i = 0; i < count; ++i) all.push_back(numbers(shape));
    for (Tensor& t : all) {
      std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
      dims.insert(dims.begin(), 1);
      t.shape = Shape(std::span<const std::int64_t>(dims));
    }
    return all;
  }

  Graph graph;

 private:
  testing::Random random_;
  ValueId last_;
};

/// A residual of three layers, depthwise filters, a gate of channels, a concatenation, a slice, pools, a
/// layer that reads an image.
Model network_of_everything(ChannelNetwork& n) {
  const ValueId a = n.conv("stem", n.graph.inputs[0], 12, 3);
  const ValueId b = n.conv("middle", n.conv("narrow", a, 6, 1), 12, 3, 1, false);
  const ValueId sum = n.graph.add_node("sum", ops::AddOp{{.lo = 0.0f}}, {b, a});
  const ValueId wide = n.conv("wide", sum, 10, 1);
  const ValueId depthwise = n.conv("depthwise", wide, 20, 3, 10);
  const ValueId pooled = n.graph.add_node("mean", ops::GlobalAveragePoolOp{}, {depthwise});
  const ValueId squeezed = n.conv("squeeze", pooled, 7, 1);
  ops::FunctionOp sigmoid;
  sigmoid.function = ops::Function::sigmoid;
  const ValueId factors = n.graph.add_node("sigmoid", sigmoid, {n.conv("excite", squeezed, 20, 1, 1, false)});
  ops::BinaryOp times;
  times.function = ops::BinaryFunction::mul;
  const ValueId gated = n.graph.add_node("gate", times, {depthwise, factors});
  const ValueId joined = n.graph.add_node("join", ops::ConcatOp{}, {gated, n.conv("side", sum, 5, 1)});
  ops::SliceOp slice;
  slice.starts = {3, 0, 0}, slice.steps = {1, 1, 1}, slice.sizes = {18, 8, 8};
  const ValueId part = n.graph.add_node("slice", slice, {joined});
  ops::BinaryOp shifted;
  shifted.constant = n.numbers({18, 1, 1});
  const ValueId moved = n.graph.add_node("shift", shifted, {part});
  ops::MaxPoolOp pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  const ValueId last = n.conv("last", n.graph.add_node("pool", pool, {moved}), 16, 3);
  const ValueId flat = n.graph.add_node("flatten", ops::FlattenOp{}, {last});
  return n.model(n.linear("scores", n.linear("hidden", flat, 9), 3));
}

/// What computes a channel that is not kept computes zeros: rows and biases.
Graph masked(const Graph& original, const std::vector<RemovedChannels>& removed) {
  Graph graph = original;
  for (const RemovedChannels& layer : removed)
    for (Graph::Node& node : graph.nodes) {
      if (node.name != layer.layer) continue;
      std::visit(
          [&](auto& op) {
            if constexpr (requires { op.weight, op.bias; }) {
              const auto row = op.weight.data.size() / static_cast<std::size_t>(layer.channels);
              for (std::int64_t c = 0; c < layer.channels; ++c) {
                if (std::binary_search(layer.kept.begin(), layer.kept.end(), c)) continue;
                const auto at = static_cast<std::size_t>(c);
                std::fill_n(op.weight.data.begin() + static_cast<std::ptrdiff_t>(at * row), row, 0.0f);
                op.bias[at] = 0.0f;
              }
            }
          },
          node.op);
    }
  return graph;
}

std::vector<double> scores_of(const Graph& graph, const Tensor& sample) {
  const Sample in{graph.values[0].shape, {sample.data.begin(), sample.data.end()}};
  return testing::interpret(graph, std::span(&in, 1))[0].data;
}

std::map<std::string, const RemovedChannels*> by_name(const std::vector<RemovedChannels>& removed) {
  std::map<std::string, const RemovedChannels*> names;
  for (const RemovedChannels& layer : removed) names[layer.layer] = &layer;
  return names;
}

/// The constant of the only BinaryOp with one.
std::vector<float>& constant_of(Graph& graph) {
  for (Graph::Node& node : graph.nodes)
    if (auto* op = std::get_if<ops::BinaryOp>(&node.op); op && !op->constant.data.empty())
      return op->constant.data;
  throw Error(ErrorCode::not_found, "the network has no constant");
}

TEST(PruneChannels, AreThoseOfAMaskedNetwork) {
  for (const std::uint64_t seed : {1u, 2u, 3u})
    for (const PruneScope scope : {PruneScope::layer, PruneScope::network}) {
      ChannelNetwork n(seed);
      const Model fp32 = network_of_everything(n);
      std::vector<RemovedChannels> removed;
      const Model smaller = prune_channels(fp32, {.fraction = 0.35, .scope = scope}, nullptr, &removed);
      // The shift is not zero where its channel is: the mask reaches what reads it by the columns.
      Graph mask = masked(fp32.graph(), removed);
      const auto names = by_name(removed);
      std::vector<float>& shift = constant_of(mask);
      const auto kept = [&](const char* layer, std::int64_t c) {
        return std::binary_search(names.at(layer)->kept.begin(), names.at(layer)->kept.end(), c);
      };
      for (std::int64_t c = 0; c < 18; ++c)
        if (c + 3 < 20 ? !kept("depthwise", c + 3) : !kept("side", c + 3 - 20))
          shift[static_cast<std::size_t>(c)] = 0.0f;
      for (const Tensor& sample : n.samples(3)) {
        const std::vector<double> expected = scores_of(mask, sample),
                                  got = scores_of(smaller.graph(), sample);
        ASSERT_EQ(expected.size(), got.size());
        for (std::size_t i = 0; i < got.size(); ++i)
          EXPECT_NEAR(got[i], expected[i], 1e-6 * (1 + std::fabs(expected[i])));
      }
      EXPECT_LT(smaller.stored_bytes(), fp32.stored_bytes() * 3 / 4);
      EXPECT_EQ(names.at("stem")->kept, names.at("middle")->kept);
      EXPECT_EQ(names.at("depthwise")->kept, names.at("excite")->kept);
      EXPECT_EQ(names.at("depthwise")->kept.size(), 2 * names.at("wide")->kept.size());
      EXPECT_EQ(names.at("last")->kept.size() % 4, 0u);
      EXPECT_EQ(names.at("scores")->untouched, "the network returns it");
      EXPECT_EQ(names.at("scores")->kept.size(), 3u);
      if (scope == PruneScope::layer) {
        EXPECT_EQ(names.at("stem")->kept.size(), 8u);
        EXPECT_EQ(names.at("narrow")->kept.size(), 4u);
        EXPECT_EQ(names.at("wide")->kept.size(), 6u);
        EXPECT_EQ(names.at("hidden")->kept.size(), 6u);
      }
    }
}

/// Shortcuts that are padded to more channels, and cropped to fewer: what is added goes with what it is added
/// to.
TEST(PruneChannels, GoThroughPadding) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    ChannelNetwork n(seed);
    const ValueId a = n.conv("a", n.graph.inputs[0], 6);
    ops::PadOp widen, crop, shift;
    widen.before = {2, 0, 0}, widen.after = {3, 0, 0};
    crop.before = {-3, 0, 0}, crop.after = {-2, 0, 0};
    shift.before = {4, 1, 1}, shift.after = {-2, 0, 0};
    const ValueId sum = n.graph.add_node("sum", ops::AddOp{{.lo = 0.0f}},
                                         {n.graph.add_node("widen", widen, {a}), n.conv("b", a, 11)});
    const ValueId less = n.graph.add_node("less", ops::AddOp{{.lo = 0.0f}},
                                          {n.graph.add_node("crop", crop, {sum}), n.conv("c", sum, 6)});
    const ValueId shifted = n.graph.add_node("shift", shift, {less});
    const Model fp32 = n.model(n.conv("scores", shifted, 3));
    std::vector<RemovedChannels> removed;
    const Model smaller =
        prune_channels(fp32, {.fraction = 0.5, .scope = PruneScope::network}, nullptr, &removed);
    const auto names = by_name(removed);
    for (const char* layer : {"a", "b", "c"}) EXPECT_EQ(names.at(layer)->untouched, "");
    const auto kept = [&](const char* layer, std::int64_t c) {
      return std::binary_search(names.at(layer)->kept.begin(), names.at(layer)->kept.end(), c);
    };
    for (std::int64_t c = 0; c < 6; ++c) {
      EXPECT_EQ(kept("a", c), kept("b", c + 2));
      EXPECT_EQ(kept("c", c), kept("b", c + 3));
    }
    const Graph mask = masked(fp32.graph(), removed);
    for (const Tensor& sample : n.samples(3)) {
      const std::vector<double> expected = scores_of(mask, sample), got = scores_of(smaller.graph(), sample);
      ASSERT_EQ(expected.size(), got.size());
      for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_NEAR(got[i], expected[i], 1e-6 * (1 + std::fabs(expected[i])));
    }
    EXPECT_LT(smaller.stored_bytes(), fp32.stored_bytes() * 3 / 4);
  }
}

/// Channels that are zero, or that nothing reads, go first and change nothing.
TEST(PruneChannels, OfNoUseChangeNothing) {
  ChannelNetwork n(7);
  const ValueId a = n.conv("a", n.graph.inputs[0], 10), b = n.conv("b", a, 10, 3, 1, false);
  const ValueId sum = n.graph.add_node("sum", ops::AddOp{}, {a, b});
  n.graph.outputs = {n.conv("c", sum, 4)};
  const auto op = [&](std::size_t node) -> ops::Conv2dOp& {
    return std::get<ops::Conv2dOp>(n.graph.nodes[node].op);
  };
  // Channel 2 of the sum is zero; channel 7 is not, and neither b nor c reads it.
  for (const std::size_t node : {0u, 1u}) {
    Tensor& w = op(node).weight;
    const auto row = w.data.size() / 10;
    std::fill_n(w.data.begin() + static_cast<std::ptrdiff_t>(2 * row), row, 0.0f);
    op(node).bias[2] = 0.0f;
  }
  for (const std::size_t node : {1u, 3u})
    for (std::int64_t o = 0; o < op(node).weight.shape[0]; ++o)
      std::fill_n(op(node).weight.data.begin() + (o * 10 + 7) * 9, 9, 0.0f);
  const Model fp32 = n.model(n.graph.outputs[0]);
  const std::vector<Tensor> samples = n.samples(40);
  const LayerStats stats = capture(fp32, samples);
  for (const LayerStats* given : {static_cast<const LayerStats*>(nullptr), &stats}) {
    std::vector<RemovedChannels> removed;
    const Model smaller = prune_channels(fp32, {.fraction = 0.2}, given, &removed);
    EXPECT_EQ(by_name(removed).at("b")->kept, (std::vector<std::int64_t>{0, 1, 3, 4, 5, 6, 8, 9}));
    for (int i = 0; i < 3; ++i) {
      const auto expected = scores_of(fp32.graph(), samples[static_cast<std::size_t>(i)]),
                 got = scores_of(smaller.graph(), samples[static_cast<std::size_t>(i)]);
      for (std::size_t e = 0; e < got.size(); ++e) ASSERT_NEAR(got[e], expected[e], 1e-4);
      if (!given) {
        EXPECT_EQ(got, expected);
      }
    }
  }
}

double squared_error(const Model& model, const Model& original, const std::vector<Tensor>& samples) {
  double sum = 0;
  for (const Tensor& sample : samples) {
    const auto x = scores_of(original.graph(), sample), y = scores_of(model.graph(), sample);
    for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  }
  return sum;
}

/// A channel that is a sum of two others is made good entirely, by weights and bias.
TEST(PruneChannels, WhatOthersSayIsMadeGood) {
  ChannelNetwork n(9);
  const ValueId a = n.conv("a", n.graph.inputs[0], 6, 1, 1, false);
  auto& first = std::get<ops::Conv2dOp>(n.graph.nodes[0].op);
  for (std::size_t c = 0; c < 4; ++c)
    first.weight.data[5 * 4 + c] = first.weight.data[c] + first.weight.data[4 + c];
  first.bias[5] = 3.0f;
  const Model fp32 = n.model(n.conv("b", a, 5, 1));
  const std::vector<Tensor> samples = n.samples(20);
  const LayerStats stats = capture(fp32, samples);
  std::vector<RemovedChannels> removed;
  const Model smaller = prune_channels(fp32, {.fraction = 1.0 / 6}, &stats, &removed);
  // One of the three that depend on each other; damping leaves a little.
  ASSERT_EQ(removed[0].kept.size(), 5u);
  const Model plain = prune_channels(fp32, {.fraction = 1.0 / 6});
  EXPECT_LT(squared_error(smaller, fp32, samples), 0.01 * squared_error(plain, fp32, samples));
}

/// Each layer is fitted to what it gave in the whole network, from what the layers before it now give.
TEST(PruneChannels, LayersMakeGoodWhatWasLostBeforeThem) {
  for (const std::uint64_t seed : {21u, 22u}) {
    ChannelNetwork n(seed);
    const ValueId a = n.conv("a", n.graph.inputs[0], 12);
    const ValueId b = n.conv("b", a, 12, 3, 1, false);
    const ValueId sum = n.graph.add_node("sum", ops::AddOp{{.lo = 0.0f}}, {b, a});
    const ValueId deep = n.conv("d", n.conv("c", sum, 12), 10, 1);
    const ValueId mean = n.graph.add_node("mean", ops::GlobalAveragePoolOp{}, {deep});
    const Model fp32 = n.model(n.linear("scores", n.graph.add_node("flat", ops::FlattenOp{}, {mean}), 6));
    const std::vector<Tensor> samples = n.samples(64), others = n.samples(16);
    Tensor batch(Shape{64, 4, 8, 8});
    batch.data.clear();
    for (const Tensor& t : samples) batch.data.insert(batch.data.end(), t.data.begin(), t.data.end());
    const LayerStats stats = capture(fp32, samples);
    const PruneChannelsOptions plain{.fraction = 0.25, .scope = PruneScope::layer};
    PruneChannelsOptions refit = plain;
    refit.data = TensorView(batch.data.data(), batch.shape);
    const Model once = prune_channels(fp32, plain, &stats), again = prune_channels(fp32, refit, &stats);
    EXPECT_EQ(again.stored_bytes(), once.stored_bytes());
    EXPECT_LT(squared_error(again, fp32, others), 0.7 * squared_error(once, fp32, others));
    refit.threads = 3;
    EXPECT_EQ(save_to_bytes(prune_channels(fp32, refit, &stats)), save_to_bytes(again));
  }
}

TEST(PruneChannels, WhatStaysIsSaid) {
  ChannelNetwork n(11);
  const ValueId grouped = n.conv("grouped", n.conv("before", n.graph.inputs[0], 8), 8, 3, 2);
  const ValueId out = n.conv("last", n.conv("free", grouped, 8), 8);
  const Model fp32 = n.model(out);
  std::vector<RemovedChannels> removed;
  const Model smaller = prune_channels(fp32, {.fraction = 1.0}, nullptr, &removed);
  const auto names = by_name(removed);
  EXPECT_EQ(names.at("before")->untouched, "'grouped' has 2 groups");
  EXPECT_EQ(names.at("grouped")->untouched, "'grouped' has 2 groups");
  EXPECT_EQ(names.at("free")->untouched, "");
  EXPECT_EQ(names.at("free")->kept.size(), 1u);
  EXPECT_EQ(names.at("last")->untouched, "the network returns it");
  EXPECT_EQ(save_to_bytes(prune_channels(fp32, {.fraction = 0.0})), save_to_bytes(fp32));
}

TEST(PruneChannels, WhatIsLeftQuantizes) {
  ChannelNetwork n(4);
  const Model smaller = prune_channels(network_of_everything(n), {.fraction = 0.4});
  const Model int8 = quantize(smaller, calibrate(smaller, n.samples(8)), {.scheme = "int8"});
  EXPECT_EQ(fallback_count(int8), 0) << describe_coverage(int8);
}

TEST(PruneChannels, Refusals) {
  ChannelNetwork n(5);
  const Model fp32 = n.model(n.conv("b", n.conv("a", n.graph.inputs[0], 4), 4));
  const auto refused = [](const Model& model, const PruneChannelsOptions& options, const char* part) {
    const std::string said =
        testing::error_of([&] { prune_channels(model, options); }, ErrorCode::invalid_argument);
    return testing::says(said, {part});
  };
  EXPECT_TRUE(refused(fp32, {.fraction = 1.5}, "1.5"));
  EXPECT_TRUE(refused(fp32, {.scope = PruneScope::row}, "row"));
  EXPECT_TRUE(refused(quantize(fp32, {.scheme = "int8-dynamic"}), {}, "fp32"));
  const LayerStats none;
  EXPECT_THROW(prune_channels(fp32, {}, &none), Error);
}

}  // namespace
}  // namespace lowbit
