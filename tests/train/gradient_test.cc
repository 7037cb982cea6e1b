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

/// Heads before or behind rows, fewer heads of keys and values, masks of their own for each score or one for
/// several; or one value that is queries, keys and values. What a mask adds to all keys has no gradient.
GradientCase attention_case(Random& r) {
  ops::AttentionOp op;
  op.scale = 0.5f + 0.25f * static_cast<float>(r.integer(0, 4));
  const std::int64_t b = r.integer(1, 2), groups = r.integer(1, 2), heads = groups * r.integer(1, 2);
  const std::int64_t rows = r.integer(1, 5), keys = r.integer(1, 6), size = r.integer(1, 6);
  if (r.integer(0, 4) == 0) {
    GradientCase c = one_node(
        r, op, {Shape{b, heads, rows, size}, Shape{b, heads, rows, size}, Shape{b, heads, rows, size}});
    c.graph.nodes[0].inputs = {0, 0, 0};
    return c;
  }
  const auto shape = [&](bool& by_head, std::int64_t h, std::int64_t n, std::int64_t width) {
    by_head = r.integer(0, 1) != 0;
    return by_head ? Shape{b, h, n, width} : Shape{b, n, h, width};
  };
  std::vector<Shape> inputs{shape(op.queries_by_head, heads, rows, size),
                            shape(op.keys_by_head, groups, keys, size),
                            shape(op.values_by_head, groups, keys, r.integer(1, 6))};
  op.result_by_head = r.integer(0, 1) != 0;
  const auto one_or = [&](std::int64_t n) { return r.integer(0, 1) ? n : std::int64_t{1}; };
  if (r.integer(0, 1)) inputs.push_back({one_or(b), one_or(heads), one_or(rows), keys});
  return one_node(r, op, inputs);
}

/// A network whose input `which` is moved from [-1, 1] to [1, 3].
GradientCase above_zero(GradientCase c, std::size_t which) {
  const ValueId in = c.graph.inputs[which];
  GradientCase moved;
  moved.samples = c.samples;
  for (const ValueId id : c.graph.inputs)
    moved.graph.add_value(c.graph.values[static_cast<std::size_t>(id)].name,
                          c.graph.values[static_cast<std::size_t>(id)].shape);
  moved.graph.inputs = c.graph.inputs;
  const ValueId up = moved.graph.add_node("up", ops::ScaleShiftOp{{1.0f}, {2.0f}, {}}, {in});
  std::vector<ValueId> inputs = c.graph.nodes[0].inputs;
  inputs[which] = up;
  moved.graph.outputs = {moved.graph.add_node("node", c.graph.nodes[0].op, inputs)};
  return moved;
}

GradientCase reduce_case(Random& r) {
  ops::ReduceOp op;
  op.reduction = static_cast<ops::Reduction>(r.integer(0, 9));
  op.keep_axes = r.integer(0, 1) != 0;
  Shape x = random_map(r);
  if (r.integer(0, 1))
    x = r.integer(0, 1) ? Shape{r.integer(1, 6), r.integer(1, 6)} : Shape{2, 2, 3, r.integer(1, 4)};
  for (std::int64_t axis = 0; axis < x.rank(); ++axis)
    if (r.integer(0, 1)) op.axes.push_back(axis);
  if (op.axes.empty()) op.axes = {0};
  if (static_cast<int>(op.axes.size()) == x.rank()) op.keep_axes = true;
  GradientCase c = one_node(r, op, {x});
  return op.reduction == ops::Reduction::log_sum ? above_zero(c, 0) : c;
}

