// SPDX-License-Identifier: Apache-2.0
// Recovery of whole models: what it gains on samples that it has not seen, that it is the same for any number
// of threads, that users' choices stand, and what it refuses.
#include "lowbit/recover/recover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "lowbit/model/serialize.h"
#include "lowbit/quant/affine.h"
#include "recover/quick_recovery.h"
#include "support/effort.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::quick;
using testing::Random;
using testing::says;

ops::Conv2dOp random_conv(Random& random, std::int64_t in, std::int64_t out, std::int64_t groups) {
  ops::Conv2dOp op;
  op.weight = Tensor(Shape{out, in / groups, 3, 3});
  const float spread = std::sqrt(2.0f / static_cast<float>(9 * in / groups));
  for (float& w : op.weight.data) w = random.gaussian() * spread;
  op.bias.assign(static_cast<std::size_t>(out), 0.1f);
  op.window = {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
  op.groups = groups;
  op.activation.lo = 0.0f;
  return op;
}

/// image -> stem -> two residual blocks, one with a depthwise layer -> mean -> fc
Model residual_network() {
  Random random(21);
  Graph g;
  g.inputs = {g.add_value("image", {3, 10, 10})};
  const ValueId a = g.add_node("stem", random_conv(random, 3, 12, 1), {g.inputs[0]});
  const ValueId b = g.add_node("block1a", random_conv(random, 12, 12, 1), {a});
  const ValueId c = g.add_node("block1b", random_conv(random, 12, 12, 1), {b, a});
  const ValueId d = g.add_node("block2a", random_conv(random, 12, 12, 12), {c});
  const ValueId e = g.add_node("block2b", random_conv(random, 12, 12, 2), {d, c});
  const ValueId f =
      g.add_node("flatten", ops::FlattenOp{}, {g.add_node("mean", ops::GlobalAveragePoolOp{}, {e})});
  ops::LinearOp fc;
  fc.weight = Tensor(Shape{6, 12});
  for (float& w : fc.weight.data) w = random.gaussian() * 0.3f;
  g.outputs = {g.add_node("fc", fc, {f})};
  return Model(g);
}

/// Smooth images, so that inputs of layers are correlated as those of real ones.
Tensor smooth_images(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  Tensor t(Shape{count, 3, 10, 10});
  for (std::int64_t i = 0; i < count * 3; ++i) {
    const float fx = random.uniform(), fy = random.uniform(), phase = 3 * random.uniform(),
                level = random.gaussian();
    for (std::int64_t y = 0; y < 10; ++y)
      for (std::int64_t x = 0; x < 10; ++x)
        t.data[static_cast<std::size_t>(i * 100 + y * 10 + x)] =
            level + std::sin(fx * static_cast<float>(x) + fy * static_cast<float>(y) + phase) +
            0.1f * random.gaussian();
  }
  return t;
}

double output_sqnr(const Model& model, const Model& fp32, const Tensor& images) {
  const std::int64_t count = images.shape[0];
  const auto outputs = [&](const Model& m) {
    Tensor out(Shape{count, 6});
    Workspace workspace(m, {.batch = count});
    run(m, images, out, workspace);
    return out.data;
  };
  const std::vector<float> got = outputs(model), want = outputs(fp32);
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    signal += double{want[i]} * double{want[i]};
    error += (double{got[i]} - double{want[i]}) * (double{got[i]} - double{want[i]});
  }
  return 10 * std::log10(signal / error);
}

class Recover : public ::testing::Test {
 protected:
  const Model fp32 = residual_network();
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{smooth_images(96, 1)});
  const Tensor unseen = smooth_images(64, 2);
};

