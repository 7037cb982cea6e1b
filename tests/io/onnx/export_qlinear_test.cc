// SPDX-License-Identifier: Apache-2.0
// Models written with integer operators, and read again: the same codes.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "lowbit/io/onnx/export.h"
#include "lowbit/lowbit.h"
#include "lowbit/model/sequential.h"
#include "support/random.h"

namespace lowbit::testing {
namespace {

class QLinearNetwork {
 public:
  nn::Conv2d conv(std::int64_t out, std::int64_t in, std::int64_t kernel, std::int64_t groups = 1) {
    nn::Conv2d layer;
    layer.weight = numbers({out, in / groups, kernel, kernel});
    layer.bias = numbers({out}).data;
    layer.padding = kernel / 2;
    layer.groups = groups;
    return layer;
  }
  nn::Linear linear(std::int64_t out, std::int64_t in, bool has_bias = true) {
    nn::Linear layer;
    layer.weight = numbers({out, in});
    if (has_bias) layer.bias = numbers({out}).data;
    return layer;
  }
  Tensor numbers(const Shape& shape, float scale = 0.3f) {
    Tensor t(shape);
    for (float& v : t.data) v = scale * random_.gaussian();
    return t;
  }
  /// Convolutions with a limit, by channels, strided, and with a sum; a pool; layers with a bias, without,
  /// and one whose result stays floats.
  Model model() {
    Sequential unit({8, 6, 6});
    unit.add(conv(8, 8, 3, 8)).add(nn::Relu6{}).add(conv(8, 8, 1));
    Sequential network({3, 12, 12});
    network.add(conv(8, 3, 3))
        .add(nn::Relu{})
        .add(nn::MaxPool2d{})
        .add_residual(unit, "unit")
        .add(nn::Relu{});
    network.add(nn::Flatten{}).add(linear(20, 288)).add(nn::Relu{}).add(linear(12, 20, false));
    network.add(linear(5, 12), "scores");
    return network.model("net.onnx");
  }

