// SPDX-License-Identifier: Apache-2.0
#include "io/qdq_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <variant>

#include "lowbit/core/error.h"
#include "lowbit/observe/choose_qparams.h"

namespace lowbit::io {
namespace {

void set_ints(onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t v : values) a->add_ints(v);
}

void set_int(onnx::NodeProto& node, const char* name, std::int64_t value) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INT);
  a->set_i(value);
}

void describe(onnx::ValueInfoProto& info, const std::string& name, const Shape& sample) {
  info.set_name(name);
  auto* type = info.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  type->mutable_shape()->add_dim()->set_dim_value(1);
  for (const std::int64_t d : sample.dims()) type->mutable_shape()->add_dim()->set_dim_value(d);
}

// A ReLU needs no operator of its own: codes that end at zero_point 0 cannot be negative.
const ops::ClampOp* as_relu(const Graph::Node& node) {
  const auto* clamp = std::get_if<ops::ClampOp>(&node.op);
  return clamp && clamp->activation.lo == 0.0f ? clamp : nullptr;
}

}  // namespace

struct QdqWriter::Weights {
  std::string weight, bias;
};

QdqWriter::QdqWriter(const Graph& graph, const CalibrationTable& table)
    : graph_(graph), table_(table), codes_(graph.values.size()) {
  if (table.entries.size() != graph.values.size())
    throw Error(ErrorCode::invalid_argument, fmt::format("the table has {} values and the graph {}",
                                                         table.entries.size(), graph.values.size()));
}

void QdqWriter::choose_types() {
  for (const CalibrationEntry& entry : table_.entries)
    qparams_.push_back(choose_qparams(entry.observer.range(unsigned_range(8)), unsigned_range(8)));
  for (const Graph::Node& node : graph_.nodes) {
    const auto out = static_cast<std::size_t>(node.output);
    if (op_arithmetic(node.op) != ops::Arithmetic::movement) {
      const auto readers = graph_.consumers(node.output);
      if (readers.size() != 1 || graph_.is_output(node.output)) continue;
      const Graph::Node& reader = graph_.nodes[static_cast<std::size_t>(readers[0])];
      if (as_relu(reader)) qparams_[out] = qparams_[static_cast<std::size_t>(reader.output)];
    } else {
      qparams_[out] = qparams_[static_cast<std::size_t>(node.inputs[0])];
    }
  }
}

onnx::ModelProto QdqWriter::write() {
  choose_types();
  model_.set_ir_version(8);
  model_.set_producer_name("lowbit");
  auto* opset = model_.add_opset_import();
  opset->set_domain("");
  opset->set_version(13);
  model_.mutable_graph()->set_name("quantized");
  for (const ValueId id : graph_.inputs) {
    const Graph::Value& value = graph_.values[static_cast<std::size_t>(id)];
    describe(*model_.mutable_graph()->add_input(), value.name, value.shape);
    quantize(value.name, id);
  }
  for (const Graph::Node& node : graph_.nodes) write_node(node);
  for (const ValueId id : graph_.outputs) {
    const Graph::Value& value = graph_.values[static_cast<std::size_t>(id)];
    describe(*model_.mutable_graph()->add_output(), value.name, value.shape);
  }
  return std::move(model_);
}

void QdqWriter::write_node(const Graph::Node& node) {
  std::visit(
      [&](const auto& op) {
        if constexpr (requires { write_op(node, op); })
          write_op(node, op);
        else
          throw Error(ErrorCode::unsupported, fmt::format("node {}: {} has no quantized form in this export",
                                                          node.name, op_name(node.op)));
      },
      node.op);
  const std::string& name = graph_.values[static_cast<std::size_t>(node.output)].name;
  const std::string& codes = codes_[static_cast<std::size_t>(node.output)];
  if (graph_.is_output(node.output) && !codes.empty()) dequantize(node.output, name);
}

void QdqWriter::write_op(const Graph::Node& node, const ops::Conv2dOp& op) {
  const Weights w = add_weights(node, op.weight, op.bias, false);
  onnx::NodeProto& conv =
      add_node("Conv", {dequantized(node.inputs[0], node), w.weight, w.bias}, node.name + "_f32");
  set_ints(conv, "kernel_shape", {op.window.kernel[0], op.window.kernel[1]});
  set_ints(conv, "strides", {op.window.stride[0], op.window.stride[1]});
  set_ints(conv, "dilations", {op.window.dilation[0], op.window.dilation[1]});
  set_ints(conv, "pads", {op.window.pad[0], op.window.pad[1], op.window.pad[2], op.window.pad[3]});
  set_int(conv, "group", op.groups);
  quantize(node.name + "_f32", node.output);
}

