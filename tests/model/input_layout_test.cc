// SPDX-License-Identifier: Apache-2.0
// However the floats of a caller lie, a quantized network answers with the same bits.
#include <gtest/gtest.h>

#include <cstring>

#include "lowbit/lowbit.h"
#include "support/random.h"

namespace lowbit {
namespace {

// More pixels than are quantized at a time, and no whole number of vectors.
constexpr std::int64_t kHeight = 33, kWidth = 41, kPixels = kHeight * kWidth, kBatch = 2;

Model quantized_convolution(std::int64_t channels, const Tensor& samples, bool input_is_read_twice) {
  testing::Random random(3);
  ops::Conv2dOp op;
  op.weight = Tensor(Shape{5, channels, 3, 3});
  for (float& w : op.weight.data) w = random.gaussian();
  op.window = {.kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
  Graph graph;
  const ValueId x = graph.add_value("image", {channels, kHeight, kWidth});
  graph.inputs = {x};
  graph.outputs = {graph.add_node("conv", op, {x})};
  if (input_is_read_twice) graph.outputs.push_back(graph.add_node("pool", ops::GlobalAveragePoolOp{}, {x}));
  const Model fp32(std::move(graph));
  return quantize(fp32, calibrate(fp32, std::vector<Tensor>{samples}), {.scheme = "int8"});
}

/// What the network gives for samples whose elements have these strides along batch, C, H and W.
std::vector<float> answers(const Model& model, const Tensor& samples,
                           const std::array<std::ptrdiff_t, 4>& strides) {
  const std::int64_t channels = samples.shape[1];
  std::vector<float> memory(static_cast<std::size_t>(kBatch * strides[0] + 1), 1e30f);
  for (std::int64_t b = 0; b < kBatch; ++b)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < kPixels; ++p)
        memory[static_cast<std::size_t>(b * strides[0] + c * strides[1] + p / kWidth * strides[2] +
                                        p % kWidth * strides[3])] =
            samples.data[static_cast<std::size_t>((b * channels + c) * kPixels + p)];
  TensorView view(memory.data(), samples.shape);
  std::copy(strides.begin(), strides.end(), view.strides.begin());
  Workspace workspace(model, {.batch = kBatch, .threads = 2});
  std::vector<Tensor> out;
  std::vector<MutableTensorView> views;
  for (const Shape& shape : model.output_shapes(std::vector<Shape>{samples.shape}))
    out.emplace_back(Shape{kBatch, shape.elements()});
  for (Tensor& tensor : out) views.emplace_back(tensor);
  run(model, std::vector<TensorView>{view}, views, workspace);
  std::vector<float> all;
  for (const Tensor& tensor : out) all.insert(all.end(), tensor.data.begin(), tensor.data.end());
  return all;
}

void expect_same_answers(bool input_is_read_twice) {
  for (std::int64_t channels = 1; channels <= 6; ++channels) {
    testing::Random random(11);
    Tensor samples(Shape{kBatch, channels, kHeight, kWidth});
    for (float& v : samples.data) v = random.gaussian();
    const Model model = quantized_convolution(channels, samples, input_is_read_twice);
    const std::ptrdiff_t n = kPixels * channels, row = kWidth + 7;
    // Rows with gaps between them are copied before anything else happens to them.
    const std::vector<float> expected = answers(model, samples, {2 * n, kHeight * row, row, 1});
    ASSERT_EQ(answers(model, samples, {n, kPixels, kWidth, 1}), expected) << channels;
    ASSERT_EQ(answers(model, samples, {n + 5, kPixels, kWidth, 1}), expected)
        << channels << ", a gap behind samples";
    ASSERT_EQ(answers(model, samples, {n, 1, kWidth * channels, channels}), expected)
        << channels << ", channels last";
    ASSERT_EQ(answers(model, samples, {2 * n, 1, 2 * kWidth * channels, 2 * channels}), expected)
        << channels << ", channels last, every second pixel";
    ASSERT_EQ(answers(model, samples, {n, kPixels, 1, kHeight}), expected) << channels << ", columns first";
  }
}

TEST(InputLayout, GivesTheSameBits) {
  expect_same_answers(false);
}
TEST(InputLayout, OfAnInputThatIsReadTwiceGivesTheSameBits) {
  expect_same_answers(true);
}

}  // namespace
}  // namespace lowbit