TEST_F(Recover, LowersTheErrorOfEveryFamilyOnSamplesThatItHasNotSeen) {
  const std::vector<const char*> schemes{"int4",  "int3-asym", "int2-g32", "kmeans2", "ternary",     "nf4",
                                         "mxfp4", "binary2",   "int4-wo",  "int4-a4", "int4-dynamic"};
  const std::size_t step = testing::kSlowdown > 1 ? 4 : 1;  // three of them where all is slow
  for (std::size_t i = 0; i < schemes.size(); i += step) {
    const char* scheme = schemes[i];
    SCOPED_TRACE(scheme);
    RecoveryReport report;
    RecoverOptions how = quick("wide,ranges,descent,bias");
    how.report = &report;
    const Model plain = quantize(fp32, table, {.scheme = scheme}),
                better = quantize(fp32, table, {.scheme = scheme, .recover = recover(how)});
    EXPECT_GT(output_sqnr(better, fp32, unseen), output_sqnr(plain, fp32, unseen) + 1.0);
    EXPECT_GT(report.sqnr_after, report.sqnr_before);
    EXPECT_EQ(report.samples, 64);
    EXPECT_EQ(report.held_out, 16);
    ASSERT_EQ(report.layers.size(), 6u);
    for (const RecoveryReport::Layer& layer : report.layers) {
      EXPECT_GE(layer.sqnr_after, layer.sqnr_before) << layer.name;
      EXPECT_FALSE(layer.steps.empty()) << layer.name;
    }
    EXPECT_EQ(describe_coverage(better), describe_coverage(plain));
    EXPECT_EQ(save_to_bytes(load(save_to_bytes(better))), save_to_bytes(better));
  }
}

TEST_F(Recover, EachWayOfRoundingHelps) {
  const double plain = output_sqnr(quantize(fp32, table, {.scheme = "int3"}), fp32, unseen);
  const std::vector<const char*> all{
      "gptq", "gptq,bias", "qronos", "adaround", "signround,bias", "descent", "gptq,qronos,descent,bias"};
  const std::size_t step = testing::kSlowdown > 1 ? 5 : 1;  // gptq and descent where all is slow
  double gptq = 0;
  for (std::size_t i = 0; i < all.size(); i += step) {
    SCOPED_TRACE(all[i]);
    const Model model = quantize(fp32, table, {.scheme = "int3", .recover = recover(quick(all[i]))});
    const double gained = output_sqnr(model, fp32, unseen);
    EXPECT_GT(gained, plain);
    if (gptq == 0) gptq = gained;
    EXPECT_GE(gained, gptq - 0.5);
  }
}

// It looks at weights alone, so that its codes may come out behind the nearest ones and are then not taken.
TEST_F(Recover, HqqIsTakenWhereItHelps) {
  RecoveryReport report;
  RecoverOptions how = quick("hqq");
  how.report = &report;
  quantize(fp32, table, {.scheme = "int2-g12-asym", .recover = recover(how)});
  int taken = 0;
  for (const RecoveryReport::Layer& layer : report.layers) {
    ASSERT_EQ(layer.steps.size(), 1u);
    EXPECT_EQ(layer.steps[0].kept, layer.steps[0].sqnr_after > layer.steps[0].sqnr_before) << layer.name;
    taken += layer.steps[0].kept;
  }
  EXPECT_GT(taken, 0);
}

TEST_F(Recover, DescendsLessWhereALayerIsTooLarge) {
  const auto gained = [&](double products) {
    RecoverOptions how = quick("descent");
    how.descent_products = products;
    return output_sqnr(quantize(fp32, table, {.scheme = "int3", .recover = recover(how)}), fp32, unseen);
  };
  const double none = gained(0), whole = gained(1e12);
  EXPECT_GT(none, output_sqnr(quantize(fp32, table, {.scheme = "int3"}), fp32, unseen) + 1);
  EXPECT_NE(none, whole) << "the same search";
}

TEST_F(Recover, GivesTheSameBytesWithAnyNumberOfThreads) {
  const auto bytes = [&](int threads) {
    RecoverOptions how = quick("wide,ranges,readers,gptq,qronos,descent,bias");
    how.threads = threads;
    return save_to_bytes(quantize(fp32, table, {.scheme = "int3-a4", .recover = recover(how)}));
  };
  const auto one = bytes(1);
  EXPECT_EQ(bytes(2), one);
  if (testing::kSlowdown == 1) {
    EXPECT_EQ(bytes(3), one);
  }
}

