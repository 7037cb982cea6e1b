// SPDX-License-Identifier: Apache-2.0
// What a capture holds, against plain loops in double over the values of the graph interpreter.
#include "lowbit/recover/capture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "recover/capture_network.h"
#include "support/error_of.h"
#include "support/graph_interpreter.h"

namespace lowbit {
namespace {

using testing::capture_graph;
using testing::capture_samples;
using testing::error_of;
using testing::Sample;
using testing::says;

/// Rows of one group of a layer on one sample: [position][column].
std::vector<std::vector<double>> rows_of(const ops::Op& op, const Sample& in, const Shape& out,
                                         std::int64_t group) {
  std::vector<std::vector<double>> rows;
  if (const auto* linear = std::get_if<ops::LinearOp>(&op)) {
    std::vector<double> all = in.data;
    if (linear->flattens_input) {  // C x H x W, read channels last
      const std::int64_t channels = in.shape[0], pixels = in.shape[1] * in.shape[2];
      for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t c = 0; c < channels; ++c)
          all[static_cast<std::size_t>(p * channels + c)] = in.data[static_cast<std::size_t>(c * pixels + p)];
    }
    const auto size = static_cast<std::ptrdiff_t>(linear->weight.shape[1]);
    for (auto at = all.begin(); at != all.end(); at += size) rows.emplace_back(at, at + size);
    return rows;
  }
  const auto& conv = std::get<ops::Conv2dOp>(op);
  const std::int64_t channels = in.shape[0] / conv.groups;
  const ops::Window& w = conv.window;
  for (std::int64_t oy = 0; oy < out[1]; ++oy)
    for (std::int64_t ox = 0; ox < out[2]; ++ox) {
      std::vector<double>& row = rows.emplace_back();
      for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky)
        for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx)
          for (std::int64_t c = 0; c < channels; ++c) {
            const std::int64_t y = oy * w.stride[0] + ky * w.dilation[0] - w.pad[0],
                               x = ox * w.stride[1] + kx * w.dilation[1] - w.pad[1];
            const bool inside = y >= 0 && y < in.shape[1] && x >= 0 && x < in.shape[2];
            const std::int64_t channel = group * channels + c;
            row.push_back(
                inside ? in.data[static_cast<std::size_t>((channel * in.shape[1] + y) * in.shape[2] + x)]
                       : 0.0);
          }
    }
  return rows;
}

/// All values of a graph on each sample.
std::vector<std::vector<Sample>> values_of(const Graph& graph, const Tensor& samples) {
  std::vector<std::vector<Sample>> all;
  const Shape& shape = graph.values[static_cast<std::size_t>(graph.inputs[0])].shape;
  for (std::int64_t s = 0; s < samples.shape[0]; ++s) {
    const auto begin = samples.data.begin() + static_cast<std::ptrdiff_t>(s * shape.elements());
    const Sample in{shape, std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(shape.elements()))};
    all.push_back(testing::interpret_all(graph, std::span(&in, 1)));
  }
  return all;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  double scale = 1e-30;
  for (const double x : expected) scale = std::max(scale, std::fabs(x));
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-10 * scale) << i;
}

std::vector<double> divided(std::vector<double> sums, std::int64_t count) {
  for (double& x : sums) x /= static_cast<double>(count);
  return sums;
}

