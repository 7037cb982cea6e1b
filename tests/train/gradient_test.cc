// SPDX-License-Identifier: Apache-2.0
// Every operator's gradient, in random shapes, against central differences in double.
#include <gtest/gtest.h>

#include "finite_differences.h"
#include "support/effort.h"

namespace lowbit::testing {
namespace {

ops::Activation random_activation(Random& r) {
  switch (r.integer(0, 2)) {
    case 0:
      return {};
    case 1:
      return {0.0f, std::numeric_limits<float>::infinity()};
    default:
      return {-0.25f, 0.5f};
  }
}

ops::Window random_window(Random& r, const Shape& map, bool with_dilation) {
  ops::Window w;
  for (const int axis : {0, 1}) {
    const auto a = static_cast<std::size_t>(axis);
    const std::int64_t size = map[axis + 1];
    w.kernel[a] = r.integer(1, std::min<std::int64_t>(size, 4));
    w.stride[a] = r.integer(1, 3);
    if (with_dilation && (w.kernel[a] - 1) * 2 < size) w.dilation[a] = r.integer(1, 2);
    w.pad[a] = r.integer(0, w.kernel[a] - 1);
    w.pad[a + 2] = r.integer(0, w.kernel[a] - 1);
  }
  return w;
}

Shape random_map(Random& r) {
  return {r.integer(1, 6), r.integer(1, 7), r.integer(1, 7)};
}

/// A network with the inputs, and one node that reads them.
GradientCase one_node(Random& r, ops::Op op, const std::vector<Shape>& inputs) {
  GradientCase c;
  std::vector<ValueId> ids;
  for (const Shape& shape : inputs) ids.push_back(c.graph.add_value("x" + std::to_string(ids.size()), shape));
  c.graph.inputs = ids;
  c.graph.outputs = {c.graph.add_node("node", std::move(op), ids)};
  c.samples = r.integer(1, 3);
  return c;
}

ops::Conv2dOp random_conv(Random& r, const Shape& map, std::int64_t groups, std::int64_t out) {
  ops::Conv2dOp op;
  op.window = random_window(r, map, true);
  op.groups = groups;
  const Shape weight{out, map[0] / groups, op.window.kernel[0], op.window.kernel[1]};
  op.weight = Tensor(weight, random_values(r, weight.elements(), 0.5f));
  if (r.integer(0, 1)) op.bias = random_values(r, out, 0.5f);
  op.activation = random_activation(r);
  return op;
}

GradientCase conv_case(Random& r) {
  const std::int64_t groups = r.integer(0, 2) ? 1 : r.integer(2, 3);
  const Shape map{groups * r.integer(1, 5), r.integer(1, 7), r.integer(1, 7)};
  return one_node(r, random_conv(r, map, groups, groups * r.integer(1, 20)), {map});
}

/// Wide enough for the kernels' full tiles, and for minimal filtering.
GradientCase wide_conv_case(Random& r) {
  const Shape map{32, r.integer(4, 7), r.integer(4, 7)};
  GradientCase c = one_node(r, random_conv(r, map, 1, 32 * r.integer(1, 2)), {map});
  auto& op = std::get<ops::Conv2dOp>(c.graph.nodes[0].op);
  op.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  op.weight = Tensor(Shape{op.weight.shape[0], 32, 3, 3}, random_values(r, op.weight.shape[0] * 288, 0.1f));
  infer_shapes(c.graph);
  c.samples = 1;
  return c;
}

GradientCase depthwise_case(Random& r) {
  const Shape map{r.integer(2, 20), r.integer(1, 7), r.integer(1, 7)};
  return one_node(r, random_conv(r, map, map[0], map[0]), {map});
}

/// The residual is another value, or the input itself.
GradientCase residual_case(Random& r) {
  const Shape map = random_map(r);
  ops::Conv2dOp op = random_conv(r, map, 1, map[0]);
  op.window = {};
  op.weight = Tensor(Shape{map[0], map[0], 1, 1}, random_values(r, map[0] * map[0], 0.5f));
  if (r.integer(0, 1)) return one_node(r, op, {map, map});
  GradientCase c = one_node(r, ops::AddOp{}, {map, map});
  const ValueId sum = c.graph.outputs[0];
  c.graph.outputs = {c.graph.add_node("conv", op, {sum, sum}), sum};
  return c;
}

GradientCase linear_case(Random& r) {
  ops::LinearOp op;
  const std::int64_t in = r.integer(1, 40), out = r.integer(1, 40);
  op.weight = Tensor(Shape{out, in}, random_values(r, in * out, 0.5f));
  if (r.integer(0, 1)) op.bias = random_values(r, out, 0.5f);
  op.activation = random_activation(r);
  const Shape x = r.integer(0, 1) ? Shape{in} : Shape{r.integer(1, 9), in};
  GradientCase c = one_node(r, op, {x});
  c.samples = r.integer(1, 20);
  return c;
}

GradientCase scale_shift_case(Random& r) {
  const Shape map = random_map(r);
  const std::int64_t n = r.integer(0, 3) ? map[0] : 1;
  return one_node(
      r, ops::ScaleShiftOp{random_values(r, n, 1.0f), random_values(r, n, 0.5f), random_activation(r)},
      {map});
}

GradientCase add_case(Random& r) {
  const Shape map = random_map(r);
  GradientCase c = one_node(r, ops::AddOp{random_activation(r)}, {map, map});
  if (r.integer(0, 1)) c.graph.nodes[0].inputs[1] = c.graph.nodes[0].inputs[0];
  return c;
}

GradientCase clamp_case(Random& r) {
  return one_node(r, ops::ClampOp{{-0.25f, 0.5f}}, {random_map(r)});
}

GradientCase max_pool_case(Random& r) {
  const Shape map = random_map(r);
  return one_node(r, ops::MaxPoolOp{random_window(r, map, true), r.integer(0, 1) != 0}, {map});
}

GradientCase average_pool_case(Random& r) {
  const Shape map = random_map(r);
  return one_node(
      r, ops::AveragePoolOp{random_window(r, map, true), r.integer(0, 1) != 0, r.integer(0, 1) != 0}, {map});
}

GradientCase global_pool_case(Random& r) {
  return one_node(r, ops::GlobalAveragePoolOp{}, {random_map(r)});
}

GradientCase concat_case(Random& r) {
  const Shape map = random_map(r);
  std::vector<Shape> maps(3, map);
  const int axis = static_cast<int>(r.integer(0, 2));
  std::vector<std::int64_t> dims(map.dims().begin(), map.dims().end());
  dims[static_cast<std::size_t>(axis)] = r.integer(1, 4);
  maps[1] = Shape(dims);
  return one_node(r, ops::ConcatOp{axis}, maps);
}

GradientCase movement_case(Random& r) {
  const Shape map = random_map(r);
  switch (r.integer(0, 4)) {
    case 0:
      return one_node(r, ops::FlattenOp{}, {map});
    case 1:
      return one_node(r, ops::ReshapeOp{{map[1], map[0] * map[2]}}, {map});
    case 2:
      return one_node(r, ops::TransposeOp{{2, 0, 1}}, {map});
    case 3:
      return one_node(r, ops::PadOp{{0, 1, 2}, {1, 0, 1}, 0.5f}, {map});
    default:
      return one_node(r, ops::SliceOp{{0, 0, 0}, {1, 1, 2}, {map[0], map[1], (map[2] + 1) / 2}}, {map});
  }
}

GradientCase function_case(Random& r) {
  ops::FunctionOp op;
  op.function = static_cast<ops::Function>(r.integer(0, 16));
  switch (op.function) {
    case ops::Function::hard_sigmoid:
    case ops::Function::hard_swish:
      op.alpha = 0.5f, op.beta = 0.4f;
      break;
    case ops::Function::power:
      op.alpha = static_cast<float>(r.integer(1, 4));
      break;
    case ops::Function::leaky_relu:
    case ops::Function::elu:
      op.alpha = 0.1f;
      break;
    default:
      break;
  }
  if (r.integer(0, 1)) op.scale_after = 0.75f, op.shift_after = 0.25f;
  const Shape map = random_map(r);
  const bool positive = op.function == ops::Function::log || op.function == ops::Function::sqrt ||
                        op.function == ops::Function::reciprocal;
  if (!positive) return one_node(r, op, {map});
  // Numbers from 1 to 3.
  GradientCase c = one_node(r, ops::ScaleShiftOp{{1.0f}, {2.0f}, {}}, {map});
  c.graph.outputs = {c.graph.add_node("function", op, {c.graph.outputs[0]})};
  return c;
}

GradientCase softmax_case(Random& r) {
  return one_node(r, ops::SoftmaxOp{r.integer(0, 2)}, {random_map(r)});
}

GradientCase matmul_case(Random& r) {
  const std::int64_t m = r.integer(1, 5), k = r.integer(1, 5), n = r.integer(1, 5), b = r.integer(1, 3);
  switch (r.integer(0, 2)) {
    case 0:
      return one_node(r, ops::MatMulOp{}, {Shape{m, k}, Shape{k, n}});
    case 1:
      return one_node(r, ops::MatMulOp{}, {Shape{b, m, k}, Shape{r.integer(0, 1) ? b : 1, k, n}});
    default:
      return one_node(r, ops::MatMulOp{}, {Shape{b, 1, m, k}, Shape{b, 2, k, n}});
  }
}

GradientCase layer_norm_case(Random& r) {
  const Shape x = r.integer(0, 1) ? Shape{r.integer(1, 4), r.integer(4, 20)}
                                  : Shape{r.integer(1, 3), r.integer(1, 4), r.integer(4, 20)};
  const std::int64_t n = x[x.rank() - 1];
  ops::LayerNormOp op;
  if (r.integer(0, 3)) op.scale = random_values(r, n, 1.0f);
  if (r.integer(0, 3)) op.shift = random_values(r, n, 1.0f);
  op.is_centred = r.integer(0, 1) != 0;
  return one_node(r, op, {x});
}

GradientCase embedding_case(Random& r) {
  GradientCase c;
  c.rows = r.integer(1, 6);
  const std::int64_t width = r.integer(1, 9);
  const Shape numbers = r.integer(0, 1) ? Shape{r.integer(1, 6)} : Shape{r.integer(1, 3), r.integer(1, 3)};
  const ValueId ids = c.graph.add_value("ids", numbers);
  c.graph.values[static_cast<std::size_t>(ids)].element = ElementType::i64;
  c.graph.inputs = {ids};
  ops::EmbeddingOp op{Tensor(Shape{c.rows, width}, random_values(r, c.rows * width, 1.0f))};
  c.graph.outputs = {c.graph.add_node("table", op, {ids})};
  return c;
}

struct OperatorCase {
  const char* name;
  GradientCase (*make)(Random&);
};

class OperatorGradients : public ::testing::TestWithParam<OperatorCase> {};

TEST_P(OperatorGradients, AreThoseOfCentralDifferences) {
  Random random(7);
  Compared sum;
  const int shapes = std::string(GetParam().name) == "WideConv" ? 6 : static_cast<int>(affordable(200));
  for (int i = 0; i < shapes && !HasFailure(); ++i) {
    SCOPED_TRACE("shape " + std::to_string(i));
    const Compared compared = check_gradients(GetParam().make(random), random);
    sum.numbers += compared.numbers, sum.all += compared.all;
  }
  EXPECT_GT(sum.numbers, sum.all * 4 / 5) << "too many lie next to kinks";
}

INSTANTIATE_TEST_SUITE_P(
    Every, OperatorGradients,
    ::testing::Values(OperatorCase{"Conv", conv_case}, OperatorCase{"WideConv", wide_conv_case},
                      OperatorCase{"Depthwise", depthwise_case}, OperatorCase{"Residual", residual_case},
                      OperatorCase{"Linear", linear_case}, OperatorCase{"ScaleShift", scale_shift_case},
                      OperatorCase{"Add", add_case}, OperatorCase{"Clamp", clamp_case},
                      OperatorCase{"MaxPool", max_pool_case}, OperatorCase{"AveragePool", average_pool_case},
                      OperatorCase{"GlobalAveragePool", global_pool_case},
                      OperatorCase{"Concat", concat_case}, OperatorCase{"Movement", movement_case},
                      OperatorCase{"Function", function_case}, OperatorCase{"Softmax", softmax_case},
                      OperatorCase{"MatMul", matmul_case}, OperatorCase{"LayerNorm", layer_norm_case},
                      OperatorCase{"Embedding", embedding_case}),
    [](const auto& c) { return std::string(c.param.name); });

}  // namespace
}  // namespace lowbit::testing