// Channels that are always the same have a variance of 0, or of what rounding makes of it.
TEST_F(Recover, TakesConstantChannels) {
  Graph g = residual_network().graph();
  auto& stem = std::get<ops::Conv2dOp>(g.nodes[0].op);
  for (std::size_t o = 0; o < 8; ++o) {
    std::fill_n(stem.weight.data.begin() + static_cast<std::ptrdiff_t>(o * 27), 27, 0.0f);
    stem.bias[o] = 0.3f + 0.37f * static_cast<float>(o);
  }
  auto& reader =
      std::get<ops::Conv2dOp>(g.nodes[1].op);  // without padding, so that its rows are constant, too
  reader.weight = Tensor(Shape{12, 12, 1, 1});
  Random random(6);
  for (float& w : reader.weight.data) w = random.gaussian() * 0.4f;
  reader.window = {};
  const Model network(g);
  const CalibrationTable seen = calibrate(network, std::vector<Tensor>{smooth_images(96, 1)});
  RecoveryReport report;
  RecoverOptions how = quick("gptq,qronos,descent,bias");
  how.report = &report;
  quantize(network, seen, {.scheme = "int4-wo", .recover = recover(how)});
  ASSERT_EQ(report.layers[1].name, "block1a");
  ASSERT_EQ(report.layers[1].steps.size(), 3u);
  for (const RecoveryReport::Step& step : report.layers[1].steps) EXPECT_EQ(step.note, "") << step.name;
  EXPECT_GT(report.layers[1].sqnr_after, report.layers[1].sqnr_before + 1);
}

TEST_F(Recover, LeavesWhatTheUserChose) {
  const auto weights = [](const LayerContext& layer) -> LayerWeights {
    if (layer.name == "stem") return {.codes = quantize(layer.weights, Affine<8>{})};
    if (layer.name == "block1a") return {.quantizer = Affine<8>{}, .label = "eight"};
    return {};
  };
  RecoveryReport report;
  RecoverOptions how = quick("descent,bias");
  how.report = &report;
  const Model model = quantize(
      fp32, table,
      {.scheme = "int4", .overrides = {{"fc", "fp32"}}, .weights = weights, .recover = recover(how)});
  ASSERT_EQ(report.layers.size(), 5u) << "fc stays fp32";
  EXPECT_EQ(report.layers[0].note, "its codes were given");
  EXPECT_TRUE(report.layers[0].steps.empty());
  const Tensor stem = weight_matrix(fp32.graph().nodes[0].op);
  const QuantizedMatrix eight =
      quantize(MatrixView(stem.data.data(), stem.shape[0], stem.shape[1]), Affine<8>{});
  int found = 0;
  for (std::size_t i = 0; i < model.graph().nodes.size(); ++i) {
    const std::string& name = model.graph().nodes[i].name;
    const auto weights_of = model.weights(static_cast<int>(i));
    if (name == "stem") {
      ++found;
      EXPECT_EQ(weights_of->codes, eight.codes);
      EXPECT_EQ(model.quantization(static_cast<int>(i)).name(), "int4 (weights: given codes)");
    }
    if (name == "block1a") {
      ++found;
      EXPECT_EQ(weights_of->bits, 8);
      EXPECT_EQ(model.quantization(static_cast<int>(i)).name(), "int4 (weights: eight)");
    }
  }
  EXPECT_EQ(found, 2);
}

// With wide sums, codes of few bits go into products alone.
TEST_F(Recover, WideSumsKeepEightBitsBetweenProducts) {
  const Model narrow = quantize(fp32, table, {.scheme = "int8-a4"}),
              wide = quantize(fp32, table, {.scheme = "int8-a4", .wide_sums = true});
  int copies = 0;
  for (std::size_t i = 0; i < wide.graph().nodes.size(); ++i) {
    const Graph::Node& node = wide.graph().nodes[i];
    const auto bits = [&](std::size_t input) { return wide.type(node.inputs[input]).bits; };
    copies += node.name.ends_with(":u4");
    if (!ops::has_weights(node.op)) continue;
    EXPECT_EQ(bits(0), node.name == "stem" ? 8 : 4) << node.name;
    if (node.inputs.size() > 1) {
      EXPECT_EQ(bits(1), 8) << node.name;
    }
  }
  EXPECT_EQ(copies, 3) << "of stem, of block1b, and of the mean";
  EXPECT_EQ(describe_coverage(wide), describe_coverage(narrow));
  EXPECT_GT(output_sqnr(wide, fp32, unseen), output_sqnr(narrow, fp32, unseen));
}