void QdqWriter::write_op(const Graph::Node& node, const ops::LinearOp& op) {
  const Weights w = add_weights(node, op.weight, op.bias, true);
  const bool last = graph_.is_output(node.output);
  // QGemm can give floats, which spares the network's output a rounding.
  const std::string out =
      last ? graph_.values[static_cast<std::size_t>(node.output)].name : node.name + "_f32";
  add_node("Gemm", {dequantized(node.inputs[0], node), w.weight, w.bias}, out);
  if (!last) quantize(out, node.output);
}

void QdqWriter::write_op(const Graph::Node& node, const ops::AddOp&) {
  add_node("Add", {dequantized(node.inputs[0], node), dequantized(node.inputs[1], node)}, node.name + "_f32");
  quantize(node.name + "_f32", node.output);
}

void QdqWriter::write_op(const Graph::Node& node, const ops::ClampOp&) {
  const auto in = static_cast<std::size_t>(node.inputs[0]), out = static_cast<std::size_t>(node.output);
  if (!as_relu(node) || qparams_[in].zero_point != 0 || graph_.consumers(node.inputs[0]).size() != 1)
    throw Error(ErrorCode::unsupported,
                fmt::format("node {}: only a ReLU that alone reads a computed value is exported", node.name));
  codes_[out] = codes_[in];
}

void QdqWriter::write_op(const Graph::Node& node, const ops::GlobalAveragePoolOp&) {
  add_node("GlobalAveragePool", {dequantized(node.inputs[0], node)}, node.name + "_f32");
  quantize(node.name + "_f32", node.output);
}

// Movement works on the codes themselves, so nothing is left for an optimizer to recognise.

void QdqWriter::write_op(const Graph::Node& node, const ops::SliceOp& op) {
  std::vector<std::int64_t> ends, axes;
  for (std::size_t i = 0; i < op.starts.size(); ++i) {
    if (op.steps[i] <= 0)
      throw Error(ErrorCode::unsupported, fmt::format("node {}: a Slice with a negative step", node.name));
    ends.push_back(op.starts[i] + (op.sizes[i] - 1) * op.steps[i] + 1);
    axes.push_back(static_cast<std::int64_t>(i) + 1);
  }
  const std::string& in = codes_[static_cast<std::size_t>(node.inputs[0])];
  codes_[static_cast<std::size_t>(node.output)] = node.name + "_q";
  add_node("Slice",
           {in, add_ints(node.name + "_starts", op.starts), add_ints(node.name + "_ends", ends),
            add_ints(node.name + "_axes", axes), add_ints(node.name + "_steps", op.steps)},
           node.name + "_q");
}

void QdqWriter::write_op(const Graph::Node& node, const ops::PadOp& op) {
  const QParams& q = qparams_[static_cast<std::size_t>(node.inputs[0])];
  std::vector<std::int64_t> pads{0};
  pads.insert(pads.end(), op.before.begin(), op.before.end());
  pads.push_back(0);
  pads.insert(pads.end(), op.after.begin(), op.after.end());
  const float code = std::nearbyint(op.value / q.scale) + static_cast<float>(q.zero_point);
  const std::int32_t fill[] = {static_cast<std::int32_t>(code < 0 ? 0 : code > 255 ? 255 : code)};
  const std::string& in = codes_[static_cast<std::size_t>(node.inputs[0])];
  codes_[static_cast<std::size_t>(node.output)] = node.name + "_q";
  add_node("Pad",
           {in, add_ints(node.name + "_pads", pads),
            add_codes(node.name + "_fill", onnx::TensorProto::UINT8, fill, {})},
           node.name + "_q");
}

void QdqWriter::write_op(const Graph::Node& node, const ops::FlattenOp&) {
  codes_[static_cast<std::size_t>(node.output)] = node.name + "_q";
  add_node("Flatten", {codes_[static_cast<std::size_t>(node.inputs[0])]}, node.name + "_q");
}

onnx::NodeProto& QdqWriter::add_node(const std::string& type, const std::vector<std::string>& inputs,
                                     const std::string& output) {
  onnx::NodeProto& node = *model_.mutable_graph()->add_node();
  node.set_op_type(type);
  node.set_name(fmt::format("{}_{}", type, model_.graph().node_size()));
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

std::string QdqWriter::add_ints(const std::string& name, std::span<const std::int64_t> values) {
  auto* t = model_.mutable_graph()->add_initializer();
  t->set_name(name);
  t->set_data_type(onnx::TensorProto::INT64);
  t->add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t v : values) t->add_int64_data(v);
  return name;
}

