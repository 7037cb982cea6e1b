// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/sequential.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "layers/batch_norm.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::array<std::int64_t, 2> pair(const nn::Size2d& size) {
  return {size.height, size.width};
}

ops::Window window(const nn::Size2d& kernel, const nn::Size2d& stride, const nn::Size2d& padding) {
  ops::Window w;
  w.kernel = pair(kernel);
  w.stride = {stride.height == 0 ? kernel.height : stride.height,
              stride.width == 0 ? kernel.width : stride.width};
  w.pad = {padding.height, padding.width, padding.height, padding.width};
  return w;
}

/// Row-major, whatever the strides are.
Tensor copy(const TensorView& view) {
  Tensor tensor(view.shape);
  const int rank = view.shape.rank();
  std::array<std::int64_t, Shape::kMaxRank> at{};
  for (float& v : tensor.data) {
    std::ptrdiff_t offset = 0;
    for (int axis = 0; axis < rank; ++axis)
      offset += static_cast<std::ptrdiff_t>(at[static_cast<std::size_t>(axis)]) *
                view.strides[static_cast<std::size_t>(axis)];
    v = view.data[offset];
    for (int axis = rank; axis-- > 0 && ++at[static_cast<std::size_t>(axis)] == view.shape[axis];)
      at[static_cast<std::size_t>(axis)] = 0;
  }
  return tensor;
}

std::vector<double> doubles(const VectorCopy& v) {
  return {v.values().begin(), v.values().end()};
}

ops::FunctionOp function(ops::Function f, float alpha = 1.0f, float beta = 0.0f) {
  ops::FunctionOp op;
  op.function = f;
  op.alpha = alpha;
  op.beta = beta;
  return op;
}

void require(bool holds, ErrorCode code, const std::string& sentence) {
  if (!holds) throw Error(code, sentence);
}

void require_bias(const VectorCopy& bias, std::int64_t outputs) {
  require(bias.empty() || bias.size() == outputs, ErrorCode::shape_mismatch,
          fmt::format("its bias has {} elements, its weight {} outputs", bias.size(), outputs));
}

/// As a graph has it: C of C x H x W, the last dimension of others.
std::int64_t channels_of(const Shape& shape) {
  return shape.rank() == 3 ? shape[0] : shape[shape.rank() - 1];
}

}  // namespace

nn::Weight::Weight(const TensorView& view) : tensor_(copy(view)) {}

void nn::Weight::copy_matrix(const MatrixView& m) {
  tensor_ = Tensor(Shape{m.rows, m.cols});
  float* out = tensor_.data.data();
  for (std::int64_t r = 0; r < m.rows; ++r)
    for (std::int64_t c = 0; c < m.cols; ++c) *out++ = m(r, c);
}

Sequential::Sequential(const Shape& input, std::string name) {
  require(input.rank() >= 1 && input.elements() > 0, ErrorCode::invalid_argument,
          fmt::format("a network cannot take samples of shape {}", input.to_string()));
  last_ = graph_.add_value(std::move(name), input);
  graph_.inputs = {last_};
}

const Shape& Sequential::shape() const {
  return graph_.values[static_cast<std::size_t>(last_)].shape;
}

void Sequential::require_new(const std::vector<std::string>& names) const {
  std::unordered_set<std::string_view> taken;
  for (const Graph::Value& value : graph_.values) taken.insert(value.name);
  for (const std::string& name : names)
    require(taken.insert(name).second, ErrorCode::invalid_argument,
            fmt::format("the network has a layer or an input '{}' already", name));
}

template <class Make>
Sequential& Sequential::append(const char* kind, std::string name, Make&& make) {
  if (name.empty()) name = fmt::format("{}_{}", graph_.nodes.size(), kind);
  require_new({name});
  try {
    ops::Op op = make();
    const Shape input = shape();
    ops::infer_shape(op, std::span(&input, 1));
    last_ = graph_.add_node(name, std::move(op), {last_});
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("layer '{}': {}", name, e.what()));
  }
  return *this;
}