TEST_F(Recover, RangesMayBeTheCallersOwn) {
  const auto ranges = [](const std::string& value, int bits) -> std::optional<Range> {
    if (value == "block1a" && bits == 8) return Range{0.0f, 25.5f};
    return std::nullopt;
  };
  const Model model = quantize(fp32, table, {.scheme = "int8", .ranges = ranges}),
              plain = quantize(fp32, table, {.scheme = "int8"});
  ASSERT_EQ(model.graph().values.size(), plain.graph().values.size());
  for (std::size_t v = 0; v < model.graph().values.size(); ++v) {
    const auto id = static_cast<ValueId>(v);
    const std::string& name = model.graph().values[v].name;
    if (name == "block1a") {
      EXPECT_FLOAT_EQ(model.type(id).qparams.scale, 0.1f);
    } else {
      EXPECT_EQ(model.type(id).qparams, plain.type(id).qparams) << name;
    }
  }
}

// Codes of a value that hard_swish alone reads need not reach where it is zero.
TEST_F(Recover, RangesFollowTheFunctionThatReadsAValue) {
  Random random(3);
  Graph g;
  g.inputs = {g.add_value("image", {3, 10, 10})};
  ops::Conv2dOp conv = random_conv(random, 3, 12, 1);
  conv.activation = {};
  for (float& w : conv.weight.data) w *= 8.0f;
  const ValueId a = g.add_node("a", conv, g.inputs);
  const ValueId swish = g.add_node("swish", ops::FunctionOp{ops::Function::hard_swish, 1.0f / 6, 0.5f}, {a});
  g.outputs = {g.add_node("b", random_conv(random, 12, 4, 1), {swish})};
  const Model network(g);
  const CalibrationTable seen = calibrate(network, std::vector<Tensor>{smooth_images(96, 1)});
  RecoveryReport report;
  RecoverOptions how = quick("ranges");
  how.report = &report;
  const Model plain = quantize(network, seen, {.scheme = "int8"}),
              better = quantize(network, seen, {.scheme = "int8", .recover = recover(how)});
  ASSERT_FALSE(report.network.empty());
  EXPECT_EQ(report.network[0].name, "ranges");
  EXPECT_EQ(report.network[0].note, "of what functions read");
  EXPECT_TRUE(report.network[0].kept);
  EXPECT_GT(report.network[0].sqnr_after, report.network[0].sqnr_before + 0.5);
  const auto lowest = [](const Model& model) {
    const ValueType& type = model.type(model.graph().nodes[1].output);
    return type.qparams.scale * static_cast<float>(0 - type.qparams.zero_point);
  };
  ASSERT_EQ(plain.graph().nodes[1].name, "a");
  EXPECT_LT(lowest(plain), -10.0f);
  EXPECT_GT(lowest(better), -4.5f);
}

// A channel that the next layer does not look at may be as large as it likes.
TEST_F(Recover, RangesFollowTheLayersThatReadAValue) {
  Random random(3);
  Graph g;
  g.inputs = {g.add_value("image", {3, 10, 10})};
  ops::Conv2dOp first = random_conv(random, 3, 12, 1), second = random_conv(random, 12, 4, 1);
  for (std::size_t i = 0; i < 27; ++i) first.weight.data[i] *= 30.0f;
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t tap = 0; tap < 9; ++tap) second.weight.data[row * 108 + tap] = 0.0f;
  const ValueId a = g.add_node("a", first, g.inputs);
  g.outputs = {g.add_node("b", second, {a})};
  const Model network(g);
  const CalibrationTable seen = calibrate(network, std::vector<Tensor>{smooth_images(96, 1)});
  const auto recovered = [&](const char* steps, RecoveryReport& report) {
    RecoverOptions how = quick(steps);
    how.report = &report;
    return quantize(network, seen, {.scheme = "int8-a4", .recover = recover(how)});
  };
  const auto largest = [](const Model& model) {
    for (std::size_t v = 0; v < model.graph().values.size(); ++v)
      if (model.graph().values[v].name == "a")
        return model.type(static_cast<ValueId>(v)).qparams.scale * 15.0f;
    return 0.0f;
  };
  RecoveryReport of_codes, of_readers;
  const Model codes = recovered("ranges", of_codes), readers = recovered("ranges,readers", of_readers);
  EXPECT_EQ(of_readers.network.back().name, "readers");
  EXPECT_TRUE(of_readers.network.back().kept);
  EXPECT_GT(of_readers.sqnr_after, of_codes.sqnr_after + 3);
  EXPECT_LT(largest(readers), 0.5f * largest(codes));
}