std::string QdqWriter::add_codes(const std::string& name, onnx::TensorProto::DataType type,
                                 std::span<const std::int32_t> codes, const std::vector<std::int64_t>& dims) {
  auto* t = model_.mutable_graph()->add_initializer();
  t->set_name(name);
  t->set_data_type(type);
  for (const std::int64_t d : dims) t->add_dims(d);
  for (const std::int32_t c : codes) t->add_int32_data(c);
  return name;
}

std::string QdqWriter::add_floats(const std::string& name, std::span<const float> values, bool scalar) {
  auto* t = model_.mutable_graph()->add_initializer();
  t->set_name(name);
  t->set_data_type(onnx::TensorProto::FLOAT);
  if (!scalar) t->add_dims(static_cast<std::int64_t>(values.size()));
  for (const float v : values) t->add_float_data(v);
  return name;
}

std::string QdqWriter::dequantized(ValueId value, const Graph::Node& reader) {
  std::string name = fmt::format("{}_in{}_{}", reader.name, value, model_.graph().node_size());
  dequantize(value, name);
  return name;
}

void QdqWriter::dequantize(ValueId value, const std::string& name) {
  const auto id = static_cast<std::size_t>(value);
  const QParams& q = qparams_[id];
  const std::int32_t zero[] = {q.zero_point};
  add_node("DequantizeLinear",
           {codes_[id], add_floats(name + "_scale", {&q.scale, 1}, true),
            add_codes(name + "_zero", onnx::TensorProto::UINT8, zero, {})},
           name);
}

void QdqWriter::quantize(const std::string& from, ValueId value) {
  const auto id = static_cast<std::size_t>(value);
  const std::string name = fmt::format("value{}_q", value);
  const std::int32_t zero[] = {qparams_[id].zero_point};
  add_node("QuantizeLinear",
           {from, add_floats(name + "_scale", {&qparams_[id].scale, 1}, true),
            add_codes(name + "_zero", onnx::TensorProto::UINT8, zero, {})},
           name);
  codes_[id] = name;
}

QdqWriter::Weights QdqWriter::add_weights(const Graph::Node& node, const Tensor& weight,
                                          std::span<const float> bias, bool transpose) {
  const auto rows = static_cast<std::size_t>(weight.shape[0]), columns = weight.data.size() / rows;
  const float input_scale = qparams_[static_cast<std::size_t>(node.inputs[0])].scale;
  std::vector<std::int32_t> codes(weight.data.size()), bias_codes(rows), zeros(rows);
  std::vector<float> scales(rows), bias_scales(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    float largest = 0;
    for (std::size_t c = 0; c < columns; ++c)
      largest = std::fmax(largest, std::fabs(weight.data[r * columns + c]));
    scales[r] = choose_qparams({-largest, largest}, signed_range(8, true), Mapping::symmetric).scale;
    for (std::size_t c = 0; c < columns; ++c)
      codes[transpose ? c * rows + r : r * columns + c] =
          static_cast<std::int32_t>(std::nearbyint(weight.data[r * columns + c] / scales[r]));
    bias_scales[r] = input_scale * scales[r];
    if (!bias.empty()) bias_codes[r] = static_cast<std::int32_t>(std::nearbyint(bias[r] / bias_scales[r]));
  }
  std::vector<std::int64_t> dims(weight.shape.dims().begin(), weight.shape.dims().end());
  if (transpose) dims = {weight.shape[1], weight.shape[0]};
  const std::string w = node.name + "_weight", b = node.name + "_bias";
  const std::vector<std::int64_t> channels{weight.shape[0]};
  set_int(add_node("DequantizeLinear",
                   {add_codes(w + "_q", onnx::TensorProto::INT8, codes, dims),
                    add_floats(w + "_scale", scales, false),
                    add_codes(w + "_zero", onnx::TensorProto::INT8, zeros, channels)},
                   w),
          "axis", transpose ? 1 : 0);
  set_int(add_node("DequantizeLinear",
                   {add_codes(b + "_q", onnx::TensorProto::INT32, bias_codes, channels),
                    add_floats(b + "_scale", bias_scales, false),
                    add_codes(b + "_zero", onnx::TensorProto::INT32, zeros, channels)},
                   b),
          "axis", 0);
  return {w, b};
}

}  // namespace lowbit::io