/// Everything that a capture says of a layer, of `graph` and (for cross moments) `other`.
void expect_layer(const LayerMoments& got, const Graph& graph, const Graph& other, const Tensor& samples) {
  SCOPED_TRACE(got.layer());
  const auto is_layer = [&](const Graph::Node& n) { return n.name == got.layer(); };
  const Graph::Node& node = *std::find_if(graph.nodes.begin(), graph.nodes.end(), is_layer);
  const Graph::Node& twin = *std::find_if(other.nodes.begin(), other.nodes.end(), is_layer);
  const auto values = values_of(graph, samples), other_values = values_of(other, samples);
  const auto at = [](ValueId id) { return static_cast<std::size_t>(id); };
  const auto n = static_cast<std::size_t>(got.columns());
  std::vector<double> mean, squares, other_mean;
  std::int64_t rows_seen = 0;
  for (std::int64_t g = 0; g < got.groups(); ++g) {
    std::vector<double> sums(n), other_sums(n), h(n * n), cross(n * n);
    rows_seen = 0;
    for (std::size_t s = 0; s < values.size(); ++s) {
      const auto rows = rows_of(node.op, values[s][at(node.inputs[0])], values[s][at(node.output)].shape, g);
      const auto twins =
          rows_of(twin.op, other_values[s][at(twin.inputs[0])], other_values[s][at(twin.output)].shape, g);
      for (std::size_t r = 0; r < rows.size(); ++r, ++rows_seen)
        for (std::size_t i = 0; i < n; ++i) {
          ASSERT_EQ(rows[r].size(), n);
          sums[i] += rows[r][i], other_sums[i] += twins[r][i];
          for (std::size_t j = 0; j < n; ++j) {
            h[i * n + j] += rows[r][i] * rows[r][j];
            cross[i * n + j] += rows[r][i] * twins[r][j];
          }
        }
    }
    expect_near(got.second_moment(g), divided(h, rows_seen));
    expect_near(got.cross_moment(g), divided(cross, rows_seen));
    for (std::size_t i = 0; i < n; ++i) squares.push_back(h[i * n + i]);
    mean.insert(mean.end(), sums.begin(), sums.end());
    other_mean.insert(other_mean.end(), other_sums.begin(), other_sums.end());
  }
  EXPECT_EQ(got.rows(), rows_seen);
  EXPECT_EQ(got.skipped_rows(), 0);
  expect_near(got.input_mean(), divided(mean, rows_seen));
  expect_near(got.other_mean(), divided(other_mean, rows_seen));
  expect_near(got.input_squares(), divided(squares, rows_seen));
  std::vector<double> out(static_cast<std::size_t>(got.channels())), out_squares = out;
  std::int64_t positions = 0;
  for (const auto& sample : values) {
    const Sample& o = sample[at(node.output)];
    const bool image = o.shape.rank() == 3;
    for (std::size_t i = 0; i < o.data.size(); ++i) {
      const std::size_t c = image ? i / static_cast<std::size_t>(o.shape[1] * o.shape[2]) : i % out.size();
      out[c] += o.data[i], out_squares[c] += o.data[i] * o.data[i];
    }
    positions += static_cast<std::int64_t>(o.data.size() / out.size());
  }
  EXPECT_EQ(got.positions(), positions);
  expect_near(got.output_mean(), divided(out, positions));
  expect_near(got.output_squares(), divided(out_squares, positions));
}

/// The same network with other weights: its layers see other inputs.
Graph changed(Graph graph) {
  for (Graph::Node& node : graph.nodes)
    if (auto* conv = std::get_if<ops::Conv2dOp>(&node.op))
      for (float& w : conv->weight.data) w = w > 1.0f ? 1.0f : w;
  return graph;
}

TEST(Capture, HoldsTheMomentsOfEveryLayer) {
  for (const Graph& graph : {capture_graph(), testing::sequence_graph()}) {
    const Tensor samples = capture_samples(graph, 9);
    const LayerStats stats =
        capture(Model(graph), std::vector<Tensor>{samples}, {.other = Model(changed(graph)), .threads = 2});
    EXPECT_EQ(stats.samples, 9);
    std::size_t layers = 0;
    for (const Graph::Node& node : graph.nodes) layers += ops::has_weights(node.op);
    ASSERT_EQ(stats.layers.size(), layers);
    for (const LayerMoments& layer : stats.layers)
      ASSERT_NO_FATAL_FAILURE(expect_layer(layer, graph, changed(graph), samples));
  }
}