// What a residual adds, too, is not for the layer alone to say.
TEST_F(Recover, RangesOfReadersLeaveWhatIsAdded) {
  RecoveryReport report;
  RecoverOptions how = quick("readers");
  how.report = &report;
  const RecoveredModel result = recover(how)(fp32, &table, {.scheme = "int8"});
  EXPECT_EQ(report.network[0].name, "readers");
  if (!report.network[0].kept) return;
  EXPECT_FALSE(result.ranges("stem", 8)) << "block1b adds it";
  EXPECT_TRUE(result.ranges("block1a", 8));
}

/// Of the user's own, which gives up as soon as the errors of weights are weighed: on the codes of a
/// recovery, while plain ones are fine.
struct WantsNoImportance {
  Affine<3> affine{};
  Granularity granularity = per_channel();
  int code_bits() const { return 3; }
  AffineGroup fit(std::span<const float> group, std::span<const float> importance) const {
    if (!importance.empty()) throw Error(ErrorCode::unsupported, "importance is not for me");
    return affine.fit(group, importance);
  }
};

TEST_F(Recover, AStepThatFailsIsSaidByName) {
  RecoveryReport report;
  RecoverOptions how = quick("gptq,qronos,bias");
  how.report = &report;
  const auto weights = [](const LayerContext& layer) -> LayerWeights {
    return layer.name == "block1b" ? LayerWeights{.quantizer = WantsNoImportance{}} : LayerWeights{};
  };
  const Model model = quantize(fp32, table, {.scheme = "int3", .weights = weights, .recover = recover(how)});
  EXPECT_EQ(report.failures(),
            (std::vector<std::string>{"layer 'block1b', gptq: importance is not for me",
                                      "layer 'block1b', qronos: importance is not for me"}));
  for (const RecoveryReport::Layer& layer : report.layers)
    for (const RecoveryReport::Step& step : layer.steps)
      EXPECT_EQ(step.failed, layer.name == "block1b" && step.name != "bias") << layer.name << step.name;
  EXPECT_GT(output_sqnr(model, fp32, unseen),
            output_sqnr(quantize(fp32, table, {.scheme = "int3"}), fp32, unseen))
      << "the other steps count all the same";
}

// What a recovery says that it decided makes the same model of its codes.
TEST_F(Recover, SaysWhatItDecided) {
  Graph lower = residual_network().graph();  // its sums are worth more bits than its products
  for (const std::size_t node : {0u, 2u, 4u})
    for (float& w : std::get<ops::Conv2dOp>(lower.nodes[node].op).weight.data) w *= 0.5f;
  const Model network(lower);
  const CalibrationTable seen = calibrate(network, std::vector<Tensor>{smooth_images(96, 1)});
  const RecoverOptions how = quick("wide,ranges,gptq,bias");
  const RecoveredModel result = recover(how)(network, &seen, {.scheme = "int8-a3"});
  EXPECT_TRUE(result.wide_sums);
  ASSERT_TRUE(result.ranges);
  EXPECT_FALSE(result.network);
  std::map<std::string, LayerWeights> layers;
  for (std::size_t i = 0; i < result.model.graph().nodes.size(); ++i) {
    const Graph::Node& node = result.model.graph().nodes[i];
    std::visit(
        [&](const auto& op) {
          if constexpr (requires { op.bias; })
            layers.emplace(node.name,
                           LayerWeights{.codes = result.model.weights(static_cast<int>(i)), .bias = op.bias});
        },
        node.op);
  }
  const Model again = quantize(network, seen,
                               {.scheme = "int8-a3",
                                .weights = [&](const LayerContext& layer) { return layers.at(layer.name); },
                                .ranges = result.ranges,
                                .wide_sums = result.wide_sums});
  ASSERT_EQ(again.graph().values.size(), result.model.graph().values.size());
  for (std::size_t v = 0; v < again.graph().values.size(); ++v) {
    const auto id = static_cast<ValueId>(v);
    EXPECT_EQ(again.type(id).qparams, result.model.type(id).qparams) << again.graph().values[v].name;
  }
  EXPECT_EQ(output_sqnr(again, network, unseen), output_sqnr(result.model, network, unseen));
}

