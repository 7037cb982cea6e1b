// SPDX-License-Identifier: Apache-2.0
// Operators that move elements, and those of the array functions, which are written as their file had them.
#include <fmt/format.h>

#include "io/onnx/operator_forms.h"
#include "io/onnx_export/write_ops.h"

namespace lowbit::onnx_export {
namespace {

Attribute attribute_of(const GraphWriter& w, const ops::ArrayOp& op, const ArrayAttribute& a) {
  using Type = onnx::AttributeProto;
  switch (onnx_import::attribute_type(op.function, op.opset, a.name)) {
    case Type::INT:
      return {a.name, a.integers.at(0)};
    case Type::INTS:
      return {a.name, a.integers};
    case Type::FLOAT:
      return {a.name, a.floats.at(0)};
    case Type::FLOATS:
      return {a.name, a.floats};
    case Type::STRING:
      return {a.name, a.text};
    default:
      w.refuse(fmt::format("{} with an attribute '{}'", op.function, a.name));
  }
}

}  // namespace

void write_node(GraphWriter& w, const Graph::Node& node, int number) {
  std::visit([&](const auto& op) { write(w, NodeOf{node, number}, op); }, node.op);
}

void write(GraphWriter& w, NodeOf n, const ops::ConcatOp& op) {
  std::vector<std::string> inputs;
  for (const ValueId id : n.node.inputs) inputs.push_back(w.read(id));
  w.give(n.node, w.op("Concat", inputs, {{"axis", w.axis(op.axis)}}));
}

void write(GraphWriter& w, NodeOf n, const ops::FlattenOp&) {
  w.give(n.node,
         w.op("Reshape", {w.read(n.node.inputs[0]), w.integers(w.tensor_dims(w.shape(n.node.output)))}));
}

void write(GraphWriter& w, NodeOf n, const ops::ReshapeOp&) {
  const Integers dims = w.tensor_dims(w.shape(n.node.output));
  // A dimension of 0 would mean "as in the input".
  w.give(n.node, w.op("Reshape", {w.read(n.node.inputs[0]), w.integers(dims)},
                      {{"allowzero", static_cast<std::int64_t>(!w.graph().has_batch)}}));
}

void write(GraphWriter& w, NodeOf n, const ops::PadOp& op) {
  Integers pads;
  for (const std::vector<std::int64_t>* side : {&op.before, &op.after}) {
    if (w.graph().has_batch) pads.push_back(0);
    pads.insert(pads.end(), side->begin(), side->end());
  }
  w.give(n.node, w.op("Pad", {w.read(n.node.inputs[0]), w.integers(pads), w.scalar(op.value)}));
}

void write(GraphWriter& w, NodeOf n, const ops::SliceOp& op) {
  Integers ends, axes;
  for (std::size_t i = 0; i < op.starts.size(); ++i) {
    ends.push_back(op.starts[i] + (op.sizes[i] - 1) * op.steps[i] + 1);
    axes.push_back(w.axis(static_cast<std::int64_t>(i)));
  }
  w.give(n.node, w.op("Slice", {w.read(n.node.inputs[0]), w.integers(op.starts), w.integers(ends),
                                w.integers(axes), w.integers(op.steps)}));
}

void write(GraphWriter& w, NodeOf n, const ops::TransposeOp& op) {
  Integers perm;
  if (w.graph().has_batch) perm.push_back(0);
  for (const std::int64_t axis : op.axes) perm.push_back(w.axis(axis));
  w.give(n.node, w.op("Transpose", {w.read(n.node.inputs[0])}, {{"perm", perm}}));
}

void write(GraphWriter& w, NodeOf n, const ops::EmbeddingOp& op) {
  const Integers dims(op.weight.shape.dims().begin(), op.weight.shape.dims().end());
  const auto weights = w.model().weights(n.number);
  Tensor table = op.weight;
  if (weights) {
    table.data.resize(static_cast<std::size_t>(weights->rows * weights->cols));
    dequantize(*weights, MutableMatrixView(table.data.data(), weights->rows, weights->cols));
  }
  // Numbers of tokens come as floats where the network has a batch.
  std::string numbers = w.read(n.node.inputs[0]);
  if (is_float(w.graph().values[static_cast<std::size_t>(n.node.inputs[0])].element))
    numbers = w.op("Cast", {numbers}, {{"to", std::int64_t{onnx::TensorProto::INT64}}});
  w.give(n.node, w.op("Gather", {w.floats(table.data, dims), numbers}, {{"axis", std::int64_t{0}}}));
}

void write(GraphWriter& w, NodeOf n, const ops::ArrayOp& op) {
  if (w.graph().has_batch) w.refuse(fmt::format("{} of samples in a batch", op.function));
  std::vector<std::string> inputs;
  std::size_t next = 0;
  for (const std::int64_t source : op.sources) {
    if (source == ops::ArrayOp::kLeftOut)
      inputs.emplace_back();
    else if (source == ops::ArrayOp::kValue)
      inputs.push_back(w.read(n.node.inputs[next++]));
    else
      inputs.push_back(w.array(op.constants[static_cast<std::size_t>(source)]));
  }
  std::vector<Attribute> attributes;
  for (const ArrayAttribute& a : op.attributes) attributes.push_back(attribute_of(w, op, a));
  const std::vector<std::string> results =
      w.op_of(op.function, inputs, attributes, static_cast<int>(op.outputs));
  w.give(n.node, results[static_cast<std::size_t>(op.output)]);
}

}  // namespace lowbit::onnx_export