Sequential& Sequential::add(const nn::Conv2d& layer, std::string name) {
  return append("conv2d", std::move(name), [&]() -> ops::Op {
    require(layer.weight.shape().rank() == 4 && layer.weight.shape().elements() > 0,
            ErrorCode::shape_mismatch,
            fmt::format("its weight has the shape {}, not out x in / groups x kernel height x kernel width",
                        layer.weight.shape().to_string()));
    require_bias(layer.bias, layer.weight.shape()[0]);
    ops::Conv2dOp op;
    op.weight = layer.weight.tensor();
    op.bias = layer.bias.values();
    op.window = window({op.weight.shape[2], op.weight.shape[3]}, layer.stride, layer.padding);
    op.window.dilation = pair(layer.dilation);
    op.groups = layer.groups;
    return op;
  });
}

Sequential& Sequential::add(const nn::Linear& layer, std::string name) {
  return append("linear", std::move(name), [&]() -> ops::Op {
    require(layer.weight.shape().rank() == 2 && layer.weight.shape().elements() > 0,
            ErrorCode::shape_mismatch,
            fmt::format("its weight has the shape {}, not out x in", layer.weight.shape().to_string()));
    require_bias(layer.bias, layer.weight.shape()[0]);
    ops::LinearOp op;
    op.weight = layer.weight.tensor();
    op.bias = layer.bias.values();
    return op;
  });
}

Sequential& Sequential::add(const nn::BatchNorm& layer, std::string name) {
  return append("batch_norm", std::move(name), [&]() -> ops::Op {
    const std::int64_t channels = channels_of(shape());
    for (const VectorCopy* v : {&layer.gamma, &layer.beta, &layer.mean, &layer.variance})
      require(
          v->size() == channels, ErrorCode::shape_mismatch,
          fmt::format("gamma, beta, mean and variance need {} elements each, not {}", channels, v->size()));
    std::ptrdiff_t bad = -1;
    ops::ScaleShiftOp op = batch_norm(doubles(layer.gamma), doubles(layer.beta), doubles(layer.mean),
                                      doubles(layer.variance), layer.epsilon, bad);
    require(bad < 0, ErrorCode::invalid_argument,
            fmt::format("its variance in channel {} is not above 0", bad));
    return op;
  });
}

Sequential& Sequential::add(const nn::LayerNorm& layer, std::string name) {
  return append("layer_norm", std::move(name), [&]() -> ops::Op {
    ops::LayerNormOp op;
    op.scale = layer.weight.values();
    op.shift = layer.bias.values();
    op.epsilon = layer.epsilon;
    return op;
  });
}

Sequential& Sequential::add(const nn::MaxPool2d& layer, std::string name) {
  return append("max_pool2d", std::move(name), [&]() -> ops::Op {
    return ops::MaxPoolOp{window(layer.kernel, layer.stride, layer.padding)};
  });
}

Sequential& Sequential::add(const nn::AveragePool2d& layer, std::string name) {
  return append("average_pool2d", std::move(name), [&]() -> ops::Op {
    return ops::AveragePoolOp{window(layer.kernel, layer.stride, layer.padding), false,
                              layer.count_include_pad};
  });
}

Sequential& Sequential::add(const nn::GlobalAveragePool2d&, std::string name) {
  return append("global_average_pool2d", std::move(name), [] { return ops::Op(ops::GlobalAveragePoolOp{}); });
}

Sequential& Sequential::add(const nn::Flatten&, std::string name) {
  return append("flatten", std::move(name), [] { return ops::Op(ops::FlattenOp{}); });
}

Sequential& Sequential::add(const nn::Softmax& layer, std::string name) {
  return append("softmax", std::move(name), [&]() -> ops::Op {
    const std::int64_t rank = shape().rank(), axis = layer.axis < 0 ? layer.axis + rank : layer.axis;
    require(axis >= 0 && axis < rank, ErrorCode::invalid_argument,
            fmt::format("it has the axis {} for samples of {} dimensions", layer.axis, rank));
    return ops::SoftmaxOp{axis};
  });
}

Sequential& Sequential::add(const nn::Relu&, std::string name) {
  return append("relu", std::move(name), [] { return ops::Op(ops::ClampOp{{0.0f, kInfinity}}); });
}

