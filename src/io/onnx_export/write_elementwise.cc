// SPDX-License-Identifier: Apache-2.0
// Functions of single elements and of two, and the borders between floats and codes.
#include <fmt/format.h>

#include "io/onnx_export/write_ops.h"

namespace lowbit::onnx_export {
namespace {

std::string apply(GraphWriter& w, const ops::FunctionOp& op, const std::string& x) {
  using ops::Function;
  const auto times = [&](const std::string& a, float b) { return w.op("Mul", {a, w.scalar(b)}); };
  const auto plus = [&](const std::string& a, float b) { return w.op("Add", {a, w.scalar(b)}); };
  switch (op.function) {
    case Function::abs:
      return w.op("Abs", {x});
    case Function::elu:
      return w.op("Elu", {x}, {{"alpha", op.alpha}});
    case Function::erf:
      return w.op("Erf", {x});
    case Function::exp:
      return w.op("Exp", {x});
    case Function::gelu: {
      if (w.opset() >= 20) return w.op("Gelu", {x});
      const std::string one_more = plus(w.op("Erf", {w.op("Div", {x, w.scalar(1.41421356f)})}), 1.0f);
      return times(w.op("Mul", {x, one_more}), 0.5f);
    }
    case Function::gelu_tanh: {
      if (w.opset() >= 20) return w.op("Gelu", {x}, {{"approximate", std::string("tanh")}});
      const std::string cube = w.op("Mul", {w.op("Mul", {x, x}), x});
      const std::string inner = times(w.op("Add", {x, times(cube, 0.044715f)}), 0.797884561f);
      return times(w.op("Mul", {x, plus(w.op("Tanh", {inner}), 1.0f)}), 0.5f);
    }
    case Function::hard_sigmoid:
      return w.op("HardSigmoid", {x}, {{"alpha", op.alpha}, {"beta", op.beta}});
    case Function::hard_swish:
      return w.op("Mul", {x, w.op("HardSigmoid", {x}, {{"alpha", op.alpha}, {"beta", op.beta}})});
    case Function::leaky_relu:
      return w.op("LeakyRelu", {x}, {{"alpha", op.alpha}});
    case Function::log:
      return w.op("Log", {x});
    case Function::power:
      return w.op("Pow", {x, w.scalar(op.alpha)});
    case Function::reciprocal:
      return w.op("Reciprocal", {x});
    case Function::sigmoid:
      return w.op("Sigmoid", {x});
    case Function::silu:
      return w.op("Mul", {x, w.op("Sigmoid", {op.alpha == 1.0f ? x : times(x, op.alpha)})});
    case Function::softplus:
      return w.op("Softplus", {x});
    case Function::sqrt:
      return w.op("Sqrt", {x});
    case Function::tanh:
      return w.op("Tanh", {x});
  }
  w.refuse("a function without a name");
}

/// C of C x H x W, the last dimension of others.
Integers channel_dims(const Shape& sample, std::size_t channels) {
  const auto count = static_cast<std::int64_t>(channels);
  return count > 1 && sample.rank() == 3 ? Integers{count, 1, 1} : Integers{count};
}

}  // namespace

void write(GraphWriter& w, NodeOf n, const ops::FunctionOp& op) {
  std::string result = apply(w, op, w.read(n.node.inputs[0]));
  if (op.scale_after != 1.0f) result = w.op("Mul", {result, w.scalar(op.scale_after)});
  if (op.shift_after != 0.0f) result = w.op("Add", {result, w.scalar(op.shift_after)});
  w.give(n.node, result);
}

void write(GraphWriter& w, NodeOf n, const ops::AddOp& op) {
  w.give(n.node, w.op("Add", {w.read(n.node.inputs[0]), w.read(n.node.inputs[1])}), op.activation);
}

void write(GraphWriter& w, NodeOf n, const ops::BinaryOp& op) {
  static constexpr std::string_view kNames[] = {"Add", "Sub", "Mul", "Div", "Max", "Min"};
  std::string first = w.read(n.node.inputs[0]), second;
  if (op.constant.data.empty()) {
    second = w.read(n.node.inputs[1]);
  } else {
    const Shape& dims = op.constant.shape;
    second = w.floats(op.constant.data, {dims.dims().begin(), dims.dims().end()});
    if (op.constant_first) std::swap(first, second);
  }
  w.give(n.node, w.op(kNames[static_cast<std::size_t>(op.function)], {first, second}));
}

void write(GraphWriter& w, NodeOf n, const ops::ScaleShiftOp& op) {
  const Shape& sample = w.shape(n.node.output);
  const auto constant = [&](const Floats& values) {
    return w.floats(values, channel_dims(sample, values.size()));
  };
  const std::string scaled = w.op("Mul", {w.read(n.node.inputs[0]), constant(op.scale)});
  w.give(n.node, w.op("Add", {scaled, constant(op.shift)}), op.activation);
}

void write(GraphWriter& w, NodeOf n, const ops::ClampOp& op) {
  // A result of its own, also where limiting changes nothing.
  const std::string x = w.read(n.node.inputs[0]);
  w.give(n.node, w.is_coded(n.node.output) ? x : w.op("Identity", {x}), op.activation);
}

void write(GraphWriter& w, NodeOf n, const ops::QuantizeOp&) {
  const std::string x = w.read(n.node.inputs[0]);
  w.give(n.node, w.is_coded(n.node.output) ? x : w.op("Identity", {x}));
}

void write(GraphWriter& w, NodeOf n, const ops::DequantizeOp&) {
  const std::string x = w.read(n.node.inputs[0]);
  w.give(n.node, w.is_coded(n.node.inputs[0]) ? x : w.op("Identity", {x}));
}

}  // namespace lowbit::onnx_export