GradientCase binary_case(Random& r) {
  ops::BinaryOp op;
  op.function = static_cast<ops::BinaryFunction>(r.integer(0, 5));
  const bool divides = op.function == ops::BinaryFunction::div;
  const Shape x =
      r.integer(0, 1) ? random_map(r) : Shape{2, r.integer(1, 3), r.integer(1, 4), r.integer(1, 5)};
  const auto part = [&] {
    std::vector<std::int64_t> dims(x.dims().begin(), x.dims().end());
    for (std::int64_t& d : dims) d = r.integer(0, 2) ? d : 1;
    return Shape(dims);
  };
  switch (r.integer(0, 2)) {
    case 0: {
      GradientCase c = r.integer(0, 1) ? one_node(r, op, {x, part()}) : one_node(r, op, {part(), x});
      return divides ? above_zero(c, 1) : c;
    }
    case 1: {
      const Shape shape = part();
      op.constant = Tensor(shape, random_values(r, shape.elements(), 0.5f));
      op.constant_first = r.integer(0, 1) != 0;
      for (float& v : op.constant.data) v += divides && !op.constant_first ? 2.0f : 0.0f;
      GradientCase c = one_node(r, op, {x});
      return divides && op.constant_first ? above_zero(c, 0) : c;
    }
    default: {
      if (divides) op.function = ops::BinaryFunction::mul;
      GradientCase c = one_node(r, op, {x, x});
      c.graph.nodes[0].inputs = {0, 0};
      return c;
    }
  }
}

GradientCase lrn_case(Random& r) {
  ops::LrnOp op;
  op.size = r.integer(1, 6);
  op.alpha = 0.5f, op.beta = 0.75f;
  op.offset = r.integer(0, 1) ? 1.0f : 2.0f;
  return one_node(r, op, {random_map(r)});
}

GradientCase recurrent_case(Random& r) {
  ops::RecurrentOp op;
  op.cell = static_cast<ops::Cell>(r.integer(0, 2));
  op.batch = r.integer(1, 2);
  op.reverse = r.integer(0, 1) != 0;
  const std::int64_t n = r.integer(1, 5), width = op.gates() * n;
  op.weight = Tensor(Shape{width, n}, random_values(r, width * n, 0.7f));
  if (r.integer(0, 2)) op.bias = random_values(r, width, 0.3f);
  std::vector<Shape> inputs{Shape{r.integer(1, 4) * op.batch, width}};
  if (r.integer(0, 1)) inputs.resize(static_cast<std::size_t>(1 + op.states()), Shape{op.batch, n});
  return one_node(r, op, inputs);
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
                      OperatorCase{"Attention", attention_case}, OperatorCase{"Reduce", reduce_case},
                      OperatorCase{"Binary", binary_case}, OperatorCase{"Lrn", lrn_case},
                      OperatorCase{"Recurrent", recurrent_case}, OperatorCase{"Embedding", embedding_case}),
    [](const auto& c) { return std::string(c.param.name); });

/// Zeros in a product, and equal elements of an extreme: random numbers have neither.
TEST(ReduceGradients, ZerosAndEqualElements) {
  const auto gradients = [](ops::Reduction reduction, std::vector<float> x) {
    Graph graph;
    graph.inputs = {graph.add_value("x", Shape{static_cast<std::int64_t>(x.size())})};
    graph.outputs = {graph.add_node("node", ops::ReduceOp{reduction, {0}, true}, graph.inputs)};
    Tape tape(Model(graph), {.batch = 1, .input_gradients = true});
    const Tensor in(Shape{1, static_cast<std::int64_t>(x.size())}, x);
    tape.forward(in);
    tape.output_gradient().data[0] = 1.0f;
    tape.backward();
    const float* g = tape.input_gradient().data;
    return std::vector<float>(g, g + x.size());
  };
  using Floats = std::vector<float>;
  EXPECT_EQ(gradients(ops::Reduction::prod, {2, 3, 4}), (Floats{12, 8, 6}));
  EXPECT_EQ(gradients(ops::Reduction::prod, {2, 0, 4}), (Floats{0, 8, 0}));
  EXPECT_EQ(gradients(ops::Reduction::prod, {0, 0, 4}), (Floats{0, 0, 0}));
  EXPECT_EQ(gradients(ops::Reduction::max, {1, 5, 5}), (Floats{0, 1, 0}));
  EXPECT_EQ(gradients(ops::Reduction::min, {5, 1, 1}), (Floats{0, 1, 0}));
  EXPECT_EQ(gradients(ops::Reduction::l2, {0, 0}), (Floats{0, 0}));
}

}  // namespace
}  // namespace lowbit::testing