/// What capturing `graph` says of the targets that the layers of `original` set.
void expect_targets(const LayerMoments& got, const Graph& graph, const Graph& original,
                    const Tensor& samples) {
  SCOPED_TRACE(got.layer());
  const auto is_layer = [&](const Graph::Node& n) { return n.name == got.layer(); };
  const Graph::Node& node = *std::find_if(graph.nodes.begin(), graph.nodes.end(), is_layer);
  const Graph::Node& from = *std::find_if(original.nodes.begin(), original.nodes.end(), is_layer);
  const auto values = values_of(graph, samples), originals = values_of(original, samples);
  const auto at = [](ValueId id) { return static_cast<std::size_t>(id); };
  const auto channels = static_cast<std::size_t>(got.channels()), n = static_cast<std::size_t>(got.columns()),
             per_group = channels / static_cast<std::size_t>(got.groups());
  const Tensor weights = weight_matrix(from.op);
  const auto* conv = std::get_if<ops::Conv2dOp>(&from.op);
  std::vector<double> mean(channels), squares(channels), moment(channels * n);
  std::int64_t rows_seen = 0;
  for (std::size_t s = 0; s < values.size(); ++s) {
    const Shape& out = originals[s][at(from.output)].shape;
    for (std::size_t o = 0; o < channels; ++o) {
      const auto group = static_cast<std::int64_t>(o / per_group);
      const auto x = rows_of(from.op, originals[s][at(from.inputs[0])], out, group),
                 y = rows_of(node.op, values[s][at(node.inputs[0])], out, group);
      for (std::size_t r = 0; r < x.size(); ++r) {
        double t = conv && !conv->bias.empty() ? double{conv->bias[o]} : 0.0;
        for (std::size_t c = 0; c < n; ++c) t += double{weights.data[o * n + c]} * x[r][c];
        if (from.inputs.size() > 1)
          t += originals[s][at(from.inputs[1])].data[o * x.size() + r] -
               values[s][at(node.inputs[1])].data[o * x.size() + r];
        mean[o] += t, squares[o] += t * t;
        for (std::size_t c = 0; c < n; ++c) moment[o * n + c] += t * y[r][c];
        rows_seen += o == 0;
      }
    }
  }
  EXPECT_EQ(got.rows(), rows_seen);
  expect_near(got.target_mean(), divided(mean, rows_seen));
  expect_near(got.target_squares(), divided(squares, rows_seen));
  expect_near(got.target_moment(), divided(moment, rows_seen));
}

TEST(Capture, HoldsWhatLayersOughtToAddUpTo) {
  for (const Graph& graph : {capture_graph(), testing::sequence_graph()}) {
    const Tensor samples = capture_samples(graph, 7);
    const LayerStats stats =
        capture(Model(changed(graph)), std::vector<Tensor>{samples},
                {.other = Model(graph), .cross_moments = CrossMoments::targets, .threads = 2});
    for (const LayerMoments& layer : stats.layers) {
      ASSERT_TRUE(layer.has_targets());
      ASSERT_NO_FATAL_FAILURE(expect_targets(layer, changed(graph), graph, samples));
      error_of([&] { layer.cross_moment(); }, ErrorCode::invalid_argument);
    }
    const LayerStats loaded = load_layer_stats(save_to_bytes(stats));
    EXPECT_EQ(loaded.layers[0].target_moment(), stats.layers[0].target_moment());
    EXPECT_EQ(save_to_bytes(loaded), save_to_bytes(stats));
  }
}

TEST(Capture, DiagonalsAreThoseOfTheMatrix) {
  const Graph graph = capture_graph();
  const Tensor samples = capture_samples(graph, 4);
  const Model model(graph);
  const LayerStats full = capture(model, std::vector<Tensor>{samples}),
                   diagonal = capture(model, std::vector<Tensor>{samples},
                                      {.second_moments = SecondMoments::diagonal}),
                   none =
                       capture(model, std::vector<Tensor>{samples}, {.second_moments = SecondMoments::none});
  for (std::size_t l = 0; l < full.layers.size(); ++l) {
    EXPECT_EQ(full.layers[l].input_squares(), diagonal.layers[l].input_squares());
    EXPECT_EQ(full.layers[l].input_mean(), none.layers[l].input_mean());
    EXPECT_LT(none.layers[l].bytes(), diagonal.layers[l].bytes());
    EXPECT_TRUE(says(error_of([&] { diagonal.layers[l].second_moment(); }, ErrorCode::invalid_argument),
                     {full.layers[l].layer().c_str(), "not captured"}));
    error_of([&] { none.layers[l].input_squares(); }, ErrorCode::invalid_argument);
    error_of([&] { full.layers[l].cross_moment(); }, ErrorCode::invalid_argument);
    error_of([&] { full.layers[l].second_moment(full.layers[l].groups()); }, ErrorCode::invalid_argument);
  }
}

