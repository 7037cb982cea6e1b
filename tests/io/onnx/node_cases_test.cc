// SPDX-License-Identifier: Apache-2.0
// ONNX's own tests of its quantization operators, run through the library's calls and compared bit for bit.
// Quantization goes through lowbit::quantize and dequantize, dividing by the scale as ONNX does,
// MatMulInteger through the GEMM driver, the other products through the layers Linear and Conv2d.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/onnx/node_case.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/layers/conv2d.h"
#include "lowbit/layers/linear_op.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/quant/blocked.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/run_step.h"
#include "support/shared_data.h"

namespace lowbit::testing {
namespace {

constexpr const char* kFolder = "conformance/onnx-node";

/// A node and the tensors that flow into it; null for an input that is left out.
struct Call {
  const CaseNode& node;
  std::vector<const NodeTensor*> inputs;

  const NodeTensor* optional(std::size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  const NodeTensor& input(std::size_t i) const {
    if (!optional(i)) throw std::runtime_error(node.op + " lacks input " + std::to_string(i));
    return *inputs[i];
  }
};

using Outputs = std::vector<NodeTensor>;

template <class T>
T single(const std::vector<T>& values) {
  if (values.size() != 1) throw std::runtime_error("a tensor of one element is expected");
  return values[0];
}

// Elements on their own.

NodeTensor scalar(float x) {
  return NodeTensor::of_reals(ElementType::f32, Shape{}, {x});
}

template <class F>
Outputs unary(const Call& call, F f) {
  return {scalar(f(single(call.input(0).reals())))};
}

template <class F>
Outputs binary(const Call& call, F f) {
  return {scalar(f(single(call.input(0).reals()), single(call.input(1).reals())))};
}

Outputs reduce(const Call& call, float Range::*end) {
  MinMaxObserver seen;
  seen.observe(call.input(0).reals());
  return {scalar(seen.range(unsigned_range(8)).*end)};
}

Outputs clip(const Call& call) {
  const float lo = single(call.input(1).reals()), hi = single(call.input(2).reals());
  return unary(call, [&](float x) { return std::clamp(x, lo, hi); });
}

Outputs cast(const Call& call) {
  const auto type = static_cast<ElementType>(call.node.integer("to", 0));
  return {NodeTensor::of_codes(type, Shape{}, {static_cast<std::int32_t>(single(call.input(0).reals()))})};
}

// Quantization.

bool is_minifloat(ElementType type) {
  return element_info(type).kind == ElementKind::minifloat;
}

MiniFloat minifloat(ElementType type) {
  if (type == ElementType::fp4_e2m1) return MiniFloat::fp4_e2m1;
  return type == ElementType::fp8_e4m3fn ? MiniFloat::fp8_e4m3fn : MiniFloat::fp8_e5m2;
}

/// What a node's scale, zero point and attributes say; owns what the view points at.
struct Blocks {
  std::vector<float> scales;
  std::vector<std::int32_t> zero_points;
  BlockedQParams q;

