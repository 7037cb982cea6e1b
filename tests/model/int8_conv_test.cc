// SPDX-License-Identifier: Apache-2.0
// Random quantized convolution chains against plain integer loops, bit for bit: kernels, strides, paddings,
// dilations, groups, depthwise, residuals, activations, odd channel counts, batches and threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/observe/minmax.h"
#include "support/int8_oracle.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::CodeImage;
using testing::Random;

ops::Conv2dOp random_conv(Random& random, std::int64_t in, std::int64_t out, std::int64_t groups) {
  ops::Conv2dOp op;
  op.window.kernel = {random.integer(1, 3), random.integer(1, 3)};
  op.window.stride = {random.integer(1, 2), random.integer(1, 2)};
  op.window.dilation = {random.integer(1, 2), random.integer(1, 2)};
  for (std::int64_t& p : op.window.pad) p = random.integer(0, 2);
  op.groups = groups;
  op.weight = Tensor(Shape{out, in / groups, op.window.kernel[0], op.window.kernel[1]});
  for (float& w : op.weight.data) w = random.gaussian();
  if (random.integer(0, 3) > 0) {
    op.bias.resize(static_cast<std::size_t>(out));
    for (float& b : op.bias) b = random.gaussian();
  }
  if (random.integer(0, 1)) op.activation.lo = 0.0f;
  if (random.integer(0, 3) == 0) op.activation.hi = 6.0f;
  return op;
}

struct Chain {
  Graph graph;
  std::int64_t channels, height, width;
};

/// conv1 (codes out) then conv2, 1x1 and pointing back at conv1's output as its residual.
Chain random_chain(Random& random) {
  Chain chain;
  const std::int64_t groups = std::int64_t{1} << random.integer(0, 2);
  chain.channels = groups * random.integer(1, 6);
  chain.height = random.integer(5, 9), chain.width = random.integer(5, 9);
  const bool depthwise = random.integer(0, 3) == 0;
  const std::int64_t middle =
      depthwise ? chain.channels * random.integer(1, 2) : groups * random.integer(1, 9);
  const ValueId x = chain.graph.add_value("x", {chain.channels, chain.height, chain.width});
  chain.graph.inputs = {x};
  const ValueId y = chain.graph.add_node(
      "conv1", random_conv(random, chain.channels, middle, depthwise ? chain.channels : groups), {x});
  ops::Conv2dOp second;
  second.weight = Tensor(Shape{middle, middle, 1, 1});
  for (float& w : second.weight.data) w = random.gaussian();
  second.activation.lo = 0.0f;
  const ValueId z = chain.graph.add_node("conv2", second, {y, y});
  chain.graph.outputs = {z};
  return chain;
}

/// Runs one convolution of the model's data over a sample of codes; f32 results come back through `floats`.
CodeImage run_oracle(const Model& model, std::size_t node_index, const CodeImage& in,
                     const CodeImage* residual, std::vector<float>* floats) {
  const Graph::Node& node = model.graph().nodes[node_index];
  const auto& op = std::get<ops::Conv2dOp>(node.op);
  const ValueType& type = model.type(node.output);
  const QuantizedMatrix& w = *model.quantization(static_cast<int>(node_index)).weights;
  CodeImage out{type.shape[0], type.shape[1], type.shape[2], {}, type.qparams, (1 << type.bits) - 1};
  testing::OracleOutput spec;
  if (type.dtype == DType::u8) spec.out = type.qparams;
  bool fits = true;
  for (std::int64_t o = 0; o < out.channels; ++o)
    for (std::int64_t y = 0; y < out.height; ++y)
      for (std::int64_t x = 0; x < out.width; ++x) {
        const auto r = residual ? std::optional(residual->at(o, y, x)) : std::nullopt;
        const float f =
            testing::conv_element(op, w, in, o, y, x, spec, r, residual ? residual->q : QParams{}, &fits);
        if (spec.out) {
          out.codes.push_back(testing::to_code(f, out.q, out.qmax));
        } else {
          floats->push_back(f);
        }
      }
  EXPECT_TRUE(fits);
  return out;
}