// Inputs of a layer of codes are the reals that the codes stand for.
TEST(Capture, DecodesTheCodesOfAQuantizedModel) {
  const Graph graph = capture_graph();
  const Tensor samples = capture_samples(graph, 6);
  const Model fp32(graph),
      int8 = quantize(fp32, calibrate(fp32, std::vector<Tensor>{samples}), {.scheme = "int8"});
  const LayerStats both = capture(fp32, std::vector<Tensor>{samples}, {.other = int8}),
                   alone = capture(int8, std::vector<Tensor>{samples});
  for (const char* name : {"grouped", "depthwise", "mixed", "fc"}) {
    SCOPED_TRACE(name);
    const LayerMoments &x = both.layer(name), &y = alone.layer(name);
    EXPECT_EQ(x.other_mean(), y.input_mean());
    // Close to each other, and not the same.
    const std::vector<double> h = x.second_moment(), cross = x.cross_moment(), hq = y.second_moment();
    double scale = 0, off = 0;
    for (std::size_t i = 0; i < h.size(); ++i) {
      scale = std::max(scale, std::fabs(h[i]));
      off = std::max({off, std::fabs(h[i] - cross[i]), std::fabs(hq[i] - cross[i])});
    }
    EXPECT_LT(off, 0.03 * scale);
    EXPECT_GT(off, 1e-6 * scale);
  }
}

TEST(Capture, TakesSomePositionsOfALargeImage) {
  const Graph graph = capture_graph();
  const Tensor samples = capture_samples(graph, 40);
  const Model model(graph);
  const LayerStats some = capture(model, std::vector<Tensor>{samples}, {.layers = {"mixed"}, .positions = 7}),
                   all = capture(model, std::vector<Tensor>{samples}, {.layers = {"mixed"}});
  EXPECT_EQ(some.layer("mixed").rows(), 7 * 40);
  EXPECT_EQ(some.layer("mixed").positions(), all.layer("mixed").positions()) << "outputs are all taken";
  const std::vector<double> a = some.layer("mixed").input_mean(), b = all.layer("mixed").input_mean();
  const std::vector<double> square = all.layer("mixed").input_squares();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 5 * std::sqrt(square[i] / 280));
}

TEST(Capture, SampledRowsAreRowsOfTheLayer) {
  const Graph graph = capture_graph();
  const Tensor samples = capture_samples(graph, 12);
  const auto values = values_of(graph, samples);
  const Graph::Node& node = graph.nodes[1];
  ASSERT_EQ(node.name, "depthwise");
  const LayerStats stats =
      capture(Model(graph), std::vector<Tensor>{samples},
              {.layers = {"depth*"}, .other = Model(changed(graph)), .sampled_rows = 50});
  const SampledRows rows = stats.layer("depthwise").sampled_rows();
  ASSERT_EQ(rows.count, 50);
  ASSERT_EQ(rows.x.size(), 50u * 6 * 9);
  ASSERT_EQ(rows.other.size(), rows.x.size());
  for (std::size_t r = 0; r < 50; ++r) {
    const auto& sample = values[static_cast<std::size_t>(rows.samples[r])];
    for (std::int64_t g = 0; g < 6; ++g) {
      const auto expected = rows_of(node.op, sample[static_cast<std::size_t>(node.inputs[0])],
                                    sample[static_cast<std::size_t>(node.output)].shape, g);
      for (std::size_t c = 0; c < 9; ++c)
        ASSERT_EQ(double{rows.x[(r * 6 + static_cast<std::size_t>(g)) * 9 + c]},
                  expected[static_cast<std::size_t>(rows.positions[r])][c]);
    }
  }
}

TEST(Capture, SkipsRowsThatAreNotFinite) {
  Graph graph = testing::sequence_graph();
  Tensor samples = capture_samples(graph, 3);
  const LayerStats whole = capture(Model(graph), std::vector<Tensor>{samples});
  samples.data[11 * 7 + 5] = std::numeric_limits<float>::quiet_NaN();      // sample 1, step 0
  samples.data[11 * 7 + 11 * 6] = std::numeric_limits<float>::infinity();  // sample 1, step 6
  const LayerStats stats = capture(Model(graph), std::vector<Tensor>{samples});
  const LayerMoments& layer = stats.layer("linear");
  EXPECT_EQ(layer.rows(), 19);
  EXPECT_EQ(layer.skipped_rows(), 2);
  EXPECT_EQ(layer.positions(), 19);
  EXPECT_EQ(layer.skipped_positions(), 2);
  for (const double x : layer.second_moment()) EXPECT_TRUE(std::isfinite(x));
  for (float& x : samples.data) x = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(says(
      error_of([&] { capture(Model(graph), std::vector<Tensor>{samples}); }, ErrorCode::invalid_argument),
      {"'linear'", "finite"}));
}

using Batches = std::vector<std::vector<arrays::ArrayView>>;

/// rows of floats -> first + rows of a table by number -> second; a network without a batch, on which floats
/// are exact.
struct TwoInputs {
  static constexpr std::int64_t kRows = 5, kColumns = 4, kWidth = 6, kNumbers = 9;