  explicit Blocks(const Call& call) : scales(call.input(1).reals()) {
    if (call.optional(2)) zero_points = call.input(2).codes();
    q = {scales, zero_points, static_cast<int>(call.node.integer("axis", 1)),
         call.node.integer("block_size", 0)};
  }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
};

template <class T>
std::vector<std::int32_t> quantize_as(const TensorView& x, const BlockedQParams& q, IntRange range) {
  std::vector<T> codes(static_cast<std::size_t>(x.shape.elements()));
  quantize(x, q, range, std::span<T>(codes), ScaleArithmetic::division);
  return {codes.begin(), codes.end()};
}

Outputs quantize_linear(const Call& call) {
  const Blocks blocks(call);
  const auto otherwise =
      static_cast<ElementType>(call.node.integer("output_dtype", static_cast<std::int64_t>(ElementType::u8)));
  const ElementType type = call.optional(2) ? call.input(2).type : otherwise;
  const Tensor x(call.input(0).shape, call.input(0).reals());
  std::vector<std::int32_t> codes;
  if (is_minifloat(type)) {
    std::vector<std::uint8_t> bits(x.data.size());
    const bool saturates = call.node.integer("saturate", 1) != 0;
    quantize(x, blocks.q, minifloat(type), bits,
             saturates ? minifloat::Overflow::saturate : minifloat::Overflow::spec,
             ScaleArithmetic::division);
    codes.assign(bits.begin(), bits.end());
  } else if (const IntRange range = code_range(type); element_info(type).bits > 8) {
    codes = quantize_as<std::int32_t>(x, blocks.q, range);
  } else {
    codes = range.qmin < 0 ? quantize_as<std::int8_t>(x, blocks.q, range)
                           : quantize_as<std::uint8_t>(x, blocks.q, range);
  }
  return {NodeTensor::of_codes(type, x.shape, codes)};
}

Outputs dequantize_linear(const Call& call) {
  const Blocks blocks(call);
  const NodeTensor& x = call.input(0);
  const std::vector<std::int32_t> codes = x.codes();
  Tensor out(x.shape);
  if (is_minifloat(x.type)) {
    const std::vector<std::uint8_t> bits(codes.begin(), codes.end());
    dequantize(bits, blocks.q, minifloat(x.type), out);
  } else {
    dequantize(codes, blocks.q, out);
  }
  return {NodeTensor::of_reals(call.input(1).type, x.shape, out.data)};
}

/// The range of the tensor, its parameters, and then the codes that one scale gives.
Outputs dynamic_quantize_linear(const Call& call, ScaleArithmetic scaling) {
  const Tensor x(call.input(0).shape, call.input(0).reals());
  MinMaxObserver seen;
  seen.observe(x.data);
  const Range range = seen.range(unsigned_range(8));
  const QParams q = dynamic_qparams(range.min, range.max);
  std::vector<std::uint8_t> codes(x.data.size());
  const BlockedQParams one{.scales = {&q.scale, 1}, .zero_points = {&q.zero_point, 1}};
  quantize(x, one, unsigned_range(8), codes, scaling);
  return {NodeTensor::of_codes(ElementType::u8, x.shape, {codes.begin(), codes.end()}), scalar(q.scale),
          NodeTensor::of_codes(ElementType::u8, Shape{}, {q.zero_point})};
}

// Products. The library stores activations as u8 and weights as s8: codes of the other sign and their zero
// points are moved by 128 together.

/// What brings codes of `type` to u8; 128 less brings them to s8.
std::int32_t to_u8(ElementType type) {
  return type == ElementType::s8 ? 128 : 0;
}

std::int32_t zero_point(const NodeTensor* t) {
  return t ? single(t->codes()) : 0;
}

/// `values` as rows x cols codes with a zero point for each row, or one for all.
QuantizedMatrix weight_matrix(const NodeTensor& weights, const std::vector<std::int32_t>& values,
                              const NodeTensor* zeros, float scale, std::int64_t rows) {
  QuantizedMatrix w{.rows = rows, .cols = static_cast<std::int64_t>(values.size()) / rows};
  const std::int32_t shift = to_u8(weights.type) - 128;
  for (const std::int32_t v : values) w.codes.push_back(static_cast<std::uint8_t>(v + shift));
  w.scales.assign(static_cast<std::size_t>(rows), scale);
  w.zero_points = zeros ? zeros->codes() : std::vector<std::int32_t>{0};
  if (w.zero_points.size() == 1) w.zero_points.resize(w.scales.size(), w.zero_points[0]);
  for (std::int32_t& z : w.zero_points) z += shift;
  w.validate();
  return w;
}

/// The matrices that A (rows x k) and B (k x cols) hold, one pair for each index of leading dimensions.
struct MatrixPairs {
  std::int64_t count = 1, rows, k, cols;

