// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/node_context.h"

#include <fmt/format.h>

#include <utility>

#include "lowbit/core/error.h"

namespace lowbit::onnx_import {

NodeContext::NodeContext(Importer& importer, const onnx::NodeProto& node) : importer_(importer), node_(node) {
  std::string output;
  for (const auto& name : node.output())
    if (output.empty()) output = name;
  name_ = !node.name().empty() ? node.name() : !output.empty() ? output : node.op_type();
  if (output.empty()) reject("has no output");
  // In batches nodes have one output.
  if (importer.graph().has_batch && node.output(0).empty()) refuse("leaves its first output out");
  for (const auto& name : node.input()) {
    if (name.empty() || importer.find(name)) continue;
    if (importer.is_side_output(name)) refuse(fmt::format("reads '{}', a further output of its node", name));
    reject(fmt::format("reads '{}', which nothing before it computes", name));
  }
}

const Importer::Entry& NodeContext::input(int i) const {
  if (!has_input(i)) reject(fmt::format("has no input {}", i));
  return *importer_.find(node_.input(i));
}

bool NodeContext::is_constant(int i) const {
  return std::holds_alternative<ConstantPtr>(input(i));
}

const Constant& NodeContext::constant(int i) const {
  if (!is_constant(i))
    refuse(fmt::format("computes its input {} ('{}'), which must be a constant", i, node_.input(i)));
  return *std::get<ConstantPtr>(input(i));
}

const Constant* NodeContext::optional_constant(int i) const {
  return has_input(i) ? &constant(i) : nullptr;
}

std::vector<std::int64_t> NodeContext::integers(int i) const {
  const Constant& c = constant(i);
  if (!c.is_integer || c.dims.size() > 1)
    reject(fmt::format("needs a vector of integers as its input {} ('{}')", i, node_.input(i)));
  return c.integers;
}

ValueId NodeContext::value(int i) const {
  const ValueId id = moved_value(i);
  if (importer_.batch_axis(id) != 0)
    refuse(fmt::format("reads '{}', whose batch is not its first dimension", node_.input(i)));
  return id;
}

ValueId NodeContext::moved_value(int i) const {
  if (frame_ && frame_->substitutes[static_cast<std::size_t>(i)])
    return *frame_->substitutes[static_cast<std::size_t>(i)];
  if (is_constant(i))
    refuse(fmt::format("has the constant '{}' where a computed value is expected (input {})", node_.input(i),
                       i));
  return std::get<ValueId>(input(i));
}

Shape NodeContext::shape(int i) const {
  return importer_.graph().values[static_cast<std::size_t>(moved_value(i))].shape;
}

void NodeContext::note_value(int i, const QParams& qparams) {
  const auto id = static_cast<std::size_t>(moved_value(i));
  importer_.codes().note_value(importer_.graph().values[id].name, qparams);
}

const ops::Op* NodeContext::producer(int i) const {
  const Graph& graph = importer_.graph();
  ValueId value = moved_value(i);
  while (true) {
    const int node = graph.producer(value);
    if (node < 0) return nullptr;
    const Graph::Node& found = graph.nodes[static_cast<std::size_t>(node)];
    if (!std::holds_alternative<ops::ReshapeOp>(found.op)) return &found.op;
    value = found.inputs[0];
  }
}

void NodeContext::note_weights(int i, int row_axis) {
  const ConstantCodes* codes = constant(i).codes.get();
  if (!codes) return;
  WeightCodes weights{codes->block, codes->scales, codes->zero_points, codes->is_signed, codes->bits};
  if (codes->block == 0) {
    if (codes->scales.size() > 1 && codes->axis != row_axis) return;
  } else {
    // Blocks lie along the columns of a matrix: [rows][groups], or the other way round.
    if (codes->dims.size() != 2 || constant(i).dims.size() != 2 || codes->axis != 1 - row_axis) return;
    const auto rows = static_cast<std::size_t>(codes->dims[static_cast<std::size_t>(row_axis)]);
    const std::size_t groups = codes->scales.size() / rows;
    for (std::size_t r = 0; row_axis == 1 && r < rows; ++r)
      for (std::size_t g = 0; g < groups; ++g) {
        weights.scales[r * groups + g] = codes->scales[g * rows + r];
        if (!codes->zero_points.empty())
          weights.zero_points[r * groups + g] = codes->zero_points[g * rows + r];
      }
  }
  weight_codes_ = std::move(weights);
}

ValueId NodeContext::emit_inner(std::string_view suffix, ops::Op op, std::vector<ValueId> inputs) {
  const std::string unique = importer_.unique_node_name(name_ + std::string(suffix));
  try {
    if (weight_codes_ && ops::has_weights(op)) {
      importer_.codes().weights[unique] = *std::exchange(weight_codes_, {});
      if (importer_.is_dynamic(name_)) importer_.codes().dynamic.insert(unique);
    }
    return importer_.graph().add_node(unique, std::move(op), std::move(inputs));
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", importer_.file(), e.what()));
  }
}

void NodeContext::emit(ops::Op op, std::vector<ValueId> inputs, int batch_axis) {
  const ValueId output = emit_inner("", std::move(op), std::move(inputs));
  if (frame_) return define_in_frame(output);
  if (batch_axis != 0) importer_.set_batch_axis(output, batch_axis);
  importer_.graph().values[static_cast<std::size_t>(output)].name = node_.output(0);
  importer_.define(node_.output(0), output);
}

void NodeContext::define_in_frame(ValueId output) {
  Graph& graph = importer_.graph();
  const Shape shape = graph.values[static_cast<std::size_t>(output)].shape;
  std::vector<std::int64_t> dims = frame_->prefix;
  dims.insert(dims.end(), shape.dims().begin() + frame_->dropped, shape.dims().end());
  if (!(Shape(dims) == shape)) output = emit_inner("/whole", ops::ReshapeOp{dims}, {output});
  Graph::Value& value = graph.values[static_cast<std::size_t>(output)];
  value.name = node_.output(0);
  importer_.define(node_.output(0), output);
}

void NodeContext::emit_constant(Constant constant) {
  importer_.define(node_.output(0), std::make_shared<const Constant>(std::move(constant)));
}

void NodeContext::emit_alias(int i) {
  importer_.define(node_.output(0), input(i));
}

void NodeContext::emit_moved_alias(int i, int batch_axis) {
  if (batch_axis == this->batch_axis(i)) return emit_alias(i);
  // A value has its batch in one place: the same elements under another id.
  const Shape shape = this->shape(i);
  emit(ops::ReshapeOp{{shape.dims().begin(), shape.dims().end()}}, {moved_value(i)}, batch_axis);
}

void NodeContext::refuse(const std::string& form) const {
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: node '{}' ({}) {}", importer_.file(), name_, node_.op_type(), form));
}

void NodeContext::reject(const std::string& what) const {
  throw Error(ErrorCode::corrupt_file,
              fmt::format("{}: node '{}' ({}) {}", importer_.file(), name_, node_.op_type(), what));
}

std::int64_t normalized_axis(const NodeContext& node, std::int64_t axis, std::int64_t rank) {
  if (axis < -rank || axis >= rank) node.reject(fmt::format("has the axis {} for {} dimensions", axis, rank));
  return axis < 0 ? axis + rank : axis;
}

}  // namespace lowbit::onnx_import