  explicit TwoInputs(std::int64_t count) {
    testing::Random random(4);
    first.weight = testing::whole_numbers(random, {kWidth, kColumns}, 2);
    first.activation.lo = 0.0f;
    table.weight = testing::whole_numbers(random, {kNumbers, kWidth}, 3);
    second.weight = testing::whole_numbers(random, {3, kWidth}, 2);
    graph.has_batch = false;
    graph.inputs = {graph.add_value("x", {kRows, kColumns}), graph.add_value("numbers", {kRows})};
    graph.values[1].element = ElementType::i64;
    const ValueId a = graph.add_node("first", first, {graph.inputs[0]});
    const ValueId b = graph.add_node("table", table, {graph.inputs[1]});
    graph.outputs = {graph.add_node("second", second, {graph.add_node("sum", ops::AddOp{}, {a, b})})};
    samples = SampleSet(Model(graph));
    for (std::int64_t i = 0; i < count; ++i) {
      arrays::Array x({ElementType::f32, {kRows, kColumns}}), numbers({ElementType::i64, {kRows}});
      x.floats = testing::whole_numbers(random, {kRows, kColumns}, 3).data;
      for (std::int64_t& n : numbers.integers) n = random.integer(0, kNumbers - 1);
      samples.append(std::vector<arrays::ArrayView>{x.view(), numbers.view()}, 0);
    }
  }

  /// What `second` reads, row after row of all samples.
  std::vector<std::vector<double>> rows_of_second() const {
    std::vector<std::vector<double>> rows;
    for (std::int64_t row = 0; row < samples.count * kRows; ++row) {
      const float* x = samples.inputs[0].floats.data() + row * kColumns;
      const std::int64_t number = samples.inputs[1].integers[static_cast<std::size_t>(row)];
      std::vector<double>& sums = rows.emplace_back();
      for (std::int64_t o = 0; o < kWidth; ++o) {
        double sum = 0;
        for (std::int64_t c = 0; c < kColumns; ++c)
          sum += double{x[c]} * double{first.weight.data[static_cast<std::size_t>(o * kColumns + c)]};
        sums.push_back(std::max(sum, 0.0) +
                       double{table.weight.data[static_cast<std::size_t>(number * kWidth + o)]});
      }
    }
    return rows;
  }

  ops::LinearOp first, second;
  ops::EmbeddingOp table;
  Graph graph;
  SampleSet samples;
};

TEST(Capture, OfSeveralInputsHoldsTheMomentsOfAllRows) {
  const TwoInputs two(17);
  const Model model(two.graph);
  const LayerStats stats = capture(model, Batches{two.samples.views()}, {.other = model, .sampled_rows = 0});
  ASSERT_EQ(stats.layers.size(), 2u) << "a table multiplies nothing";
  const LayerMoments& second = stats.layer("second");
  const auto rows = two.rows_of_second();
  ASSERT_EQ(second.rows(), 17 * TwoInputs::kRows);
  constexpr auto n = static_cast<std::size_t>(TwoInputs::kWidth);
  std::vector<double> mean(n), h(n * n), out_mean(3), out_squares(3);
  for (const std::vector<double>& row : rows) {
    for (std::size_t i = 0; i < n; ++i) {
      mean[i] += row[i];
      for (std::size_t j = 0; j < n; ++j) h[i * n + j] += row[i] * row[j];
    }
    for (std::size_t o = 0; o < 3; ++o) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += row[i] * double{two.second.weight.data[o * n + i]};
      out_mean[o] += sum, out_squares[o] += sum * sum;
    }
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  expect_near(second.input_mean(), divided(mean, count));
  expect_near(second.second_moment(), divided(h, count));
  expect_near(second.cross_moment(), divided(h, count));
  expect_near(second.output_mean(), divided(out_mean, count));
  expect_near(second.output_squares(), divided(out_squares, count));
}