 private:
  Random random_{21};
};

onnx::GraphProto graph_of(const std::vector<std::byte>& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  for (const auto& opset : model.opset_import()) EXPECT_EQ(opset.domain(), "");
  return model.graph();
}

std::map<std::string, int> operators_of(const onnx::GraphProto& graph) {
  std::map<std::string, int> counts;
  for (const auto& node : graph.node()) ++counts[node.op_type()];
  return counts;
}

std::vector<QuantizedMatrix> codes_of(const Model& model) {
  std::vector<QuantizedMatrix> all;
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i)
    if (const auto weights = model.weights(i)) all.push_back(*weights);
  return all;
}

std::vector<float> results(const Model& model, const Tensor& samples) {
  Workspace workspace(model);
  const std::int64_t size = model.input_shape().elements(), width = model.output_shape().elements();
  std::vector<float> out(static_cast<std::size_t>(samples.shape[0] * width));
  for (std::int64_t i = 0; i < samples.shape[0]; ++i)
    run(model, TensorView(samples.data.data() + i * size, model.input_shape()),
        MutableTensorView(out.data() + i * width, model.output_shape()), workspace);
  return out;
}

class ExportQLinear : public ::testing::TestWithParam<const char*> {};

TEST_P(ExportQLinear, EveryProductIsAnIntegerOneAndComesBack) {
  QLinearNetwork network;
  const Model fp32 = network.model();
  const Tensor samples = network.numbers({20, 3, 12, 12}, 1.0f);
  const Model model = quantize(fp32, calibrate(fp32, std::vector<Tensor>{samples}), {.scheme = GetParam()});
  for (const bool exact : {false, true}) {
    SCOPED_TRACE(exact);
    const std::vector<std::byte> bytes =
        export_onnx_to_bytes(model, {.form = OnnxForm::qlinear, .exact_sums = exact});
    std::map<std::string, int> counts = operators_of(graph_of(bytes));
    EXPECT_EQ(counts["QLinearConv"], exact ? 2 : 3);
    EXPECT_EQ(counts["ConvInteger"], exact ? 1 : 0);
    EXPECT_EQ(counts["QLinearMatMul"], 1);
    EXPECT_EQ(counts["MatMulInteger"], 2);
    EXPECT_EQ(counts["Conv"] + counts["Gemm"] + counts["MatMul"], 0);

    const Model again = load_onnx(bytes);
    EXPECT_EQ(fallback_count(again), 0) << describe_coverage(again);
    const std::vector<QuantizedMatrix> ours = codes_of(model), theirs = codes_of(again);
    ASSERT_EQ(ours.size(), 6u);
    ASSERT_EQ(theirs.size(), ours.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      EXPECT_EQ(ours[i].codes, theirs[i].codes) << i;
      EXPECT_EQ(ours[i].scales, theirs[i].scales) << i;
    }
    // As near as the form of pairs, whose biases and sums are rounded alike.
    const std::vector<float> expected = results(model, samples);
    const auto sqnr = [&](const Model& other) {
      const std::vector<float> got = results(other, samples);
      const auto row = [](const std::vector<float>& v) {
        return MatrixView(v.data(), 1, static_cast<std::int64_t>(v.size()));
      };
      return measure_error(row(expected), row(got)).sqnr_db;
    };
    const double of_pairs = sqnr(load_onnx(export_onnx_to_bytes(model, {.exact_sums = exact})));
    EXPECT_GT(of_pairs, 15);
    EXPECT_GT(sqnr(again), of_pairs - 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, ExportQLinear, ::testing::Values("int8", "int8-a4"));

/// With biases and sums of integers the model is the function that its files are.
TEST(ExportQLinearBits, OfIntegerBiases) {
  QLinearNetwork network;
  const Model fp32 = network.model();
  const Tensor samples = network.numbers({20, 3, 12, 12}, 1.0f);
  const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{samples});
  const Model model = quantize(fp32, table, {.scheme = "int8", .integer_biases = true, .rounded_sums = true});
  const std::vector<float> expected = results(model, samples);
  for (const OnnxForm form : {OnnxForm::qdq, OnnxForm::qlinear}) {
    const Model again = load_onnx(export_onnx_to_bytes(model, {.form = form}));
    EXPECT_EQ(fallback_count(again), 0) << describe_coverage(again);
    EXPECT_EQ(results(again, samples), expected);
  }
  const Model plain = quantize(fp32, table, {.scheme = "int8"});
  EXPECT_NE(results(load_onnx(export_onnx_to_bytes(plain)), samples), results(plain, samples));
  // Sums that were rounded before need no other operators than those that were not.
  const auto count = [](const Model& m) {
    return operators_of(graph_of(export_onnx_to_bytes(m, {.form = OnnxForm::qlinear})));
  };
  EXPECT_EQ(count(model), count(plain));
}

/// Codes that lie beyond what an operator may give are limited where they are codes.
TEST(ExportQLinearLimits, OfCodes) {
  QLinearNetwork network;
  Sequential layers({3, 6, 6});
  layers.add(network.conv(4, 3, 3)).add(nn::Relu6{}).add(network.conv(4, 4, 3));
  const Model fp32 = layers.model();
  const Tensor samples = network.numbers({20, 3, 6, 6}, 8.0f);
  RangeTable table = make_range_table(calibrate(fp32, std::vector<Tensor>{samples}));
  for (RangeTable::Row& row : table.rows) row.set_clip({-30.0f, 30.0f});
  const Model model = quantize(fp32, calibration_table(table, fp32), {.scheme = "int8"});
  const std::vector<std::byte> bytes = export_onnx_to_bytes(model, {.form = OnnxForm::qlinear});
  EXPECT_EQ(operators_of(graph_of(bytes))["Clip"], 1);
  const Model again = load_onnx(bytes);
  EXPECT_EQ(fallback_count(again), 0) << describe_coverage(again);
  const std::vector<float> expected = results(model, samples), got = results(again, samples);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1.0) << i;
}

}  // namespace
}  // namespace lowbit::testing