Sequential& Sequential::add(const nn::Relu6&, std::string name) {
  return append("relu6", std::move(name), [] { return ops::Op(ops::ClampOp{{0.0f, 6.0f}}); });
}

Sequential& Sequential::add(const nn::LeakyRelu& layer, std::string name) {
  return append("leaky_relu", std::move(name),
                [&] { return ops::Op(function(ops::Function::leaky_relu, layer.slope)); });
}

Sequential& Sequential::add(const nn::Sigmoid&, std::string name) {
  return append("sigmoid", std::move(name), [] { return ops::Op(function(ops::Function::sigmoid)); });
}

Sequential& Sequential::add(const nn::Tanh&, std::string name) {
  return append("tanh", std::move(name), [] { return ops::Op(function(ops::Function::tanh)); });
}

Sequential& Sequential::add(const nn::Gelu&, std::string name) {
  return append("gelu", std::move(name), [] { return ops::Op(function(ops::Function::gelu)); });
}

Sequential& Sequential::add(const nn::Silu&, std::string name) {
  return append("silu", std::move(name), [] { return ops::Op(function(ops::Function::silu)); });
}

Sequential& Sequential::add(const nn::HardSwish&, std::string name) {
  return append("hard_swish", std::move(name),
                [] { return ops::Op(function(ops::Function::hard_swish, 1.0f / 6.0f, 0.5f)); });
}

Sequential& Sequential::add(ops::Op op, std::string name) {
  const std::string kind(ops::op_name(op));
  return append(kind.c_str(), std::move(name), [&] { return std::move(op); });
}

ValueId Sequential::inline_graph(const Graph& other, const std::string& prefix) {
  std::vector<ValueId> ids(other.values.size(), -1);
  ids[static_cast<std::size_t>(other.inputs[0])] = last_;
  ValueId output = last_;
  for (const Graph::Node& node : other.nodes) {
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(ids[static_cast<std::size_t>(id)]);
    output = graph_.add_node(prefix + node.name, node.op, std::move(inputs));
    ids[static_cast<std::size_t>(node.output)] = output;
  }
  return output;
}

Sequential& Sequential::add_residual(const Sequential& body, std::string name) {
  return add_residual(body, Sequential(shape()), std::move(name));
}

Sequential& Sequential::add_residual(const Sequential& body, const Sequential& shortcut, std::string name) {
  if (name.empty()) name = fmt::format("{}_add", graph_.nodes.size());
  const auto begins = [](const Sequential& s) {
    return s.graph_.values[static_cast<std::size_t>(s.graph_.inputs[0])].shape;
  };
  for (const Sequential* part : {&body, &shortcut})
    require(begins(*part) == shape(), ErrorCode::shape_mismatch,
            fmt::format("layer '{}': a part of it begins with samples of shape {}, it gets {}", name,
                        begins(*part).to_string(), shape().to_string()));
  require(body.shape() == shortcut.shape(), ErrorCode::shape_mismatch,
          fmt::format("layer '{}': its body ends with samples of shape {}, its shortcut with {}", name,
                      body.shape().to_string(), shortcut.shape().to_string()));
  const std::string of_body = name + "/", of_shortcut = name + "/shortcut/";
  std::vector<std::string> names{name};
  for (const Graph::Node& node : body.graph_.nodes) names.push_back(of_body + node.name);
  for (const Graph::Node& node : shortcut.graph_.nodes) names.push_back(of_shortcut + node.name);
  require_new(names);
  const ValueId a = inline_graph(body.graph_, of_body), b = inline_graph(shortcut.graph_, of_shortcut);
  last_ = graph_.add_node(std::move(name), ops::AddOp{}, {a, b});
  return *this;
}

Model Sequential::model(std::string source) const {
  require(!graph_.nodes.empty(), ErrorCode::invalid_argument, "a network needs a layer");
  Graph graph = graph_;
  graph.outputs = {last_};
  fuse(graph);
  return Model(std::move(graph), std::move(source));
}

}  // namespace lowbit