  MatrixPairs(const Shape& a, const Shape& b)
      : rows(a[a.rank() - 2]), k(a[a.rank() - 1]), cols(b[b.rank() - 1]) {
    if (a.rank() != b.rank() || b[b.rank() - 2] != k) throw std::runtime_error("A does not go with B");
    for (int d = 0; d + 2 < a.rank(); ++d) count *= a[d];
    if (b.elements() != count * k * cols) throw std::runtime_error("A and B differ in number");
  }
  Shape result_shape(const Shape& a) const {
    std::vector<std::int64_t> dims(a.dims().begin(), a.dims().end());
    dims.back() = cols;
    return Shape(dims);
  }
  /// B number `i`, transposed: the rows of weights are output features.
  std::vector<std::int32_t> weights(const std::vector<std::int32_t>& b, std::int64_t i) const {
    std::vector<std::int32_t> rows_of_weights;
    for (std::int64_t c = 0; c < cols; ++c)
      for (std::int64_t r = 0; r < k; ++r)
        rows_of_weights.push_back(b[static_cast<std::size_t>((i * k + r) * cols + c)]);
    return rows_of_weights;
  }
};

Outputs matmul_integer(const Call& call) {
  const NodeTensor &a = call.input(0), &b = call.input(1);
  const MatrixPairs pairs(a.shape, b.shape);
  if (pairs.count != 1) throw std::runtime_error("MatMulInteger takes matrices here");
  const auto rows = static_cast<std::size_t>(pairs.rows), cols = static_cast<std::size_t>(pairs.cols);
  const auto k = static_cast<std::size_t>(pairs.k), stride = (k + 3) / 4 * 4;
  const QuantizedMatrix w = weight_matrix(b, pairs.weights(b.codes(), 0), call.optional(3), 1, pairs.cols);
  const kernels::PackedWeights packed(w.spec());

  const std::vector<std::int32_t> codes = a.codes();
  std::vector<std::uint8_t> lhs_codes(rows * stride);
  for (std::size_t i = 0; i < codes.size(); ++i)
    lhs_codes[i / k * stride + i % k] = static_cast<std::uint8_t>(codes[i] + to_u8(a.type));
  const kernels::GemmLhs lhs{
      .a = lhs_codes.data(), .rows = rows, .row_stride = static_cast<std::ptrdiff_t>(stride)};
  const std::vector<std::int32_t> row_a(rows, zero_point(call.optional(2)) + to_u8(a.type));
  std::vector<std::int32_t> row_b(rows), y(rows * cols);
  kernels::GemmOut out;
  out.c = y.data();
  out.c_row_bytes = cols * sizeof(std::int32_t);
  out.epilogue.row_a = row_a.data();
  out.epilogue.col_a = packed.column_sums().data();
  if (!packed.weight_zero_points().empty()) {
    kernels::row_sums(lhs, packed, row_b.data());
    out.epilogue.row_b = row_b.data();
    out.epilogue.col_b = packed.weight_zero_points().data();
  }
  kernels::gemm(lhs, packed, out, serial_executor());
  return {NodeTensor::of_codes(ElementType::s32, pairs.result_shape(a.shape), y)};
}

/// The codes of activations of `type`, with the parameters that are their two inputs after `first`.
ValueType code_type(const Call& call, std::size_t first, ElementType type, const Shape& sample) {
  return u8_type(sample, single(call.input(first).reals()),
                 zero_point(call.optional(first + 1)) + to_u8(type));
}

Values activations(const NodeTensor& x, const ValueType& type, std::int64_t batch, std::int64_t first = 0) {
  const std::vector<std::int32_t> codes = x.codes();
  Values values(type, batch);
  for (std::size_t i = 0; i < values.data.size(); ++i)
    values.data[i] = static_cast<float>(codes[static_cast<std::size_t>(first) + i] + to_u8(x.type));
  return values;
}

template <class Op>
Values run_layer(const Op& op, const QuantizedMatrix& weights, const Values& x, const ValueType& output) {
  ops::StepSpec spec;
  spec.inputs = {&x.type};
  spec.output = &output;
  spec.weights = &weights;
  spec.isa = active_isa();
  return run_step(*make_step(op, spec), {x}, output);
}

Outputs qlinear_matmul(const Call& call) {
  const NodeTensor &a = call.input(0), &b = call.input(3);
  const ElementType type = call.input(7).type;
  const MatrixPairs pairs(a.shape, b.shape);
  const std::vector<std::int32_t> b_codes = b.codes();
  ops::LinearOp op;
  op.weight.shape = Shape{pairs.cols, pairs.k};
  const ValueType in = code_type(call, 1, a.type, Shape{pairs.k});
  const ValueType out = code_type(call, 6, type, Shape{pairs.cols});
  std::vector<std::int32_t> y;
  for (std::int64_t i = 0; i < pairs.count; ++i) {
    const QuantizedMatrix w = weight_matrix(b, pairs.weights(b_codes, i), call.optional(5),
                                            single(call.input(4).reals()), pairs.cols);
    const Values x = activations(a, in, pairs.rows, i * pairs.rows * pairs.k);
    for (const float v : run_layer(op, w, x, out).data)
      y.push_back(static_cast<std::int32_t>(v) - to_u8(type));
  }
  return {NodeTensor::of_codes(type, pairs.result_shape(a.shape), y)};
}

ops::Conv2dOp convolution(const CaseNode& node, const Shape& weight) {
  const auto pads = node.integers("pads", {0, 0, 0, 0}), strides = node.integers("strides", {1, 1}),
             dilations = node.integers("dilations", {1, 1});
  ops::Conv2dOp op;
  op.weight.shape = weight;
  op.groups = node.integer("group", 1);
  op.window.kernel = {weight[2], weight[3]};
  op.window.stride = {strides.at(0), strides.at(1)};
  op.window.dilation = {dilations.at(0), dilations.at(1)};
  op.window.pad = {pads.at(0), pads.at(1), pads.at(2), pads.at(3)};
  return op;
}

/// ONNX's [out][in][height][width] as rows of [height][width][in].
std::vector<std::int32_t> channels_last(const NodeTensor& w) {
  const std::vector<std::int32_t> codes = w.codes();
  const std::int64_t in = w.shape[1], pixels = w.shape[2] * w.shape[3];
  std::vector<std::int32_t> rows;
  for (std::int64_t o = 0; o < w.shape[0]; ++o)
    for (std::int64_t p = 0; p < pixels; ++p)
      for (std::int64_t c = 0; c < in; ++c)
        rows.push_back(codes[static_cast<std::size_t>((o * in + c) * pixels + p)]);
  return rows;
}

struct ConvCall {
  const NodeTensor &x, &w;
  const NodeTensor* w_zeros;
  float w_scale;
  ValueType in, out;  ///< the shape of `out` is found from the rest
};

/// Elements of the output as the layer gives them, and its shape.
std::pair<std::vector<float>, Shape> convolve(const CaseNode& node, ConvCall call) {
  const ops::Conv2dOp op = convolution(node, call.w.shape);
  const Shape shapes[] = {call.in.shape};
  call.out.shape = infer_shape(op, shapes);
  const std::int64_t batch = call.x.shape[0];
  const QuantizedMatrix w =
      weight_matrix(call.w, channels_last(call.w), call.w_zeros, call.w_scale, call.w.shape[0]);
  const Values y = run_layer(op, w, activations(call.x, call.in, batch), call.out);
  return {y.data, Shape{batch, call.out.shape[0], call.out.shape[1], call.out.shape[2]}};
}

Shape image_shape(const NodeTensor& x) {
  return {x.shape[1], x.shape[2], x.shape[3]};
}

/// With scales of 1 and an f32 output, whose multiplier is then 1, the layer gives the integers themselves.
Outputs conv_integer(const Call& call) {
  const NodeTensor &x = call.input(0), &w = call.input(1);
  const ValueType in = u8_type(image_shape(x), 1, zero_point(call.optional(2)) + to_u8(x.type));
  const auto [y, shape] = convolve(call.node, {x, w, call.optional(3), 1, in, f32_type(Shape{})});
  return {NodeTensor::of_codes(ElementType::s32, shape, {y.begin(), y.end()})};
}

Outputs qlinear_conv(const Call& call) {
  if (call.optional(8)) throw std::runtime_error("QLinearConv with a bias is not run here");
  const NodeTensor &x = call.input(0), &w = call.input(3);
  const ElementType type = call.input(7).type;
  const ValueType in = code_type(call, 1, x.type, image_shape(x)), out = code_type(call, 6, type, Shape{});
  const auto [y, shape] =
      convolve(call.node, {x, w, call.optional(5), single(call.input(4).reals()), in, out});
  std::vector<std::int32_t> codes;
  for (const float v : y) codes.push_back(static_cast<std::int32_t>(v) - to_u8(type));
  return {NodeTensor::of_codes(type, shape, codes)};
}

const std::map<std::string, std::function<Outputs(const Call&)>>& operators() {
  static const std::map<std::string, std::function<Outputs(const Call&)>> all = {
      {"Cast", cast},
      {"Clip", clip},
      {"Constant", [](const Call& c) -> Outputs { return {c.node.attributes.at("value").tensor}; }},
      {"ConvInteger", conv_integer},
      {"DequantizeLinear", dequantize_linear},
      {"Div", [](const Call& c) { return binary(c, std::divides<>()); }},
      {"DynamicQuantizeLinear",
       [](const Call& c) { return dynamic_quantize_linear(c, ScaleArithmetic::division); }},
      {"Identity", [](const Call& c) -> Outputs { return {c.input(0)}; }},
      {"MatMulInteger", matmul_integer},
      {"Max", [](const Call& c) { return binary(c, [](float a, float b) { return std::max(a, b); }); }},
      {"Min", [](const Call& c) { return binary(c, [](float a, float b) { return std::min(a, b); }); }},
      {"QLinearConv", qlinear_conv},
      {"QLinearMatMul", qlinear_matmul},
      {"QuantizeLinear", quantize_linear},
      {"ReduceMax", [](const Call& c) { return reduce(c, &Range::max); }},
      {"ReduceMin", [](const Call& c) { return reduce(c, &Range::min); }},
      {"Round", [](const Call& c) { return unary(c, [](float x) { return std::nearbyint(x); }); }},
      {"Sub", [](const Call& c) { return binary(c, std::minus<>()); }},
  };
  return all;
}

/// Runs the nodes in order; `values` gains what they give.
void run(const std::vector<CaseNode>& nodes, std::map<std::string, NodeTensor>& values) {
  for (const CaseNode& node : nodes) {
    Call call{node, {}};
    for (const std::string& name : node.inputs)
      call.inputs.push_back(name.empty() ? nullptr : &values.at(name));
    const Outputs outputs = operators().at(node.op)(call);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) values[node.outputs[i]] = outputs.at(i);
  }
}

/// For messages.
std::vector<double> numbers(const NodeTensor& t) {
  if (element_info(t.type).kind == ElementKind::real) {
    const auto reals = t.reals();
    return {reals.begin(), reals.end()};
  }
  const auto codes = t.codes();
  return {codes.begin(), codes.end()};
}

const std::vector<std::string> kCases = {
    "test_convinteger_with_padding",
    "test_convinteger_without_padding",
    "test_dequantizelinear",
    "test_dequantizelinear_axis",
    "test_dequantizelinear_blocked",
    "test_dequantizelinear_e4m3fn",
    "test_dequantizelinear_e4m3fn_float16",
    "test_dequantizelinear_e4m3fn_zero_point",
    "test_dequantizelinear_e5m2",
    "test_dequantizelinear_float4e2m1",
    "test_dequantizelinear_int16",
    "test_dequantizelinear_int2",
    "test_dequantizelinear_int4",
    "test_dequantizelinear_uint16",
    "test_dequantizelinear_uint2",
    "test_dequantizelinear_uint4",
    "test_dynamicquantizelinear",
    "test_dynamicquantizelinear_expanded",
    "test_dynamicquantizelinear_max_adjusted",
    "test_dynamicquantizelinear_max_adjusted_expanded",
    "test_dynamicquantizelinear_min_adjusted",
    "test_dynamicquantizelinear_min_adjusted_expanded",
    "test_matmulinteger",
    "test_qlinearconv",
    "test_qlinearmatmul_2D_int8_float16",
    "test_qlinearmatmul_2D_int8_float32",
    "test_qlinearmatmul_2D_uint8_float16",
    "test_qlinearmatmul_2D_uint8_float32",
    "test_qlinearmatmul_3D_int8_float16",
    "test_qlinearmatmul_3D_int8_float32",
    "test_qlinearmatmul_3D_uint8_float16",
    "test_qlinearmatmul_3D_uint8_float32",
    "test_quantizelinear",
    "test_quantizelinear_axis",
    "test_quantizelinear_blocked_asymmetric",
    "test_quantizelinear_blocked_symmetric",
    "test_quantizelinear_e4m3fn",
    "test_quantizelinear_e5m2",
    "test_quantizelinear_float4e2m1",
    "test_quantizelinear_int16",
    "test_quantizelinear_int2",
    "test_quantizelinear_int4",
    "test_quantizelinear_uint16",
    "test_quantizelinear_uint2",
    "test_quantizelinear_uint4",
};

class OnnxNode : public ::testing::TestWithParam<std::string> {};

TEST_P(OnnxNode, GivesWhatOnnxExpects) {
  LOWBIT_REQUIRE_SHARED(kFolder);
  NodeCase c = read_node_case(shared_data(kFolder) / GetParam());
  ASSERT_FALSE(c.expected.empty());
  run(c.nodes, c.values);
  for (const auto& [name, expected] : c.expected) {
    const NodeTensor& got = c.values.at(name);
    EXPECT_EQ(got.type, expected.type) << name;
    EXPECT_EQ(got.shape.to_string(), expected.shape.to_string()) << name;
    EXPECT_EQ(numbers(got), numbers(expected)) << name;
    EXPECT_EQ(got.bytes, expected.bytes) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, OnnxNode, ::testing::ValuesIn(kCases), [](const auto& c) { return c.param; });

/// Layers and quantize() of spans multiply by the reciprocal of the scale. -2.5 in steps of 5 / 255 then lies
/// in the middle between two codes, and ONNX's code, 26, is missed.
TEST(OnnxNodeCases, TheReciprocalMissesOneCode) {
  LOWBIT_REQUIRE_SHARED(kFolder);
  const NodeCase c = read_node_case(shared_data(kFolder) / "test_dynamicquantizelinear");
  const Outputs got =
      dynamic_quantize_linear({c.nodes.at(0), {&c.values.at("x")}}, ScaleArithmetic::reciprocal);
  EXPECT_EQ(numbers(c.expected.at("y")), (std::vector<double>{153, 255, 0, 26, 221, 179}));
  EXPECT_EQ(numbers(got.at(0)), (std::vector<double>{153, 255, 0, 25, 221, 179}));
  EXPECT_EQ(got.at(1), c.expected.at("y_scale"));
  EXPECT_EQ(got.at(2), c.expected.at("y_zero_point"));
}

TEST(OnnxNodeCases, NoneIsLeftOut) {
  LOWBIT_REQUIRE_SHARED(kFolder);
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(shared_data(kFolder)))
    if (entry.is_directory()) found.insert(entry.path().filename().string());
  EXPECT_EQ(found, std::set<std::string>(kCases.begin(), kCases.end()));
}

}  // namespace
}  // namespace lowbit::testing