TEST(Capture, OfSeveralInputsIsTheSameHoweverItWasSplit) {
  const TwoInputs two(23);
  const Model model(two.graph);
  const auto whole =
      save_to_bytes(capture(model, Batches{two.samples.views()}, {.positions = 3, .sampled_rows = 12}));
  for (const int threads : {1, 2, 3}) {
    std::vector<LayerStats> parts;
    for (const std::int32_t shard : {2, 0, 1}) {
      Capturer capturer(model, {.positions = 3, .sampled_rows = 12, .threads = threads, .shard = {shard, 3}});
      SampleSet part(model);
      for (std::int64_t i = shard; i < two.samples.count; i += 3) part.append(two.samples.views(), i);
      for (std::int64_t i = 0; i < part.count; i += 2)
        capturer.add(part.views(i, std::min<std::int64_t>(2, part.count - i)));
      parts.push_back(load_layer_stats(save_to_bytes(capturer.shard())));
    }
    EXPECT_EQ(save_to_bytes(merge_layer_stats(parts)), whole) << threads;
  }
}

TEST(Capture, SaysWhatMemoryItTakes) {
  const Graph graph = capture_graph();
  const Model model(graph);
  const Tensor samples = capture_samples(graph, 20);
  for (const SecondMoments second : {SecondMoments::none, SecondMoments::diagonal, SecondMoments::full}) {
    const CaptureOptions options{.second_moments = second, .other = model, .sampled_rows = 30};
    const CaptureMemory memory = capture_memory(model, options);
    const LayerStats stats = capture(model, std::vector<Tensor>{samples}, options);
    ASSERT_EQ(memory.layers.size(), stats.layers.size());
    for (std::size_t l = 0; l < stats.layers.size(); ++l) {
      EXPECT_EQ(memory.layers[l].name, stats.layers[l].layer());
      EXPECT_EQ(memory.layers[l].stats, stats.layers[l].bytes());
    }
    EXPECT_GE(memory.peak(), stats.bytes() + memory.values);
  }
}

TEST(Capture, RefusesWhatCannotBe) {
  const Graph graph = capture_graph();
  const Model model(graph);
  const auto refused = [&](const CaptureOptions& options) {
    return error_of([&] { Capturer c(model, options); }, ErrorCode::invalid_argument);
  };
  EXPECT_TRUE(says(refused({.layers = {"grouped", "convolution*"}}), {"'convolution*'"}));
  EXPECT_TRUE(says(refused({.layers = {}}), {"at least one"}));
  EXPECT_TRUE(says(refused({.positions = 0}), {"positions", "0"}));
  EXPECT_TRUE(says(refused({.sampled_rows = -1}), {"rows", "-1"}));
  EXPECT_TRUE(says(refused({.other = Model(testing::sequence_graph())}), {"7x11", "4x9x8"}));
  Graph other = graph;
  other.nodes[1].name = "elsewhere";
  EXPECT_TRUE(says(refused({.other = Model(other)}), {"no layer 'depthwise'"}));
  other = graph;
  std::get<ops::Conv2dOp>(other.nodes[1].op).window = {
      .kernel = {3, 3}, .stride = {1, 1}, .dilation = {2, 2}, .pad = {2, 2, 2, 2}};
  EXPECT_TRUE(says(refused({.other = Model(other)}), {"'depthwise'", "another shape"}));
  EXPECT_TRUE(says(
      refused({.other = quantize(model, {.scheme = "int8-dynamic"}), .cross_moments = CrossMoments::targets}),
      {"'grouped'", "int8-dynamic", "fp32"}));
  EXPECT_TRUE(says(refused({.other = model, .cross_moments = CrossMoments::none}), {"inputs or targets"}));
  EXPECT_TRUE(says(refused({.shard = {3, 3}}), {"no shard 4 of 3"}));
  error_of([&] { capture(model, std::vector<Tensor>{}); }, ErrorCode::invalid_argument);
  Capturer capturer(model);
  error_of([&] { capturer.add(Tensor(Shape{1, 4, 9, 9})); }, ErrorCode::shape_mismatch);
  const TwoInputs two(1);
  const Model of_two(two.graph);
  Capturer pairs(of_two);
  EXPECT_TRUE(says(error_of(
                       [&] {
                         pairs.add(Tensor(Shape{1, 5, 4}));
                       },
                       ErrorCode::shape_mismatch),
                   {"2 inputs"}));
  EXPECT_TRUE(
      says(error_of([&] { pairs.add(std::vector{two.samples.views()[0]}); }, ErrorCode::shape_mismatch),
           {"2 inputs, not 1"}));
  EXPECT_TRUE(says(error_of([&] { Capturer c(of_two, {.other = Model(testing::sequence_graph())}); },
                            ErrorCode::invalid_argument),
                   {"1 inputs, not 2"}));
}

}  // namespace
}  // namespace lowbit