TEST_F(Recover, StopsWhenItIsTold) {
  RecoverOptions how = quick("descent");
  std::vector<std::size_t> done;
  how.progress = [&](const RecoveryProgress& p) {
    EXPECT_EQ(p.layers, 6u);
    EXPECT_GE(p.seconds_left, 0);
    done.push_back(p.layer);
    return p.layer < 2;
  };
  const auto run = [&] { quantize(fp32, table, {.scheme = "int4", .recover = recover(how)}); };
  EXPECT_TRUE(says(error_of(run, ErrorCode::cancelled), {"'block1a'", "2 of 6"}));
  EXPECT_EQ(done, (std::vector<std::size_t>{1, 2}));
}

TEST_F(Recover, TakesMoreSamplesOfASmallNetwork) {
  RecoveryReport report;
  RecoverOptions how = quick("bias");
  how.report = &report;
  how.samples = 10;
  const auto used = [&](double products) {
    how.products = products;
    quantize(fp32, table, {.scheme = "int8", .recover = recover(how)});
    return report.samples + report.held_out;
  };
  // 100 positions of 9 * (3 * 12 + 12 * 12 + 12 * 12 + 12 + 6 * 12) products, and 6 * 12.
  constexpr double kProducts = 100 * 9 * (36 + 144 + 144 + 12 + 72) + 72;
  EXPECT_EQ(used(0), 10);
  EXPECT_EQ(used(25.5 * kProducts), 25);
  EXPECT_EQ(used(1e12), 96) << "all that there are";
}

TEST_F(Recover, TakesSamplesOfTheCallersOwn) {
  const Tensor images = smooth_images(96, 1);
  RecoverOptions how = quick("gptq,bias");
  const Model kept = quantize(fp32, table, {.scheme = "int4-wo", .recover = recover(how)});
  how.data = images;
  const Model given = quantize(fp32, {.scheme = "int4-wo", .recover = recover(how)});
  EXPECT_EQ(save_to_bytes(given), save_to_bytes(kept));
}

TEST_F(Recover, RefusesWhatCannotBe) {
  const auto refused = [&](const RecoverOptions& how) {
    return error_of([&] { quantize(fp32, table, {.scheme = "int4", .recover = recover(how)}); },
                    ErrorCode::invalid_argument);
  };
  EXPECT_TRUE(says(refused({.samples = 3}), {"8 samples", "3"}));
  EXPECT_TRUE(says(refused({.held_out_every = 1}), {"kept aside"}));
  EXPECT_TRUE(says(refused({.positions = 0}), {"position"}));
  EXPECT_TRUE(says(refused({.products = -1}), {"products", "-1"}));
  EXPECT_TRUE(says(refused({.descents = 0}), {"descent"}));
  EXPECT_TRUE(says(refused({.descent_products = -2}), {"descent", "-2"}));
  const Tensor few = smooth_images(5, 3);
  EXPECT_TRUE(says(refused({.data = few}), {"at least 8", "5"}));
  CalibrationTable bare = table;
  bare.kept = {};
  EXPECT_TRUE(says(error_of([&] { quantize(fp32, bare, {.scheme = "int4", .recover = recover_default()}); },
                            ErrorCode::invalid_argument),
                   {"samples", "RecoverOptions::data"}));
  EXPECT_TRUE(says(error_of([] { parse_recovery("bias,gptg"); }, ErrorCode::invalid_argument),
                   {"'gptg'", "gptq", "fast", "best"}));
}

}  // namespace
}  // namespace lowbit