/// The same over an image of up to four channels, with windows of several columns that follow each other:
/// their padding is put in place first.
Chain narrow_chain(Random& random) {
  Chain chain;
  chain.channels = random.integer(1, 4);
  chain.height = random.integer(1, 12), chain.width = random.integer(1, 12);
  ops::Conv2dOp first;
  do {
    first = random_conv(random, chain.channels, random.integer(1, 70), 1);
    first.window.kernel = {random.integer(1, 7), random.integer(2, 7)};
    first.window.stride = {random.integer(1, 4), random.integer(1, 4)};
    first.window.dilation = {random.integer(1, 2), 1};
    for (std::int64_t& p : first.window.pad) p = random.integer(0, 4);
  } while ((first.window.kernel[0] - 1) * first.window.dilation[0] + 1 >
               chain.height + first.window.pad[0] + first.window.pad[2] ||
           first.window.kernel[1] > chain.width + first.window.pad[1] + first.window.pad[3]);
  first.weight =
      Tensor(Shape{first.weight.shape[0], chain.channels, first.window.kernel[0], first.window.kernel[1]});
  for (float& w : first.weight.data) w = random.gaussian();
  const std::int64_t middle = first.weight.shape[0];
  const ValueId x = chain.graph.add_value("x", {chain.channels, chain.height, chain.width});
  chain.graph.inputs = {x};
  const ValueId y = chain.graph.add_node("conv1", first, {x});
  ops::Conv2dOp second;
  second.weight = Tensor(Shape{middle, middle, 1, 1});
  for (float& w : second.weight.data) w = random.gaussian();
  chain.graph.outputs = {chain.graph.add_node("conv2", second, {y, y})};
  return chain;
}

class Int8Conv : public ::testing::TestWithParam<const char*> {};

void compare_with_loops(Chain (*make)(Random&), const char* scheme) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    Random random(seed);
    const Chain chain = make(random);
    const Model fp32(chain.graph);
    const std::int64_t batch = random.integer(1, 3);
    Tensor in(Shape{batch, chain.channels, chain.height, chain.width});
    for (float& v : in.data) v = random.gaussian();
    const auto table = calibrate(fp32, std::vector<Tensor>{in}, {.observer = MinMaxObserver{}});
    const Model model = quantize(fp32, table, {.scheme = scheme});
    ASSERT_EQ(fallback_count(model), 0);

    Tensor out(Shape{batch, model.output_shape()[0], model.output_shape()[1], model.output_shape()[2]});
    Workspace workspace(model, {.batch = batch, .threads = static_cast<int>(random.integer(1, 2))});
    run(model, in, out, workspace);

    // Nodes of the quantized graph: x:quantize, conv1, conv2.
    ASSERT_EQ(model.graph().nodes.size(), 3u);
    const std::int64_t in_size = chain.channels * chain.height * chain.width;
    std::vector<float> expected;
    for (std::int64_t b = 0; b < batch; ++b) {
      const ValueType& type = model.type(model.graph().nodes[0].output);
      CodeImage codes{chain.channels, chain.height, chain.width, {}, type.qparams, (1 << type.bits) - 1};
      for (std::int64_t i = 0; i < in_size; ++i)
        codes.codes.push_back(
            testing::quantize_code(in.data[static_cast<std::size_t>(b * in_size + i)], codes.q, codes.qmax));
      const CodeImage middle = run_oracle(model, 1, codes, nullptr, nullptr);
      run_oracle(model, 2, middle, &middle, &expected);
    }
    ASSERT_EQ(expected.size(), out.data.size());
    ASSERT_EQ(std::memcmp(expected.data(), out.data.data(), expected.size() * sizeof(float)), 0)
        << "seed " << seed << ", kernel " << model.kernel(1);
  }
}

TEST_P(Int8Conv, EqualsIntegerLoopsBitForBit) {
  compare_with_loops(random_chain, GetParam());
}
TEST_P(Int8Conv, OfAnImageEqualsIntegerLoopsBitForBit) {
  compare_with_loops(narrow_chain, GetParam());
}

/// Groups of one convolution are packed on their own: some fold their zero points, others keep them.
TEST(Int8ConvGroups, MayDifferInWhatTheyDoWithZeroPoints) {
  Random random(5);
  ops::Conv2dOp op;
  op.groups = 2;
  op.weight = Tensor(Shape{4, 4, 1, 1});
  for (std::size_t i = 0; i < 16; ++i) {
    const float w = random.uniform();
    // Rows that reach from -1 to 1 have codes within an int8 of their zero point; rows far from zero have
    // not.
    const float ends[] = {1.0f, -1.0f, w, -w};
    op.weight.data[i] = i < 8 ? ends[i % 4] : 2.0f + w;
  }
  Graph graph;
  const ValueId x = graph.add_value("x", {8, 5, 5});
  graph.inputs = {x};
  graph.outputs = {graph.add_node("conv", op, {x})};
  const Model fp32(graph);
  Tensor in(Shape{1, 8, 5, 5});
  for (float& v : in.data) v = random.gaussian();
  for (const char* scheme : {"int8-asym", "int8-asym-dynamic"}) {
    const Model model = quantize(
        fp32, calibrate(fp32, std::vector<Tensor>{in}, {.observer = MinMaxObserver{}}), {.scheme = scheme});
    EXPECT_GT(compare(fp32, model, std::vector<Tensor>{in}).outputs[0].error.sqnr_db, 35.0) << scheme;
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, Int8Conv,
                         ::testing::Values("int8", "int8-tensor", "int8-asym", "int5-asym", "int4",
                                           "int4-asym", "int2", "int8-a6", "int8-a4", "int4-asym-a2"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace lowbit
